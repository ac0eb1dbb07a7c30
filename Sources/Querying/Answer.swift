import Causality
import HappensBefore

/// What the text of an answer comes from. It is asked for the next piece, and does nothing in between: who reads slowly holds a
/// place in the answer, and no thread.
package protocol TextSource {
    /// The next piece, line breaks included: empty where a step of the work brought nothing to say, nil at the end.
    mutating func next() throws -> String?
    /// Lets go of what can be read again: nobody asks for a while.
    mutating func release()
    /// Why the text ended early, and said so.
    var stopped: QuestionStopped? { get }
}

extension TextSource {
    package mutating func release() {}
    package var stopped: QuestionStopped? { nil }
}

/// Text that is there already.
struct ReadyText: TextSource {
    private var pieces: ArraySlice<String>

    init(_ pieces: String...) { self.pieces = pieces[...] }

    init(lines: [String]) { pieces = lines.map { $0 + "\n" }[...] }

    mutating func next() -> String? { pieces.popFirst() }
}

/// An answer on its way to who asked. What is known before its text is in the fields; the text follows piece by
/// piece, so that memory does not grow with the answer.
package struct Answer {
    /// What a person must know to read the text rightly: what is incomplete, and why.
    package var notes: [String]
    /// False where the answer is no, or nothing; nil where only the text tells: none is no.
    package var isYes: Bool?
    private var sources: [any TextSource]
    private var index = 0

    /// Its text is that of the sources, one after the other.
    package init(notes: [String] = [], isYes: Bool? = true, text sources: [any TextSource]) {
        self.notes = notes.map { printable($0) }
        self.isYes = isYes
        self.sources = sources
    }

    /// An answer of few lines.
    package init(notes: [String] = [], isYes: Bool? = true, _ lines: [String]) {
        self.init(notes: notes, isYes: isYes, text: [])
        append(lines)
    }

    /// Adds lines to the end of the text.
    mutating func append(_ lines: [String]) {
        sources.append(ReadyText(lines: lines))
    }

    /// The next piece of the text: empty where a step of the work brought nothing to say, nil at the end. Whatever the format,
    /// nothing in it harms a terminal. Throws where the text ends early and cannot say so.
    package mutating func next() throws -> String? {
        while index < sources.count {
            if let text = try sources[index].next() {
                // Each format has its own escapes; this is for what one has forgotten.
                return printable(text, keeping: [.lineBreaks, .tabs])
            }
            index += 1
        }
        return nil
    }

    /// Lets go of what can be read again, while nobody asks for more.
    package mutating func release() {
        for index in index..<sources.count { sources[index].release() }
    }

    /// Why the text ended early, and said so.
    package var stopped: QuestionStopped? { sources.lazy.compactMap(\.stopped).first }

    /// All of the text that is left.
    package consuming func text() throws -> String {
        var text = ""
        while let piece = try next() { text += piece }
        return text
    }
}

/// Answers questions from one store. `graph` gives the graph of an execution: a collector keeps them.
package struct Answering<Store: HistoryStore> {
    package let store: Store
    package internal(set) var options: Question.Options
    let loadGraph: (String) throws -> ExecutionGraph

    package init(
        _ store: Store, _ options: Question.Options,
        graph: ((String) throws -> ExecutionGraph)? = nil
    ) {
        self.store = store
        self.options = options
        loadGraph =
            graph ?? {
                try ExecutionGraph.load($0, from: store, cancellation: options.cancellation)
            }
    }

    /// The execution that is meant.
    package func execution() throws -> String {
        let names = try store.executions()
        if let name = options.execution {
            guard names.contains(name) else {
                throw QuestionError(
                    .notFound, "no execution “\(name)” here: there is \(Self.listed(names))")
            }
            return name
        }
        if names.contains(ProcessKey.executionDefault) { return ProcessKey.executionDefault }
        guard names.count == 1 else {
            throw QuestionError(
                names.isEmpty ? .notFound : .misuse,
                names.isEmpty
                    ? "nothing is here yet"
                    : "name one with --execution: there is \(Self.listed(names))")
        }
        return names[0]
    }

    private static func listed(_ names: [String]) -> String {
        names.isEmpty
            ? "none"
            : names.prefix(20).joined(separator: ", ")
                + (names.count > 20 ? ", … (\(names.count))" : "")
    }

    package func graph() throws -> ExecutionGraph { try loadGraph(execution()) }

    package func answer(_ question: Question) throws -> Answer {
        if case .executions = question { return try executions() }
        let execution = try execution()
        if let index = try store.index(of: execution),
            let answer = try askingFiles({ try answer(question, by: index) })
        {
            return answer
        }
        let graph = try loadGraph(execution)
        let history = graph.history
        if let answer = try answer(question, by: history) { return answer }
        switch question {
        case .gaps: return try gaps(graph)
        case .defects: return try defects(graph)
        case .timeline(let selection, let processes, let hosts):
            return try timeline(graph, selection, processes, hosts)
        case .show(let event): return try show(history.event(event), graph)
        case .slice(let kind, let event, let selection, let countOnly):
            return try slice(kind, history.event(event), selection, countOnly, graph)
        case .path(let a, let b): return try path(history.event(a), history.event(b), graph)
        case .cutAt(let time): return try cut(at: time, graph)
        case .view(let name, let at): return try view(name, at, graph)
        case .executions, .processes, .order, .cut:
            preconditionFailure("an index answers what needs no event")
        }
    }

    /// The answer to a question for which no event has to be read; nil for others.
    private func answer(_ question: Question, by index: some CausalIndex) throws -> Answer? {
        switch question {
        case .processes(let ghosts): return try processes(index, ghosts: ghosts)
        case .order(let a, let b): return try order(index.event(a), index.event(b), index)
        case .slice(let kind, let text, let selection, countOnly: true) where selection.isEverything:
            let event = try index.event(text)
            let slice = try slice(kind, event, index)
            return try counted(slice.count, of: slice, kind, event, index)
        case .cut(let event): return try cut(index.event(event), index)
        default: return nil
        }
    }

    /// What the store's files of what follows say; nil where they cannot be read: then it is found out from the events.
    private func askingFiles<Value>(_ ask: () throws -> Value?) throws -> Value? {
        do {
            return try ask()
        } catch let error where !(error is QuestionError || error is QuestionStopped) {
            return nil
        }
    }

    /// Throws where an event is neither here nor cited by anything that is.
    package func require(_ event: EventID, _ index: some CausalIndex) throws {
        if let reason = try unheardOf(event, index) { throw QuestionError(.notFound, reason) }
    }

    /// Why nothing can be said of an event: nothing that is here has ever heard of it.
    func unheardOf(_ event: EventID, _ index: some CausalIndex) throws -> String? {
        guard let process = try index.index(of: event.process) else {
            return
                "no process “\(event.process)” in execution “\(index.execution)” (lightcone processes lists them)"
        }
        let end = try index.facts(of: process).end
        guard event.sequence > end else { return nil }
        return
            "\(event) is not here, and nothing that is here cites it: \(event.process) is known up to \(end)"
    }

    func lineLimit<T>(_ items: [T]) -> [T] {
        options.limit.map { Array(items.prefix($0)) } ?? items
    }

    private func executions() throws -> Answer {
        let names = options.execution == nil ? try store.executions() : [try execution()]
        let lines = try lineLimit(names).map { name in
            let (present, events) =
                try store.index(of: name).flatMap { index in
                    try askingFiles { try size(of: index) }
                } ?? size(of: loadGraph(name).history)
            if options.isJSON {
                return JSONWriter.object {
                    $0.member("name", name)
                    $0.member("processes", present)
                    $0.member("events", events)
                }
            }
            return "\(printable(name))  \(count(present, "process", "processes"))  "
                + count(events, "event", "events")
        }
        return Answer(isYes: nil, lines)
    }

    /// How many processes are here, and how many events.
    private func size(of index: some CausalIndex) throws -> (processes: Int, events: Int) {
        var (processes, events) = (0, 0)
        for process in 0..<index.processCount {
            let count = try index.sequences(of: process).count
            processes += count > 0 ? 1 : 0
            events += count
        }
        return (processes, events)
    }

    private func processes(_ index: some CausalIndex, ghosts: Bool) throws -> Answer {
        var present: [(facts: ProcessFacts, gaps: Int)] = []
        var absent = 0
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            guard facts.count > 0 || facts.end > 0 else { continue }
            if ghosts || facts.count > 0 {
                present.append((facts, try index.gaps(of: process).count))
            } else {
                absent += 1
            }
        }
        present.sort { listingOrder($0.facts.id, $1.facts.id) }
        let readUpTo = try store.readUpTo()
        let lines = lineLimit(present).map { line, gaps in
            if options.isJSON {
                return JSONWriter.object {
                    $0.member("process", line.id.description)
                    $0.member("host", line.host.isEmpty ? nil : line.host)
                    $0.member("execution", index.execution)
                    $0.key("first")
                    if line.count > 0 { $0.value(line.first) } else { $0.null() }
                    $0.key("last")
                    if line.count > 0 { $0.value(line.last) } else { $0.null() }
                    $0.member("events", line.count)
                    $0.member("gaps", gaps)
                    $0.member("readUpTo", readUpTo[line.host]?.description)
                }
            }
            let range = line.count > 0 ? "\(line.first)–\(line.last)" : "none here"
            let host = line.host.isEmpty ? "unknown host" : "on \(printable(line.host))"
            return "\(printable("\(line.id)"))  \(host)  \(range)  "
                + "\(count(line.count, "event", "events"))  "
                + count(gaps, "gap", "gaps")
        }
        let notes =
            absent == 0
            ? []
            : [
                "\(count(absent, "more process is", "more processes are")) cited and not here: see --ghosts and gaps"
            ]
        return Answer(notes: notes, isYes: nil, lines)
    }

    private func gaps(_ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        var reader = EventReader(store, bytesMax: options.bytesMax)
        let sorted = history.allGaps().sorted {
            $0.process == $1.process
                ? $0.first < $1.first : listingOrder($0.process, $1.process)
        }
        let lines = try lineLimit(sorted).map { gap in
            try options.cancellation.check()
            let reason = try reason(gap, history, &reader)
            if options.isJSON {
                return JSONWriter.object {
                    $0.member("process", gap.process.description)
                    $0.member("first", gap.first)
                    $0.member("last", gap.last)
                    $0.member("missing", gap.last - gap.first + 1)
                    $0.member("execution", history.execution)
                    $0.member("reason", reason)
                }
            }
            return "\(printable("\(gap)")) (\(printable(reason)))"
        }
        return Answer(isYes: nil, lines)
    }

    /// Why events are not here, as far as the events around them tell.
    private func reason(_ gap: Gap, _ history: History, _ reader: inout EventReader) throws
        -> String
    {
        let line = history.processes[history.index(of: gap.process)!]
        if let position = line.position(of: gap.last + 1),
            let event = try reader.event(
                at: EventPosition(process: history.index(of: gap.process)!, position: position),
                of: history), event.name == LossMarker.name
        {
            return event.text
        }
        if gap.isLost { return "lost on their way to the agent: their client counted them" }
        if line.count == 0 { return "cited, and nothing of the process is here" }
        if gap.first > line.last { return "cited, beyond the last event here" }
        return gap.last < line.first
            ? "before the first event here" : "between events that are here"
    }

    private func defects(_ graph: ExecutionGraph) throws -> Answer {
        let lines = try lineLimit(graph.defects(store, options.cancellation)).map { defect in
            if options.isJSON {
                return JSONWriter.object {
                    $0.member("kind", defect.kind.rawValue)
                    $0.member("events", defect.events.map(\.description))
                    $0.member("text", defect.text)
                    $0.member("note", defect.kind.isNote)
                }
            }
            return
                "\(defect.kind.isNote ? "note" : "defect")  \(defect.kind.rawValue)  \(printable(defect.text))"
        }
        return Answer(isYes: nil, lines)
    }
}

/// `1 event`, `2 events`.
package func count(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
}
