/// The sequence numbers of one process that are here, as runs without holes, and their positions
/// (0, 1, 2 … in ascending order of sequence number).
package struct SequenceRuns: Sendable {
    private struct Run: Sendable {
        var sequence: UInt64
        var position: Int
    }
    private var runs: [Run] = []
    package private(set) var count = 0

    /// The last sequence number, 0 where there is none.
    package var last: UInt64 {
        runs.last.map { $0.sequence + UInt64(count - 1 - $0.position) } ?? 0
    }

    package var isEmpty: Bool { count == 0 }

    /// Adds a sequence number above the last one.
    package mutating func append(_ sequence: UInt64) {
        precondition(sequence > last, "sequence numbers must ascend")
        if runs.isEmpty || sequence != last + 1 {
            runs.append(Run(sequence: sequence, position: count))
        }
        count += 1
    }

    /// The sequence number at `position`. O(log runs).
    package subscript(position: Int) -> UInt64 {
        precondition(position >= 0 && position < count, "position out of range")
        let run = runs[partitionPoint(count: runs.count) { runs[$0].position <= position } - 1]
        return run.sequence + UInt64(position - run.position)
    }

    /// How many sequence numbers up to and including `sequence` are here: also the position of the
    /// first one above it. O(log runs).
    package func count(upTo sequence: UInt64) -> Int {
        let index = partitionPoint(count: runs.count) { runs[$0].sequence <= sequence } - 1
        guard index >= 0 else { return 0 }
        let end = index + 1 < runs.count ? runs[index + 1].position : count
        let length = UInt64(end - runs[index].position)
        return runs[index].position + Int(min(sequence - runs[index].sequence + 1, length))
    }

    /// The position of `sequence`, or nil where it is not here. O(log runs).
    package func position(of sequence: UInt64) -> Int? {
        let position = count(upTo: sequence) - 1
        return position >= 0 && self[position] == sequence ? position : nil
    }

    /// The holes from 1 up to `end`, or the last number where that is higher, ascending.
    package func holes(upTo end: UInt64) -> [ClosedRange<UInt64>] {
        let end = max(end, last)
        return end == 0 ? [] : holes(in: 1...end)
    }

    /// What of some numbers is not here, ascending. O(log runs + runs among them).
    package func holes(in numbers: ClosedRange<UInt64>) -> [ClosedRange<UInt64>] {
        var holes: [ClosedRange<UInt64>] = []
        var next = numbers.lowerBound
        var index = partitionPoint(count: runs.count) { lastNumber(of: $0) < next }
        while index < runs.count, runs[index].sequence <= numbers.upperBound {
            let run = runs[index]
            if run.sequence > next { holes.append(next...(run.sequence - 1)) }
            let last = lastNumber(of: index)
            guard last < numbers.upperBound else { return holes }
            next = last + 1
            index += 1
        }
        holes.append(next...numbers.upperBound)
        return holes
    }

    private func lastNumber(of index: Int) -> UInt64 {
        let end = index + 1 < runs.count ? runs[index + 1].position : count
        return runs[index].sequence + UInt64(end - runs[index].position - 1)
    }

    /// The runs: first to last number of each, ascending.
    package var ranges: [ClosedRange<UInt64>] {
        runs.indices.map { runs[$0].sequence...lastNumber(of: $0) }
    }

    /// The numbers in some ranges, which ascend and do not touch.
    package init(_ ranges: [ClosedRange<UInt64>]) {
        for range in ranges {
            precondition(range.lowerBound > last, "ranges must ascend")
            runs.append(Run(sequence: range.lowerBound, position: count))
            count += Int(range.upperBound - range.lowerBound) + 1
        }
    }

    /// The first numbers.
    func prefix(_ count: Int) -> SequenceRuns {
        var result = self
        result.runs.removeAll { $0.position >= count }
        result.count = count
        return result
    }

    init() {}
}
