import Causality

// What was dropped of a history: the first events of processes.
extension History {
    /// Has the events of a run up to a number passed over, whenever they are appended. They count as missing, unless they are
    /// put away.
    package mutating func drop(_ run: ProcessKey, upTo sequence: UInt64) {
        droppedUpTo[run.identity] = max(sequence, droppedUpTo[run.identity] ?? 0)
        expect(run, upTo: sequence)
    }

    /// By run: the number of its last event before any that has a wall time in a span of nanoseconds. O(events).
    package func lasts(
        before span: ClosedRange<Int64>
    ) -> [(process: ProcessKey, last: UInt64, count: Int)] {
        var found: [Identity128: (process: ProcessKey, last: UInt64, count: Int)] = [:]
        for line in processes {
            guard let key = line.key else { continue }
            let count = line.times.firstIndex(where: span.contains) ?? line.count
            let last = count == 0 ? 0 : line.runs[count - 1]
            let known = found[key.identity]
            // Of a run that is there more than once, what all its branches have done.
            let isLess = known.map { last < $0.last } ?? true
            if isLess || known == nil { found[key.identity] = (key, last, count) }
        }
        return found.values.filter { $0.last > 0 }.sorted {
            listingOrder($0.process.process, $1.process.process)
        }
    }

    /// A history of nothing but the last events of some processes, of which nothing is known: what is kept of dropped events that no
    /// history can go on from.
    package init(execution: String, ofDropped lasts: [(process: ProcessKey, last: UInt64)]) {
        self.init(execution: execution)
        for (process, last) in lasts {
            let index = line(LineIdentity(run: process.identity), process)
            processes[index].runs = SequenceRuns()
            processes[index].runs.append(last)
            processes[index].stamps = [StampRun(position: 0, stamp: .silent)]
            processes[index].keepLast(
                at: 0, time: EventBatch.noTime, kind: .unsaid, .dropped)
        }
        finish()
        for index in processes.indices {
            processes[index].keepLast(
                at: 0, time: EventBatch.noTime, kind: .unsaid, .dropped)
        }
    }

    /// The rows of a block that were not dropped.
    package func kept(_ block: HistoryBlock, of frame: HistoryFrame, run: Identity128) -> Range<Int>
    {
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
                at: last.position, time: try floor.time(at: there),
                kind: try floor.kind(at: there), numbers.above(try floor.uncertainty(at: there)))
        }
        lasts.learnedFromMissing = [:]
        return (lasts, tally.renumbered(numbers.above))
    }
}

extension ProcessHistory {
    /// Has its last event in the place of all of them.
    fileprivate mutating func keepLast(
        at last: Int, time: Int64, kind: EventKind, _ why: Uncertainty?
    ) {
        times = Column(from: last)
        times.append(time)
        kinds = Column(from: last)
        kinds.append(kind)
        uncertainty = [UncertainRun(position: last, why: why)]
        // Where it lay does not matter any more.
        blockStarts = [BlockStart(position: last, frame: -1, row: 0)]
    }
}
