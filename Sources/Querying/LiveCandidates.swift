import Causality
import HappensBefore

/// The events that the terms of a pattern have taken, of what somebody who follows its matches was shown: by runs and numbers,
/// since processes and positions change from one look to the next.
///
/// A class, since it outlives the looks that add to it. For one follower, and so for one thread at a time.
final class LiveCandidates {
    let query: Query
    private let max: Int
    /// Whether it has all of them: of what was shown before, too.
    var isWhole = false
    /// Events of all terms.
    private(set) var count = 0
    private var byteCount = 0
    /// How many events came. All events of all terms have ranks in that order.
    private var rank: Int32 = 0
    /// The query's terms, then what is counted between them, by link.
    private var terms: [Term]

    private struct Term {
        let selection: Selection
        /// What is compared with fields of other terms; the processes are asked for their names each time.
        let fields: [Selection.Field]
        var lines: [LiveCursor.Run: Line] = [:]
        var unreadable: [EventID] = []
        /// What is here and was not shown yet: for one look.
        var ahead: [(place: EventPosition, kept: Kept)] = []
        var unreadableAhead: [EventID] = []

        func takes(_ event: Event, _ listed: ListedEvent) -> Bool {
            selection.holds(for: event, host: listed.host, kind: listed.kind)
        }

        func kept(_ listed: ListedEvent, rank: Int32) -> Kept {
            Kept(
                sequence: listed.sequence, time: listed.batch.rows.times[listed.row], rank: rank,
                values: fields.map { $0 == .process ? .nothing : listed.value(of: $0) })
        }
    }

    /// The events of a run, ascending.
    private struct Line {
        var events: [Kept] = []
    }

    private struct Kept {
        var sequence: UInt64
        var time: Int64
        var rank: Int32
        /// By field of the term; none where it has no fields.
        var values: [Selection.Field.Value]

        /// What it takes in memory, about.
        var byteCount: Int { values.reduce(64) { $0 + $1.byteCount } }
    }

    init(_ query: Query, max: Int = Limits.liveCandidatesMax) {
        (self.query, self.max) = (query, max)
        let fields = query.joinedFields
        terms = query.terms.enumerated().map { number, term in
            Term(
                selection: term.selection,
                fields: Set(fields.filter { $0.term ?? 0 == number }.map(\.field)).map { $0 })
        }
        terms += query.links.flatMap(\.between).map { Term(selection: $0.selection, fields: []) }
    }

    /// Forgets all.
    func clear() {
        for term in terms.indices {
            (terms[term].lines, terms[term].unreadable) = ([:], [])
            (terms[term].ahead, terms[term].unreadableAhead) = ([], [])
        }
        (isWhole, count, byteCount, rank) = (false, 0, 0, 0)
    }

    /// Keeps an event as one of each term that takes it. O(terms · its content), and O(events of its run) where it is not the
    /// last one of its run.
    func append(_ listed: ListedEvent, of run: LiveCursor.Run) throws {
        guard rank < .max else { throw OutdatedCandidates() }
        let event = listed.event
        for term in terms.indices where terms[term].takes(event, listed) {
            let kept = terms[term].kept(listed, rank: rank)
            try count(bytes: kept.byteCount)
            let all = terms[term].lines[run, default: Line()].events
            let place =
                all.last.map { $0.sequence < kept.sequence } ?? true
                ? all.count
                : partitionPoint(count: all.count) { all[$0].sequence < kept.sequence }
            terms[term].lines[run, default: Line()].events.insert(kept, at: place)
        }
        rank += 1
    }

    /// Takes note, for one look, of an event that is here and was not shown yet: it is in no match, but others may not be one for it.
    func append(ahead listed: ListedEvent) throws {
        let event = listed.event
        for term in terms.indices where terms[term].takes(event, listed) {
            let kept = terms[term].kept(listed, rank: .max)
            try count(bytes: kept.byteCount)
            terms[term].ahead.append((listed.place, kept))
        }
    }

    /// The same of one that cannot be read.
    func append(unreadableAhead id: EventID) throws {
        for term in terms.indices
        where terms[term].selection.mayHold(process: id.process, host: nil) {
            try count(bytes: 64)
            terms[term].unreadableAhead.append(id)
        }
    }

    /// Forgets what was not shown yet.
    func clearAhead() {
        for term in terms.indices {
            for (_, kept) in terms[term].ahead { discount(kept) }
            count -= terms[term].unreadableAhead.count
            byteCount -= 64 * terms[term].unreadableAhead.count
            (terms[term].ahead, terms[term].unreadableAhead) = ([], [])
        }
    }

    /// Keeps an event that cannot be read.
    func append(unreadable id: EventID) throws {
        guard rank < .max else { throw OutdatedCandidates() }
        for term in terms.indices
        where terms[term].selection.mayHold(process: id.process, host: nil) {
            try count(bytes: 64)
            terms[term].unreadable.append(id)
        }
        rank += 1
    }

    private func discount(_ kept: Kept) {
        count -= 1
        byteCount -= kept.byteCount
    }

    private func count(bytes: Int) throws {
        count += 1
        byteCount += bytes
        guard count <= max, byteCount <= Limits.liveCandidatesBytesMax else {
            let what =
                count > max
                ? "\(max) events"
                : "\(Limits.liveCandidatesBytesMax) bytes of what is compared"
            throw QuestionError(
                .misuse,
                "the terms of the pattern have taken more than \(what), which is what is kept of them: narrow a selection; the cursor of the last message goes on from there"
            )
        }
    }

    /// The candidates by the processes and positions of a look; nil where the history tells of other events than are kept.
    /// What was dropped is forgotten. O(events · log runs)
    func found(
        _ runs: LiveRuns, _ index: some CausalIndex
    ) throws -> (terms: [Candidates], between: [[Candidates]])? {
        var all: [Candidates] = []
        for term in terms.indices {
            guard let found = try candidates(term, runs, index) else { return nil }
            all.append(found)
        }
        var rest = all[query.terms.count...]
        let between = query.links.map { link in
            let own = Array(rest.prefix(link.between.count))
            rest = rest.dropFirst(link.between.count)
            return own
        }
        return (Array(all.prefix(query.terms.count)), between)
    }

    private func candidates(
        _ term: Int, _ runs: LiveRuns, _ index: some CausalIndex
    ) throws -> Candidates? {
        let fields = terms[term].fields
        var found = Candidates(fields: Set(fields))
        for id in terms[term].unreadable + terms[term].unreadableAhead {
            found.append(unreadable: id)
        }
        var seen = 0
        for (process, run) in runs.runs.enumerated() {
            guard let run, let line = terms[term].lines[run] else { continue }
            seen += 1
            let sequences = runs.sequences[process]
            let name: Selection.Field.Value = .process(try index.id(of: process))
            var droppedCount = 0
            for kept in line.events {
                guard let position = sequences.position(of: kept.sequence) else { return nil }
                guard position >= runs.dropped[process] else {
                    droppedCount += 1
                    continue
                }
                let values = zip(fields, kept.values).map { ($0, $0 == .process ? name : $1) }
                found.append(
                    EventPosition(process: process, position: position), sequence: kept.sequence,
                    time: kept.time, rank: kept.rank, values)
            }
            for kept in line.events.prefix(droppedCount) { discount(kept) }
            terms[term].lines[run]!.events.removeFirst(droppedCount)
        }
        for (place, kept) in terms[term].ahead {
            let name: Selection.Field.Value = .process(try index.id(of: place.process))
            found.append(
                place, sequence: kept.sequence, time: kept.time, rank: kept.rank,
                zip(fields, kept.values).map { ($0, $0 == .process ? name : $1) })
        }
        // A run that is gone, or has become several.
        guard seen == terms[term].lines.count else { return nil }
        try found.finish(index)
        return found
    }
}

extension Selection.Field.Value {
    /// What it takes in memory, about.
    fileprivate var byteCount: Int {
        switch self {
        case .text(let text), .list(_, let text): 32 + text.utf8.count
        default: 32
        }
    }
}
