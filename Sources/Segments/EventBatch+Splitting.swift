import Causality

extension EventBatch {
    /// The rows in parts that fit a frame each, in order. O(rows + changes).
    func framed() -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var seen = Seen(self)
        var start = 0
        var cost = 0
        var nextCause = 0
        for row in 0..<count {
            var causeEnd = nextCause
            while causeEnd < causes.count, causes[causeEnd].row == row { causeEnd += 1 }
            var size = seen.cost(of: row, causes[nextCause..<causeEnd], in: self)
            if row > start,
                row - start == Limits.frameRowsMax || cost + size > Limits.frameCostMax
            {
                parts.append(start..<row)
                start = row
                cost = 0
                seen.beginFrame()
                size = seen.cost(of: row, causes[nextCause..<causeEnd], in: self)
            }
            cost += size
            nextCause = causeEnd
        }
        if start < count { parts.append(start..<count) }
        return parts
    }

    /// Which entries of the tables the frame has already: each counts once.
    private struct Seen {
        private var frame = 1
        private var processes: [Int]
        private var references: [Int]
        private var names: [Int]
        private var keys: [Int]

        init(_ batch: EventBatch) {
            processes = Array(repeating: 0, count: batch.processes.count)
            references = Array(repeating: 0, count: batch.references.count)
            names = Array(repeating: 0, count: batch.names.count)
            keys = Array(repeating: 0, count: batch.keys.count)
        }

        mutating func beginFrame() { frame += 1 }

        private static func isNew(_ index: Int, _ seen: inout [Int], _ frame: Int) -> Bool {
            if seen[index] == frame { return false }
            seen[index] = frame
            return true
        }

        mutating func cost(
            of row: Int, _ causes: ArraySlice<RowCause>, in batch: EventBatch
        ) -> Int {
            var cost = batch.cost(ofRow: row, causes: causes.count)
            let slot = Int(batch.slots[row])
            if Seen.isNew(slot, &processes, frame) {
                let key = batch.processes[slot]
                cost +=
                    EventCost.process + key.process.name.utf8.count
                    + key.execution.utf8.count + key.host.utf8.count
            }
            let name = Int(batch.nameNumbers[row])
            if Seen.isNew(name, &names, frame) { cost += batch.names.range(name).count }
            for index in batch.attributeStarts[row]..<batch.attributeStarts[row + 1] {
                let key = Int(batch.attributes[index].key)
                if Seen.isNew(key, &keys, frame) { cost += batch.keys.range(key).count }
            }
            for change in batch.changes(row) { cost += referenceCost(change.process, batch) }
            for cause in causes { cost += referenceCost(cause.process, batch) }
            return cost
        }

        private mutating func referenceCost(_ index: Int, _ batch: EventBatch) -> Int {
            guard Seen.isNew(index, &references, frame) else { return 0 }
            var cost = EventCost.reference + (batch.claimedNames[index]?.name.utf8.count ?? 0)
            if case .named(let process) = batch.references[index] {
                cost += process.name.utf8.count
            }
            return cost
        }
    }
}
