import Causality
import HappensBefore

/// Finds the matches of a pattern. For one answer, and so for one thread at a time.
///
/// Each term's events are found first (`Candidates`). What is related to an event is then, of each process, one range of these:
/// along a process knowledge only grows. So no pairs are compared.
final class Matcher<Execution: IndexedExecution> {
    let query: Query
    let execution: Execution
    let index: Execution.Index
    let finder: EventFinder<Execution>
    /// By term.
    let candidates: [Candidates]
    /// By link, the way back and the way forth, where they were gone.
    private var sides: [(back: Side?, forth: Side?)] = []
    private let areFew: Bool
    private let areSound: Bool
    /// What holds between the events of a match, but for what `joins` are enough for; and whose events each is about.
    private(set) var conditions: [(condition: Selection.Condition, terms: Set<Int>)] = []
    let rows: RowReader<Execution>
    let distance: Distance<Execution>
    let options: Question.Options
    /// The processes on which events of the absent term may be.
    private(set) var absentProcesses: [Int] = []
    /// By link: what is counted between its events.
    private(set) var counted: [[Counted]] = []

    /// From the events of one term to the related ones of the next or the one before.
    struct Side {
        /// Whether it leads from the term before the link to the one behind it.
        var isForth: Bool
        var related: Related<Execution.Index>
        /// The fields whose values are equal in both terms, and what is looked up by them.
        var join: Join?
        /// Where the events that may be near enough lie; nil where events are ordered.
        var neighbours: Neighbours?
    }

    /// The events of which so many lie between the events of a link.
    struct Counted {
        var wanted: Query.Between
        /// How they are ordered to the events of the term behind the link.
        var toLater: Related<Execution.Index>
        /// By element of them: which of the term before the link it knows.
        var knowing: Related<Execution.Index>
        /// The processes on which there may be some.
        var processes: [Int]
        /// Whether events that are known exactly tell all of these processes.
        var arePlain: Bool
    }

    struct Join {
        /// The fields of the term that is asked from.
        var fields: [Selection.Field]
        /// Of that term, by element; nil for what equals nothing. None where few are asked for.
        var keys: [JoinKey?]
        /// Of the other term: the elements of a key, ascending.
        var elements: [JoinKey: [Int]]
    }

    /// An event that is related to others.
    struct Partner {
        var element: Int
        /// Why it may not be.
        var doubt: String?
    }

    /// Finds the events of the terms in a slice.
    convenience init(
        _ query: Query, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, computed: Set<Selection.FieldReference>, isOrdered: Bool,
        _ slice: Slice
    ) throws {
        let found = try Self.findCandidates(
            query, CandidateSearch(execution, store, options, slice),
            computed.union(query.joinedFields), isOrdered: isOrdered)
        try self.init(query, execution, store, options, found, areFew: false)
    }

    /// - Parameters:
    ///   - found: The events of the terms, and of what is counted between them, by link.
    ///   - areFew: Whether matches of few events are asked for, which may be of any term.
    init(
        _ query: Query, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, _ found: FoundCandidates, areFew: Bool
    ) throws {
        self.query = query
        self.execution = execution
        self.options = options
        self.areFew = areFew
        candidates = found.terms
        let index = execution.index
        self.index = index
        finder = try EventFinder(execution, .everything, store, options)
        rows = RowReader(finder.processes, store)
        distance = Distance(rows)
        // Where clocks contradict themselves, two events may have seen each other: then neither is known to be before the other.
        areSound = try execution.isSound(options.cancellation)
        let conjuncts = query.condition.conjuncts
        sides = query.links.map { _ in (nil, nil) }
        // What all are asked for and is too much is told before anything is given.
        if !areFew { for link in query.links.indices { _ = try side(link) } }
        for (number, between) in found.between.enumerated() {
            counted.append(
                try zip(query.links[number].between, between).map { wanted, found in
                    let processes = try Self.processes(of: wanted.selection, index)
                    return Counted(
                        wanted: wanted,
                        toLater: try Related(
                            candidates[number + 1], to: found, .before, areSound: areSound,
                            areFew: areFew, in: index, options.cancellation),
                        knowing: try Related(
                            found, to: candidates[number], .before, areSound: areSound,
                            areFew: areFew, in: index, options.cancellation),
                        processes: processes,
                        arePlain: try processes.allSatisfy { try index.isPlain($0) })
                })
        }
        conditions = conjuncts.filter { condition in
            query.links.indices.allSatisfy { !isJoin(condition, $0) }
        }.map { condition in
            let terms = Set(condition.references.compactMap(\.term))
            // What is about no event at all is looked at with the first one.
            return (condition, terms.isEmpty ? [0] : terms)
        }
        if query.links.last?.isAbsent == true {
            absentProcesses = try Self.processes(of: query.terms.last!.selection, index)
        }
    }

    /// From the events of the term behind a link to those of the term before it; where the former is absent, forth.
    func side(_ link: Int) throws -> Side { try side(link, isForth: query.links[link].isAbsent) }

    /// - Parameter isForth: From the events of the term before the link to those of the term behind it.
    func side(_ link: Int, isForth: Bool) throws -> Side {
        if let known = isForth ? sides[link].forth : sides[link].back { return known }
        let relation = query.links[link].relation
        let (own, other) = isForth ? (link, link + 1) : (link + 1, link)
        let side = Side(
            isForth: isForth,
            related: try Related(
                candidates[own], to: candidates[other], isForth ? relation.reversed : relation,
                areSound: areSound, areFew: areFew, in: index, options.cancellation),
            join: join(own, other, query.condition.conjuncts, areFew: areFew),
            neighbours: relation == .any ? Neighbours(candidates[other]) : nil)
        if isForth { sides[link].forth = side } else { sides[link].back = side }
        return side
    }

    /// The events of terms, and of what is counted between them.
    struct FoundCandidates {
        var terms: [Candidates]
        /// By link.
        var between: [[Candidates]]
    }

    private static func findCandidates(
        _ query: Query, _ search: CandidateSearch<Execution>,
        _ fields: Set<Selection.FieldReference>, isOrdered: Bool
    ) throws -> FoundCandidates {
        var search = search
        // Terms that are of the same selection have the same candidates.
        let first = query.terms.indices.map { query.motif?.first(like: $0) ?? $0 }
        let unlike = Set(first).sorted()
        let terms = unlike.map { number in
            CandidateSearch<Execution>.Term(
                selection: query.terms[number].selection,
                fields: Set(fields.filter { first[$0.term ?? 0] == number }.map(\.field)))
        }
        let counted = query.links.flatMap(\.between).map {
            CandidateSearch<Execution>.Term(selection: $0.selection, fields: [])
        }
        var found = isOrdered ? try terms.map { try search.ordered($0) } : []
        found += try search.unordered((isOrdered ? [] : terms) + counted)
        var rest = found[unlike.count...]
        return FoundCandidates(
            terms: first.map { found[unlike.firstIndex(of: $0)!] },
            between: query.links.map { link in
                let own = Array(rest.prefix(link.between.count))
                rest = rest.dropFirst(link.between.count)
                return own
            })
    }

    /// The processes on which a selection may take events, whether or not any are here.
    static func processes(
        of selection: Selection, _ index: some CausalIndex
    ) throws -> [Int] {
        try (0..<index.processCount).filter { process in
            let facts = try index.facts(of: process)
            guard facts.standIn == nil else { return false }
            // What it is called is not known yet.
            if facts.key == nil, facts.id.name.hasPrefix("?") { return true }
            return selection.mayHold(
                process: facts.id, host: facts.key == nil ? nil : facts.host)
        }
    }

    // MARK: Joins

    private func isJoin(_ condition: Selection.Condition, _ link: Int) -> Bool {
        condition.equality(between: link, link + 1) != nil
    }

    private func join(
        _ own: Int, _ other: Int, _ conjuncts: [Selection.Condition], areFew: Bool
    ) -> Join? {
        let pairs = conjuncts.compactMap { $0.equality(between: own, other) }
        guard !pairs.isEmpty else { return nil }
        var elements: [JoinKey: [Int]] = [:]
        let others = candidates[other]
        for element in others.elements.indices {
            let key = others.joinKey(of: element, pairs.map(\.other))
            if let key { elements[key, default: []].append(element) }
        }
        let fields = pairs.map(\.own)
        let keys =
            areFew
            ? []
            : candidates[own].elements.indices.map { candidates[own].joinKey(of: $0, fields) }
        return Join(fields: fields, keys: keys, elements: elements)
    }

    /// Of some ranges of elements, those that a join leaves: all of them where nothing is joined.
    func joined(
        _ ranges: [Range<Int>], _ side: Side, _ element: Int
    ) -> [Range<Int>] {
        guard let join = side.join else { return ranges }
        let key =
            join.keys.isEmpty
            ? side.related.own.joinKey(of: element, join.fields) : join.keys[element]
        guard let key, let elements = join.elements[key] else { return [] }
        var left: [Range<Int>] = []
        for range in ranges {
            var next = partitionPoint(count: elements.count) { elements[$0] < range.lowerBound }
            while next < elements.count, elements[next] < range.upperBound {
                left.append(elements[next]..<elements[next] + 1)
                next += 1
            }
        }
        return left
    }

    // MARK: What holds between events

    /// Whether all holds that is between events of which that of `newest` was chosen now.
    ///
    /// - Parameters:
    ///   - chosen: By term, its element.
    ///   - terms: Of which one was chosen.
    func holds(_ chosen: [Int], of terms: Range<Int>, newest: Int) -> Bool {
        conditions.allSatisfy { condition, asked in
            guard asked.contains(newest), asked.allSatisfy(terms.contains) else { return true }
            return condition.holds { test in
                test.holds(words: { _ in false }) { term, field in
                    self.value(term ?? 0, field, chosen)
                }
            }!
        }
    }

    /// A field of an event of a match.
    func value(_ term: Int, _ field: Selection.Field, _ chosen: [Int]) -> Selection.Field.Value {
        candidates[term].values[field]![chosen[term]]
    }

    /// Where the event of the last term happened.
    func process(of row: MatchRow) -> Int {
        let last = query.presentTerms.upperBound - 1
        return Int(candidates[last].elements[row.chosen[last]].process)
    }

    /// Whether all matches can be counted without looking at each.
    var areCountable: Bool {
        conditions.isEmpty && query.elapsed.isEmpty && query.together == nil
            && query.links.allSatisfy {
                $0.within == nil && $0.between.isEmpty && $0.relation != .nearest
                    && $0.relation != .message
            }
    }

}

extension Query {
    /// The fields that conditions between its events look at.
    var joinedFields: Set<Selection.FieldReference> {
        condition.conjuncts.reduce(into: []) { $0.formUnion($1.references) }
    }
}

extension Query.Relation {
    /// The same, asked from the other event.
    var reversed: Query.Relation {
        switch self {
        case .before: .after
        case .after: .before
        case .concurrent, .message, .nearest, .sameProcess, .any: self
        }
    }
}

extension Selection.Condition {
    /// What holds where all of these do.
    var conjuncts: [Selection.Condition] {
        switch self {
        case .always: []
        case .and(let a, let b): a.conjuncts + b.conjuncts
        default: [self]
        }
    }

    /// Whether the time between events is part of it.
    var hasElapsed: Bool {
        switch self {
        case .elapsed: true
        case .not(let inner): inner.hasElapsed
        case .and(let a, let b), .or(let a, let b): a.hasElapsed || b.hasElapsed
        case .always, .compare, .relate, .words, .exists: false
        }
    }

    /// The fields that it looks at.
    var references: Set<Selection.FieldReference> {
        var references: Set<Selection.FieldReference> = []
        _ = holds { test in
            references.formUnion(test.fields)
            return nil
        }
        return references
    }

    /// Where it says that a field of one term is equal to one of another: these.
    fileprivate func equality(
        between own: Int, _ other: Int
    ) -> (own: Selection.Field, other: Selection.Field)? {
        guard case .relate(.field(let a), .equal, .field(let b)) = self else { return nil }
        if a.term == own, b.term == other { return (a.field, b.field) }
        if a.term == other, b.term == own { return (b.field, a.field) }
        return nil
    }
}

extension IndexedExecution {
    /// Whether no clocks contradict themselves, so that no two events have seen each other.
    func isSound(_ cancellation: Cancellation) throws -> Bool {
        try !defects(cancellation).contains {
            [.cycle, .receiveBeforeSend, .clockBackwards].contains($0.kind)
        }
    }
}
