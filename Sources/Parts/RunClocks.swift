import Causality
import Segments

/// The clocks of one run's events, as each of its sources wrote them: what the next event's changes are against.
struct RunClocks: Sendable {
    /// Whom clocks refer to.
    private(set) var references: [ProcessReference] = []
    private var numbers: [ProcessReference: Int] = [:]
    fileprivate var strands: [Strand] = []

    init() {}

    fileprivate init(_ references: [ProcessReference], _ strands: [Strand]) {
        (self.references, self.strands) = (references, strands)
        for (number, reference) in references.enumerated() { numbers[reference] = number }
    }

    /// The clock of one source after one of its events.
    struct Strand: Sendable {
        fileprivate let segment: Identity128
        fileprivate var nextOrdinal: Int
        fileprivate var last: UInt64
        /// By number in `references`, 0 where it knows nothing of it; nil where the clock is not known.
        fileprivate(set) var entries: [UInt64]?
    }

    /// The clock that a stretch goes on from, taken out until it is kept.
    mutating func strand(of stretch: RowStretch) -> Strand {
        let segment = stretch.segment.segment
        if case .goesOn(let before) = stretch.start {
            let found = strands.lastIndex {
                $0.segment == segment && $0.nextOrdinal == stretch.ordinal && $0.last == before
            }
            if let found { return strands.remove(at: found) }
        } else if let old = strands.firstIndex(where: {
            $0.segment == segment && $0.nextOrdinal <= stretch.ordinal
        }) {
            // A whole clock: nothing goes on from what was before it.
            strands.remove(at: old)
        }
        return Strand(segment: segment, nextOrdinal: stretch.ordinal, last: 0, entries: nil)
    }

    /// Brings a clock up to the next row of a stretch. O(changes).
    mutating func advance(
        _ strand: inout Strand, to reading: inout StretchReading, of batch: EventBatch
    ) {
        let row = reading.row
        if reading.isWholeHere { strand.entries = [] }
        strand.last = batch.sequences[row]
        strand.nextOrdinal = reading.ordinal + 1
        guard var entries = strand.entries.take() else { return }
        for change in batch.changes(row) {
            var number = reading.clockNumbers[change.process]
            if number < 0 {
                number = self.number(batch.references[change.process])
                reading.clockNumbers[change.process] = number
            }
            while entries.count <= number { entries.append(0) }
            entries[number] = change.value
        }
        strand.entries = entries
    }

    private mutating func number(_ process: ProcessReference) -> Int {
        if let known = numbers[process] { return known }
        numbers[process] = references.count
        references.append(process)
        return references.count - 1
    }

    mutating func keep(_ strand: Strand) { strands.append(strand) }

    /// Keeps the same clock for another segment, which has the same event.
    mutating func keep(_ strand: Strand, for segment: SegmentHeader, ordinal: Int) {
        strands.removeAll { $0.segment == segment.segment && $0.nextOrdinal <= ordinal }
        var again = Strand(
            segment: segment.segment, nextOrdinal: ordinal, last: strand.last, entries: nil)
        again.entries = strand.entries
        strands.append(again)
    }

}

/// The clocks of many runs from which a segment that is still being read goes on, kept small until their runs come again: most of
/// them refer to the same processes, whose names take far more than numbers do.
struct ParkedClocks {
    private var references: [ProcessReference] = []
    private var numbers: [ProcessReference: UInt32] = [:]
    private var clocks: [RunPlace: Parked] = [:]

    private struct Parked {
        /// Of whom its clocks tell, by number in the table of all.
        var references: [UInt32]
        var strands: [RunClocks.Strand]
    }

    /// Parks what of a run's clocks a segment may go on from. O(entries)
    mutating func park(_ clocks: RunClocks, of place: RunPlace, goingOnIn segment: Identity128) {
        let strands = clocks.strands.filter { $0.segment == segment }
        guard !strands.isEmpty else { return }
        let numbers = clocks.references.map { number($0) }
        self.clocks[place] = Parked(references: numbers, strands: strands)
    }

    /// Takes out the clocks of a run; empty ones where there are none. O(entries)
    mutating func take(_ place: RunPlace) -> RunClocks {
        guard let parked = clocks.removeValue(forKey: place) else { return RunClocks() }
        return RunClocks(parked.references.map { references[Int($0)] }, parked.strands)
    }

    /// Forgets what a segment cannot go on from.
    mutating func keepOnly(goingOnIn segment: Identity128) {
        clocks = clocks.compactMapValues { parked in
            let strands = parked.strands.filter { $0.segment == segment }
            return strands.isEmpty
                ? nil : Parked(references: parked.references, strands: strands)
        }
        if clocks.isEmpty { (references, numbers) = ([], [:]) }
    }

    private mutating func number(_ reference: ProcessReference) -> UInt32 {
        if let known = numbers[reference] { return known }
        let number = UInt32(references.count)
        numbers[reference] = number
        references.append(reference)
        return number
    }
}
