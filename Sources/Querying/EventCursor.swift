import Causality
import HappensBefore

/// Events one by one, in causal order: a place in a listing that can be held without working.
package protocol EventSequence {
    /// Looks at the next event; nil where there is none, or the asker's limit is reached. Throws `QuestionStopped` where the
    /// answer is to end here though there are more.
    mutating func next() throws -> EventStep?
    /// Lets go of what can be read again.
    mutating func release()
}

package enum EventStep: Sendable {
    case event(ListedEvent)
    /// It is there and cannot be read.
    case unreadable(EventID)
    /// A step of the work brought none.
    case passed
}

/// How far one process has come.
private struct Walk {
    /// From where on it was not looked through.
    var next: Int
    var found: ArraySlice<FoundEvent> = []
    /// How many events are looked for at once: few at first, since often no more are wanted.
    var bufferMax = Limits.eventsFoundMin
    /// Up to where its events' needs are in `needs` or were met.
    var needsEnd: Int
    /// True where all that came before `needsEnd` is met.
    var hasBegun = false
    /// What the head needs.
    var needs: [EventKey] = []
    var news = News()
    var latest = Int64.min
}

/// What came to some positions of a process, ahead of being asked for.
private struct News {
    var arrivals: ArraySlice<Arrival> = []
    var end = 0
}

/// The events of a slice that a selection takes, each after all of them that happened before it, as `HeadQueue` orders them, up
/// to the limit: a merge of the processes, each of which is looked through as far as its next event.
/// Memory: O(processes), and some events of each.
struct EventCursor<Execution: IndexedExecution>: EventSequence {
    private var finder: EventFinder<Execution>
    private let options: Question.Options
    private let ranges: [Range<Int>]
    private let sequences: [SequenceRuns]
    private let ranks: [Int]
    private let bufferMax: Int
    private var queue: HeadQueue
    private var walks: [Walk]
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
        let ranges = try finder.ranges(of: slice)
        self.ranges = ranges
        sequences = try (0..<index.processCount).map { try index.sequences(of: $0) }
        ranks = try finder.processes.listingRanks()
        queue = HeadQueue(heads: ranges.map { $0.isEmpty ? .max : $0.lowerBound })
        walks = ranges.map { Walk(next: $0.lowerBound, needsEnd: $0.lowerBound) }
        let meant = ranges.indices.filter { !ranges[$0].isEmpty }
        // What takes a selection long to look at must not keep back what was found before it.
        bufferMax =
            selection.isEverything
            ? max(Limits.eventsFoundMin, Limits.eventsFoundMax / max(1, meant.count)) : 1
        for process in meant { try finder.seek(process, from: ranges[process].lowerBound) }
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
        let found = walks[process].found.removeFirst()
        walks[process].needs = []
        if let next = walks[process].found.first {
            try advance(process, to: next.position)
        } else {
            try goOn(process)
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

    /// Looks for the next event of a process a little further.
    private mutating func seek(_ process: Int) throws {
        let end = ranges[process].upperBound
        let from = walks[process].next
        let (found, next) = try finder.find(
            in: process, from..<min(end, from + Limits.rowsLookedAt),
            eventsMax: min(bufferMax, walks[process].bufferMax))
        walks[process].next = next
        walks[process].found = found[...]
        if let first = found.first {
            walks[process].bufferMax = min(bufferMax, walks[process].bufferMax * 2)
            try advance(process, to: first.position)
        } else {
            try goOn(process)
        }
    }

    /// Has the next event of a process looked for behind what was looked through.
    private mutating func goOn(_ process: Int) throws {
        let next = walks[process].next
        guard next < ranges[process].upperBound else { return try advance(process, to: .max) }
        try advance(process, to: next)
        try finder.seek(process, from: next)
    }

    /// The next event of a process is at `head`, or behind it where it was not found yet.
    private mutating func advance(_ process: Int, to head: Int) throws {
        for waiter in queue.advance(process, to: head) { settle(waiter) }
        guard walks[process].found.first != nil else { return }
        try findNeeds(process, head)
        settle(process)
    }

    private mutating func settle(_ process: Int) {
        if let time = walks[process].found.first?.event?.time {
            walks[process].latest = time.nanoseconds
        }
        let sequences = sequences
        queue.settle(
            process, Tie(time: walks[process].latest, rank: ranks[process]),
            needs: walks[process].needs
        ) { sequences[$0.process].count(upTo: $0.sequence) }
    }

    /// What the event at a position needs that no earlier one of its process did.
    private mutating func findNeeds(_ process: Int, _ position: Int) throws {
        let from = walks[process].needsEnd
        walks[process].needsEnd = position + 1
        if walks[process].hasBegun, position - from < Limits.rowsOfNews {
            walks[process].needs = try news(process, from, position)
        } else {
            walks[process].hasBegun = true
            walks[process].needs = try finder.index.known(
                at: EventPosition(process: process, position: position))
        }
        guard !finder.messages.areAllKnown else { return }
        walks[process].needs += try finder.messages.arrivals(
            at: process, in: from..<position + 1
        ).map(\.event)
    }

    /// By what the knowledge of a process grew from one position to another, which is near.
    private mutating func news(_ process: Int, _ from: Int, _ position: Int) throws -> [EventKey] {
        var news = walks[process].news
        if news.end <= position {
            news.end = min(from + Limits.rowsOfNews, ranges[process].upperBound)
            news.arrivals = try finder.index.learned(by: process, in: from..<news.end)[...]
        }
        var keys: [EventKey] = []
        while let arrival = news.arrivals.first, arrival.position <= position {
            if arrival.position >= from { keys.append(arrival.event) }
            news.arrivals.removeFirst()
        }
        walks[process].news = news
        return keys
    }
}
