// Whether two rows are one event that was read twice.
extension EventBatch {
    /// True where two rows say the same to the letter: number, time, stamp and content, causes, and what changed in their clocks
    /// against the event before. O(what they hold).
    package func isSame(_ row: Int, as other: EventBatch, _ otherRow: Int) -> Bool {
        guard sequences[row] == other.sequences[otherRow], kinds[row] == other.kinds[otherRow],
            times[row] == other.times[otherRow], levels[row] == other.levels[otherRow],
            stamps[row] == other.stamps[otherRow], text(row).count == other.text(otherRow).count,
            content[contentStarts[row]..<contentStarts[row + 1]].elementsEqual(
                other.content[other.contentStarts[otherRow]..<other.contentStarts[otherRow + 1]]),
            names[Int(nameNumbers[row])].elementsEqual(
                other.names[Int(other.nameNumbers[otherRow])])
        else { return false }
        return hasSameAttributes(row, as: other, otherRow)
            && named(causes, row, firstCause(from: row))
                == other.named(other.causes, otherRow, other.firstCause(from: otherRow))
            && named(rulings, row, firstRuling(from: row))
                == other.named(other.rulings, otherRow, other.firstRuling(from: otherRow))
            && written(row) == other.written(otherRow)
    }

    private func hasSameAttributes(
        _ row: Int, as other: EventBatch, _ otherRow: Int
    ) -> Bool {
        let (first, second) = (attributeStarts[row], other.attributeStarts[otherRow])
        let count = attributeStarts[row + 1] - first
        guard count == other.attributeStarts[otherRow + 1] - second else { return false }
        return (0..<count).allSatisfy { index in
            let (a, b) = (attributes[first + index], other.attributes[second + index])
            return a.isJSON == b.isJSON && keys[Int(a.key)].elementsEqual(other.keys[Int(b.key)])
                && value(first + index, ofRow: row).count
                    == other.value(second + index, ofRow: otherRow).count
        }
    }

    private func named(_ all: [RowCause], _ row: Int, _ first: Int) -> [Cause] {
        all[first...].prefix { $0.row == row }.map { Cause(reference($0), $0.evidence) }
    }

    private struct WrittenChange: Hashable {
        var value: UInt64
        var claim: ProcessID?
    }

    private func written(_ row: Int) -> [ProcessReference: WrittenChange] {
        var written: [ProcessReference: WrittenChange] = [:]
        for change in changes(row) {
            written[references[change.process]] = WrittenChange(
                value: change.value, claim: claimedNames[change.process])
        }
        return written
    }

    /// Whether the clock of a row is one of `wholes`. O(log wholes).
    package func isInWholes(_ row: Int) -> Bool {
        var (low, high) = (0, wholes.count)
        while low < high {
            let middle = (low + high) / 2
            if wholes[middle] < row { low = middle + 1 } else { high = middle }
        }
        return low < wholes.count && wholes[low] == row
    }
}
