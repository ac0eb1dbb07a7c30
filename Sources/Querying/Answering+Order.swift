import Causality
import HappensBefore

extension Answering {
    func order(_ a: EventID, _ b: EventID, _ index: some CausalIndex) throws -> Answer {
        let unheard = a == b ? nil : try unheardOf(a, index) ?? unheardOf(b, index)
        let order = try index.order(a, b)
        let word = unheard == nil ? Self.word(order) : "unknown"
        let isKnown = word != "unknown"
        let excluded = unheard == nil ? Self.excluded(order) : []
        let restsOn = word == "concurrent" ? try index.rulings(seenBy: [a, b]) : []
        let because =
            ([try unheard ?? explain(order, a, b, index)] + restsOn.map(\.description))
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
            text += "; but not \(order.rawValue): \(try limit(event, other, index))"
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

    private func explain(_ order: EventOrder, _ a: EventID, _ b: EventID, _ index: some CausalIndex)
        throws -> String
    {
        switch order {
        case .known(.equal): return "they are the same event"
        case .known(.before): return try seen(by: b, a, index)
        case .known(.after): return try seen(by: a, b, index)
        case .known(.concurrent):
            return
                "neither has seen the other: \(try limit(a, b, index)), and \(try limit(b, a, index))"
        case .unknown(.lacking(let lacks), _): return Self.because(lacks)
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
        let text = "\(event) has seen \(earlier.process) up to \(bound)"
        let cited = EventID(earlier.process, bound)
        guard try index.position(of: cited) == nil else { return text }
        return "\(text), as its clock claims: \(cited) is not here"
    }

    private func limit(_ event: EventID, _ other: EventID, _ index: some CausalIndex) throws
        -> String
    {
        // What is missing may have seen more than the last event before it; not more than what was asked for, though.
        let bound = min(
            try bound(event, of: other.process, index), other.sequence - 1)
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

    func path(_ a: EventID, _ b: EventID, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        try require(a, history)
        try require(b, history)
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
                    + (try explain(order, a, b, history))
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

    func cut(_ event: EventID, _ index: some CausalIndex) throws -> Answer {
        try require(event, index)
        let cut = Cut(sequences: try index.seen(by: event)!)
        let past = try index.past(of: event)!
        // What an event had seen is consistent by itself: where all of it is known nothing else has to be here.
        let doubts = try index.inexactness(of: event)
        let isMissing = try index.position(of: event) == nil
        let lacks = isMissing && past.lacks.isEmpty ? [.events(Gap(event))] : past.lacks
        return try self.cut(
            CutReport(
                cut: cut, doubts: doubts, lacks: lacks.map(\.description), upTo: nil,
                restsOn: index.rulings(seenBy: [event])), index)
    }

    func cut(at time: WallTime, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        let cut = history.cut(at: time)
        let whole = history.whole()
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
        return try self.cut(
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

    private func cut(_ report: CutReport, _ index: some CausalIndex) throws -> Answer {
        let named = try named(report.cut, index)
        let violations = try index.violations(of: report.cut)
        let doubts = Set(report.doubts).map(\.description).sorted()
        let verdict = !violations.isEmpty ? "no" : doubts.isEmpty ? "yes" : "unknown"
        var greatest: Cut?
        if verdict == "no" {
            let inside = try index.greatestConsistent(inside: report.cut)
            // What is uncertain may make it smaller yet.
            if try index.doubts(of: inside).isEmpty { greatest = inside }
        }
        let reasons = violations.map {
            "\($0.inside) is inside and has seen \($0.outside), which is not"
        }
        var because = reasons
        for text in (verdict == "unknown" ? doubts : []) + report.lacks
        where !because.contains(text) {
            because.append(text)
        }
        let greatestNamed = try greatest.map { try self.named($0, index) }
        let upTo = try report.upTo.map { try self.named($0, index) }
        if options.isJSON {
            return Answer(
                isYes: verdict == "yes",
                [
                    JSONWriter.object {
                        $0.member("cut", named)
                        $0.member("consistent", verdict)
                        $0.member("because", because)
                        if let greatestNamed { $0.member("greatestConsistent", greatestNamed) }
                        $0.member("complete", report.lacks.isEmpty)
                        if let upTo { $0.member("upTo", upTo) }
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
        if let greatestNamed {
            let text = greatestNamed.sorted { listingOrder($0.key, $1.key) }.map {
                "\($0.key) \($0.value)"
            }
            lines.append("the greatest consistent cut inside it: \(text.joined(separator: ", "))")
        }
        var notes =
            report.lacks.isEmpty
            ? [] : ["incomplete, because \(report.lacks.prefix(5).joined(separator: ", "))"]
        if let upTo { notes.append("all up to \(shown(upTo))") }
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
            members = [try history.process(named: name)]
        }
        let at = try at.map { try history.event($0) }
        var ends = history.processes.map { $0.last }
        if let at {
            try require(at, history)
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
        let others = try named(Cut(sequences: seen), history).filter { entry in
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
