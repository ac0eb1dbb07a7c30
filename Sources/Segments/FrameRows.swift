import Causality

/// Which rows of a batch go into one frame, and in which order: by process, and as they were read within one. What numbers
/// processes and references have in the frame follows from what they are, not from when they came.
struct FrameRows {
    /// The rows, in the frame's order.
    private(set) var rows: [Int] = []
    /// Indexes of the batch's processes that have rows here, in the frame's order.
    private(set) var slots: [Int] = []
    /// How many rows each has.
    private(set) var counts: [Int] = []
    /// Indexes of the batch's references that are used here and are not of `slots`, in the frame's order.
    private(set) var further: [Int] = []
    /// By index in the batch: the number in the frame, of `slots` and then of `further`.
    private(set) var numbers: [Int]
    /// The causes and rulings of the rows, in the frame's order; their rows are numbers in the frame.
    private(set) var causes: [RowCause] = []
    private(set) var rulings: [RowCause] = []
    /// By process of the batch: the last sequence number before these rows, 0 where none is.
    private let before: [UInt64]

    /// O(rows + changes + processes · log processes).
    ///
    /// - Parameter before: By process of the batch: the last sequence number of its rows before `range`, 0 where there is none.
    init(_ batch: EventBatch, _ range: Range<Int>, after before: [UInt64]) {
        self.before = before
        numbers = [Int](repeating: -1, count: batch.references.count)
        sort(batch, range)
        var placeOf = [Int](repeating: 0, count: range.count)
        for (place, row) in rows.enumerated() { placeOf[row - range.lowerBound] = place }
        func take(_ named: [RowCause], from first: Int) -> [RowCause] {
            var taken: [RowCause] = []
            for var cause in named[first...] {
                guard cause.row < range.upperBound else { break }
                cause.row = placeOf[cause.row - range.lowerBound]
                taken.append(cause)
            }
            // Of one row's causes the order is kept.
            return taken.enumerated().sorted { ($0.1.row, $0.0) < ($1.1.row, $1.0) }.map(\.1)
        }
        causes = take(batch.causes, from: batch.firstCause(from: range.lowerBound))
        rulings = take(batch.rulings, from: batch.firstRuling(from: range.lowerBound))
        number(batch, range)
    }

    /// The event that the first clock of a process goes on from, where that is not whole.
    func predecessor(_ slot: Int, _ batch: EventBatch) -> UInt64 {
        before[slot] == 0 ? batch.predecessors[slot] : before[slot]
    }

    /// A counting sort by process.
    private mutating func sort(_ batch: EventBatch, _ range: Range<Int>) {
        var countOf = [Int](repeating: 0, count: batch.processes.count)
        for row in range { countOf[Int(batch.slots[row])] += 1 }
        slots = batch.processes.indices.filter { countOf[$0] > 0 }
        slots.sort { ProcessKey.listedBefore(batch.processes[$0], batch.processes[$1]) }
        counts = slots.map { countOf[$0] }
        var next = [Int](repeating: 0, count: batch.processes.count)
        var start = 0
        for slot in slots {
            next[slot] = start
            start += countOf[slot]
        }
        rows = [Int](repeating: 0, count: range.count)
        for row in range {
            let slot = Int(batch.slots[row])
            rows[next[slot]] = row
            next[slot] += 1
        }
    }

    private mutating func number(_ batch: EventBatch, _ range: Range<Int>) {
        var placeOf: [ProcessReference: Int] = [:]
        for (place, slot) in slots.enumerated() {
            let reference = batch.processes[slot].reference
            if placeOf[reference] == nil { placeOf[reference] = place }
        }
        func see(_ index: Int) {
            guard numbers[index] == -1 else { return }
            if let place = placeOf[batch.references[index]] {
                numbers[index] = place
            } else {
                numbers[index] = 0
                further.append(index)
            }
        }
        let changed =
            batch.changeStarts[range.lowerBound]..<batch.changeStarts[range.upperBound]
        for change in batch.changes[changed] { see(change.process) }
        for cause in causes { see(cause.process) }
        for ruling in rulings { see(ruling.process) }
        further.sort { a, b in
            let names = (batch.claimedNames[a], batch.claimedNames[b])
            guard names.0 == names.1 else { return Self.isListedBefore(names.0, names.1) }
            return ProcessReference.isBefore(batch.references[a], batch.references[b])
        }
        for (place, index) in further.enumerated() { numbers[index] = slots.count + place }
    }

    /// Those that are called nothing first.
    private static func isListedBefore(_ a: ProcessID?, _ b: ProcessID?) -> Bool {
        guard let b else { return false }
        return a.map { listingOrder($0, b) } ?? true
    }
}
