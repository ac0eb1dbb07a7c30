import Causality
import HappensBefore

/// A message, or several between two processes that arrived at about the same time.
struct MessageBundle {
    /// The first of them.
    var arrival: Arrival
    var receiver: Int
    /// About where it arrived: a position of the receiver, and where that lies in logical time, if it is known.
    var stretch: Int
    var time: Int?
    var count: Int
}

/// Bundles of messages by their ends and about when they arrived.
struct MessageBundles {
    private(set) var all: [MessageBundle] = []
    private let processCount: Int
    private let pieceCount: Int
    /// By piece, receiver and sender, the place in `all`, and 1 more: a table where that is small, as it is of some hundred
    /// processes.
    private var table: [Int32]
    private var places: [Int: Int32] = [:]

    /// - Parameter pieceCount: Pieces are numbered from 0 up to it.
    init(processCount: Int, pieceCount: Int) {
        self.processCount = processCount
        self.pieceCount = pieceCount
        let isSmall = processCount * processCount <= Limits.windowPairsMax / pieceCount
        table =
            isSmall
            ? Array(repeating: 0, count: processCount * processCount * pieceCount) : []
    }

    mutating func add(_ bundle: MessageBundle, piece: Int) {
        let sender = bundle.arrival.event.process
        let key = (piece * processCount + bundle.receiver) * processCount + sender
        let place = table.isEmpty ? places[key] ?? 0 : table[key]
        guard place > 0 else {
            all.append(bundle)
            if table.isEmpty {
                places[key] = Int32(all.count)
            } else {
                table[key] = Int32(all.count)
            }
            return
        }
        let known = all[Int(place) - 1].arrival
        all[Int(place) - 1].count += bundle.count
        let (a, b) = (bundle.arrival, known)
        if (a.position, a.event.sequence) < (b.position, b.event.sequence) {
            all[Int(place) - 1].arrival = a
        }
    }
}

// Which messages a window shows.
extension WindowPainting {
    /// Whether what came from one process to another is a message (`CausalIndex.isMessage`), each asked for its name once.
    private struct Names {
        private var known: [String?]

        init(of processCount: Int) { known = Array(repeating: nil, count: processCount) }

        mutating func isMessage(
            from sender: Int, to receiver: Int, _ index: Execution.Index
        ) throws -> Bool {
            guard sender != receiver else { return true }
            return try !ExactText.isSame(name(sender, index), name(receiver, index))
        }

        private mutating func name(_ process: Int, _ index: Execution.Index) throws -> String {
            if let known = known[process] { return known }
            let name = try index.id(of: process).name
            known[process] = name
            return name
        }
    }

    /// - Parameter isEach: Whether each is told where they are not too many, and those that leave the window too.
    mutating func paintMessages(isEach: Bool) throws {
        let asked = places.count
        var names = Names(of: index.processCount)
        var each: [MessageBundle] = []
        if window.eventCount <= Limits.windowMessagesReadMax, window.isExact {
            for lane in 0..<asked {
                try cancellation.check()
                for arrival in try messages.arrivals(
                    at: processes[lane], in: places[lane].positions)
                where try names.isMessage(
                    from: arrival.event.process, to: processes[lane], index)
                {
                    each.append(
                        MessageBundle(
                            arrival: arrival, receiver: processes[lane], stretch: arrival.position,
                            count: 1))
                }
            }
            if each.count <= Limits.windowMessagesMax {
                if isEach, asked <= Limits.windowLeavingLanesMax { each += try leaving(asked) }
            } else {
                each = try bundled(each)
            }
        } else {
            var tallies: [MessageBundle] = []
            for lane in 0..<asked where !places[lane].positions.isEmpty {
                try cancellation.check()
                let process = processes[lane]
                for tally in try times.tallies(at: process, in: places[lane].positions) {
                    for peer in tally.peers
                    where try names.isMessage(
                        from: peer.first.event.process, to: process, index)
                    {
                        tallies.append(
                            MessageBundle(
                                arrival: peer.first, receiver: process,
                                stretch: max(
                                    tally.positions.lowerBound, places[lane].positions.lowerBound),
                                time: tally.time, count: peer.count)
                        )
                    }
                }
            }
            each = try bundled(tallies)
        }
        let ranks = try ranks(of: each)
        each.sort { a, b in
            guard a.count == b.count else { return a.count > b.count }
            let (x, y) = (a.arrival, b.arrival)
            return (ranks[a.receiver]!, x.position, ranks[x.event.process]!, x.event.sequence)
                < (ranks[b.receiver]!, y.position, ranks[y.event.process]!, y.event.sequence)
        }
        for bundle in each.dropFirst(Limits.windowMessagesMax) {
            window.messagesHidden += bundle.count
        }
        for bundle in each.prefix(Limits.windowMessagesMax) { try paint(bundle) }
    }

    /// By process that has to do with messages: its place among these in listing order.
    private func ranks(of bundles: [MessageBundle]) throws -> [Int: Int] {
        var ids: [Int: ProcessID] = [:]
        for bundle in bundles {
            for process in [bundle.receiver, bundle.arrival.event.process]
            where ids[process] == nil { ids[process] = try index.id(of: process) }
        }
        let listed = ids.sorted { listingOrder($0.value, $1.value) }
        return Dictionary(uniqueKeysWithValues: listed.enumerated().map { ($1.key, $0) })
    }

    /// The messages that left the lanes in the window and arrived outside, or at other lanes.
    private func leaving(_ asked: Int) throws -> [MessageBundle] {
        var bundles: [MessageBundle] = []
        for lane in 0..<asked where !places[lane].positions.isEmpty {
            let (process, positions) = (processes[lane], places[lane].positions)
            let sequences = try index.sequences(of: process)
            let last = sequences[positions.upperBound - 1]
            var next = sequences[positions.lowerBound]
            walk: while next <= last {
                try cancellation.check()
                let departures = try messages.departures(from: process, since: next)
                guard let end = departures.last else { break }
                for departure in departures {
                    guard departure.sequence <= last else { break walk }
                    let receipt = departure.receipt
                    let isTold = laneOf[receipt.process].map {
                        $0 < asked && places[$0].positions.contains(receipt.position)
                    }
                    guard isTold != true,
                        try index.isMessage(from: process, to: receipt.process)
                    else { continue }
                    let send = EventKey(process: process, sequence: departure.sequence)
                    bundles.append(
                        MessageBundle(
                            arrival: Arrival(position: receipt.position, event: send),
                            receiver: receipt.process, stretch: receipt.position, count: 1))
                    if bundles.count >= Limits.windowMessagesMax { return bundles }
                }
                next = end.sequence + 1
            }
        }
        return bundles
    }

    /// Puts together those between two processes that arrived at about the same time: in as many pieces of the window as make
    /// about as many bundles as are told. O(bundles).
    ///
    /// - Parameter bundles: Those of one stretch follow on one another.
    private func bundled(_ bundles: [MessageBundle]) throws -> [MessageBundle] {
        var pairs = MessageBundles(processCount: index.processCount, pieceCount: 1)
        for bundle in bundles { pairs.add(bundle, piece: 0) }
        let pieceCount = min(128, max(1, Limits.windowMessagesMax / max(pairs.all.count, 1)))
        guard pieceCount > 1 else { return pairs.all }
        let length = Double(window.range.upperBound) - Double(window.range.lowerBound)
        var found = MessageBundles(processCount: index.processCount, pieceCount: pieceCount)
        var last: (receiver: Int, stretch: Int, piece: Int)?
        for bundle in bundles {
            if last?.receiver != bundle.receiver || last?.stretch != bundle.stretch {
                let place =
                    try window.axis == .logical && bundle.time != nil
                    ? bundle.time.map { Int64($0) }
                    : axes.place(
                        of: EventPosition(process: bundle.receiver, position: bundle.stretch))
                let share =
                    (Double(place ?? window.range.lowerBound) - Double(window.range.lowerBound))
                    / length
                // A clock may have put it far outside.
                let piece = Int(min(0.999_999, max(0, share)) * Double(pieceCount))
                last = (bundle.receiver, bundle.stretch, piece)
            }
            found.add(bundle, piece: last!.piece)
        }
        return found.all
    }

    private mutating func paint(_ bundle: MessageBundle) throws {
        let receipt = EventPosition(process: bundle.receiver, position: bundle.arrival.position)
        let send = bundle.arrival.event
        let isNear = window.isExact && bundle.count == 1
        guard let to = try isNear ? axes.exactPlace(of: receipt) : axes.place(of: receipt) else {
            return
        }
        let sequences = try index.sequences(of: send.process)
        var from: Int64?
        if let position = sequences.position(of: send.sequence),
            try position >= index.droppedCount(of: send.process)
        {
            let place = EventPosition(process: send.process, position: position)
            from = try isNear ? axes.exactPlace(of: place) : axes.place(of: place)
        }
        let (fromLane, toLane) = (try lane(of: send.process), try lane(of: bundle.receiver))
        if from == nil, try !index.isHere(send) {
            window.ghosts.append(
                Window.Ghost(lane: fromLane, place: to - 1, sequence: send.sequence))
        }
        window.messages.append(
            Window.Message(
                from: fromLane, fromPlace: from ?? to - 1, fromSequence: send.sequence,
                to: toLane, toPlace: to,
                toSequence: try index.sequences(of: bundle.receiver)[receipt.position],
                count: bundle.count))
    }
}
