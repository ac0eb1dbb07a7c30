import Causality

extension CausalIndex {
    /// By process: how many of its events are in the greatest cut in which nothing is, or knows, one of some events, most of
    /// which are missing. O(processes · log n) for each of them, and for each process that has to retreat.
    package func counts(
        without events: [EventKey], check: () throws -> Void
    ) throws -> [Int] {
        var counts: [Int] = []
        for process in 0..<processCount { counts.append(try sequences(of: process).count) }
        var outside = events
        while let event = outside.popLast() {
            try check()
            for process in 0..<processCount where counts[process] > 0 {
                let last = EventPosition(process: process, position: counts[process] - 1)
                // Most know nothing of it.
                guard
                    try process == event.process
                        || known(of: event.process, at: last) >= event.sequence,
                    let first = try firstKnower(of: event, in: process), first < counts[process]
                else { continue }
                counts[process] = first
                outside.append(
                    EventKey(process: process, sequence: try sequences(of: process)[first]))
            }
        }
        return counts
    }
}
