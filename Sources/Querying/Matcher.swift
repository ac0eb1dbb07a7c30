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
    private(set) var candidates: [Candidates] = []
    /// By link: how the events of the term behind it are ordered to those of the term before it. Of an absent term the other
    /// way round.
    private var related: [Related] = []
    /// By link: the fields whose values are equal in both terms, and what is looked up by them.
    private var joins: [Join?] = []
    /// What holds between the events of a match, but for what `joins` are enough for; and whose events each is about.
    private var conditions: [(condition: Selection.Condition, terms: Set<Int>)] = []
    private let rows: RowReader<Execution>
    private let distance: Distance<Execution>
    let options: Question.Options
    /// The processes on which events of the absent term may be.
    private var absentProcesses: [Int] = []
    /// By link: what may not come between.
    private var barriers: [Barrier?] = []

    private struct Barrier {
        /// How it is ordered to the events of the term behind the link.
        var toLater: Related
        /// By element of it: how many of the term before the link it knows.
        var knowing: Related
        var processes: [Int]
    }

    private struct Join {
        /// Of the term that is asked from, by element; nil for what equals nothing.
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

    init(
        _ query: Query, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, computed: Set<Selection.FieldReference>, isOrdered: Bool,
        _ slice: Slice
    ) throws {
        self.query = query
        self.execution = execution
        self.options = options
        index = execution.index
        finder = try EventFinder(execution, .everything, store, options)
        rows = RowReader(finder.processes, store)
        distance = Distance(rows)
        let conjuncts = query.condition.conjuncts
        var fields = computed
        for conjunct in conjuncts { fields.formUnion(conjunct.references) }
        var total = 0
        for (number, term) in query.terms.enumerated() {
            let found = try Self.candidates(
                of: term.selection, fields: Set(fields.filter { $0.term == number }.map(\.field)),
                in: execution, store, options, slice, isOrdered: isOrdered,
                max: Limits.candidatesMax - total)
            total += found.count
            candidates.append(found)
        }
        for (number, link) in query.links.enumerated() {
            let (own, other) =
                link.isAbsent ? (number, number + 1) : (number + 1, number)
            related.append(
                try Related(
                    candidates[own], to: candidates[other],
                    link.isAbsent ? link.relation.reversed : link.relation,
                    areSound: finder.areMessagesKnown, in: index, options.cancellation))
            joins.append(join(own, other, conjuncts))
        }
        for (number, link) in query.links.enumerated() {
            barriers.append(
                try link.until.map {
                    let found = try Self.candidates(
                        of: $0, fields: [], in: execution, store, options, slice, isOrdered: false,
                        max: Limits.candidatesMax - total)
                    total += found.count
                    return Barrier(
                        toLater: try Related(
                            candidates[number + 1], to: found, .before,
                            areSound: finder.areMessagesKnown, in: index, options.cancellation),
                        knowing: try Related(
                            found, to: candidates[number], .before,
                            areSound: finder.areMessagesKnown, in: index, options.cancellation),
                        processes: try Self.processes(of: $0, index))
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

    private static func candidates(
        of selection: Selection, fields: Set<Selection.Field>, in execution: Execution,
        _ store: some HistoryStore, _ options: Question.Options, _ slice: Slice, isOrdered: Bool,
        max: Int
    ) throws -> Candidates {
        var options = options
        (options.limit, options.imposedLimit) = (nil, nil)
        options.hasClock = false
        options.hasMessages = fields.contains(.kind)
        var found = Candidates(fields: fields)
        func check() throws {
            guard found.count < max else {
                throw QuestionError(
                    .misuse,
                    "the terms of the pattern take more than \(Limits.candidatesMax) events: narrow a selection"
                )
            }
        }
        if isOrdered || options.hasMessages {
            var cursor = try EventCursor(execution, slice, selection, .forwards, store, options)
            while let step = try cursor.next() {
                switch step {
                case .passed, .match: break
                case .event(let listed):
                    try check()
                    found.append(listed)
                case .unreadable(let id): found.append(unreadable: id)
                }
            }
        } else {
            let finder = try EventFinder(execution, selection, store, options)
            try finder.forEach(of: slice, eventsMax: .max) { place, event in
                guard let (batch, row) = event else {
                    return found.append(unreadable: try finder.index.id(place))
                }
                try check()
                found.append(batch, row, at: place, try finder.processes[place.process])
            }
        }
        try found.finish(execution.index)
        return found
    }

    /// The processes on which a selection may take events, whether or not any are here.
    static func processes(
        of selection: Selection, _ index: some CausalIndex
    ) throws -> [Int] {
        try (0..<index.processCount).filter { process in
            let facts = try index.facts(of: process)
            guard facts.standIn == nil else { return false }
            return selection.mayHold(
                process: facts.id, host: facts.key == nil ? nil : facts.host)
        }
    }

    // MARK: Joins

    private func isJoin(_ condition: Selection.Condition, _ link: Int) -> Bool {
        condition.equality(between: link, link + 1) != nil
    }

    private func join(
        _ own: Int, _ other: Int, _ conjuncts: [Selection.Condition]
    ) -> Join? {
        let pairs = conjuncts.compactMap { $0.equality(between: own, other) }
        guard !pairs.isEmpty else { return nil }
        func keys(_ term: Int, _ fields: [Selection.Field]) -> [JoinKey?] {
            candidates[term].elements.indices.map { element in
                var parts: [JoinKey] = []
                for field in fields {
                    guard let key = candidates[term].values[field]![element].joinKey else {
                        return nil
                    }
                    parts.append(key)
                }
                return parts.count == 1 ? parts[0] : .several(parts)
            }
        }
        var elements: [JoinKey: [Int]] = [:]
        for (element, key) in keys(other, pairs.map(\.other)).enumerated() {
            if let key { elements[key, default: []].append(element) }
        }
        return Join(keys: keys(own, pairs.map(\.own)), elements: elements)
    }

    /// Of some ranges of elements, those that a join leaves: all of them where nothing is joined.
    private func joined(
        _ ranges: [Range<Int>], _ link: Int, _ element: Int
    ) -> [Range<Int>] {
        guard let join = joins[link] else { return ranges }
        guard let key = join.keys[element], let elements = join.elements[key] else { return [] }
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

    // MARK: Partners

    /// The elements of the term before a link that are surely related to one of the term behind it; where the term behind is
    /// absent, the other way round.
    func ranges(_ link: Int, of element: Int) throws -> [Range<Int>] {
        let related = related[link]
        let relation = query.links[link].relation
        let ranges =
            switch query.links[link].isAbsent ? relation.reversed : relation {
            case .before: related.before(element)
            case .after: related.after(element)
            case .concurrent: try related.concurrent(element, in: index)
            case .nearest: related.nearest(element)
            case .sameProcess: related.ofSameProcess(element)
            case .message: try messages(link, to: element)
            }
        return joined(ranges, link, element)
    }

    /// The elements whose message arrived at another.
    private func messages(_ link: Int, to element: Int) throws -> [Range<Int>] {
        let receive = candidates[link + 1].elements[element]
        var ranges: [Range<Int>] = []
        for sender in try finder.senders(at: receive.place)
        where try index.isMessage(from: sender.process, to: Int(receive.process)) {
            let all = candidates[link].elements(of: sender.process)
            let place =
                all.lowerBound
                + partitionPoint(count: all.count) {
                    candidates[link].elements[all.lowerBound + $0].sequence < sender.sequence
                }
            guard place < all.upperBound,
                candidates[link].elements[place].sequence == sender.sequence
            else { continue }
            ranges.append(place..<place + 1)
        }
        return ranges
    }

    /// The same one by one, those that are near enough, in causal order.
    func partners(_ link: Int, of element: Int) throws -> [Partner] {
        let (own, other) =
            query.links[link].isAbsent ? (link, link + 1) : (link + 1, link)
        var partners: [Partner] = []
        for range in try ranges(link, of: element) {
            for partner in range {
                try options.cancellation.check()
                var doubt = try doubt(link, partner, element)
                switch try between(link, partner, element) {
                case .no: break
                case .yes: continue
                case .unknown(let why): doubt = doubt ?? why
                }
                if let span = query.links[link].within {
                    switch try verdict(
                        candidates[other].elements[partner], candidates[own].elements[element],
                        span, query.links[link])
                    {
                    case .within: break
                    case .beyond: continue
                    case .unknown(let why): doubt = doubt ?? why
                    }
                }
                partners.append(Partner(element: partner, doubt: doubt))
            }
        }
        return partners.sorted {
            candidates[other].elements[$0.element].rank
                < candidates[other].elements[$1.element].rank
        }
    }

    private func verdict(
        _ partner: Candidates.Element, _ own: Candidates.Element, _ span: Query.Span,
        _ link: Query.Link
    ) throws -> Distance<Execution>.Verdict {
        let relation = link.isAbsent ? link.relation.reversed : link.relation
        switch relation {
        case .before, .nearest, .message:
            return try distance.verdict(partner, own, span, areOrdered: true)
        case .after: return try distance.verdict(own, partner, span, areOrdered: true)
        case .concurrent: return try distance.verdict(partner, own, span, areOrdered: false)
        case .sameProcess:
            return partner.position < own.position
                ? try distance.verdict(partner, own, span, areOrdered: true)
                : try distance.verdict(own, partner, span, areOrdered: true)
        }
    }

    /// Why events that look so may not be so related.
    private func doubt(_ link: Int, _ partner: Int, _ element: Int) throws -> String? {
        switch query.links[link].relation {
        case .nearest: try doubtOfNearest(link, partner, element)
        case .message: try doubtOfMessage(link, partner, element)
        case .before, .after, .concurrent, .sameProcess: nil
        }
    }

    /// The message may have arrived before, at an event that is missing: of what came there the next event that is here has seen.
    private func doubtOfMessage(_ link: Int, _ partner: Int, _ element: Int) throws -> String? {
        let (from, to) = (candidates[link].elements[partner], candidates[link + 1].elements[element])
        let process = Int(to.process)
        guard to.sequence > 1, try !rows.isCause(index.id(from.place), of: to.place) else {
            return nil
        }
        let before = EventPosition(process: process, position: Int(to.position) - 1)
        let isHere = try finder.processes[process].sequences.position(of: to.sequence - 1) != nil
        if isHere, try index.uncertainty(at: before) == nil { return nil }
        let previous = EventID(try index.id(of: process), to.sequence - 1)
        return try index.inexactness(of: previous).first.map { "\($0)" }
    }

    /// One that is missing, or of which is not known what it had seen, may be nearer.
    private func doubtOfNearest(_ link: Int, _ partner: Int, _ element: Int) throws -> String? {
        let (from, to) = (candidates[link].elements[partner], candidates[link + 1].elements[element])
        let process = Int(to.process)
        let sequences = try finder.processes[process].sequences
        // Up to which number it is certain that the process had not seen it.
        var unaware: UInt64 = from.process == to.process ? from.sequence : 0
        if from.process != to.process {
            let first =
                try index.firstPosition(knowing: from.key, in: process) ?? Int(to.position)
            if first > 0 {
                let last = EventPosition(process: process, position: first - 1)
                let order = try index.order(index.id(from.place), index.id(last))
                if order == .known(.concurrent) || order == .known(.after) {
                    unaware = sequences[first - 1]
                }
            }
        }
        for gap in try index.gaps(of: process)
        where gap.last > unaware && gap.first < to.sequence {
            return "\(Lack.events(gap))"
        }
        let range = candidates[link + 1].elements(of: process)
        for other in range where other < element {
            let other = candidates[link + 1].elements[other]
            if other.sequence > unaware, !other.isCertain {
                return try index.inexactness(of: index.id(other.place)).first.map { "\($0)" }
            }
        }
        return nil
    }

    /// Whether what may not come between two events does.
    private func between(_ link: Int, _ partner: Int, _ element: Int) throws -> Absence {
        guard let barrier = barriers[link] else { return .no }
        let (from, to) = (candidates[link].elements[partner], candidates[link + 1].elements[element])
        for range in barrier.toLater.before(element) {
            let last = range.upperBound - 1
            // Of those of one process, the last one knows most.
            if barrier.knowing.before(last).contains(where: { $0.contains(partner) }) {
                return .yes
            }
            let event = barrier.toLater.others.elements[last]
            guard !event.isCertain, event.process != from.process else { continue }
            if case .unknown(.lacking(let lacks), let excluded) = try index.order(
                index.id(from.place), index.id(event.place)), !excluded.contains(.before)
            {
                return .unknown(lacks.first.map { "\($0)" } ?? "")
            }
        }
        if !to.isCertain, let lack = try index.inexactness(of: index.id(to.place)).first {
            return .unknown("\(lack)")
        }
        for process in barrier.processes {
            let seen = try seenUpTo(process, to)
            guard try index.gaps(of: process).contains(where: { $0.first <= seen }) else {
                continue
            }
            for gap in try index.gaps(thatMayFollow: index.id(from.place), in: [process])
            where gap.first <= seen && (process != Int(from.process) || gap.last > from.sequence) {
                return .unknown("\(Lack.events(gap))")
            }
        }
        return .no
    }

    /// Whether the time between the events of a match is as the query says, as far as that is known now.
    func elapsedHolds(_ chosen: [Int], from first: Int) throws -> Absence {
        for elapsed in query.elapsed where min(elapsed.from, elapsed.to) == first {
            let bounds = try self.elapsed(chosen, elapsed.from, elapsed.to)
            let (least, most) = (
                elapsed.comparison.holds(.duration(bounds.lowerBound), .duration(elapsed.seconds)),
                elapsed.comparison.holds(.duration(bounds.upperBound), .duration(elapsed.seconds))
            )
            let isDecided: Bool
            switch elapsed.comparison {
            case .equal, .notEqual:
                isDecided =
                    bounds.lowerBound == bounds.upperBound || !bounds.contains(elapsed.seconds)
            default: isDecided = least == most
            }
            guard isDecided else {
                return .unknown(
                    "\(query.terms[elapsed.from].name) and \(query.terms[elapsed.to].name) are "
                        + "\(Distance<Execution>.text(bounds)) apart, as far as messages tell")
            }
            if !least { return .no }
        }
        return .yes
    }

    /// The seconds from the event of one term of a match to that of another.
    func elapsed(_ chosen: [Int], _ from: Int, _ to: Int) throws -> ClosedRange<Double> {
        let (a, b) = (
            candidates[from].elements[chosen[from]], candidates[to].elements[chosen[to]]
        )
        switch try index.order(index.id(a.place), index.id(b.place)) {
        case .known(.before): return try distance.elapsed(from: a, to: b, areOrdered: true)
        case .known(.after):
            let bounds = try distance.elapsed(from: b, to: a, areOrdered: true)
            return -bounds.upperBound ... -bounds.lowerBound
        default: return try distance.elapsed(from: a, to: b, areOrdered: false)
        }
    }

    // MARK: What holds between events

    /// Whether all holds that is between events of which the last one was chosen now.
    ///
    /// - Parameter chosen: By term, its element, from `first` on.
    func holds(_ chosen: [Int], from first: Int) -> Bool {
        conditions.allSatisfy { condition, terms in
            guard terms.contains(first), terms.min() == first, terms.max()! < chosen.count else {
                return true
            }
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
        conditions.isEmpty && query.elapsed.isEmpty
            && query.links.allSatisfy {
                $0.within == nil && $0.until == nil && $0.relation != .nearest
                    && $0.relation != .message
            }
    }

    // MARK: Absence

    enum Absence {
        case yes
        case no
        case unknown(String)
    }

    /// Whether a match has no event of the absent term, if there is one.
    func absence(_ chosen: [Int]) throws -> Absence {
        guard let link = query.links.indices.last, query.links[link].isAbsent else { return .yes }
        let element = chosen[link]
        var doubt: String?
        if query.links[link].within == nil, conditions.isEmpty {
            if try !ranges(link, of: element).isEmpty { return .no }
        } else {
            for partner in try partners(link, of: element) {
                guard conditionsOfAbsentHold(chosen + [partner.element]) else { continue }
                guard let why = partner.doubt else { return .no }
                doubt = doubt ?? why
            }
        }
        if let doubt { return .unknown(doubt) }
        return try doubtOfAbsence(chosen, link).map { .unknown($0) } ?? .yes
    }

    private func conditionsOfAbsentHold(_ chosen: [Int]) -> Bool {
        let last = chosen.count - 1
        return conditions.allSatisfy { condition, terms in
            guard terms.contains(last) else { return true }
            return condition.holds { test in
                test.holds(words: { _ in false }) { term, field in
                    self.value(term ?? 0, field, chosen)
                }
            }!
        }
    }

    /// For want of what an event of the absent term may be there all the same; nil where it is not.
    private func doubtOfAbsence(_ chosen: [Int], _ link: Int) throws -> String? {
        let element = candidates[link].elements[chosen[link]]
        let id = try index.id(element.place)
        let isAfter = query.links[link].relation == .before
        if !isAfter {
            if let lack = try index.inexactness(of: id).first { return "\(lack)" }
            for process in absentProcesses {
                if let last = try index.lastDropped(of: process) { return "\(Lack.dropped(last))" }
                let seen = try seenUpTo(process, element)
                for gap in try index.gaps(of: process)
                where try gap.first <= seen && !isBeyond(gap, element, link) {
                    return "\(Lack.events(gap))"
                }
            }
        } else {
            for gap in try index.gaps(thatMayFollow: id, in: absentProcesses)
            where try !isBeyond(gap, element, link) {
                return "\(Lack.events(gap))"
            }
            if let lack = try undecided(after: element, id, chosen, link) { return lack }
        }
        for unreadable in candidates[link + 1].unreadable {
            let order = try index.order(id, unreadable)
            if case .known(let known) = order, known != (isAfter ? .before : .after) { continue }
            return "\(Lack.unreadable(unreadable))"
        }
        return nil
    }

    private func seenUpTo(_ process: Int, _ element: Candidates.Element) throws -> UInt64 {
        process == Int(element.process)
            ? element.sequence - 1 : try index.known(of: process, at: element.place)
    }

    /// The events of the absent term of which is not known whether they have seen an event.
    private func undecided(
        after element: Candidates.Element, _ id: EventID, _ chosen: [Int], _ link: Int
    ) throws -> String? {
        let others = candidates[link + 1]
        for (process, range) in others.processes where process != Int(element.process) {
            let isPlain = try index.isPlain(Int(element.process))
            if isPlain, others.areCertain(range) { continue }
            for other in range {
                try options.cancellation.check()
                let partner = others.elements[other]
                if isPlain, partner.isCertain { continue }
                guard
                    case .unknown(.lacking(let lacks), let excluded) = try index.order(
                        id, index.id(partner.place)), !excluded.contains(.before),
                    joined([other..<other + 1], link, chosen[link]).count == 1,
                    conditionsOfAbsentHold(chosen + [other])
                else { continue }
                return lacks.first.map { "\($0)" }
            }
        }
        return nil
    }

    /// Whether whatever happened in a gap is surely further from an event than its link allows.
    private func isBeyond(
        _ gap: Gap, _ element: Candidates.Element, _ link: Int
    ) throws -> Bool {
        guard let span = query.links[link].within, case .time = span,
            let process = try index.index(of: gap.process)
        else { return false }
        let sequences = try finder.processes[process].sequences
        // The event before the gap, where what follows is meant, or the one behind it.
        let isAfter = query.links[link].relation == .before
        let position =
            isAfter ? sequences.count(upTo: gap.first) - 1 : sequences.count(upTo: gap.last)
        guard sequences.count > 0, (0..<sequences.count).contains(position) else { return false }
        let place = EventPosition(process: process, position: position)
        var time = EventBatch.noTime
        if let known = try rows.time(at: place) { time = known }
        let edge = Candidates.Element(
            process: Int32(process), position: Int32(position), sequence: sequences[position],
            time: time, rank: 0)
        // Only what is ordered to it tells.
        let order = try index.order(index.id(element.place), index.id(place))
        guard order == .known(isAfter ? .before : .after) else { return false }
        let verdict =
            isAfter
            ? try distance.verdict(element, edge, span, areOrdered: true)
            : try distance.verdict(edge, element, span, areOrdered: true)
        if case .beyond = verdict { return true }
        return false
    }
}

extension Query.Relation {
    /// The same, asked from the other event.
    fileprivate var reversed: Query.Relation {
        switch self {
        case .before: .after
        case .after: .before
        case .concurrent, .message, .nearest, .sameProcess: self
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
