import Causality
import HappensBefore

/// What the events along a process know, as a listing goes forwards.
struct WalkedKnowledge {
    /// Up to where the needs of its events are met, or are those of the event that comes next.
    var needsEnd: Int
    /// True where all that came before `needsEnd` is met.
    var hasBegun = false
    /// What the event that comes next knows that the last one that came did not, or all that it knows.
    var learned: [EventKey] = []
    var isLearnedAll = false
    /// What the last event that came had seen; nil where that is not kept.
    var clock: WalkedClock?
    /// What came to some positions, ahead of being asked for: by whatever told of it, and by messages.
    var news: ArraySlice<Arrival> = []
    var newsEnd = 0
    var arrivals: ArraySlice<Arrival> = []
    var arrivalsEnd = 0

    init(from position: Int) { needsEnd = position }
}

// What an event waits for: forwards all that it knows, backwards all that know it.
extension EventCursor {
    mutating func needs(of place: EventPosition) throws -> [EventKey] {
        direction == .forwards ? try known(to: place) : try knowers(of: place)
    }

    /// What the event at a place needs that no earlier one of its process did.
    private mutating func known(to place: EventPosition) throws -> [EventKey] {
        let (process, position) = (place.process, place.position)
        let from = walks[process].knowledge.needsEnd
        walks[process].knowledge.needsEnd = position + 1
        var needs: [EventKey]
        walks[process].knowledge.isLearnedAll = false
        if walks[process].knowledge.hasBegun, position - from < Limits.rowsOfNews {
            needs = try news(process, from, position)
        } else {
            walks[process].knowledge.hasBegun = true
            walks[process].knowledge.isLearnedAll = true
            needs = try finder.index.known(at: place)
        }
        if options.hasClock { walks[process].knowledge.learned = needs }
        if !finder.areMessagesKnown {
            needs += try finder.messages.arrivals(at: process, in: from..<position + 1).map(\.event)
        }
        return needs
    }

    /// By what the knowledge of a process grew from one position to another, which is near.
    private mutating func news(_ process: Int, _ from: Int, _ position: Int) throws -> [EventKey] {
        if walks[process].knowledge.newsEnd <= position {
            let end = min(from + Limits.rowsOfNews, ranges[process].upperBound)
            walks[process].knowledge.newsEnd = end
            walks[process].knowledge.news = try finder.index.learned(by: process, in: from..<end)[
                ...]
        }
        var keys: [EventKey] = []
        while let next = walks[process].knowledge.news.first, next.position <= position {
            if next.position >= from { keys.append(next.event) }
            walks[process].knowledge.news.removeFirst()
        }
        return keys
    }

    /// The messages that arrived at the event that comes next of a process.
    mutating func senders(at place: EventPosition) throws -> [EventKey] {
        // Of few events each by itself: what lies between them is of no interest.
        guard direction == .forwards, finder.selection.isEverything else {
            return try finder.senders(at: place)
        }
        let (process, position) = (place.process, place.position)
        if walks[process].knowledge.arrivalsEnd <= position {
            let end = min(position + Limits.rowsOfNews, ranges[process].upperBound)
            walks[process].knowledge.arrivalsEnd = end
            walks[process].knowledge.arrivals =
                try finder.messages.arrivals(at: process, in: position..<end)[...]
        }
        var senders: [EventKey] = []
        while let next = walks[process].knowledge.arrivals.first, next.position <= position {
            if next.position == position { senders.append(next.event) }
            walks[process].knowledge.arrivals.removeFirst()
        }
        return senders
    }

    /// What the event that comes next of a process had seen.
    mutating func clock(at place: EventPosition) throws -> KnownClock {
        let process = place.process
        // Taken out, and so nobody else's: what it grows by is written where it lies.
        var kept = walks[process].knowledge.clock.take()
        clockEntriesKept -= kept?.count ?? 0
        if walks[process].knowledge.isLearnedAll { kept = WalkedClock() }
        guard direction == .forwards, var clock = kept.take() else {
            return try finder.processes.clock(at: place)
        }
        let known = try finder.processes.clock(
            at: place, learning: walks[process].knowledge.learned, &clock)
        walks[process].knowledge.learned = []
        if clockEntriesKept + clock.count <= Limits.clockEntriesKeptMax {
            clockEntriesKept += clock.count
            walks[process].knowledge.clock = clock
        }
        return known
    }

    /// The first event of each other process that has seen an event, of those that have not come: as their positions.
    private func knowers(of place: EventPosition) throws -> [EventKey] {
        let index = finder.index
        let event = EventKey(
            process: place.process,
            sequence: try finder.processes[place.process].sequences[place.position])
        var knowers: [EventKey] = []
        for other in meant where other != place.process {
            let range = ranges[other]
            guard queue.heads[other] < range.count,
                let first = try index.firstPosition(knowing: event, in: other),
                first < range.upperBound
            else { continue }
            let position = max(first, range.lowerBound)
            knowers.append(EventKey(process: other, sequence: UInt64(position)))
        }
        guard !finder.areMessagesKnown else { return knowers }
        for receipt in try finder.messages.receipts(of: event)
        where receipt.process != place.process && ranges[receipt.process].contains(receipt.position)
        {
            knowers.append(
                EventKey(process: receipt.process, sequence: UInt64(receipt.position)))
        }
        return knowers
    }
}
