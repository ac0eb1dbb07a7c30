import Causality

/// For each event of each process: what it saw for the first time, row by row. The transpose of the
/// step functions, made for one sweep over the graph and dropped after it. 12 bytes an entry.
struct Dependencies {
    private var starts: [[UInt32]] = []
    private var entries: [[EventKey]] = []

    /// The dependencies of the events in `ranges` (positions, by process), the first one of each with all that is known there:
    /// but where events before it are put away, only what it saw first. Stops where `check` throws. O(events + entries).
    init(
        _ history: History, in ranges: [Range<Int>], check: () throws -> Void
    ) rethrows {
        for (index, line) in history.processes.enumerated() {
            try check()
            let range = ranges[index]
            var counts = [UInt32](repeating: 0, count: range.count + 1)
            Dependencies.forEach(of: line, index, in: range) { position, _ in
                counts[position - range.lowerBound] += 1
            }
            var next: UInt32 = 0
            for row in counts.indices {
                let count = counts[row]
                counts[row] = next
                next += count
            }
            var filled = [EventKey](
                repeating: EventKey(process: 0, sequence: 0), count: Int(next))
            var cursor = counts
            Dependencies.forEach(of: line, index, in: range) { position, key in
                let row = position - range.lowerBound
                filled[Int(cursor[row])] = key
                cursor[row] += 1
            }
            starts.append(counts)
            entries.append(filled)
        }
    }

    /// What the event saw first, where `row` counts from the start of its process's range.
    func of(process: Int, row: Int) -> ArraySlice<EventKey> {
        entries[process][Int(starts[process][row])..<Int(starts[process][row + 1])]
    }

    /// Calls `body` with each entry by which the knowledge of `line` grew within `range`; at the start of
    /// the range, with everything known there.
    private static func forEach(
        of line: ProcessHistory, _ index: Int, in range: Range<Int>,
        _ body: (Int, EventKey) -> Void
    ) {
        guard !range.isEmpty else { return }
        for process in line.known.keys.sorted() {
            let steps = line.known[process]!
            let isAtCut = range.lowerBound > 0 && range.lowerBound == line.base
            let from = partitionPoint(count: steps.count) {
                Int(steps.positions[$0]) < range.lowerBound + (isAtCut ? 0 : 1)
            }
            if from > 0, !isAtCut {
                body(range.lowerBound, EventKey(process: process, sequence: steps.values[from - 1]))
            }
            for step in from..<steps.count {
                guard Int(steps.positions[step]) < range.upperBound else { break }
                body(
                    Int(steps.positions[step]),
                    EventKey(process: process, sequence: steps.values[step]))
            }
        }
        let from = partitionPoint(count: line.causes.count) {
            Int(line.causes[$0].position) < range.lowerBound
        }
        for cause in line.causes[from...] {
            guard Int(cause.position) < range.upperBound else { break }
            // Nobody has seen of a process what it has not done, whoever claims that.
            guard
                cause.process != index || cause.sequence < line.runs[Int(cause.position)]
            else { continue }
            body(
                Int(cause.position), EventKey(process: cause.process, sequence: cause.sequence))
        }
    }
}
