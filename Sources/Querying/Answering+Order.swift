import Causality
import HappensBefore

extension Answering {
    func order(_ a: EventID, _ b: EventID, _ index: some CausalIndex) throws -> OrderAnswer {
        if a != b, let unheard = try unheardOf(a, index) ?? unheardOf(b, index) {
            return OrderAnswer(
                a: a, b: b, order: nil, because: unheard, excluded: [], restsOn: [])
        }
        let order = try index.order(a, b)
        let reason = try reason(order, a, b, index)
        switch order {
        case .known(let known):
            let restsOn = known == .concurrent ? try index.rulings(seenBy: [a, b]) : []
            return OrderAnswer(
                a: a, b: b, order: known, because: reason, excluded: [], restsOn: restsOn)
        case .unknown(_, let excluded):
            return OrderAnswer(
                a: a, b: b, order: nil, because: reason,
                excluded: try excluded.map { order in
                    let (event, other) = order == .before ? (b, a) : (a, b)
                    return (order, try limit(event, other, index))
                }, restsOn: [])
        }
    }

    private func reason(_ order: EventOrder, _ a: EventID, _ b: EventID, _ index: some CausalIndex)
        throws -> String
    {
        switch order {
        case .known(.equal): return "they are the same event"
        case .known(.before): return try seen(by: b, a, index)
        case .known(.after): return try seen(by: a, b, index)
        case .known(.concurrent):
            return
                "neither has seen the other: \(try limit(a, b, index)), and \(try limit(b, a, index))"
        case .unknown(.lacking(let lacks), _): return Lack.listed(lacks)
        case .unknown(.noSuchProcess(let process), _):
            return "no process \(process) is here or cited"
        case .unknown(.contradiction, _):
            return "the clocks contradict themselves: \(a) has seen \(b), and \(b) has seen \(a)"
        }
    }

    private func seen(by event: EventID, _ earlier: EventID, _ index: some CausalIndex) throws
        -> String
    {
        if event.process == earlier.process {
            return "both are of \(event.process), where \(earlier.sequence) comes first"
        }
        let bound = try bound(event, of: earlier.process, index)
        guard bound >= earlier.sequence else {
            return "events after \(event) learned of \(earlier) from it, though it is not here"
        }
        let text = "\(event) has seen \(earlier.process) up to \(bound)"
        let cited = EventID(earlier.process, bound)
        guard try index.position(of: cited) == nil else { return text }
        return "\(text), as its clock claims: \(cited) is not here"
    }

    private func limit(_ event: EventID, _ other: EventID, _ index: some CausalIndex) throws
        -> String
    {
        // What is missing or uncertain may have seen more than the last event before it.
        guard let place = try index.position(of: event), try index.uncertainty(at: place) == nil
        else { return "\(event) has not seen \(other)" }
        let bound = try bound(event, of: other.process, index)
        return bound == 0
            ? "\(event) has seen nothing of \(other.process)"
            : "\(event) has seen \(other.process) up to \(bound)"
    }

    private func bound(_ event: EventID, of process: ProcessID, _ index: some CausalIndex) throws
        -> UInt64
    {
        guard let seen = try index.seen(by: event), let place = try index.index(of: process) else {
            return 0
        }
        return seen[place]
    }

    func path(
        _ a: EventID, _ b: EventID, _ execution: some IndexedExecution
    ) throws -> PathAnswer {
        let index = execution.index
        try require(a, index)
        try require(b, index)
        let found = try telling(.joining) {
            let messages = try execution.messages(options.cancellation)
            return try index.path(from: a, to: b, by: messages, check: options.cancellation.check)
        }
        if let found {
            var reader = EventReader(store, bytesMax: options.bytesMax)
            let hops = try found.enumerated().map { number, edge in
                PathAnswer.Hop(
                    from: try end(
                        edge.from, isHere: edge.fromIsHere, .clock, number, execution, &reader),
                    to: try end(edge.to, isHere: true, .clock, number, execution, &reader))
            }
            return PathAnswer(
                a: a, b: b, hops: hops,
                because: "\(a) and \(b) are of one process: no message was needed")
        }
        let order = try order(a, b, index)
        return PathAnswer(
            a: a, b: b, hops: nil,
            because: order.order == .before
                ? "\(a) is before \(b), but the messages between them are not here"
                : "no chain of messages leads from \(a) to \(b): their order is "
                    + "\(order.order?.rawValue ?? "unknown"), because \(order.because)")
    }

    /// What a host or process did, and what it had seen of every other process, now or at an event of its own.
    func view(
        _ name: String, _ at: EventText?, _ execution: some IndexedExecution
    ) throws -> ViewAnswer {
        let index = execution.index
        let members = try members(name, index)
        let at = try at.map { try index.event($0) }
        var ends: [Int: UInt64] = [:]
        for member in members { ends[member] = try index.facts(of: member).last }
        if let at {
            try require(at, index)
            guard let seen = try index.seen(by: at), let own = try index.index(of: at.process),
                members.contains(own)
            else { throw QuestionError(.misuse, "at: expected an event of \(name), found \(at)") }
            // Of the host's other processes, what the event had seen.
            for member in members { ends[member] = seen[member] }
        }
        let (seen, lacks) = try seen(at: ends, index)
        var ranges = [Range<Int>](repeating: 0..<0, count: index.processCount)
        for (member, end) in ends {
            ranges[member] = 0..<(try index.sequences(of: member).count(upTo: end))
        }
        let last = try ends.filter { $0.value > 0 }.map {
            EventID(try index.id(of: $0.key), $0.value)
        }
        var others = try named(Cut(sequences: seen), index)
        for member in members { others[try index.id(of: member)] = nil }
        return ViewAnswer(
            of: name, at: at,
            listing: try listing(
                Slice(ranges: ranges, lacks: lacks), EventChoice(.everything), execution,
                index.rulings(seenBy: last), namesCut: false),
            seen: others)
    }

    /// The processes that a view is of: the one of this very name goes before a host.
    private func members(_ name: String, _ index: some CausalIndex) throws -> [Int] {
        var ofHost: [Int] = []
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            if facts.host == name, facts.count > 0 { ofHost.append(process) }
        }
        let process = try index.index(of: ProcessID(text: name))
        if let process, try index.facts(of: process).count > 0 || ofHost.isEmpty {
            return [process]
        }
        return ofHost.isEmpty ? [try index.process(named: name)] : ofHost
    }

    /// What the last events of some processes had seen, each up to a number; and for want of what that may be more.
    private func seen(
        at ends: [Int: UInt64], _ index: some CausalIndex
    ) throws -> (seen: [UInt64], lacks: [Lack]) {
        var seen = [UInt64](repeating: 0, count: index.processCount)
        var lacks: [Lack] = []
        for (member, end) in ends where end > 0 {
            let last = EventID(try index.id(of: member), end)
            let known = try index.seen(by: last)!
            for process in seen.indices { seen[process] = max(seen[process], known[process]) }
            lacks += try index.gaps(of: member).filter { $0.first <= end }.map { .events($0) }
            lacks += try index.inexactness(of: last)
        }
        return (seen, lacks)
    }
}
