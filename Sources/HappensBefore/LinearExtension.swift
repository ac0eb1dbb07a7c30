import Causality

/// Lists events so that each comes after all that happened before it: a topological order (Kahn, 1962),
/// in which ties go to the earlier wall time, then the process that sorts first. Deterministic.
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
    /// The next position of each process.
    private var heads: [Int]
    /// By process: who waits until its head reaches a position.
    private var waiting: [[(process: Int, until: Int)]]
    /// For a blocked process: the event that its head waits for.
    private var blockedBy: [EventKey?]
    private var ready: TieHeap
    private var remaining: Int
    private var latest: [Int64]

    /// All events in `ranges` (positions, by process). Stops where `check` throws: to begin is O(events).
    package init(
        _ history: History, in ranges: [Range<Int>], check: () throws -> Void
    ) rethrows {
        self.history = history
        self.ranges = ranges
        dependencies = try Dependencies(history, in: ranges, check: check)
        let byName = history.processes.indices.sorted {
            listingOrder(history.processes[$0].id, history.processes[$1].id)
        }
        var ranks = [Int](repeating: 0, count: byName.count)
        for (rank, process) in byName.enumerated() { ranks[process] = rank }
        self.ranks = ranks
        heads = ranges.map(\.lowerBound)
        waiting = Array(repeating: [], count: ranges.count)
        blockedBy = Array(repeating: nil, count: ranges.count)
        ready = TieHeap()
        remaining = ranges.reduce(0) { $0 + $1.count }
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
        guard remaining > 0 else { return nil }
        let process = ready.pop() ?? breakCycle()
        let position = heads[process]
        heads[process] += 1
        remaining -= 1
        blockedBy[process] = nil
        settle(process)
        let reached = heads[process]
        let woken = waiting[process].filter { $0.until <= reached }
        if !woken.isEmpty {
            waiting[process].removeAll { $0.until <= reached }
            for waiter in woken { settle(waiter.process) }
        }
        return EventPosition(process: process, position: position)
    }

    /// Puts the head of `process` among the ready ones, or has it wait for one event that it needs.
    private mutating func settle(_ process: Int) {
        let position = heads[process]
        guard position < ranges[process].upperBound else { return }
        blockedBy[process] = nil
        for key in dependencies.of(process: process, row: position - ranges[process].lowerBound) {
            let needed = Swift.min(
                history.processes[key.process].runs.count(upTo: key.sequence),
                ranges[key.process].upperBound)
            if heads[key.process] < needed {
                waiting[key.process].append((process, needed))
                blockedBy[process] = key
                return
            }
        }
        ready.push(tie(process), process)
    }

    private mutating func tie(_ process: Int) -> Tie {
        let time = history.processes[process].times[heads[process]]
        if time != EventBatch.noTime { latest[process] = time }
        return Tie(time: latest[process], rank: ranks[process])
    }

    /// Nothing is ready, so every head waits for another: follow the waits until one comes again.
    private mutating func breakCycle() -> Int {
        var process = blockedBy.indices.first { blockedBy[$0] != nil }!
        var seen: [Int: Int] = [:]
        var path: [Int] = []
        while seen[process] == nil {
            seen[process] = path.count
            path.append(process)
            process = blockedBy[process]!.process
        }
        let members = path[seen[process]!...]
        if cycles.count < Limits.defectsOfKindMax { cycles.append(claims(of: Array(members))) }
        let chosen = members.min { tie($0) < tie($1) }!
        for other in waiting.indices { waiting[other].removeAll { $0.process == chosen } }
        return chosen
    }

    private func claims(of members: [Int]) -> [CycleClaim] {
        members.map { process in
            CycleClaim(
                event: history.id(EventPosition(process: process, position: heads[process])),
                seen: history.id(blockedBy[process]!))
        }
    }
}

/// One claim of a cycle of contradictory clocks: `event` says that it has seen `seen`.
package struct CycleClaim: Hashable, Sendable {
    package let event: EventID
    package let seen: EventID
}

private struct Tie: Comparable {
    var time: Int64
    var rank: Int

    static func < (a: Tie, b: Tie) -> Bool { (a.time, a.rank) < (b.time, b.rank) }
}

/// A binary heap of processes; the least tie comes first.
private struct TieHeap {
    private var items: [(tie: Tie, process: Int)] = []

    mutating func push(_ tie: Tie, _ process: Int) {
        items.append((tie, process))
        var child = items.count - 1
        while child > 0, items[child].tie < items[(child - 1) / 2].tie {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Int? {
        guard let top = items.first else { return nil }
        let last = items.removeLast()
        if !items.isEmpty {
            items[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2]
                where child < items.count && items[child].tie < items[least].tie { least = child }
                if least == parent { break }
                items.swapAt(parent, least)
                parent = least
            }
        }
        return top.process
    }
}
