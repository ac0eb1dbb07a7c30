import Causality
import HappensBefore

extension Answering {
    func answer(_ query: Query, from execution: some IndexedExecution) throws -> Answer {
        if query.isExplained { return try explain(query, from: execution) }
        let index = execution.index
        let slice = try kept(index.whole(), index)
        var run = try QueryRun(query, execution, store, options, slice)
        for stage in query.stages {
            guard stage.givesNumbers else {
                try noted(stage, &run) { run in
                    try run.go(through: stage)
                    return run.count
                }
                continue
            }
            var result: (table: NumberTable, completeness: Slice)!
            try noted(stage, &run) { run in
                result = try run.table(stage)
                return result.table.lines.count
            }
            var (table, rest) = result!
            table.completeness = try completeness(rest, index, [], namesCut: false)
            table.completeness.remark = run.remark
            if let limit = options.limit { table.lines = Array(table.lines.prefix(limit)) }
            return .table(table)
        }
        let (events, rest) = try run.listing()
        var completeness = try completeness(
            rest, index, [], namesCut: query.restsOnAbsence)
        completeness.remark = run.remark
        return .events(Listing(completeness: completeness, events: events))
    }

    /// Takes a step of a query, which gives so many events, matches or lines; nil where they are not counted yet.
    private func noted<Execution: IndexedExecution>(
        _ stage: Query.Stage, _ run: inout QueryRun<Execution>,
        _ body: (inout QueryRun<Execution>) throws -> Int?
    ) throws {
        guard let plan = options.plan else {
            _ = try body(&run)
            return
        }
        _ = try plan.note(stage.title, { try body(&run) }, found: { $0 })
    }

    /// What led to an event: the chains of messages that the query stage `why` follows.
    func why(_ id: EventID, _ execution: some IndexedExecution) throws -> Answer {
        let index = execution.index
        try require(id, index)
        guard let place = try index.position(of: id), try tombstone(of: id, index) == nil else {
            throw QuestionError(.notFound, "\(id) is not here: what led to it is not known")
        }
        var run = try QueryRun(from: place, execution, store, options)
        try run.go(through: .why)
        let (events, rest) = try run.listing()
        var completeness = try completeness(
            rest, index, index.rulings(seenBy: [id]), namesCut: false)
        completeness.remark = run.remark
        return .events(Listing(completeness: completeness, events: events))
    }
}

extension Matcher {
    /// For want of what there may be more matches.
    func lacks() throws -> [Lack] {
        var lacks: [Lack] = []
        var processes: Set<Int> = []
        for term in query.presentTerms {
            processes.formUnion(try Self.processes(of: query.terms[term].selection, index))
            lacks += candidates[term].unreadable.map { .unreadable($0) }
            guard query.isOrdered(term) else { continue }
            for element in candidates[term].firstUncertain {
                try options.cancellation.check()
                lacks += try index.inexactness(of: index.id(element.place))
            }
        }
        for process in processes.sorted() {
            lacks += try index.gaps(of: process).map { .events($0) }
            if let last = try index.lastDropped(of: process) { lacks.append(.dropped(last)) }
        }
        return lacks
    }
}

extension Query {
    /// Whether what arrives later may end a match.
    fileprivate var restsOnAbsence: Bool {
        if case .gather = motif { return true }
        return links.last?.isAbsent == true
    }

    /// Whether what events of a term had seen matters.
    fileprivate func isOrdered(_ term: Int) -> Bool {
        func asks(_ link: Int, _ relations: Set<Relation>) -> Bool {
            links.indices.contains(link) && !links[link].isAbsent
                && relations.contains(links[link].relation)
        }
        if motif != nil { return true }
        return asks(term - 1, [.before, .nearest, .concurrent, .message])
            || asks(term, [.after, .concurrent])
    }
}
