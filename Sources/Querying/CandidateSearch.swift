import Causality
import HappensBefore

/// Finds the events that the terms of a pattern take. For one answer, and so for one thread at a time.
struct CandidateSearch<Execution: IndexedExecution> {
    /// One term, and what of its events is looked at later.
    struct Term {
        var selection: Selection
        var fields: Set<Selection.Field>
    }

    private let execution: Execution
    private let store: any HistoryStore
    private let slice: Slice
    private let options: Question.Options
    /// What all terms together took so far.
    private var count = 0

    init(
        _ execution: Execution, _ store: any HistoryStore, _ options: Question.Options,
        _ slice: Slice
    ) {
        (self.execution, self.store, self.slice) = (execution, store, slice)
        var options = options
        (options.limit, options.imposedLimit) = (nil, nil)
        options.hasClock = false
        self.options = options
    }

    /// In causal order.
    mutating func ordered(_ term: Term) throws -> Candidates {
        try noted([term]) { search in [try search.merged(term)] }[0]
    }

    /// In no order: blocks that several terms look into are read once for all of them.
    mutating func unordered(_ terms: [Term]) throws -> [Candidates] {
        // What an event did with messages is found out in causal order only.
        guard !terms.contains(where: { $0.fields.contains(.kind) }) else {
            return try terms.map { try ordered($0) }
        }
        guard !terms.isEmpty else { return [] }
        return try noted(terms) { search in try search.scanned(terms) }
    }

    private mutating func noted(
        _ terms: [Term], _ find: (inout CandidateSearch) throws -> [Candidates]
    ) throws -> [Candidates] {
        guard let plan = options.plan else { return try find(&self) }
        let expected = try terms.reduce(0) { sum, term in
            let finder = try EventFinder(execution, term.selection, store, options)
            return try finder.ranges(of: slice).reduce(sum) { $0 + $1.count }
        }
        let what = terms.map { $0.selection.isEverything ? "{}" : $0.selection.text }
        return try plan.note(what.joined(separator: ", "), expected: expected) {
            try find(&self)
        } found: { found in
            found.reduce(0) { $0 + $1.count }
        }
    }

    private mutating func merged(_ term: Term) throws -> Candidates {
        var options = options
        options.hasMessages = term.fields.contains(.kind)
        var found = Candidates(fields: term.fields)
        var cursor = try EventCursor(
            execution, slice, term.selection, .forwards, store, options)
        while let step = try cursor.next() {
            switch step {
            case .passed, .match: break
            case .event(let listed):
                try take()
                found.append(listed)
            case .unreadable(let id): found.append(unreadable: id)
            }
        }
        try found.finish(execution.index)
        return found
    }

    private mutating func scanned(_ terms: [Term]) throws -> [Candidates] {
        var options = options
        options.hasMessages = false
        var found = terms.map { Candidates(fields: $0.fields) }
        let shared: any HistoryStore =
            terms.count == 1 ? store : RecentFrames(store, max: Limits.sharedFramesMax)
        let finders = try terms.map {
            try EventFinder(execution, $0.selection, shared, options)
        }
        var scans = try finders.map { try $0.scan(of: slice) }
        // The one that is furthest behind goes on.
        while let next = finders.indices.filter({ finders[$0].nextFrame != nil }).min(by: {
            finders[$0].nextFrame! < finders[$1].nextFrame!
        }) {
            let finder = finders[next]
            try finder.step(&scans[next], eventsMax: .max) { place, batch, row in
                guard let row else {
                    return found[next].append(unreadable: try finder.index.id(place))
                }
                try take()
                found[next].append(batch, row, at: place, try finder.processes[place.process])
            }
        }
        for term in found.indices { try found[term].finish(execution.index) }
        return found
    }

    private mutating func take() throws {
        guard count < Limits.candidatesMax else {
            throw QuestionError(
                .misuse,
                "the terms of the pattern take more than \(Limits.candidatesMax) events: narrow a selection"
            )
        }
        count += 1
    }
}
