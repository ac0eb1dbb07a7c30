import Causality

/// Puts processes' events in one order in which each comes after all that happened before it: a topological order (Kahn, 1962)
/// in which ties go to the earlier wall time, then to the process that is listed first. It knows the next event of each process
/// only, its *head*: whoever drives it says what that is and what it needs.
///
/// A head is ready, or waits for another process to come past an event. Memory: O(processes).
package struct HeadQueue: Sendable {
    /// By process: the position of its next event, or from where on it is; `Int.max` where none is left.
    package private(set) var heads: [Int]
    /// By process: who waits until its head reaches a position.
    private var waiting: [[(process: Int, until: Int)]]
    /// For a process that waits: the event that its head needs.
    private var blockedBy: [EventKey?]
    private var ties: [Tie]
    private var ready = TieHeap()

    /// - Parameter heads: By process, from where on its events are; `Int.max` for a process that takes no part.
    package init(heads: [Int]) {
        self.heads = heads
        waiting = Array(repeating: [], count: heads.count)
        blockedBy = Array(repeating: nil, count: heads.count)
        ties = Array(repeating: Tie(time: .min, rank: 0), count: heads.count)
    }

    /// Has the next event of a process be at `head` or behind it. Returns who waited for that: each is to be settled anew.
    package mutating func advance(_ process: Int, to head: Int) -> [Int] {
        heads[process] = head
        guard !waiting[process].isEmpty else { return [] }
        let woken = waiting[process].filter { $0.until <= head }
        if !woken.isEmpty { waiting[process].removeAll { $0.until <= head } }
        return woken.map(\.process)
    }

    /// Puts the head of a process among the ready ones, or has it wait for the first of the events that it needs which is
    /// still to come.
    ///
    /// - Parameters:
    ///   - needed: What the head needs.
    ///   - count: How many events of a process come up to one: those of another process's that an event needs.
    package mutating func settle(
        _ process: Int, _ tie: Tie, needs needed: ArraySlice<EventKey>,
        count: (EventKey) -> Int
    ) {
        ties[process] = tie
        blockedBy[process] = nil
        for key in needed {
            let until = count(key)
            if heads[key.process] < until {
                waiting[key.process].append((process, until))
                blockedBy[process] = key
                return
            }
        }
        ready.push(tie, process)
    }

    /// The process whose head comes next; nil where none is ready.
    package mutating func pop() -> Int? { ready.pop() }

    /// Nothing is ready, so every head waits for another: follows the waits until one comes again, and has the head of that
    /// cycle come next which ties favour. Returns the cycle too, as each process and what its head waits for; nil where no head
    /// waits.
    package mutating func breakCycle() -> (process: Int, cycle: [(process: Int, needs: EventKey)])?
    {
        // Not from the process of the least index: what indexes are follows from what came first.
        let blocked = blockedBy.indices.filter { blockedBy[$0] != nil }
        guard var process = blocked.min(by: { ties[$0] < ties[$1] }) else { return nil }
        var seen: [Int: Int] = [:]
        var path: [Int] = []
        while seen[process] == nil {
            seen[process] = path.count
            path.append(process)
            process = blockedBy[process]!.process
        }
        let members = path[seen[process]!...]
        let cycle = members.map { ($0, blockedBy[$0]!) }
        let chosen = members.min { ties[$0] < ties[$1] }!
        for other in waiting.indices { waiting[other].removeAll { $0.process == chosen } }
        blockedBy[chosen] = nil
        return (chosen, cycle)
    }
}

/// What decides between events of which neither needs the other: wall time, then the process's place in a listing.
package struct Tie: Comparable, Sendable {
    /// Its own, or where it has none that of the last event before it which has one.
    package var time: Int64
    package var rank: Int

    package init(time: Int64, rank: Int) {
        self.time = time
        self.rank = rank
    }

    package static func < (a: Tie, b: Tie) -> Bool { (a.time, a.rank) < (b.time, b.rank) }
}

/// A binary heap of processes; the least tie comes first.
package struct TieHeap: Sendable {
    private var items: [(tie: Tie, process: Int)] = []

    package init() {}

    package mutating func push(_ tie: Tie, _ process: Int) {
        items.append((tie, process))
        var child = items.count - 1
        while child > 0, items[child].tie < items[(child - 1) / 2].tie {
            items.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    /// The least tie; nil where there is none.
    package var first: Tie? { items.first?.tie }

    package mutating func pop() -> Int? {
        guard let top = items.first else { return nil }
        let last = items.removeLast()
        if !items.isEmpty {
            items[0] = last
            var parent = 0
            while true {
                var least = parent
                let child = 2 * parent + 1
                if child < items.count, items[child].tie < items[least].tie { least = child }
                if child + 1 < items.count, items[child + 1].tie < items[least].tie {
                    least = child + 1
                }
                if least == parent { break }
                items.swapAt(parent, least)
                parent = least
            }
        }
        return top.process
    }
}
