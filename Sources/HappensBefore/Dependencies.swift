import Causality

/// For each event of each process: what it saw for the first time, row by row. The transpose of what is known. 16 bytes an entry.
struct Dependencies: Sendable {
    private var lines: [Line] = []

    /// Those of the events of one process.
    struct Line: Sendable {
        private var starts: [UInt32] = []
        private var entries: [EventKey] = []
    }

    /// The dependencies of the events in `ranges` (positions, by process), the first one of each with all that is known there:
    /// but where events before it are put away, only what it saw first. Stops where `check` throws. O(events + entries).
    init(
        _ history: History, in ranges: [Range<Int>], check: () throws -> Void
    ) rethrows {
        for (index, line) in history.processes.enumerated() {
            try check()
            lines.append(Line(line, index, in: ranges[index]))
        }
    }

    /// What the event saw first, where `row` counts from the start of its process's range.
    func of(process: Int, row: Int) -> ArraySlice<EventKey> { lines[process].of(row) }

    /// Of the events of a process.
    subscript(process: Int) -> Line { lines[process] }
}

extension Dependencies.Line {
    /// - Parameters:
    ///   - index: Of the process in its history.
    ///   - range: As for all processes.
    init(_ line: ProcessHistory, _ index: Int, in range: Range<Int>) {
        var counts = [UInt32](repeating: 0, count: range.count + 1)
        Self.forEach(of: line, index, in: range) { position, _ in
            counts[position - range.lowerBound] += 1
        }
        var next: UInt32 = 0
        for row in counts.indices { (counts[row], next) = (next, next + counts[row]) }
        starts = counts
        entries = Array(repeating: EventKey(process: 0, sequence: 0), count: Int(next))
        Self.forEach(of: line, index, in: range) { position, key in
            let row = position - range.lowerBound
            entries[Int(counts[row])] = key
            counts[row] += 1
        }
    }

    /// What the event saw first, where `row` counts from the start of the range.
    func of(_ row: Int) -> ArraySlice<EventKey> {
        entries[Int(starts[row])..<Int(starts[row + 1])]
    }

    /// Calls `body` with each entry by which the knowledge of `line` grew within `range`; at the start of
    /// the range, with everything known there.
    private static func forEach(
        of line: ProcessHistory, _ index: Int, in range: Range<Int>,
        _ body: (Int, EventKey) -> Void
    ) {
        guard !range.isEmpty else { return }
        let isAtCut = range.lowerBound > 0 && range.lowerBound == line.base
        for place in line.known.others.indices {
            let process = Int(line.known.others[place])
            let steps = line.known.steps(at: place)
            let from = line.known.step(
                after: range.lowerBound - (isAtCut ? 1 : 0), among: steps)
            if from > steps.lowerBound, !isAtCut {
                let value = line.known.values[from - 1]
                body(range.lowerBound, EventKey(process: process, sequence: value))
            }
            for step in from..<steps.upperBound {
                let position = Int(line.known.positions[step])
                guard position < range.upperBound else { break }
                body(position, EventKey(process: process, sequence: line.known.values[step]))
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
