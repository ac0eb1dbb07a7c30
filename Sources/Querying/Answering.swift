import Causality
import HappensBefore

/// Answers questions from one store. `graph` gives the graph of an execution: a collector keeps them.
package struct Answering<Store: HistoryStore> {
    package let store: Store
    package var options: Question.Options
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
        let names = try executionNames()
        if let name = options.execution {
            // Names that look alike are not the same.
            guard let name = names.first(where: { ExactText.isSame($0, name) }) else {
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

    /// The names of the executions that may be seen, sorted.
    func executionNames() throws -> [String] {
        let names = try store.executions()
        guard let seen = options.executions else { return names }
        return names.filter { name in seen.contains { ExactText.isSame($0, name) } }
    }

    static func listed(_ names: [String]) -> String {
        names.isEmpty
            ? "none"
            : names.prefix(20).joined(separator: ", ")
                + (names.count > 20 ? ", … (\(names.count))" : "")
    }

    package func answer(_ question: Question) throws -> Answer {
        if case .status = question { return .status(try status()) }
        if case .executions = question { return .executions(try executions()) }
        let name = try execution()
        // How many events the files tell of.
        var eventCount = 0
        let filed = try askingFiles(of: name) { filed -> Answer? in
            eventCount = filed.eventCount
            if let answer = try answer(question, by: filed.index) { return answer }
            return filed.findsEvents ? try answer(question, from: filed) : nil
        }
        guard let filed else { return try answer(question, from: loadGraph(name)) }
        return filed.withEvents { events in
            RecoveringEvents(events) {
                let graph = try loadGraph(name)
                // More may have come meanwhile, or be gone.
                guard graph.isUndamaged, graph.eventCount == eventCount else { return nil }
                return try answer(question, from: graph).events
            }
        }
    }

    /// Asks an execution as it is: its files, where these tell of all of it and can be read, or else its graph.
    package func asking<Value>(
        _ ask: (any IndexedExecution) throws -> Value
    ) throws -> Value {
        try asking(of: execution(), ask)
    }

    /// The same of an execution by its name.
    func asking<Value>(
        of name: String, _ ask: (any IndexedExecution) throws -> Value
    ) throws -> Value {
        try askingFiles(of: name) { $0.findsEvents ? try ask($0) : nil }
            ?? ask(loadGraph(name))
    }

    /// What the store's files of what follows from the events of an execution say; nil where there are none, they cannot be
    /// read, or `ask` gives nil: then it is found out from the events.
    private func askingFiles<Value>(
        of execution: String, _ ask: (any IndexedExecution) throws -> Value?
    ) throws -> Value? {
        guard let filed = try store.filed(execution, options.cancellation) else { return nil }
        do {
            return try ask(filed)
        } catch let error where !(error is QuestionError || error is QuestionStopped) {
            return nil
        }
    }

    private func answer(
        _ question: Question, from execution: some IndexedExecution
    ) throws -> Answer {
        let index = execution.index
        if let answer = try answer(question, by: index) { return answer }
        switch question {
        case .gaps: return .gaps(try gaps(execution), execution: index.execution)
        case .defects: return .defects(try defects(execution))
        case .timeline(let choice, let processes, let hosts):
            return .events(try timeline(execution, choice, processes, hosts))
        case .show(let event): return try show(index.event(event), execution)
        case .slice(let kind, let event, let choice, let countOnly):
            let event = try index.event(event)
            return countOnly
                ? .count(try count(kind, event, choice, execution))
                : .events(try listing(kind, event, choice, execution))
        case .path(let a, let b):
            return .path(try path(index.event(a), index.event(b), execution))
        case .cutAt(let time): return .cut(try cut(at: time, execution))
        case .view(let name, let at): return .view(try view(name, at, execution))
        case .query(let query): return try answer(query, from: execution)
        case .why(let event): return try why(index.event(event), execution)
        case .status, .executions, .processes, .order, .cut:
            preconditionFailure("an index answers what needs no event")
        }
    }

    /// The answer to a question for which no event has to be read; nil for others.
    private func answer(_ question: Question, by index: some CausalIndex) throws -> Answer? {
        switch question {
        case .processes(let ghosts): return try processes(index, ghosts: ghosts)
        case .order(let a, let b): return .order(try order(index.event(a), index.event(b), index))
        case .slice(let kind, let event, let choice, countOnly: true)
        where choice.selection.isEverything && choice.range == nil:
            return .count(try count(kind, index.event(event), index))
        case .cut(let event): return .cut(try cut(index.event(event), index))
        default: return nil
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

    private func limited<T>(_ items: [T]) -> [T] {
        options.limit.map { Array(items.prefix($0)) } ?? items
    }

    private func executions() throws -> [ExecutionSummary] {
        let names = options.execution == nil ? try executionNames() : [try execution()]
        return try limited(names).map { name in
            try askingFiles(of: name) { try summary($0.index) } ?? summary(loadGraph(name).history)
        }
    }

    /// What was dropped of an execution, where an event was.
    func tombstone(of event: EventID, _ index: some CausalIndex) throws -> Tombstone? {
        guard let process = try index.index(of: event.process),
            let tombstone = try store.tombstone(of: index.execution)
        else { return nil }
        if let position = try index.sequences(of: process).position(of: event.sequence) {
            return try position < index.droppedCount(of: process) ? tombstone : nil
        }
        return try isDropped(event.sequence, process, index) ? tombstone : nil
    }

    /// Whether a number that is missing was dropped, where what is here does not tell.
    private func isDropped(
        _ sequence: UInt64, _ process: Int, _ index: some CausalIndex
    ) throws -> Bool {
        guard let key = try index.facts(of: process).key else { return false }
        return try store.dropped(of: index.execution).contains {
            $0.process.identity == key.identity && sequence <= $0.last
        }
    }

    func summary(_ index: some CausalIndex) throws -> ExecutionSummary {
        var summary = ExecutionSummary(
            name: index.execution, processes: 0, events: 0,
            dropped: try store.tombstone(of: index.execution))
        for process in 0..<index.processCount {
            let count = try index.sequences(of: process).count - index.droppedCount(of: process)
            summary.processes += count > 0 ? 1 : 0
            summary.events += count
        }
        return summary
    }

    private func processes(_ index: some CausalIndex, ghosts: Bool) throws -> Answer {
        var shown: [(process: Int, facts: ProcessFacts)] = []
        var hidden = 0
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            guard facts.count > 0 || facts.end > 0 else { continue }
            if ghosts || facts.count > 0 {
                shown.append((process, facts))
            } else {
                hidden += 1
            }
        }
        shown.sort { listingOrder($0.facts.id, $1.facts.id) }
        let readUpTo = try store.readUpTo()
        let summaries = try limited(shown).map { process, facts in
            ProcessSummary(
                facts: facts, droppedCount: try index.droppedCount(of: process),
                execution: index.execution, gaps: try index.gaps(of: process).count,
                readUpTo: readUpTo[facts.host])
        }
        return .processes(summaries, hidden: hidden)
    }

    private func gaps(_ execution: some IndexedExecution) throws -> [ExplainedGap] {
        let index = execution.index
        var all: [(process: Int, gap: Gap)] = []
        for process in 0..<index.processCount {
            all += try index.gaps(of: process).map { (process, $0) }
        }
        all.sort {
            $0.gap.process == $1.gap.process
                ? $0.gap.first < $1.gap.first : listingOrder($0.gap.process, $1.gap.process)
        }
        var reader = EventReader(store, bytesMax: options.bytesMax)
        return try limited(all).map { process, gap in
            try options.cancellation.check()
            return ExplainedGap(
                gap: gap, reason: try reason(gap, process, execution, &reader))
        }
    }

    /// Why events are not here, as far as the events around them tell.
    func reason(
        _ gap: Gap, _ process: Int, _ execution: some IndexedExecution, _ reader: inout EventReader
    ) throws -> String {
        let index = execution.index
        let facts = try index.facts(of: process)
        if let position = try index.sequences(of: process).position(of: gap.last + 1),
            let event = try reader.event(
                at: EventPosition(process: process, position: position), of: execution),
            event.name == LossMarker.name
        {
            return event.text
        }
        if try isDropped(gap.last, process, index),
            let tombstone = try store.tombstone(
                of: index.execution)
        {
            return "dropped \(tombstone.time): \(tombstone.rule)"
        }
        if gap.isLost { return "lost on their way to the agent: their client counted them" }
        if facts.count == 0 { return "cited, and nothing of the process is here" }
        if gap.first > facts.last { return "cited, beyond the last event here" }
        return gap.last < facts.first
            ? "before the first event here" : "between events that are here"
    }

    private func defects(_ execution: some IndexedExecution) throws -> [Defect] {
        let defects =
            try execution.defects(options.cancellation)
            + store.sourceDefects(of: execution.index.execution)
        return limited(defects.sorted(by: Defect.listedBefore))
    }
}
