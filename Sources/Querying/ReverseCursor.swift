import Causality
import HappensBefore

/// The events of a slice that a selection takes, each before all of them that happened before it: the merge that `EventCursor` does,
/// from the ends of the processes. An event comes when all that have seen it came; ties go to the later wall time, then to
/// the process that is listed last.
///
/// Its first events cost what is behind them, and no more. O(processes · log n) an event. Memory: as `EventCursor`.
struct ReverseCursor<Execution: IndexedExecution>: EventSequence {
    private var finder: EventFinder<Execution>
    private let options: Question.Options
    private let ranges: [Range<Int>]
    private let meant: [Int]
    private let ranks: [Int]
    /// Positions that are looked through at once: what is found among them is held.
    private let stepMax: Int
    /// Heads count from the ends: how many events of a process came, or were passed by.
    private var queue: HeadQueue
    private var walks: [ReverseWalk]
    private var taken = 0
    private var last: EventID?

    /// O(processes · log processes).
    init(
        _ execution: Execution, _ slice: Slice, _ selection: Selection, _ store: some HistoryStore,
        _ options: Question.Options
    ) throws {
        finder = try EventFinder(execution, selection, store, options)
        self.options = options
        let index = finder.index
        ranges = try finder.ranges(of: slice)
        meant = ranges.indices.filter { [ranges] in !ranges[$0].isEmpty }
        stepMax = min(
            Limits.rowsLookedAt,
            max(Limits.eventsFoundMin, Limits.eventsFoundMax / max(1, meant.count)))
        ranks = try index.listingRanks()
        queue = HeadQueue(heads: ranges.map { $0.isEmpty ? .max : 0 })
        walks = ranges.map { ReverseWalk(end: $0.upperBound) }
        for process in meant { try finder.seek(process, from: ranges[process].upperBound - 1) }
    }

    mutating func next() throws -> EventStep? {
        do {
            try options.cancellation.check()
            return try step()
        } catch var stopped as QuestionStopped {
            stopped.progress = .listed(taken, last: last)
            throw stopped
        }
    }

    mutating func release() { finder.release() }

    private mutating func step() throws -> EventStep? {
        if let limit = options.limit, taken == limit { return nil }
        if let process = finder.nextSought() {
            try seek(process)
            return .passed
        }
        guard let process = queue.pop() ?? queue.breakCycle()?.process else { return nil }
        let found = walks[process].found.removeLast()
        if walks[process].found.isEmpty {
            try goOn(process)
        } else {
            try advance(process)
        }
        let place = EventPosition(process: process, position: found.position)
        guard let event = found.event else { return .unreadable(try finder.index.id(place)) }
        if let limit = options.imposedLimit, taken == limit {
            throw QuestionStopped(.events(max: limit))
        }
        taken += 1
        last = event.id
        return .event(try ListedEvent(event, at: place, finder, hasClock: options.hasClock))
    }

    /// Looks for the events of a process a little further to its beginning.
    private mutating func seek(_ process: Int) throws {
        let end = walks[process].end
        let start = max(ranges[process].lowerBound, end - walks[process].step)
        walks[process].step = min(walks[process].step * 2, stepMax)
        walks[process].found = try finder.find(in: process, start..<end, eventsMax: .max).found
        walks[process].end = start
        if walks[process].found.isEmpty {
            try goOn(process)
        } else {
            try advance(process)
        }
    }

    private mutating func goOn(_ process: Int) throws {
        let end = walks[process].end
        let range = ranges[process]
        guard end > range.lowerBound else { return try wake(queue.advance(process, to: .max)) }
        try wake(queue.advance(process, to: range.upperBound - end))
        try finder.seek(process, from: end - 1)
    }

    /// The next event of a process was found.
    private mutating func advance(_ process: Int) throws {
        let position = walks[process].found.last!.position
        try wake(queue.advance(process, to: ranges[process].upperBound - 1 - position))
        try settle(process)
    }

    private mutating func wake(_ waiters: [Int]) throws {
        for waiter in waiters { try settle(waiter) }
    }

    private mutating func settle(_ process: Int) throws {
        let next = walks[process].found.last!
        if let time = next.event?.time { walks[process].earliest = time.nanoseconds }
        let needs = try knowers(of: EventPosition(process: process, position: next.position))
        let ranges = ranges
        queue.settle(
            process, Tie(time: ~walks[process].earliest, rank: -ranks[process]),
            needs: needs.map { EventKey(process: $0.process, sequence: UInt64($0.position)) }
        ) { ranges[$0.process].upperBound - Int($0.sequence) }
    }

    /// The first event of each other process that has seen an event, of those that have not come.
    private func knowers(of place: EventPosition) throws -> [EventPosition] {
        let index = finder.index
        let event = EventKey(
            process: place.process,
            sequence: try finder.processes[place.process].sequences[place.position])
        var knowers: [EventPosition] = []
        for other in meant where other != place.process {
            let range = ranges[other]
            guard queue.heads[other] < range.count,
                let first = try index.firstPosition(knowing: event, in: other),
                first < range.upperBound
            else { continue }
            knowers.append(
                EventPosition(process: other, position: max(first, range.lowerBound)))
        }
        guard !finder.messages.areAllKnown else { return knowers }
        for receipt in try finder.messages.receipts(of: event)
        where receipt.process != place.process && ranges[receipt.process].contains(receipt.position)
        {
            knowers.append(receipt)
        }
        return knowers
    }
}

/// How far one process has come.
private struct ReverseWalk {
    /// From where on it was looked through.
    var end: Int
    /// How many positions are looked through next.
    var step = Limits.eventsFoundMin
    /// Ascending: the last one comes next.
    var found: [FoundEvent] = []
    var earliest = Int64.max

    init(end: Int) { self.end = end }
}

/// The last events of a listing, in causal order: they are found from its end.
struct LastEvents: EventSequence {
    /// From the end: with the limit that says how many.
    private var reversed: any EventSequence
    private var steps: [EventStep] = []
    private var isOver = false
    /// Why there may be more of them.
    private var stopped: QuestionStopped?

    init(_ reversed: any EventSequence) { self.reversed = reversed }

    mutating func next() throws -> EventStep? {
        guard !isOver else {
            if let step = steps.popLast() { return step }
            if let stopped { throw stopped }
            return nil
        }
        let step: EventStep?
        do {
            step = try reversed.next()
        } catch var error as QuestionStopped {
            // Those that were found are the last ones, and are given.
            let events = steps.compactMap {
                if case .event(let listed) = $0 { listed } else { nil }
            }
            error.progress = .listed(events.count, last: events.first?.event.id)
            (isOver, stopped) = (true, error)
            return .passed
        }
        guard let step else {
            isOver = true
            return .passed
        }
        if case .event = step { steps.append(step) }
        if case .unreadable = step { steps.append(step) }
        return .passed
    }

    mutating func release() { reversed.release() }
}
