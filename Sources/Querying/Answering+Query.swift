import Causality
import HappensBefore

extension Answering {
    func answer(_ query: Query, from execution: some IndexedExecution) throws -> Answer {
        let index = execution.index
        let slice = try kept(index.whole(), index)
        if query.terms.count == 1, query.stages.isEmpty {
            let choice = EventChoice(query.terms[0].selection)
            return .events(try listing(slice, choice, execution, namesCut: false))
        }
        var computed: Set<Selection.FieldReference> = []
        for case .aggregate(let aggregate) in query.stages {
            computed.formUnion(Aggregation.references(of: aggregate))
        }
        let matcher = try Matcher(
            query, execution, store, options, computed: computed, slice)
        let completeness = try completeness(matcher, slice)
        guard case .aggregate(let aggregate) = query.stages.first else {
            return .events(
                Listing(completeness: completeness, events: MatchCursor(matcher, store)))
        }
        var aggregation = Aggregation(aggregate)
        try matcher.forEachMatch(of: Set(computed.map { $0.term ?? 0 })) { chosen, count, isSure in
            try aggregation.add(count, isSure: isSure) { term, field in
                matcher.value(term ?? 0, field, chosen)
            }
        }
        return .table(aggregation.table(completeness))
    }

    /// For want of what there may be more matches.
    private func completeness<Execution: IndexedExecution>(
        _ matcher: Matcher<Execution>, _ slice: Slice
    ) throws -> Completeness {
        let index = matcher.index
        let query = matcher.query
        var lacks: [Lack] = []
        var processes: Set<Int> = []
        for term in query.presentTerms {
            processes.formUnion(
                try Matcher<Execution>.processes(of: query.terms[term].selection, index))
            lacks += matcher.candidates[term].unreadable.map { .unreadable($0) }
            guard query.isOrdered(term) else { continue }
            for element in matcher.candidates[term].firstUncertain {
                try options.cancellation.check()
                lacks += try index.inexactness(of: index.id(element.place))
            }
        }
        for process in processes.sorted() {
            lacks += try index.gaps(of: process).map { .events($0) }
            if let last = try index.lastDropped(of: process) { lacks.append(.dropped(last)) }
        }
        let whole = Slice(ranges: [], lacks: lacks, upTo: slice.upTo)
        return try self.completeness(whole, index, [], namesCut: query.links.last?.isAbsent == true)
    }
}

extension Query {
    /// Whether what events of a term had seen matters.
    fileprivate func isOrdered(_ term: Int) -> Bool {
        func asks(_ link: Int, _ relations: Set<Relation>) -> Bool {
            links.indices.contains(link) && !links[link].isAbsent
                && relations.contains(links[link].relation)
        }
        return asks(term - 1, [.before, .nearest, .concurrent, .message])
            || asks(term, [.after, .concurrent])
    }
}
