import Causality
import HappensBefore

// The matches of patterns that are there ready-made.
extension Matcher {
    /// In the causal order of the events of the last term, then of the one before it, and so on.
    func rows(of motif: Query.Motif) throws -> [MatchRow] {
        var found: [MatchRow] = []
        func add(_ chosen: [Int], _ doubt: String?) throws {
            try options.cancellation.check()
            var doubt = doubt
            for first in chosen.indices {
                let terms = first..<chosen.count
                guard holds(chosen, of: terms, newest: first) else { return }
                switch try elapsedHolds(chosen, of: terms, newest: first) {
                case .yes: break
                case .no: return
                case .unknown(let why): doubt = doubt ?? why
                }
            }
            found.append(MatchRow(chosen: chosen, doubt: doubt))
            guard found.count <= Limits.placesMax else {
                throw QuestionError(
                    .misuse, "more than \(Limits.placesMax) matches: narrow a selection")
            }
        }
        switch motif {
        case .requestResponse: try forEachResponse(add)
        case .broadcast(let least): try forEachBroadcast(toAtLeast: least, add)
        case .gather(let least): try forEachGathering(fromAtLeast: least, add)
        }
        let ranks = candidates.map { $0.elements.map(\.rank) }
        return found.sorted { a, b in
            for term in ranks.indices.reversed() where a.chosen[term] != b.chosen[term] {
                return ranks[term][a.chosen[term]] < ranks[term][b.chosen[term]]
            }
            return false
        }
    }

    /// By element of one term, the elements of another at which its messages arrived. O(elements · log elements).
    private func arrivals(from term: Int, to other: Int) throws -> [[Int]] {
        try candidates[term].elements.map { element in
            try options.cancellation.check()
            return try finder.messages.receipts(of: element.key).compactMap { place in
                guard try index.isMessage(from: Int(element.process), to: place.process) else {
                    return nil
                }
                return candidates[other].element(at: place)
            }.sorted()
        }
    }

    // MARK: A request and its response

    /// Of each message of the first selection to the second one, the first event behind it on its process that sent one back.
    private func forEachResponse(_ body: ([Int], String?) throws -> Void) throws {
        let requests = try arrivals(from: 0, to: 1)
        let responses = try arrivals(from: 2, to: 3)
        /// By process and the process of an answer: the elements that sent one, ascending.
        var senders: [Pair: [Int]] = [:]
        for (sender, receivers) in responses.enumerated() {
            let from = candidates[2].elements[sender].process
            for to in Set(receivers.map { candidates[3].elements[$0].process }) {
                senders[Pair(from: from, to: to), default: []].append(sender)
            }
        }
        for (request, receivers) in requests.enumerated() {
            for received in receivers {
                let asker = candidates[0].elements[request].process
                let pair = Pair(from: candidates[1].elements[received].process, to: asker)
                guard let all = senders[pair] else { continue }
                let next = partitionPoint(count: all.count) { all[$0] <= received }
                guard next < all.count else { continue }
                let response = all[next]
                for answered in responses[response]
                where candidates[3].elements[answered].process == asker {
                    let chosen = [request, received, response, answered]
                    try body(chosen, doubtOfResponse(chosen))
                }
            }
        }
    }

    private struct Pair: Hashable {
        var from: Int32
        var to: Int32
    }

    /// Another one that is missing, or whose arrival is, may be the response.
    private func doubtOfResponse(_ chosen: [Int]) throws -> String? {
        let events = chosen.enumerated().map { candidates[$0].elements[$1] }
        return try doubtOfMessage(from: events[0], to: events[1])
            ?? doubtOfMessage(from: events[2], to: events[3])
            ?? doubt(between: events[1], events[2], candidates[1].unreadable)
            ?? doubt(between: events[0], events[3], candidates[0].unreadable)
    }

    /// Why not all is known that happened between two events of one process.
    private func doubt(
        between a: Candidates.Element, _ b: Candidates.Element, _ unreadable: [EventID]
    ) throws -> String? {
        let process = Int(a.process)
        for gap in try index.gaps(of: process)
        where gap.last > a.sequence && gap.first < b.sequence {
            return "\(Lack.events(gap))"
        }
        let id = try index.id(of: process)
        for event in unreadable
        where event.process == id && event.sequence > a.sequence && event.sequence < b.sequence {
            return "\(Lack.unreadable(event))"
        }
        return try doubtOfArrivals(at: process, Int(a.position) + 1..<Int(b.position) + 1)
    }

    /// Why it is not known which messages arrived at some positions.
    private func doubtOfArrivals(at process: Int, _ positions: Range<Int>) throws -> String? {
        var position = positions.lowerBound
        while position < positions.upperBound {
            let place = EventPosition(process: process, position: position)
            let certain = try index.certainEnd(from: place)
            if certain == position, try index.uncertainty(at: place) != nil {
                return try index.inexactness(of: index.id(place)).first.map { "\($0)" }
            }
            position = max(certain, position + 1)
        }
        return nil
    }

    // MARK: One and many

    private func forEachBroadcast(
        toAtLeast least: Int, _ body: ([Int], String?) throws -> Void
    ) throws {
        let arrivals = try arrivals(from: 0, to: 1)
        for (process, elements) in candidates[0].processes {
            try forEachRun(
                elements.filter { !arrivals[$0].isEmpty }, of: candidates[0],
                // What it got before it sent again came between.
                isBroken: { try hasArrivals(at: process, $0 + 1..<$1 + 1) }
            ) { run, doubt in
                let messages = run.flatMap { sent in arrivals[sent].map { [sent, $0] } }
                try give(messages, to: 1, least, doubt, body)
            }
        }
    }

    private func forEachGathering(
        fromAtLeast least: Int, _ body: ([Int], String?) throws -> Void
    ) throws {
        var senders = [[Int]](repeating: [], count: candidates[1].count)
        for (sent, receivers) in try arrivals(from: 0, to: 1).enumerated() {
            for received in receivers { senders[received].append(sent) }
        }
        for (process, elements) in candidates[1].processes {
            try forEachRun(
                elements.filter { !senders[$0].isEmpty }, of: candidates[1],
                isBroken: { try hasDepartures(from: process, $0..<$1) }
            ) { run, doubt in
                let messages = run.flatMap { received in senders[received].map { [$0, received] } }
                let first = candidates[1].elements[run[0]]
                // Where one that left it arrived may be missing.
                let unknown =
                    run.count > 1 && doubt == nil ? try doubtOfDepartures(since: first) : nil
                try give(messages, to: 0, least, doubt ?? unknown, body)
            }
        }
    }

    /// The messages of a run, where there are so many processes at their other end.
    private func give(
        _ messages: [[Int]], to end: Int, _ least: Int, _ doubt: String?,
        _ body: ([Int], String?) throws -> Void
    ) throws {
        guard Set(messages.map { candidates[end].elements[$0[end]].process }).count >= least
        else { return }
        for message in messages {
            let doubtful = try doubtOfMessage(
                from: candidates[0].elements[message[0]], to: candidates[1].elements[message[1]])
            try body(message, doubt ?? doubtful)
        }
    }

    /// Elements of one process up to where something came between one and the next, by their positions.
    private func forEachRun(
        _ elements: [Int], of all: Candidates, isBroken: (Int, Int) throws -> Bool,
        _ body: (_ run: [Int], _ doubt: String?) throws -> Void
    ) throws {
        var run: [Int] = []
        func end() throws {
            guard let first = run.first, let last = run.last else { return }
            try body(run, doubt(between: all.elements[first], all.elements[last], []))
        }
        for element in elements {
            if let last = run.last,
                try isBroken(
                    Int(all.elements[last].position), Int(all.elements[element].position))
            {
                try end()
                run = []
            }
            run.append(element)
        }
        try end()
    }

    /// Why a message that left a process since an event may have arrived unseen.
    private func doubtOfDepartures(since event: Candidates.Element) throws -> String? {
        guard let future = try index.future(of: index.id(event.place)) else { return nil }
        if let lack = future.lacks.first { return "\(lack)" }
        for (process, range) in future.ranges.enumerated() where process != Int(event.process) {
            if let doubt = try doubtOfArrivals(at: process, range) { return doubt }
        }
        return nil
    }

    private func hasArrivals(at process: Int, _ positions: Range<Int>) throws -> Bool {
        try finder.messages.arrivals(at: process, in: positions).contains {
            try index.isMessage(from: $0.event.process, to: process)
        }
    }

    private func hasDepartures(from process: Int, _ positions: Range<Int>) throws -> Bool {
        let sequences = try finder.processes[process].sequences
        let end = sequences[positions.upperBound]
        var sequence = sequences[positions.lowerBound]
        while sequence < end {
            try options.cancellation.check()
            let departures = try finder.messages.departures(from: process, since: sequence)
            guard let last = departures.last else { return false }
            for departure in departures where departure.sequence < end {
                if try index.isMessage(from: process, to: departure.receipt.process) { return true }
            }
            sequence = last.sequence + 1
        }
        return false
    }
}
