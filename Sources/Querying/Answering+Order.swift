import Causality
import HappensBefore

extension Answering {
    func order(_ a: EventID, _ b: EventID, _ graph: ExecutionGraph) throws -> Answer {
        let unheard = a == b ? nil : unheardOf(a, graph) ?? unheardOf(b, graph)
        let order = graph.history.order(a, b)
        let word = unheard == nil ? Self.word(order) : "unknown"
        let isKnown = word != "unknown"
        let excluded = unheard == nil ? Self.excluded(order) : []
        let restsOn = word == "concurrent" ? graph.history.rulings(seenBy: [a, b]) : []
        let because =
            ([unheard ?? explain(order, a, b, graph.history)] + restsOn.map(\.description))
            .joined(separator: "; ")
        if options.isJSON {
            return Answer(
                isYes: isKnown,
                [
                    JSONWriter.object {
                        $0.member("a", a.description)
                        $0.member("b", b.description)
                        $0.member("order", word)
                        if !isKnown { $0.member("excluded", excluded.map(\.rawValue)) }
                        $0.member("because", because)
                        $0.rulings(restsOn)
                    }
                ])
        }
        var text = "\(word), because \(because)"
        for order in excluded {
            let (event, other) = order == .before ? (b, a) : (a, b)
            text += "; but not \(order.rawValue): \(limit(event, other, graph.history))"
        }
        return Answer(isYes: isKnown, [printable(text)])
    }

    private static func excluded(_ order: EventOrder) -> [CausalOrder] {
        if case .unknown(_, let excluded) = order { excluded } else { [] }
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
        case .unknown(.lacking(let lacks), _): return Self.because(lacks)
        case .unknown(.noSuchProcess(let process), _):
            return "no process \(process) is here or cited"
        case .unknown(.contradiction, _):
            return "the clocks contradict themselves: \(a) has seen \(b), and \(b) has seen \(a)"
        }
    }

    private func seen(by event: EventID, _ earlier: EventID, _ history: History) -> String {
        if event.process == earlier.process {
            return "both are of \(event.process), where \(earlier.sequence) comes first"
        }
        let bound = bound(event, of: earlier.process, history)
        let text = "\(event) has seen \(earlier.process) up to \(bound)"
        let cited = EventID(earlier.process, bound)
        guard history.position(of: cited) == nil else { return text }
        return "\(text), as its clock claims: \(cited) is not here"
    }

    private func limit(_ event: EventID, _ other: EventID, _ history: History) -> String {
        // What is missing may have seen more than the last event before it; not more than what was asked for, though.
        let bound = min(bound(event, of: other.process, history), other.sequence - 1)
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
        let edges = try graph.edges(options.cancellation)
        let found = try telling(.joining) {
            try edges.path(from: a, to: b, in: history, check: options.cancellation.check)
        }
        if let path = found {
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
        let reason: String =
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
        // What an event had seen is consistent by itself: where all of it is known nothing else has to be here.
        let doubts = history.inexactness(of: event)
        let lacks =
            history.position(of: event) == nil && past.lacks.isEmpty
            ? [.events(Gap(event))] : past.lacks
        return self.cut(
            CutReport(
                cut: cut, doubts: doubts, lacks: lacks.map(\.description), upTo: nil,
                restsOn: history.rulings(seenBy: [event])), history)
    }

    func cut(at time: WallTime, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        let cut = history.cut(at: time)
        let whole = history.whole
        var lacks = whole.lacks.map(\.description)
        lacks += history.processes.filter { $0.count > 0 && !$0.hasTimes }
            .sorted { listingOrder($0.id, $1.id) }.map { "no event of \($0.id) has a wall time" }
        let hosts = Set(history.processes.filter { $0.count > 0 }.map(\.host))
        for (host, readUpTo) in try store.readUpTo().sorted(by: { $0.key < $1.key })
        where readUpTo < time && hosts.contains(host) {
            lacks.append("\(host) has been read up to \(readUpTo) only")
        }
        let ends = zip(history.processes, cut.sequences).filter { $0.1 > 0 }
            .map { EventID($0.id, $1) }
        return self.cut(
            CutReport(
                cut: cut, doubts: history.doubts(of: cut), lacks: lacks, upTo: whole.upTo,
                restsOn: history.rulings(seenBy: ends)), history)
    }

    /// What there is to say of a cut.
    private struct CutReport {
        var cut: Cut
        /// For want of what it may not be consistent, though no violation is here.
        var doubts: [Lack]
        /// For want of what the cut itself may be another.
        var lacks: [String]
        var upTo: Cut?
        var restsOn: [Ruling]
    }

    private func cut(_ report: CutReport, _ history: History) -> Answer {
        let named = named(report.cut, history)
        let violations = history.violations(of: report.cut)
        let doubts = Set(report.doubts).map(\.description).sorted()
        let verdict = !violations.isEmpty ? "no" : doubts.isEmpty ? "yes" : "unknown"
        var greatest: Cut?
        if verdict == "no" {
            let inside = history.greatestConsistent(inside: report.cut)
            // What is uncertain may make it smaller yet.
            if history.doubts(of: inside).isEmpty { greatest = inside }
        }
        let reasons = violations.map {
            "\($0.inside) is inside and has seen \($0.outside), which is not"
        }
        var because = reasons
        for text in (verdict == "unknown" ? doubts : []) + report.lacks
        where !because.contains(text) {
            because.append(text)
        }
        if options.isJSON {
            return Answer(
                isYes: verdict == "yes",
                [
                    JSONWriter.object {
                        $0.member("cut", named)
                        $0.member("consistent", verdict)
                        $0.member("because", because)
                        if let greatest {
                            $0.member("greatestConsistent", self.named(greatest, history))
                        }
                        $0.member("complete", report.lacks.isEmpty)
                        if let upTo = report.upTo { $0.member("upTo", self.named(upTo, history)) }
                        $0.rulings(report.restsOn)
                    }
                ])
        }
        var lines = named.sorted { listingOrder($0.key, $1.key) }.map { "\($0.key)  \($0.value)" }
        switch verdict {
        case "yes": lines.append("consistent")
        case "no":
            lines.append("not consistent:")
            lines += reasons.prefix(5).map { "  \($0)" }
        default:
            lines.append("unknown whether it is consistent, because \(doubts[0])")
        }
        if let greatest {
            let text = self.named(greatest, history).sorted { listingOrder($0.key, $1.key) }.map {
                "\($0.key) \($0.value)"
            }
            lines.append("the greatest consistent cut inside it: \(text.joined(separator: ", "))")
        }
        var notes =
            report.lacks.isEmpty
            ? [] : ["incomplete, because \(report.lacks.prefix(5).joined(separator: ", "))"]
        if let upTo = report.upTo { notes.append("all up to \(shown(upTo, history))") }
        notes += report.restsOn.map(\.description)
        return Answer(notes: notes, isYes: verdict == "yes", lines.map { printable($0) })
    }

    /// What a host or process did, and what it had seen of every other process, now or at an event of its own.
    func view(_ name: String, _ at: EventText?, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        var members = history.processes.indices.filter {
            history.processes[$0].host == name && history.processes[$0].count > 0
        }
        // A process of this very name goes before the host.
        let process = history.index(of: ProcessID(text: name))
        if let process, history.processes[process].count > 0 || members.isEmpty {
            members = [process]
        } else if members.isEmpty {
            members = [try graph.process(named: name)]
        }
        let at = try at.map { try graph.event($0) }
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
            lacks += history.inexactness(of: last)
        }
        let ranges = history.processes.indices.map { index in
            members.contains(index) ? 0..<history.processes[index].count(upTo: ends[index]) : 0..<0
        }
        let slice = Slice(ranges: ranges, lacks: lacks)
        let others = named(Cut(sequences: seen), history).filter { entry in
            !members.contains { history.processes[$0].id == entry.key }
        }
        if options.isJSON { return try viewJSON(name, at, slice, others, graph) }
        let restsOn = history.rulings(
            seenBy: members.filter { ends[$0] > 0 }.map {
                EventID(history.processes[$0].id, ends[$0])
            })
        var answer = try listing(slice, .everything, graph, restsOn, namesCut: false)
        answer.isYes = true
        answer.append([
            others.isEmpty ? "had seen nothing of other processes" : "had seen of other processes:"
        ])
        answer.append(
            others.sorted { listingOrder($0.key, $1.key) }
                .map { printable("  \($0.key) up to \($0.value)") })
        return answer
    }

    /// One object whose list of events is written piece by piece.
    private func viewJSON(
        _ name: String, _ at: EventID?, _ slice: Slice, _ others: [ProcessID: UInt64],
        _ graph: ExecutionGraph
    ) throws -> Answer {
        let head = JSONWriter.object {
            $0.member("of", name)
            $0.member("at", at?.description)
            $0.member("seen", others)
            $0.member("complete", slice.isComplete)
            $0.member("because", slice.lacks.map(\.description))
            $0.key("events")
        }
        let cursor = try EventCursor(self, slice, .everything, graph)
        return Answer(
            isYes: true,
            text: [ReadyText(String(head.dropLast()) + "["), EventArrayText(self, cursor)])
    }
}

extension Gap {
    init(_ event: EventID) {
        self.init(process: event.process, first: event.sequence, last: event.sequence)
    }
}
