import Causality
import HappensBefore

/// Events one by one, in causal order, or matches of a pattern: a place in a listing that can be held without working.
package protocol EventSequence {
    /// Looks at the next one; nil where there is none, or the asker's limit is reached. Throws `QuestionStopped` where the
    /// answer is to end here though there are more.
    mutating func next() throws -> EventStep?
    /// Lets go of what can be read again.
    mutating func release()
}

package enum EventStep: Sendable {
    case event(ListedEvent)
    /// It is there and cannot be read.
    case unreadable(EventID)
    case match(Match)
    /// A step of the work brought none.
    case passed
}

/// Which way a listing goes.
enum Direction {
    /// Each event after all of them that happened before it.
    case forwards
    /// Each before all of them that happened before it: it comes when all that have seen it came. Ties go to the later wall
    /// time, then to the process that is listed last.
    case backwards

    /// Where an event comes among those of its process, of which some are listed: its position, or that from their end.
    func head(of position: Int, in range: Range<Int>) -> Int {
        self == .forwards ? position : range.upperBound - 1 - position
    }
}

/// How far one process has come.
struct Walk {
    /// The positions that were not looked through.
    var rest: Range<Int>
    /// In the order in which they come.
    var found: ArraySlice<FoundEvent> = []
    /// Where these are.
    var batch: HeldBatch?
    /// How many events are looked for at once, or backwards how many positions are looked through: few at first, since often no
    /// more are wanted.
    var step = Limits.eventsFoundMin
    /// The wall time of the event that comes next, or where it has none of the last one that has.
    var time: Int64
    /// What the event that comes next needs.
    var needs: [EventKey] = []
    var knowledge: WalkedKnowledge

    init(_ range: Range<Int>, _ direction: Direction) {
        rest = range
        time = direction == .forwards ? .min : .max
        knowledge = WalkedKnowledge(from: range.lowerBound)
    }
}

/// The events of a slice that a selection takes, in causal order one way or the other, as `HeadQueue` orders them, up to the
/// limit: a merge of the processes, each of which is looked through as far as its next event.
/// Backwards, the first events cost what is behind them, and no more: O(processes · log n) an event.
/// Memory: O(processes), and some events of each.
struct EventCursor<Execution: IndexedExecution>: EventSequence {
    let finder: EventFinder<Execution>
    let options: Question.Options
    let direction: Direction
    let ranges: [Range<Int>]
    /// The processes that have events to list.
    let meant: [Int]
    private let sequences: [SequenceRuns]
    private let ranks: [Int]
    /// What is found at once of one process at the most: all of it is held.
    private let stepMax: Int
    /// Heads are those of `Direction.head`.
    var queue: HeadQueue
    var walks: [Walk]
    /// In the clocks that are kept of processes.
    var clockEntriesKept = 0
    private var taken = 0
    /// The last event that was listed.
    private var last: EventPosition?

    /// O(processes · log processes).
    init(
        _ execution: Execution, _ slice: Slice, _ selection: Selection, _ direction: Direction,
        _ store: some HistoryStore, _ options: Question.Options
    ) throws {
        finder = try EventFinder(execution, selection, store, options)
        self.options = options
        self.direction = direction
        let index = finder.index
        let ranges = try finder.ranges(of: slice)
        self.ranges = ranges
        meant = ranges.indices.filter { !ranges[$0].isEmpty }
        sequences = try (0..<index.processCount).map { try index.sequences(of: $0) }
        ranks = try finder.processes.listingRanks()
        queue = HeadQueue(
            heads: ranges.map {
                $0.isEmpty ? .max : direction == .forwards ? $0.lowerBound : 0
            })
        walks = ranges.map { Walk($0, direction) }
        let held = max(Limits.eventsFoundMin, Limits.eventsFoundMax / max(1, meant.count))
        stepMax =
            switch direction {
            // What takes a selection long to look at must not keep back what was found before it.
            case .forwards: selection.isEverything ? held : 1
            case .backwards: min(Limits.rowsLookedAt, held)
            }
        for process in meant { try lookLater(process) }
    }

    mutating func next() throws -> EventStep? {
        do {
            try options.cancellation.check()
            return try step()
        } catch var stopped as QuestionStopped {
            stopped.progress = .listed(taken, last: try last.map { try finder.index.id($0) })
            throw stopped
        }
    }

    mutating func release() { finder.release() }

    private mutating func step() throws -> EventStep? {
        if let limit = options.limit, taken == limit { return nil }
        if let process = finder.nextSought() {
            try look(process)
            return .passed
        }
        guard let process = queue.pop() ?? queue.breakCycle()?.process else { return nil }
        let found = walks[process].found.removeFirst()
        let step = try listed(found, of: process)
        walks[process].needs = []
        try goOn(process)
        return step
    }

    private mutating func listed(_ found: FoundEvent, of process: Int) throws -> EventStep {
        let place = EventPosition(process: process, position: found.position)
        let clock = options.hasClock ? try clock(at: place) : nil
        guard let row = found.row else { return .unreadable(try finder.index.id(place)) }
        if let limit = options.imposedLimit, taken == limit {
            throw QuestionStopped(.events(max: limit))
        }
        taken += 1
        last = place
        return .event(
            try ListedEvent(
                walks[process].batch!, row, at: place, finder.processes,
                senders: options.hasMessages ? senders(at: place) : nil, clock))
    }

    /// Looks for the next events of a process a little further.
    private mutating func look(_ process: Int) throws {
        let rest = walks[process].rest
        switch direction {
        case .forwards:
            let end = min(rest.upperBound, rest.lowerBound + Limits.rowsLookedAt)
            let (found, next) = try finder.find(
                in: process, rest.lowerBound..<end, eventsMax: min(stepMax, walks[process].step),
                ahead: end..<rest.upperBound)
            walks[process].found = found.events[...]
            walks[process].batch = HeldBatch(found.batch)
            walks[process].rest = next..<rest.upperBound
            if found.isEmpty { break }
            walks[process].step = min(stepMax, walks[process].step * 2)
        case .backwards:
            let start = max(rest.lowerBound, rest.upperBound - walks[process].step)
            let found = try finder.find(
                in: process, start..<rest.upperBound, eventsMax: .max,
                ahead: rest.lowerBound..<start, .backwards
            ).found
            walks[process].found = found.events.reversed()[...]
            walks[process].batch = HeldBatch(found.batch)
            walks[process].rest = rest.lowerBound..<start
            walks[process].step = min(walks[process].step * 2, stepMax)
        }
        try goOn(process)
    }

    /// Has the next event of a process come in its turn: one that was found, or one that is looked for behind what was looked
    /// through.
    private mutating func goOn(_ process: Int) throws {
        if let next = walks[process].found.first {
            try advance(process, to: direction.head(of: next.position, in: ranges[process]))
            walks[process].needs = try needs(
                of: EventPosition(process: process, position: next.position))
            return settle(process)
        }
        let rest = walks[process].rest
        guard !rest.isEmpty else { return try advance(process, to: .max) }
        let next = direction == .forwards ? rest.lowerBound : rest.upperBound - 1
        try advance(process, to: direction.head(of: next, in: ranges[process]))
        try lookLater(process)
    }

    private mutating func lookLater(_ process: Int) throws {
        let rest = walks[process].rest
        try finder.seek(
            process, from: direction == .forwards ? rest.lowerBound : rest.upperBound - 1)
    }

    /// The next event of a process is at `head`, or behind it where it was not found yet.
    private mutating func advance(_ process: Int, to head: Int) throws {
        for waiter in queue.advance(process, to: head) { settle(waiter) }
    }

    private mutating func settle(_ process: Int) {
        if let row = walks[process].found.first?.row {
            let time = walks[process].batch!.rows.times[row]
            if time != EventBatch.noTime { walks[process].time = time }
        }
        let (time, rank) = (walks[process].time, ranks[process])
        switch direction {
        case .forwards:
            let sequences = sequences
            queue.settle(process, Tie(time: time, rank: rank), needs: walks[process].needs[...]) {
                sequences[$0.process].count(upTo: $0.sequence)
            }
        case .backwards:
            // Needs are positions.
            let ranges = ranges
            queue.settle(process, Tie(time: ~time, rank: -rank), needs: walks[process].needs[...]) {
                ranges[$0.process].upperBound - Int($0.sequence)
            }
        }
    }
}
