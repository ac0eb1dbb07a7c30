import Causality

extension MessageEdges {
    /// A chain of the fewest messages by which news of `a` reached `b`: empty where both are on one
    /// process, nil where no chain is here. Breadth-first over messages; along a process news travels
    /// by itself, so the earliest event reached is all that matters of a process. Stops where `check` throws. O(edges).
    package func path(
        from a: EventID, to b: EventID, in history: History, check: () throws -> Void
    ) rethrows -> [MessageEdge]? {
        guard let start = history.key(a), let goal = history.key(b) else { return nil }
        if start.process == goal.process { return start.sequence <= goal.sequence ? [] : nil }

        /// The first sequence number of each process that the news reached, and the step that brought it.
        var reached = [UInt64?](repeating: nil, count: history.processes.count)
        var steps: [(edge: Edge, before: Int)] = []
        var frontier: [(process: Int, from: UInt64, until: UInt64, step: Int)] = [
            (start.process, start.sequence, UInt64.max, -1)
        ]
        reached[start.process] = start.sequence
        while !frontier.isEmpty {
            var next: [Int: (sequence: UInt64, step: Int)] = [:]
            for (process, from, until, step) in frontier {
                try check()
                let edges = outgoing(of: process)
                var index = partitionPoint(count: edges.count) { edges[$0].sequence < from }
                while index < edges.count, edges[index].sequence < until {
                    let edge = edges[index]
                    index += 1
                    let receiver = Int(edge.receiver)
                    let sequence = history.processes[receiver].runs[Int(edge.position)]
                    guard
                        sequence < min(reached[receiver] ?? .max, next[receiver]?.sequence ?? .max)
                    else { continue }
                    steps.append((edge, step))
                    next[receiver] = (sequence, steps.count - 1)
                }
            }
            if let arrival = next[goal.process], arrival.sequence <= goal.sequence {
                return chain(steps, endingAt: arrival.step, in: history)
            }
            frontier = next.sorted { $0.key < $1.key }.map { process, arrival in
                let until = reached[process] ?? .max
                reached[process] = arrival.sequence
                return (process, arrival.sequence, until, arrival.step)
            }
        }
        return nil
    }

    private func chain(
        _ steps: [(edge: Edge, before: Int)], endingAt last: Int, in history: History
    ) -> [MessageEdge] {
        var chain: [MessageEdge] = []
        var step = last
        while step >= 0 {
            let edge = steps[step].edge
            let source = history.processes[Int(edge.sender)]
            chain.append(
                MessageEdge(
                    from: EventID(source.id, edge.sequence),
                    to: history.id(
                        EventPosition(process: Int(edge.receiver), position: Int(edge.position))),
                    fromIsHere: source.position(of: edge.sequence) != nil))
            step = steps[step].before
        }
        return chain.reversed()
    }
}
