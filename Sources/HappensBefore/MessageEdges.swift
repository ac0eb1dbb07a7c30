import Causality

/// The message edges of a history: recorded causes, and where a source has clocks but no causes the
/// transitive reduction: at an event whose clock grew, the new entries that no other new one implies.
package struct MessageEdges: MessageIndex {
    package typealias Failure = Never

    /// For each process, its receives in ascending order of position.
    private(set) var incoming: [[Edge]] = []
    /// For each process, its sends in ascending order of sequence number.
    private var outgoing: [[Edge]] = []
    /// How many edges begin at an event that is here.
    package private(set) var count = 0
    /// How many edges begin at a ghost.
    package private(set) var ghostCount = 0
    package private(set) var areAllKnown = true

    struct Edge: Sendable {
        var sender: UInt32
        var receiver: UInt32
        var position: UInt32
        var sequence: UInt64

        var send: EventKey { EventKey(process: Int(sender), sequence: sequence) }
        var receipt: EventPosition {
            EventPosition(process: Int(receiver), position: Int(position))
        }
    }

    /// The messages of a history. O(clock growth · log n + processes · log processes), times the new entries of one event where
    /// many come at once. Stops where `check` throws.
    package init(_ history: History, check: () throws -> Void) throws {
        try self.init(history, in: history, check: check)
    }

    package init(_ history: History) {
        do { try self.init(history) {} } catch { preconditionFailure("\(error)") }
    }

    /// No messages, between so many processes.
    ///
    /// - Parameter areAllKnown: Whether whatever the messages came from that are not told of was known to their receivers.
    package init(noneOf processCount: Int, areAllKnown: Bool) {
        incoming = Array(repeating: [], count: processCount)
        outgoing = incoming
        self.areAllKnown = areAllKnown
    }

    /// The messages that arrived above the cut of a chronicle. Stops where `check` throws, and throws what the floor does.
    package init<Floor: CausalFloor>(
        _ chronicle: Chronicle<Floor>, check: () throws -> Void
    ) throws {
        try self.init(chronicle.tail, in: chronicle, check: check)
    }

    /// - Parameters:
    ///   - history: Of the events that messages arrived at.
    ///   - index: What is known of all events.
    private init(
        _ history: History, in index: some CausalIndex, check: () throws -> Void
    ) throws {
        outgoing = Array(repeating: [], count: history.processes.count)
        let ranks = history.listingRanks()
        for process in history.processes.indices {
            try check()
            var edges: [Edge] = []
            let base = history.processes[process].base
            let learned = history.learned(by: process)
            for position in base..<history.processes[process].count {
                if position % Limits.rowsBetweenChecks == 0 { try check() }
                let place = EventPosition(process: process, position: position)
                let grown = learned.of(position - base).filter {
                    history.mayBeMessage($0, at: place)
                }[...]
                guard !grown.isEmpty else { continue }
                for key in try MessageEdges.sources(
                    of: place, among: grown, ranks: ranks, in: history, index)
                {
                    let edge = Edge(
                        sender: UInt32(key.process), receiver: UInt32(process),
                        position: UInt32(position), sequence: key.sequence)
                    edges.append(edge)
                    areAllKnown =
                        areAllKnown
                        && (key.process == process
                            || history.known(of: key.process, at: place) >= key.sequence)
                    outgoing[key.process].append(edge)
                    if history.processes[key.process].position(of: key.sequence) != nil {
                        count += 1
                    } else {
                        ghostCount += 1
                    }
                }
            }
            incoming.append(edges)
        }
        for process in outgoing.indices {
            outgoing[process].sort {
                ($0.sequence, $0.receiver, $0.position) < ($1.sequence, $1.receiver, $1.position)
            }
        }
    }

    /// The senders of the messages that arrived at an event: its recorded causes, and each new entry
    /// that neither a cause nor another new entry implies. What other receives say of a missing send is not asked: it may arrive
    /// when this event is put away.
    private static func sources<Index: CausalIndex>(
        of place: EventPosition, among grown: ArraySlice<EventKey>, ranks: [Int],
        in history: History, _ index: Index
    ) throws(Index.Failure) -> [EventKey] {
        if grown.count == 1 { return Array(grown) }
        let causes = history.processes[place.process].causes(at: place.position).map(\.key)
        let bringsAll = history.missingSend(thatBroughtAllOf: place) != nil
        // Most of what came with a message its sender had seen: what is left is little.
        var left: [EventKey] = []
        for key in grown {
            var isTold = false
            for cause in causes where !isTold && !causes.contains(key) {
                if key.process == cause.process {
                    isTold = key.sequence <= cause.sequence
                    continue
                }
                var isKnown = bringsAll
                if !isKnown { isKnown = try index.saysItself(cause, key) }
                if isKnown { isTold = try !index.saysItself(key, cause) }
            }
            if !isTold { left.append(key) }
        }
        let implied = try MessageEdges.implied(among: left, in: index)
        return Set(left).filter { !implied.contains($0) || causes.contains($0) }
            .sorted { (ranks[$0.process], $0.sequence) < (ranks[$1.process], $1.sequence) }
    }

    /// Those of the events that another one of them has seen, unless it has seen that one too: two that imply each other
    /// contradict, and both stay. Each event's knowledge is gone through once: O(entries that they know, or are).
    private static func implied<Index: CausalIndex>(
        among keys: [EventKey], in index: Index
    ) throws(Index.Failure) -> Set<EventKey> {
        guard keys.count > 1 else { return [] }
        var byProcess: [Int: [UInt64]] = [:]
        for key in keys { byProcess[key.process, default: []].append(key.sequence) }
        var implied: Set<EventKey> = []
        for other in keys {
            func mark(_ process: Int, upTo sequence: UInt64) throws(Index.Failure) {
                guard process != other.process else { return }
                for candidate in byProcess[process] ?? [] where candidate <= sequence {
                    let key = EventKey(process: process, sequence: candidate)
                    if try !index.saysItself(key, other) { implied.insert(key) }
                }
            }
            for sequence in byProcess[other.process]! where sequence < other.sequence {
                implied.insert(EventKey(process: other.process, sequence: sequence))
            }
            for key in try index.implied(by: other.process) {
                try mark(key.process, upTo: key.sequence)
            }
            try index.forEachKnown(by: other, among: byProcess) {
                (process, sequence) throws(Index.Failure) in
                try mark(process, upTo: sequence)
            }
        }
        return implied
    }

    package func arrivals(at process: Int, in positions: Range<Int>) -> [Arrival] {
        let edges = incoming[process]
        var index = partitionPoint(count: edges.count) {
            Int(edges[$0].position) < positions.lowerBound
        }
        var arrivals: [Arrival] = []
        while index < edges.count, Int(edges[index].position) < positions.upperBound {
            arrivals.append(
                Arrival(position: Int(edges[index].position), event: edges[index].send))
            index += 1
        }
        return arrivals
    }

    package func receipts(of send: EventKey) -> [EventPosition] {
        departures(from: send.process, since: send.sequence, countMax: .max) {
            $0 == send.sequence
        }.map(\.receipt)
    }

    package func departures(from process: Int, since sequence: UInt64) -> [Departure] {
        departures(from: process, since: sequence, countMax: 256) { _ in true }
    }

    /// All messages of a process's events, ascending by number.
    package func allDepartures(from process: Int) -> [Departure] {
        departures(from: process, since: 0, countMax: .max) { _ in true }
    }

    /// Those from a number on, as long as `isMeant` holds of their numbers: whole numbers only, and none that begins when
    /// there are enough.
    private func departures(
        from process: Int, since sequence: UInt64, countMax: Int, _ isMeant: (UInt64) -> Bool
    ) -> [Departure] {
        let edges = outgoing[process]
        var index = partitionPoint(count: edges.count) { edges[$0].sequence < sequence }
        var departures: [Departure] = []
        while index < edges.count, isMeant(edges[index].sequence) {
            let edge = edges[index]
            if departures.count >= countMax, departures.last?.sequence != edge.sequence { break }
            departures.append(Departure(sequence: edge.sequence, receipt: edge.receipt))
            index += 1
        }
        return departures
    }

    /// Calls `body` with every edge, in listing order of the receivers. Stops where it throws.
    package func forEach(
        in history: History, _ body: (MessageEdge) throws -> Void
    ) rethrows {
        try forEach(in: history) { send, receipt in
            try body(history.edge(from: send, to: receipt))
        }
    }

    /// The same by numbers.
    func forEach(
        in history: History, _ body: (EventKey, EventPosition) throws -> Void
    ) rethrows {
        for process in history.listedProcesses() {
            for edge in incoming[process] { try body(edge.send, edge.receipt) }
        }
    }
}

extension History {
    /// What the events of a process learned, row by row behind what is put away: at least what they name themselves.
    fileprivate func learned(by process: Int) -> Dependencies.Line {
        if let named { return named[process] }
        let line = processes[process]
        return Dependencies.Line(line, process, in: line.base..<line.count)
    }

    /// Whether something that an event at a place names may have come there by a message of its own.
    fileprivate func mayBeMessage(_ key: EventKey, at place: EventPosition) -> Bool {
        let line = processes[place.process]
        // What may mean one of several processes, or was never sent, is no edge.
        guard processes[key.process].standIn == nil else { return false }
        // What was known before came with another one, unless the event says that it is its cause.
        return line.known.value(of: key.process, at: place.position - 1) < key.sequence
            || line.causes(at: place.position).contains { $0.key == key }
    }
}

extension CausalIndex {
    /// Calls `body` with what event `e` is known to have seen of those processes that have an entry in `wanted`, as
    /// `saysItself` has it; what its process goes on from excepted.
    fileprivate func forEachKnown(
        by e: EventKey, among wanted: [Int: [UInt64]],
        _ body: (Int, UInt64) throws(Failure) -> Void
    ) throws(Failure) {
        let floor = try sequences(of: e.process).count(upTo: e.sequence) - 1
        guard floor >= 0 else { return }
        let place = EventPosition(process: e.process, position: floor)
        if wanted.count > Limits.lookupsMax {
            for key in try known(at: place) where wanted[key.process] != nil {
                try body(key.process, key.sequence)
            }
        } else {
            for process in wanted.keys where process != e.process {
                let value = try known(of: process, at: place)
                if value > 0 { try body(process, value) }
            }
        }
    }
}
