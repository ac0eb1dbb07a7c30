import Causality
import HappensBefore

/// The matches that events bring to somebody who follows a pattern, one event after the other.
protocol LiveMatchSequence {
    /// Looks at the next one; nil where there is none.
    mutating func next() throws -> LiveMatchStep?
}

enum LiveMatchStep {
    /// A step of the work brought none.
    case passed
    case match(Match)
    /// All matches of an event have come: those since the one before.
    case done(EventPosition, UInt64)
    /// The event is there and cannot be read.
    case unreadable(EventPosition, EventID)
    /// Something is to be known of the matches of the event that is done next.
    case note(String)
}

/// The candidates that are kept are not those that the history tells of: they are to be found once more.
struct OutdatedCandidates: Error {}

/// Finds the candidates of what somebody was shown, where they are not kept.
struct CandidateGathering<Execution: IndexedExecution> {
    private let kept: LiveCandidates
    private let runs: LiveRuns
    private let shown: LiveCursor
    private var cursor: EventCursor<Execution>?

    init(
        _ kept: LiveCandidates, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, _ runs: LiveRuns, _ shown: LiveCursor
    ) throws {
        (self.kept, self.runs, self.shown) = (kept, runs, shown)
        guard !kept.isWhole else { return }
        kept.clear()
        cursor = try EventCursor(
            execution, Slice(ranges: runs.before(shown), lacks: []), kept.query.anySelection,
            .forwards, store, options.ofCandidates)
    }

    /// Takes a step; false where all are kept.
    mutating func step() throws -> Bool {
        guard cursor != nil else { return false }
        switch try cursor!.next() {
        case nil:
            cursor = nil
            kept.isWhole = true
        case .event(let listed):
            guard let run = runs.runs[listed.place.process], shown.has(listed.sequence, of: run)
            else { break }
            try kept.append(listed, of: run)
        case .unreadable(let id): try kept.append(unreadable: id)
        case .passed, .match: break
        }
        return true
    }
}

extension Question.Options {
    /// Of events of which only what they say is asked, however many they are.
    fileprivate var ofCandidates: Question.Options {
        var options = ofMatches
        (options.hasClock, options.hasMessages) = (false, false)
        return options
    }

    /// Of matches, however much is read for them.
    fileprivate var ofMatches: Question.Options {
        var options = self
        (options.limit, options.imposedLimit, options.bytesMax) = (nil, nil, nil)
        return options
    }
}

extension LiveCandidates {
    /// What finds matches among the events that are kept.
    fileprivate func matcher<Execution: IndexedExecution>(
        _ execution: Execution, _ store: some HistoryStore, _ options: Question.Options,
        _ runs: LiveRuns
    ) throws -> Matcher<Execution> {
        guard let found = try found(runs, execution.index) else { throw OutdatedCandidates() }
        return try Matcher(
            query, execution, store, options.ofMatches,
            .init(terms: found.terms, between: found.between), areFew: true)
    }
}

extension Match {
    /// What it takes in memory, about.
    var byteCount: Int {
        events.reduce(64) { sum, event in
            if case .event(let listed) = event.event { sum + listed.byteCount } else { sum + 64 }
        }
    }
}

/// The matches of a pattern that new events complete: each comes with its newest event, of whichever of its terms that is.
/// Where a term takes a new event, the terms before it are of events that came before it, those behind it of these or of itself:
/// so each match comes once.
struct LiveMatches<Execution: IndexedExecution>: LiveMatchSequence {
    private let kept: LiveCandidates
    private let execution: Execution
    private let store: any HistoryStore
    private let options: Question.Options
    private let runs: LiveRuns
    private var gathering: CandidateGathering<Execution>
    private var arriving: EventCursor<Execution>
    /// Where it matters: what is here, was not shown, and is not new in this look; nil where all of that is noted.
    private var ahead: EventCursor<Execution>?
    private let shown: LiveCursor
    /// By process: what is new.
    private let fresh: [Range<Int>]
    /// New events, each with its name where it cannot be read. All that is kept is brought in order for some of them at once.
    private var arrived: [(place: EventPosition, sequence: UInt64, unreadable: EventID?)] = []
    /// How many of them are done.
    private var doneCount = 0
    /// Finds the matches of those that arrived.
    private var matcher: Matcher<Execution>?
    private var walk: MatchWalk<Execution>?
    /// The term that the event is looked at as.
    private var term = 0
    private var reader: EventReader
    /// Matches of the event that were given, what these take, and those that were not.
    private var given = (count: 0, byteCount: 0)
    private var leftOut = 0

    /// - Parameters:
    ///   - kept: The candidates among what was shown. Those among what is new are added.
    ///   - shown: What was shown.
    ///   - fresh: By process: what is new.
    init(
        _ kept: LiveCandidates, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, _ runs: LiveRuns, shown: LiveCursor, fresh: [Range<Int>]
    ) throws {
        (self.kept, self.execution, self.store, self.runs) = (kept, execution, store, runs)
        self.options = options
        kept.clearAhead()
        gathering = try CandidateGathering(kept, execution, store, options, runs, shown)
        arriving = try EventCursor(
            execution, Slice(ranges: fresh, lacks: []), kept.query.anySelection, .forwards, store,
            options.ofCandidates)
        (self.shown, self.fresh) = (shown, fresh)
        if kept.query.asksForOthers {
            ahead = try EventCursor(
                execution, Slice(ranges: runs.unshown(shown), lacks: []), kept.query.anySelection,
                .forwards, store, options.ofCandidates)
        }
        reader = EventReader(store)
    }

    mutating func next() throws -> LiveMatchStep? {
        if try gathering.step() { return .passed }
        if try lookAhead() { return .passed }
        if matcher != nil { return try match() }
        // Where an event that comes later may decide, all that are new are looked at together.
        let isEnough =
            !kept.query.asksForOthers
            && arrived.count >= max(Limits.liveEventsMax, kept.count / 4)
        if !isEnough, try arrive() { return .passed }
        guard !arrived.isEmpty else { return nil }
        arriving.release()
        matcher = try kept.matcher(execution, store, options, runs)
        return .passed
    }

    /// Takes a step towards noting what is here and comes later; false where all of it is noted.
    private mutating func lookAhead() throws -> Bool {
        guard ahead != nil else { return false }
        guard let step = try ahead!.next() else {
            ahead = nil
            return true
        }
        switch step {
        case .event(let listed) where isAhead(listed.place, listed.sequence):
            try kept.append(ahead: listed)
        case .unreadable(let id):
            if let place = try execution.index.position(of: id), isAhead(place, id.sequence) {
                try kept.append(unreadableAhead: id)
            }
        case .event, .passed, .match: break
        }
        return true
    }

    private func isAhead(_ place: EventPosition, _ sequence: UInt64) -> Bool {
        guard let run = runs.runs[place.process] else { return false }
        return !shown.has(sequence, of: run) && !fresh[place.process].contains(place.position)
    }

    /// Takes a step towards the next new event; false where there is none.
    private mutating func arrive() throws -> Bool {
        guard let step = try arriving.next() else { return false }
        switch step {
        case .event(let listed):
            try kept.append(listed, of: runs.runs[listed.place.process]!)
            arrived.append((listed.place, listed.sequence, nil))
        case .unreadable(let id):
            try kept.append(unreadable: id)
            if let place = try execution.index.position(of: id) {
                arrived.append((place, id.sequence, id))
            }
        case .passed, .match: break
        }
        return true
    }

    private mutating func match() throws -> LiveMatchStep {
        guard doneCount < arrived.count else {
            (matcher, arrived, doneCount) = (nil, [], 0)
            reader.release()
            return .passed
        }
        let (place, sequence, unreadable) = arrived[doneCount]
        if let unreadable {
            doneCount += 1
            return .unreadable(place, unreadable)
        }
        if walk != nil { return try walkOn() }
        while term < kept.query.presentTerms.count {
            if let element = matcher!.candidates[term].element(at: place) {
                walk = MatchWalk(matcher!, completedBy: element, of: term)
                return .passed
            }
            term += 1
        }
        if leftOut > 0 {
            defer { leftOut = 0 }
            let id = EventID(try execution.index.id(of: place.process), sequence)
            let isAll = leftOut < Limits.liveMatchesCountedMax
            return .note(
                "\(id) brings \(isAll ? "" : "at least ")\(count(leftOut, "more match", "more matches")), which are not shown: a narrower pattern shows them, or query"
            )
        }
        doneCount += 1
        (term, given) = (0, (0, 0))
        return .done(place, sequence)
    }

    private mutating func walkOn() throws -> LiveMatchStep {
        switch try walk!.next() {
        case nil:
            walk = nil
            term += 1
            return .passed
        case .passed: return .passed
        case .match(let doubt):
            guard given.count < Limits.liveMatchesMax, given.byteCount < Limits.liveMatchesBytesMax
            else {
                leftOut += 1
                if leftOut == Limits.liveMatchesCountedMax { (walk, term) = (nil, .max) }
                return .passed
            }
            let match = Match(events: try matcher!.events(walk!.chosen, &reader), doubt: doubt)
            given.count += 1
            given.byteCount += match.byteCount
            return .match(match)
        }
    }
}

/// The last matches of what is here: those of which the newest event, in causal order, comes last.
struct LastMatches<Execution: IndexedExecution>: LiveMatchSequence {
    private let kept: LiveCandidates
    private let execution: Execution
    private let store: any HistoryStore
    private let options: Question.Options
    private let runs: LiveRuns
    private let count: Int
    private var gathering: CandidateGathering<Execution>
    private var matcher: Matcher<Execution>?
    private var walk: MatchWalk<Execution>?
    /// The events that are left to be looked at, as some term, the last one first.
    private var left: ArraySlice<(rank: Int32, term: Int, element: Int)> = []
    /// What was found, the last one first.
    private var rows: [MatchRow] = []
    /// The last ones of the event that is looked at, in their order, and how many it has.
    private var ofEvent: [MatchRow] = []
    private var ofEventCount = 0
    private var read: [Match] = []
    private var byteCount = 0
    private var reader: EventReader
    private var isRead = false

    /// - Parameter shown: All that is here.
    init(
        _ kept: LiveCandidates, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, _ runs: LiveRuns, shown: LiveCursor, count: Int
    ) throws {
        (self.kept, self.execution, self.store, self.runs) = (kept, execution, store, runs)
        (self.options, self.count) = (options, count)
        kept.clearAhead()
        gathering = try CandidateGathering(kept, execution, store, options, runs, shown)
        reader = EventReader(store)
    }

    mutating func next() throws -> LiveMatchStep? {
        if try gathering.step() { return .passed }
        guard let matcher else {
            try begin()
            return .passed
        }
        if rows.count < count, let step = try find(matcher) { return step }
        if !isRead { return try readOn(matcher) }
        return read.popLast().map { .match($0) }
    }

    private mutating func begin() throws {
        let matcher = try kept.matcher(execution, store, options, runs)
        self.matcher = matcher
        var events: [(rank: Int32, term: Int, element: Int)] = []
        for term in kept.query.presentTerms {
            for (number, element) in matcher.candidates[term].elements.enumerated() {
                events.append((element.rank, term, number))
            }
        }
        left = events.sorted { ($0.rank, $0.term) > ($1.rank, $1.term) }[...]
    }

    /// Takes a step towards the match before; nil where there is none.
    private mutating func find(_ matcher: Matcher<Execution>) throws -> LiveMatchStep? {
        guard walk != nil else {
            guard let next = left.popFirst() else { return nil }
            walk = MatchWalk(matcher, completedBy: next.element, of: next.term)
            return .passed
        }
        let missing = count - rows.count
        switch try walk!.next() {
        case .passed: return .passed
        case .match(let doubt) where ofEventCount < Limits.liveMatchesCountedMax:
            ofEvent.append(MatchRow(chosen: walk!.chosen, doubt: doubt))
            ofEventCount += 1
            if ofEvent.count == missing + Limits.liveMatchesMax {
                ofEvent.removeFirst(Limits.liveMatchesMax)
            }
        case .match, nil:
            rows += ofEvent.suffix(missing).reversed()
            (walk, ofEvent, ofEventCount) = (nil, [], 0)
        }
        return .passed
    }

    private mutating func readOn(_ matcher: Matcher<Execution>) throws -> LiveMatchStep {
        guard read.count < rows.count, byteCount < Limits.lastEventsBytesMax else {
            isRead = true
            guard read.count < rows.count else { return .passed }
            return .note(
                "of the last matches, \(read.count) are shown: they take \(Limits.lastEventsBytesMax) bytes"
            )
        }
        let row = rows[read.count]
        let match = Match(events: try matcher.events(row.chosen, &reader), doubt: row.doubt)
        byteCount += match.byteCount
        read.append(match)
        return .passed
    }
}
