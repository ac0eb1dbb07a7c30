import Causality
import Segments

/// The clocks of one run's events, as each of its sources wrote them: what the next event's changes are against.
struct RunClocks: Sendable {
    /// Whom clocks refer to.
    private(set) var references: [ProcessReference] = []
    private var numbers: [ProcessReference: Int] = [:]
    private var strands: [Strand] = []

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

    /// What of it a segment that is still being read may go on from; nil where that is nothing.
    func goingOn(in segment: Identity128) -> RunClocks? {
        var clocks = self
        clocks.strands = strands.filter { $0.segment == segment }
        return clocks.strands.isEmpty ? nil : clocks
    }
}
