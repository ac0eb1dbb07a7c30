import Causality
import Segments

/// Rows of one process and one source, ascending by number, on their way into blocks.
struct RowStretch: Sendable {
    /// The rows, of a batch that goes with the stretch.
    var rows: Range<Int>
    var segment: SegmentHeader
    /// How many events of the run the segment has before the first of these.
    var ordinal: Int
    var start: Start
    /// As for a source of a block.
    var continuesFrame = false
    /// Who else recorded rows of the stretch, to the letter; ascending.
    var repeats: [Repeat] = []

    /// Rows of a stretch that another segment has too.
    struct Repeat: Sendable {
        /// Of the batch.
        var rows: Range<Int>
        var segment: SegmentHeader
        /// How many events of the run that segment has before the first of these.
        var ordinal: Int
        /// As for the stretch.
        var continuesFrame: Bool
    }

    /// What the clock of the first row is in the batch.
    enum Start: Sendable {
        /// Whole, as it was written.
        case whole
        /// Whole; it was written as these changes against an event of the run.
        case completed(after: UInt64, [BlockSource.Change])
        /// Changes against an event of the run, as it was written.
        case goesOn(after: UInt64)
    }
}

/// Puts the rows of one process together to blocks. Rows come in stretches, ascending by first number; whatever does not go
/// on from what is there begins a new source, and what overlaps it a new block.
///
/// It follows the clocks of all sources, so that each block begins with a whole one. Memory: one block, and a clock for each
/// source.
struct BlockAssembler {
    private let key: ProcessKey
    private var batch = EventBatch()
    private var owners: [BlockSource] = []
    private var repeats: [BlockSource] = []
    /// By reference of the batch: true where a cause refers to it, so that nothing may be claimed of it any more.
    private var isSettled: [Bool] = []
    private(set) var clocks: RunClocks

    init(_ key: ProcessKey, after clocks: RunClocks = RunClocks()) {
        self.key = key
        self.clocks = clocks
    }

    typealias Emit = (EventBatch, BlockSources) throws(PartError) -> Void

    /// Appends the rows of a stretch. `emit` gets each block that is full. O(rows + changes).
    mutating func append(
        _ stretch: RowStretch, of other: EventBatch, _ emit: Emit
    ) throws(PartError) {
        var reading = StretchReading(stretch, of: other)
        var strand = clocks.strand(of: stretch)
        if !batch.isEmpty, other.sequences[stretch.rows.lowerBound] <= batch.sequences.last! {
            try end(emit)
        }
        while reading.row < stretch.rows.upperBound {
            clocks.advance(&strand, to: &reading, of: other)
            let isFull =
                batch.count == Limits.blockRowsMax || batch.cost >= Limits.blockCostMax
            if isFull { try end(emit) }
            if !append(&reading, strand, of: other) {
                // A claim that contradicts one of this block: in the next there is none.
                batch.abandonRow()
                try end(emit)
                guard append(&reading, strand, of: other) else {
                    preconditionFailure("an empty block has no claims")
                }
            }
            for again in stretch.repeats where again.rows.upperBound == reading.row {
                clocks.keep(
                    strand, for: again.segment, ordinal: again.ordinal + again.rows.count)
            }
        }
        clocks.keep(strand)
    }

    /// Ends the last block.
    mutating func end(_ emit: Emit) throws(PartError) {
        guard !batch.isEmpty else { return }
        try emit(batch, BlockSources(owners: owners, repeats: repeats))
        batch.removeAll()
        batch.forgetClocks()
        owners.removeAll()
        repeats.removeAll()
        isSettled.removeAll()
    }

    /// Appends the next row. False where a claim in it contradicts one that is here: then it is to be abandoned.
    private mutating func append(
        _ reading: inout StretchReading, _ strand: RunClocks.Strand, of other: EventBatch
    ) -> Bool {
        if reading.generation != batch.generation {
            reading.begin(in: batch.generation, references: other.references.count)
        }
        let goesOn = isContinued(by: reading, of: other)
        if !goesOn, case .unknown? = owners.first?.start { return false }
        var predecessor: UInt64 = 0
        var start = BlockSource.Start.whole
        if goesOn || reading.isWhole {
            if !reading.isWhole { predecessor = batch.sequences.last! }
            guard appendWritten(&reading, of: other) else { return false }
        } else if let entries = strand.entries {
            start = .completed(after: reading.predecessor, reading.writtenChanges(of: other))
            guard appendWhole(entries, &reading, of: other) else { return false }
        } else {
            // It shares its block with no other source.
            guard batch.isEmpty else { return false }
            predecessor = reading.predecessor
            start = .unknown(after: predecessor)
            guard appendWritten(&reading, of: other) else { return false }
        }
        guard appendNamed(&reading, of: other) else { return false }
        // The only one.
        let slot = batch.processes.isEmpty ? batch.slot(of: key) : 0
        batch.endRow(copying: reading.row, of: other, slot: slot, predecessor: predecessor)
        note(reading, of: other, goesOn: goesOn, start)
        for again in reading.stretch.repeats where again.rows.contains(reading.row) {
            note(again, reading, of: other, goesOn: goesOn)
        }
        reading.next(of: other)
        return true
    }

    /// Notes where the row came from that was appended last.
    private mutating func note(
        _ reading: StretchReading, of other: EventBatch, goesOn: Bool, _ start: BlockSource.Start
    ) {
        if goesOn {
            let rows = owners[owners.count - 1].rows
            owners[owners.count - 1].rows = rows.lowerBound..<batch.count
        } else {
            owners.append(
                BlockSource(
                    segment: reading.stretch.segment, ordinal: reading.ordinal,
                    rows: batch.count - 1..<batch.count, start: start,
                    continuesFrame: reading.continuesFrame(of: other)))
        }
    }

    /// Notes who else recorded the row that was appended last.
    private mutating func note(
        _ again: RowStretch.Repeat, _ reading: StretchReading, of other: EventBatch, goesOn: Bool
    ) {
        let row = batch.count - 1
        let ordinal = again.ordinal + reading.row - again.rows.lowerBound
        let isFirst = reading.row == again.rows.lowerBound
        let hole = row > 0 && batch.sequences[row] != batch.sequences[row - 1] + 1
        if goesOn, !hole || !isFirst,
            let last = repeats.lastIndex(where: {
                $0.segment == again.segment && $0.rows.upperBound == row
                    && $0.ordinal + $0.rows.count == ordinal
            })
        {
            repeats[last].rows = repeats[last].rows.lowerBound..<row + 1
            return
        }
        let start: BlockSource.Start =
            reading.isWhole
            ? .whole : .completed(after: reading.predecessor, reading.writtenChanges(of: other))
        repeats.append(
            BlockSource(
                segment: again.segment, ordinal: ordinal, rows: row..<row + 1, start: start,
                continuesFrame: isFirst
                    ? again.continuesFrame : reading.continuesFrame(of: other)))
    }

    /// Whether the next row goes on in the source that the block ends with.
    private func isContinued(by reading: StretchReading, of other: EventBatch) -> Bool {
        guard let owner = owners.last, owner.segment == reading.stretch.segment,
            owner.ordinal + owner.rows.count == reading.ordinal
        else { return false }
        let (last, next) = (batch.sequences.last!, other.sequences[reading.row])
        return (next == last + 1 || reading.continuesFrame(of: other))
            && (reading.isWhole || reading.predecessor == last)
    }

    /// The row's changes as they were written.
    private mutating func appendWritten(
        _ reading: inout StretchReading, of other: EventBatch
    ) -> Bool {
        if reading.isFirst, case .completed(_, let changes) = reading.stretch.start {
            guard takeClaims(&reading, of: other) else { return false }
            for change in changes { batch.appendChange(reference(change.process), change.value) }
            return true
        }
        for change in other.changes(reading.row) {
            guard let number = number(change.process, &reading, of: other, isCited: false) else {
                return false
            }
            batch.appendChange(number, change.value)
        }
        return true
    }

    /// A whole clock, in the place of the row's changes.
    private mutating func appendWhole(
        _ entries: [UInt64], _ reading: inout StretchReading, of other: EventBatch
    ) -> Bool {
        guard takeClaims(&reading, of: other) else { return false }
        let known = entries.indices.filter { entries[$0] > 0 }.sorted {
            ProcessReference.isBefore(clocks.references[$0], clocks.references[$1])
        }
        for index in known {
            batch.appendChange(reference(clocks.references[index]), entries[index])
        }
        return true
    }

    /// What is claimed of those that the row's changes refer to, whatever is written of these.
    private mutating func takeClaims(
        _ reading: inout StretchReading, of other: EventBatch
    ) -> Bool {
        other.changes(reading.row).allSatisfy {
            number($0.process, &reading, of: other, isCited: false) != nil
        }
    }

    private mutating func appendNamed(
        _ reading: inout StretchReading, of other: EventBatch
    ) -> Bool {
        for cause in reading.causes(of: other) {
            guard let number = number(cause.process, &reading, of: other, isCited: true) else {
                return false
            }
            batch.appendCause(number, cause.sequence, cause.evidence)
        }
        for ruling in reading.rulings(of: other) {
            guard let number = number(ruling.process, &reading, of: other, isCited: true) else {
                return false
            }
            batch.appendRuling(number, ruling.sequence)
        }
        return true
    }

    private mutating func reference(_ process: ProcessReference) -> Int {
        let number = batch.reference(process)
        while isSettled.count <= number { isSettled.append(false) }
        return number
    }

    /// The number in the block of a reference of another batch; nil where what that claims of it contradicts what is here.
    /// What a cause refers to is called the same ever after: nobody may say later that it is called otherwise.
    private mutating func number(
        _ index: Int, _ reading: inout StretchReading, of other: EventBatch, isCited: Bool
    ) -> Int? {
        let known = reading.numbers[index]
        if known >= 0, !isCited || reading.isCited[index] { return known }
        let number = reference(other.references[index])
        let (claimed, claim) = (batch.claimedNames[number], other.claimedNames[index])
        if claimed != claim, isCited || claim != nil {
            guard claimed == nil, !isSettled[number], let claim else { return nil }
            batch.claim(claim, of: number)
        }
        if isCited {
            isSettled[number] = true
            reading.isCited[index] = true
        }
        reading.numbers[index] = number
        return number
    }
}

/// How far the rows of a stretch were taken over.
struct StretchReading {
    let stretch: RowStretch
    private(set) var row: Int
    private var nextWhole: Int
    private let wholes: [Int]
    private var nextCause: Int
    private var nextRuling: Int
    private let sequences: [UInt64]
    /// Which block `numbers` is of.
    private(set) var generation: UInt64 = 0
    /// By reference of the batch: its number in the block; -1 where it was not looked for.
    var numbers: [Int] = []
    /// By reference of the batch: whether a cause referred to it.
    var isCited: [Bool] = []
    /// By reference of the batch: its number in the clocks of the run; -1 where it was not looked for.
    var clockNumbers: [Int]

    init(_ stretch: RowStretch, of other: EventBatch) {
        self.stretch = stretch
        row = stretch.rows.lowerBound
        wholes = other.wholes
        sequences = other.sequences
        nextWhole = wholes.firstIndex { $0 >= stretch.rows.lowerBound } ?? wholes.count
        nextCause = other.firstCause(from: row)
        nextRuling = other.firstRuling(from: row)
        clockNumbers = [Int](repeating: -1, count: other.references.count)
    }

    mutating func begin(in generation: UInt64, references: Int) {
        self.generation = generation
        numbers = [Int](repeating: -1, count: references)
        isCited = [Bool](repeating: false, count: references)
    }

    var isFirst: Bool { row == stretch.rows.lowerBound }
    var ordinal: Int { stretch.ordinal + row - stretch.rows.lowerBound }

    /// Whether the row's clock was written as a whole one.
    var isWhole: Bool {
        if isFirst {
            if case .whole = stretch.start { return true }
            return false
        }
        return nextWhole < wholes.count && wholes[nextWhole] == row
    }

    /// Whether the row's clock is a whole one in the batch, however it was written.
    var isWholeHere: Bool {
        if isFirst, case .completed = stretch.start { return true }
        return isWhole
    }

    /// The event that the row's clock was written against, where it was not whole.
    var predecessor: UInt64 {
        guard isFirst else { return sequences[row - 1] }
        switch stretch.start {
        case .whole: return 0
        case .completed(let before, _), .goesOn(let before): return before
        }
    }

    /// Whether the numbers between the row and the one before it are missing in the source itself.
    func continuesFrame(of other: EventBatch) -> Bool {
        isFirst ? stretch.continuesFrame : sequences[row] != sequences[row - 1] + 1
    }

    func writtenChanges(of other: EventBatch) -> [BlockSource.Change] {
        if isFirst, case .completed(_, let changes) = stretch.start { return changes }
        return other.changes(row).map {
            BlockSource.Change(process: other.references[$0.process], value: $0.value)
        }
    }

    func causes(of other: EventBatch) -> ArraySlice<RowCause> {
        named(other.causes, from: nextCause)
    }

    func rulings(of other: EventBatch) -> ArraySlice<RowCause> {
        named(other.rulings, from: nextRuling)
    }

    private func named(_ all: [RowCause], from start: Int) -> ArraySlice<RowCause> {
        var end = start
        while end < all.count, all[end].row == row { end += 1 }
        return all[start..<end]
    }

    mutating func next(of other: EventBatch) {
        if nextWhole < wholes.count, wholes[nextWhole] == row { nextWhole += 1 }
        nextCause = causes(of: other).endIndex
        nextRuling = rulings(of: other).endIndex
        row += 1
    }
}
