import Causality
import Segments

/// Finds rows that are there twice: an event that two segments have to the letter, with the same clock, is stored once, and who
/// else recorded it is noted. What differs in anything is kept beside it.
struct RowRepeats {
    /// The stretches that are left, in the same order.
    private(set) var kept: [(batch: Int, stretch: RowStretch)] = []
    private let batches: [EventBatch]
    /// Rows that are the same as kept ones: what comes next may go on from either.
    private var same: [Row: Row] = [:]

    /// A row of the run, by its place in a segment.
    private struct Row: Hashable {
        var segment: Identity128
        var ordinal: Int

        init(_ row: Int, of stretch: RowStretch) {
            segment = stretch.segment.segment
            ordinal = stretch.ordinal + row - stretch.rows.lowerBound
        }

        var previous: Row {
            var row = self
            row.ordinal -= 1
            return row
        }
    }

    /// A kept row, by its stretch in `kept`.
    private struct Place {
        var index: Int
        var row: Int
    }

    /// O(rows that overlap · the stretches that they do with).
    init(_ batches: [EventBatch], _ stretches: [(batch: Int, stretch: RowStretch)]) {
        self.batches = batches
        kept.reserveCapacity(stretches.count)
        var reach: UInt64 = 0
        for (batch, stretch) in stretches {
            let sequences = batches[batch].sequences
            let (first, last) = (
                sequences[stretch.rows.lowerBound], sequences[stretch.rows.upperBound - 1]
            )
            if first > reach {
                kept.append((batch, stretch))
            } else {
                keepRest(batch, stretch)
            }
            reach = max(reach, last)
        }
    }

    /// Keeps what is new of a stretch.
    private mutating func keepRest(_ batch: Int, _ stretch: RowStretch) {
        var start = stretch.rows.lowerBound
        let others = overlapping(batch, stretch)
        for row in stretch.rows {
            guard let place = place(of: row, batch, stretch, others) else { continue }
            keep(start..<row, batch, stretch)
            start = row + 1
            note(row, batch, stretch, as: place)
        }
        keep(start..<stretch.rows.upperBound, batch, stretch)
    }

    /// The last kept stretches that have some of its numbers.
    private func overlapping(_ batch: Int, _ stretch: RowStretch) -> [Int] {
        let first = batches[batch].sequences[stretch.rows.lowerBound]
        return kept.indices.suffix(Limits.comparedStretchesMax).filter { index in
            let other = kept[index]
            return other.stretch.segment != stretch.segment
                && batches[other.batch].sequences[other.stretch.rows.upperBound - 1] >= first
        }
    }

    private mutating func keep(_ rows: Range<Int>, _ batch: Int, _ stretch: RowStretch) {
        guard !rows.isEmpty else { return }
        var rest = stretch
        rest.rows = rows
        rest.ordinal += rows.lowerBound - stretch.rows.lowerBound
        if rows.lowerBound > stretch.rows.lowerBound {
            rest.start =
                isWhole(rows.lowerBound, batch, stretch)
                ? .whole : .goesOn(after: batches[batch].sequences[rows.lowerBound - 1])
            rest.continuesFrame = hasHole(before: rows.lowerBound, batch, stretch)
        }
        kept.append((batch, rest))
    }

    private func isWhole(_ row: Int, _ batch: Int, _ stretch: RowStretch) -> Bool {
        if row == stretch.rows.lowerBound {
            if case .whole = stretch.start { return true }
            return false
        }
        return batches[batch].isInWholes(row)
    }

    private func hasHole(before row: Int, _ batch: Int, _ stretch: RowStretch) -> Bool {
        guard row > stretch.rows.lowerBound else { return stretch.continuesFrame }
        let sequences = batches[batch].sequences
        return sequences[row] != sequences[row - 1] + 1
    }

    private func predecessor(_ row: Int, _ batch: Int, _ stretch: RowStretch) -> UInt64 {
        if row > stretch.rows.lowerBound { return batches[batch].sequences[row - 1] }
        switch stretch.start {
        case .whole: return 0
        case .completed(let before, _), .goesOn(let before): return before
        }
    }

    /// The kept row that is the same, with the same clock: both are whole, or both go on from rows that are the same.
    private func place(
        of row: Int, _ batch: Int, _ stretch: RowStretch, _ others: [Int]
    ) -> Place? {
        let sequence = batches[batch].sequences[row]
        let whole = isWhole(row, batch, stretch)
        for index in others {
            let other = kept[index]
            guard let place = self.row(sequence, in: other),
                isWhole(place, other.batch, other.stretch) == whole
            else { continue }
            if !whole {
                let (one, two) = (
                    Row(row, of: stretch).previous, Row(place, of: other.stretch).previous
                )
                guard same[one] ?? one == same[two] ?? two,
                    predecessor(row, batch, stretch)
                        == predecessor(place, other.batch, other.stretch)
                else { continue }
            }
            if batches[batch].isSame(row, as: batches[other.batch], place) {
                return Place(index: index, row: place)
            }
        }
        return nil
    }

    /// The row of a kept stretch with a number.
    private func row(
        _ sequence: UInt64, in other: (batch: Int, stretch: RowStretch)
    ) -> Int? {
        let sequences = batches[other.batch].sequences
        var (low, high) = (other.stretch.rows.lowerBound, other.stretch.rows.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if sequences[middle] < sequence { low = middle + 1 } else { high = middle }
        }
        return low < other.stretch.rows.upperBound && sequences[low] == sequence ? low : nil
    }

    /// Notes that a row is there already.
    private mutating func note(
        _ row: Int, _ batch: Int, _ stretch: RowStretch, as place: Place
    ) {
        let other = kept[place.index]
        let kept = Row(place.row, of: other.stretch)
        same[Row(row, of: stretch)] = same[kept] ?? kept
        let ordinal = Row(row, of: stretch).ordinal
        let sequences = batches[other.batch].sequences
        let hole =
            place.row > other.stretch.rows.lowerBound
            && sequences[place.row] != sequences[place.row - 1] + 1
        let repeats = other.stretch.repeats
        if let last = repeats.lastIndex(where: {
            $0.segment == stretch.segment && $0.rows.upperBound == place.row
                && $0.ordinal + $0.rows.count == ordinal
        }), !hole || row > stretch.rows.lowerBound {
            let rows = repeats[last].rows
            self.kept[place.index].stretch.repeats[last].rows = rows.lowerBound..<place.row + 1
        } else {
            self.kept[place.index].stretch.repeats.append(
                RowStretch.Repeat(
                    rows: place.row..<place.row + 1, segment: stretch.segment, ordinal: ordinal,
                    continuesFrame: hasHole(before: row, batch, stretch)))
        }
    }
}
