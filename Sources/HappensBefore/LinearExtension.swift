import Causality

/// Lists the events of a history so that each comes after all that happened before it: as `HeadQueue` has it, deterministic.
///
/// Contradictory clocks can form cycles, which no order satisfies: each is noted in `cycles`, and the
/// listing goes on with the event of the cycle that ties favour. O((events + clock growth) · log processes).
package struct LinearExtension: Sequence, IteratorProtocol {
    /// The cycles that were broken: in each, every claim is of an event that the next claim's event precedes
    /// on its process (or is), around the ring.
    package private(set) var cycles: [[CycleClaim]] = []

    private let history: History
    private let ranges: [Range<Int>]
    private let dependencies: Dependencies
    private let ranks: [Int]
    private var queue: HeadQueue
    private var latest: [Int64]

    /// All events in `ranges` (positions, by process). Stops where `check` throws: to begin is O(events).
    package init(
        _ history: History, in ranges: [Range<Int>], check: () throws -> Void
    ) rethrows {
        self.init(history, in: ranges, try Dependencies(history, in: ranges, check: check))
    }

    /// - Parameter dependencies: What the events name.
    init(_ history: History, in ranges: [Range<Int>], _ dependencies: Dependencies) {
        self.history = history
        self.ranges = ranges
        self.dependencies = dependencies
        ranks = history.listingRanks()
        queue = HeadQueue(heads: ranges.map { $0.isEmpty ? .max : $0.lowerBound })
        latest = Array(repeating: Int64.min, count: ranges.count)
        for process in ranges.indices { settle(process) }
    }

    package init(_ history: History, in ranges: [Range<Int>]) {
        self.init(history, in: ranges) {}
    }

    /// All events that are here.
    package init(_ history: History) { self.init(history) {} }

    package init(_ history: History, check: () throws -> Void) rethrows {
        try self.init(history, in: history.processes.map { 0..<$0.count }, check: check)
    }

    package mutating func next() -> EventPosition? {
        guard let process = queue.pop() ?? breakCycle() else { return nil }
        let position = queue.heads[process]
        let next = position + 1 < ranges[process].upperBound ? position + 1 : Int.max
        for waiter in queue.advance(process, to: next) { settle(waiter) }
        settle(process)
        return EventPosition(process: process, position: position)
    }

    private mutating func settle(_ process: Int) {
        let position = queue.heads[process]
        guard position < .max else { return }
        let time = history.processes[process].times[position]
        if time != EventBatch.noTime { latest[process] = time }
        let row = position - ranges[process].lowerBound
        queue.settle(
            process, Tie(time: latest[process], rank: ranks[process]),
            needs: dependencies.of(process: process, row: row)
        ) { history.processes[$0.process].runs.count(upTo: $0.sequence) }
    }

    private mutating func breakCycle() -> Int? {
        guard let (process, cycle) = queue.breakCycle() else { return nil }
        if cycles.count < Limits.defectsOfKindMax {
            cycles.append(
                cycle.map { process, needs in
                    CycleClaim(
                        event: history.id(
                            EventPosition(process: process, position: queue.heads[process])),
                        seen: history.id(needs))
                })
        }
        return process
    }
}

/// One claim of a cycle of contradictory clocks: `event` says that it has seen `seen`.
package struct CycleClaim: Hashable, Sendable {
    package let event: EventID
    package let seen: EventID
}
