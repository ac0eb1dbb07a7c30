import Causality
import HappensBefore

extension Answering {
    func order(_ a: EventID, _ b: EventID, _ graph: ExecutionGraph) throws -> Answer {
        let unheard = a == b ? nil : unheardOf(a, graph) ?? unheardOf(b, graph)
        let order = graph.history.order(a, b)
        let word = unheard == nil ? Self.word(order) : "unknown"
        let because = unheard ?? explain(order, a, b, graph.history)
        let isKnown = word != "unknown"
        if options.isJSON {
            return Answer(
                isYes: isKnown,
                [
                    JSONWriter.object {
                        $0.member("a", a.description)
                        $0.member("b", b.description)
                        $0.member("order", word)
                        $0.member("because", because)
                    }
                ])
        }
        return Answer(isYes: isKnown, [printable("\(word), because \(because)")])
    }

    private static func word(_ order: EventOrder) -> String {
        switch order {
        case .known(let order): order.rawValue
        case .unknown: "unknown"
        }
    }

    private func explain(_ order: EventOrder, _ a: EventID, _ b: EventID, _ history: History)
        -> String
    {
        switch order {
        case .known(.equal): return "they are the same event"
        case .known(.before): return seen(by: b, a, history)
        case .known(.after): return seen(by: a, b, history)
        case .known(.concurrent):
            return
                "neither has seen the other: \(limit(a, b, history)), and \(limit(b, a, history))"
        case .unknown(.lacking(let lacks)): return Self.because(lacks)
        case .unknown(.noSuchProcess(let process)): return "no process \(process) is here or cited"
        case .unknown(.contradiction):
            return "the clocks contradict themselves: \(a) has seen \(b), and \(b) has seen \(a)"
        }
    }

    private func seen(by event: EventID, _ earlier: EventID, _ history: History) -> String {
        if event.process == earlier.process {
            return "both are of \(event.process), where \(earlier.sequence) comes first"
        }
        return
            "\(event) has seen \(earlier.process) up to \(bound(event, of: earlier.process, history))"
    }

    private func limit(_ event: EventID, _ other: EventID, _ history: History) -> String {
        let bound = bound(event, of: other.process, history)
        return bound == 0
            ? "\(event) has seen nothing of \(other.process)"
            : "\(event) has seen \(other.process) up to \(bound)"
    }

    private func bound(_ event: EventID, of process: ProcessID, _ history: History) -> UInt64 {
        guard let seen = history.seen(by: event), let index = history.index(of: process) else {
            return 0
        }
        return seen[index]
    }

    func path(_ a: EventID, _ b: EventID, _ graph: ExecutionGraph) throws -> Answer {
        try require(a, graph)
        try require(b, graph)
        let history = graph.history
        if let path = graph.edges.path(from: a, to: b, in: history) {
            if options.isJSON {
                return Answer([
                    JSONWriter.object { writer in
                        writer.member("a", a.description)
                        writer.member("b", b.description)
                        writer.member("messages", path.count)
                        writer.key("path")
                        writer.array { writer in
                            for edge in path {
                                writer.object {
                                    $0.member("from", edge.from.description)
                                    $0.member("to", edge.to.description)
                                }
                            }
                        }
                    }
                ])
            }
            guard !path.isEmpty else {
                return Answer([printable("\(a) and \(b) are of one process: no message was needed")]
                )
            }
            return Answer(
                path.map {
                    printable(
                        "\($0.from) → \($0.to)\($0.fromIsHere ? "" : "  (the send is missing)")")
                })
        }
        let order = history.order(a, b)
        let reason =
            switch order {
            case .known(.before): "\(a) is before \(b), but the messages between them are not here"
            default:
                "no chain of messages leads from \(a) to \(b): their order is \(Self.word(order)), because "
                    + explain(order, a, b, history)
            }
        if options.isJSON {
            return Answer(
                isYes: false,
                [
                    JSONWriter.object {
                        $0.member("a", a.description)
                        $0.member("b", b.description)
                        $0.key("messages")
                        $0.null()
                        $0.key("path")
                        $0.null()
                        $0.member("because", reason)
                    }
                ])
        }
        return Answer(isYes: false, [printable(reason)])
    }

    func cut(_ event: EventID, _ graph: ExecutionGraph) throws -> Answer {
        try require(event, graph)
        let history = graph.history
        let cut = Cut(sequences: history.seen(by: event)!)
        let past = history.past(of: event)!
        var lacks = past.lacks
        if history.position(of: event) == nil, lacks.isEmpty { lacks = [.events(Gap(event))] }
        return self.cut(
            cut, history, violations: history.violations(of: cut), because: lacks.map(\.description)
        )
    }

    func cut(at time: WallTime, _ graph: ExecutionGraph) -> Answer {
        let history = graph.history
        let cut = history.cut(at: time)
        let timeless = history.processes.filter { $0.count > 0 && !$0.hasTimes }
            .sorted { listingOrder($0.id, $1.id) }.map { "no event of \($0.id) has a wall time" }
        return self.cut(
            cut, history, violations: history.violations(of: cut), because: timeless)
    }

    private func cut(
        _ cut: Cut, _ history: History, violations: [CutViolation], because lacks: [String]
    )
        -> Answer
    {
        let named = named(cut, history)
        let isConsistent = violations.isEmpty
        let greatest =
            isConsistent ? nil : self.named(history.greatestConsistent(inside: cut), history)
        let reasons = violations.map {
            "\($0.inside) is inside and has seen \($0.outside), which is not"
        }
        if options.isJSON {
            return Answer(
                isYes: isConsistent,
                [
                    JSONWriter.object {
                        $0.member("cut", named)
                        $0.member("consistent", isConsistent)
                        $0.member("because", reasons + lacks)
                        if let greatest { $0.member("greatestConsistent", greatest) }
                        $0.member("complete", lacks.isEmpty)
                    }
                ])
        }
        var lines = named.sorted { listingOrder($0.key, $1.key) }.map { "\($0.key)  \($0.value)" }
        lines.append(isConsistent ? "consistent" : "not consistent:")
        lines += reasons.prefix(5).map { "  \($0)" }
        if let greatest {
            let text = greatest.sorted { listingOrder($0.key, $1.key) }.map {
                "\($0.key) \($0.value)"
            }
            lines.append("the greatest consistent cut inside it: \(text.joined(separator: ", "))")
        }
        let notes =
            lacks.isEmpty
            ? [] : ["incomplete, because \(lacks.prefix(5).joined(separator: ", "))"]
        return Answer(notes: notes, isYes: isConsistent, lines.map(printable))
    }

    private func named(_ cut: Cut, _ history: History) -> [ProcessID: UInt64] {
        Dictionary(uniqueKeysWithValues: zip(history.processes.map(\.id), cut.sequences)).filter {
            $0.value > 0
        }
    }

    /// What a host or process did, and what it had seen of every other process, now or at an event of its own.
    func view(_ name: String, _ at: EventID?, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        let id = ProcessID(text: name)
        var members = history.processes.indices.filter {
            history.processes[$0].host == name && history.processes[$0].count > 0
        }
        if let index = history.index(of: id) { members = [index] }
        guard !members.isEmpty else {
            throw QuestionError(
                .notFound, "no host or process “\(name)” in execution “\(history.execution)”")
        }
        var ends = history.processes.map { $0.last }
        if let at {
            try require(at, graph)
            guard let seen = history.seen(by: at), let index = history.index(of: at.process),
                members.contains(index)
            else { throw QuestionError(.misuse, "at: expected an event of \(name), found \(at)") }
            // Of the host's other processes, what the event had seen.
            for member in members { ends[member] = seen[member] }
        }
        var seen = [UInt64](repeating: 0, count: history.processes.count)
        var lacks: [Lack] = []
        for member in members where ends[member] > 0 {
            let last = EventID(history.processes[member].id, ends[member])
            let known = history.seen(by: last)!
            for index in seen.indices { seen[index] = max(seen[index], known[index]) }
            lacks += history.processes[member].gaps.filter { $0.first <= ends[member] }.map {
                .events($0)
            }
            if history.position(of: last) != nil, !history.isExact(last) {
                lacks.append(.clocks(last.process))
            }
        }
        let ranges = history.processes.indices.map { index in
            members.contains(index) ? 0..<history.processes[index].count(upTo: ends[index]) : 0..<0
        }
        let slice = Slice(ranges: ranges, lacks: lacks)
        let others = named(Cut(sequences: seen), history).filter { entry in
            !members.contains { history.processes[$0].id == entry.key }
        }
        if options.isJSON { return viewJSON(name, at, slice, others, graph) }
        let listing = listing(slice, .everything, graph)
        return Answer(notes: Self.notes(slice), isYes: true) { emit in
            try listing.write(emit)
            try emit(
                others.isEmpty
                    ? "had seen nothing of other processes\n" : "had seen of other processes:\n")
            for (process, sequence) in others.sorted(by: { listingOrder($0.key, $1.key) }) {
                try emit(printable("  \(process) up to \(sequence)") + "\n")
            }
        }
    }

    /// One object whose list of events is written piece by piece.
    private func viewJSON(
        _ name: String, _ at: EventID?, _ slice: Slice, _ others: [ProcessID: UInt64],
        _ graph: ExecutionGraph
    ) -> Answer {
        Answer(isYes: true) { emit in
            var head = JSONWriter()
            head.object {
                $0.member("of", name)
                $0.member("at", at?.description)
                $0.member("seen", others)
                $0.member("complete", slice.isComplete)
                $0.member("because", slice.lacks.map(\.description))
                $0.key("events")
            }
            try emit(String(head.text.dropLast()) + "[")
            var isFirst = true
            try forEachEvent(of: slice, .everything, graph) { listed in
                var writer = JSONWriter()
                listed.write(&writer)
                try emit(isFirst ? writer.text : "," + writer.text)
                isFirst = false
            }
            try emit("]}\n")
        }
    }
}

extension Gap {
    init(_ event: EventID) {
        self.init(process: event.process, first: event.sequence, last: event.sequence)
    }
}
