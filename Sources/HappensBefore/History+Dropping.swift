import Causality

// What was dropped of a history: the first events of processes.
extension History {
    /// Has the events of a run up to a number passed over, whenever they are appended. They count as missing, unless they are
    /// put away.
    package mutating func drop(_ run: ProcessKey, upTo sequence: UInt64) {
        droppedUpTo[run.identity] = max(sequence, droppedUpTo[run.identity] ?? 0)
        expect(run, upTo: sequence)
    }

    /// The rows of a block that were not dropped.
    func kept(_ block: HistoryBlock, of frame: HistoryFrame, run: Identity128) -> Range<Int> {
        guard let last = droppedUpTo[run] else { return block.rows }
        let sequences = frame.batch.sequences
        let count = partitionPoint(count: block.rows.count) {
            sequences[block.rows.lowerBound + $0] <= last
        }
        return block.rows.lowerBound + count..<block.rows.upperBound
    }

    /// Of each process the last event that is put away, alone, with what it knows, and the tally as it was: what is kept of a
    /// history whose events are dropped. Of one that was resumed on a floor and finished over it, and has nothing above.
    /// O(what processes know at the cut). Throws what the floor does.
    ///
    /// - Parameters:
    ///   - floor: What is put away.
    ///   - tally: What contradicts itself there, by the floor's indexes.
    package func lastPutAway<Floor: CausalFloor>(
        on floor: Floor, _ tally: DefectTally
    ) throws(Floor.Failure) -> (History, DefectTally) {
        let numbers = try FloorNumbers(floor, self)
        var lasts = self
        for index in processes.indices where processes[index].base > 0 {
            let last = EventPosition(process: index, position: processes[index].base - 1)
            let there = numbers.below(last)
            lasts.processes[index].keepLast(
                time: try floor.time(at: there), kind: try floor.kind(at: there),
                numbers.above(try floor.uncertainty(at: there)))
        }
        lasts.learnedFromMissing = [:]
        return (lasts, tally.renumbered(numbers.above))
    }
}

extension ProcessHistory {
    /// Has the last event that is put away in the place of all of them.
    fileprivate mutating func keepLast(time: Int64, kind: EventKind, _ why: Uncertainty?) {
        let last = base - 1
        times = Column(from: last)
        times.append(time)
        kinds = Column(from: last)
        kinds.append(kind)
        uncertainty = [UncertainRun(position: last, why: why)]
        // Where it lay does not matter any more.
        blockStarts = [BlockStart(position: last, frame: -1, row: 0)]
    }
}
