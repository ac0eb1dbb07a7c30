import Causality
import HappensBefore

/// Events that are related as a pattern says.
package struct Match: Sendable {
    package enum Event: Sendable {
        case event(ListedEvent)
        /// It is there and cannot be read.
        case unreadable(EventID)
    }

    /// By the names of their terms.
    package var events: [(name: String, event: Event)]
    /// Why it may be none; nil where it surely is one.
    package var doubt: String?
}

/// A match, by the elements of its terms.
struct MatchRow {
    var chosen: [Int]
    var doubt: String?
}

/// The elements of matches, one match after the other: from the events of one term on to those of the terms before it, then to
/// those of the terms behind it.
struct MatchWalk<Execution: IndexedExecution> {
    private let matcher: Matcher<Execution>
    /// The elements of the term that it begins with: all of them in causal order, or the only one that is meant.
    private var roots: ArraySlice<Int>
    /// In which order the events of terms are chosen.
    private let order: [Int]
    /// Of each but the first: what is left to be tried.
    private var partners: [ArraySlice<Matcher<Execution>.Partner>] = []
    /// The event that others of a match are not to be newer than, where it is the newest.
    private let newest: Candidates.Element?
    /// By term.
    private(set) var chosen: [Int]
    private var doubts: [String?]

    enum Step {
        case match(doubt: String?)
        case passed
    }

    init(_ matcher: Matcher<Execution>) {
        self.matcher = matcher
        let count = matcher.query.presentTerms.count
        roots = matcher.candidates[count - 1].ranked[...]
        order = (0..<count).reversed()
        newest = nil
        chosen = [Int](repeating: 0, count: count)
        doubts = [String?](repeating: nil, count: count)
    }

    /// The matches that one event completes, as that of a term: those of no term that came after it, nor of the terms before this
    /// one itself. Ranks say what came after what, among the events of all terms. So each match is one of one event and term.
    init(_ matcher: Matcher<Execution>, completedBy element: Int, of term: Int) {
        self.matcher = matcher
        let count = matcher.query.presentTerms.count
        roots = [element]
        order = (0...term).reversed() + (term + 1..<count)
        newest = matcher.candidates[term].elements[element]
        chosen = [Int](repeating: 0, count: count)
        doubts = [String?](repeating: nil, count: count)
    }

    mutating func next() throws -> Step? {
        try matcher.options.cancellation.check()
        guard !partners.isEmpty else {
            guard let root = roots.popFirst() else { return nil }
            return try choose(root, nil, 0)
        }
        guard let partner = partners[partners.count - 1].popFirst() else {
            partners.removeLast()
            return .passed
        }
        return try choose(partner.element, partner.doubt, partners.count)
    }

    /// - Parameter number: How many were chosen before.
    private mutating func choose(
        _ element: Int, _ doubt: String?, _ number: Int
    ) throws -> Step {
        let term = order[number]
        guard isOldEnough(element, term) else { return .passed }
        chosen[term] = element
        doubts[term] = doubt
        let terms = term <= order[0] ? term..<order[0] + 1 : 0..<term + 1
        guard matcher.holds(chosen, of: terms, newest: term) else { return .passed }
        switch try matcher.elapsedHolds(chosen, of: terms, newest: term) {
        case .yes: break
        case .no: return .passed
        case .unknown(let why): doubts[term] = doubt ?? why
        }
        guard number == order.count - 1 else {
            partners.append(try partners(of: order[number + 1])[...])
            return .passed
        }
        let doubt = doubts.lazy.compactMap { $0 }.first
        switch try matcher.absence(chosen) {
        case .no: return .passed
        case .yes: return .match(doubt: doubt)
        case .unknown(let why): return .match(doubt: doubt ?? why)
        }
    }

    /// What the event of a term may be, whose neighbour was chosen.
    private func partners(of term: Int) throws -> [Matcher<Execution>.Partner] {
        guard term > order[0] else {
            return try matcher.partners(term, matcher.side(term), of: chosen[term + 1])
        }
        let side = try matcher.side(term - 1, isForth: true)
        return try matcher.partners(term - 1, side, of: chosen[term - 1])
    }

    private func isOldEnough(_ element: Int, _ term: Int) -> Bool {
        guard let newest, term != order[0] else { return true }
        let rank = matcher.candidates[term].elements[element].rank
        return term < order[0] ? rank < newest.rank : rank <= newest.rank
    }
}

/// The matches of a pattern, with their events: in the causal order of the events of the last term, those of one such event in
/// that of the term before it, and so on.
struct MatchCursor<Execution: IndexedExecution>: EventSequence {
    private let matcher: Matcher<Execution>
    private var walk: MatchWalk<Execution>
    /// Those that are meant; nil for all that are found on the walk.
    private var rows: ArraySlice<MatchRow>?
    private var reader: EventReader
    private var taken = 0

    init(_ matcher: Matcher<Execution>, _ rows: [MatchRow]?, _ store: some HistoryStore) {
        self.matcher = matcher
        self.rows = rows?[...]
        walk = MatchWalk(matcher)
        reader = EventReader(store, bytesMax: matcher.options.bytesMax)
    }

    mutating func next() throws -> EventStep? {
        do {
            if let limit = matcher.options.limit, taken == limit { return nil }
            if rows != nil {
                guard let row = rows!.popFirst() else { return nil }
                return try match(row.chosen, row.doubt)
            }
            return switch try walk.next() {
            case nil: nil
            case .passed: .passed
            case .match(let doubt): try match(walk.chosen, doubt)
            }
        } catch var stopped as QuestionStopped {
            stopped.progress = .matched(taken)
            throw stopped
        }
    }

    mutating func release() {
        reader.release()
        matcher.finder.release()
    }

    private mutating func match(_ chosen: [Int], _ doubt: String?) throws -> EventStep {
        if let limit = matcher.options.imposedLimit, taken == limit {
            throw QuestionStopped(.events(max: limit))
        }
        taken += 1
        return .match(Match(events: try matcher.events(chosen, &reader), doubt: doubt))
    }
}

extension Matcher {
    /// The events of a match that are shown, by the names of their terms.
    func events(
        _ chosen: [Int], _ reader: inout EventReader
    ) throws -> [(name: String, event: Match.Event)] {
        var events: [(name: String, event: Match.Event)] = []
        for term in query.selected ?? Array(query.presentTerms) {
            let place = candidates[term].elements[chosen[term]].place
            events.append((query.terms[term].name, try event(at: place, &reader)))
        }
        return events
    }

    private func event(
        at place: EventPosition, _ reader: inout EventReader
    ) throws -> Match.Event {
        guard let (batch, row) = try reader.row(at: place, of: execution) else {
            return .unreadable(try index.id(place))
        }
        return .event(
            try ListedEvent(
                batch, row, at: place, finder.processes,
                senders: options.hasMessages ? finder.senders(at: place) : nil,
                options.hasClock ? finder.processes.clock(at: place) : nil))
    }
}

// MARK: Counting

extension Matcher {
    /// How many matches there are by the element of the last term, where `areCountable`; without looking at each.
    /// O(elements · processes).
    private func counts() throws -> [Int] {
        let last = query.presentTerms.upperBound - 1
        var counts = [Int](repeating: 1, count: candidates[0].count)
        for term in 0..<last {
            // Up to each element.
            var sums = [0]
            sums.reserveCapacity(counts.count + 1)
            for count in counts { sums.append(try Aggregation.sum(sums[sums.count - 1], count)) }
            var next: [Int] = []
            next.reserveCapacity(candidates[term + 1].count)
            for element in candidates[term + 1].elements.indices {
                try options.cancellation.check()
                var count = 0
                for range in try ranges(term, side(term), of: element) {
                    count = try Aggregation.sum(
                        count, sums[range.upperBound] - sums[range.lowerBound])
                }
                next.append(count)
            }
            counts = next
        }
        return counts
    }

    /// Calls `body` with the matches: with one of some that have the same event of the last term, and how many these are, where
    /// nothing else is asked for.
    ///
    /// - Parameter terms: Whose events are looked at.
    func forEachMatch(
        of terms: Set<Int>, _ body: (_ chosen: [Int], _ count: Int, _ isSure: Bool) throws -> Void
    ) throws {
        let last = query.presentTerms.upperBound - 1
        guard areCountable, terms.isSubset(of: [last]) else {
            var walk = MatchWalk(self)
            var counted = 0
            do {
                while let step = try walk.next() {
                    guard case .match(let doubt) = step else { continue }
                    counted += 1
                    try body(walk.chosen, 1, doubt == nil)
                }
            } catch var stopped as QuestionStopped {
                stopped.progress = .matched(counted)
                throw stopped
            }
            return
        }
        var chosen = [Int](repeating: 0, count: last + 1)
        for (element, count) in try counts().enumerated() where count > 0 {
            try options.cancellation.check()
            chosen[last] = element
            switch try absence(chosen) {
            case .no: break
            case .yes: try body(chosen, count, true)
            case .unknown: try body(chosen, count, false)
            }
        }
    }
}
