import Causality

// What was dropped of a history: the first events of processes.
extension History {
    /// Has the events of a run up to a number passed over, whenever they are appended. They count as missing, unless they are
    /// put away.
    package mutating func drop(_ run: ProcessKey, upTo sequence: UInt64) {
        droppedUpTo[run.identity] = max(sequence, droppedUpTo[run.identity] ?? 0)
        expect(run, upTo: sequence)
    }

    /// By run: the number of its last event that has a wall time before a span of nanoseconds, and lies before any that has one in
    /// it; and how many lie up to there. Of a run that is there more than once, what lies so in all its branches. O(events).
    package func lasts(
        before span: ClosedRange<Int64>
    ) -> [(process: ProcessKey, last: UInt64, count: Int)] {
        var lines: [Identity128: [ProcessHistory]] = [:]
        for line in processes where line.count > 0 {
            if let key = line.key { lines[key.identity, default: []].append(line) }
        }
        var found: [(process: ProcessKey, last: UInt64, count: Int)] = []
        for lines in lines.values {
            let counts = lines.map { min($0.count, $0.countDated(before: span)) }
            // The first that stays of any of them.
            let stays = zip(lines, counts).filter { $0.count > $1 }.map { $0.runs[$1] }.min()
            let last = stays.map { $0 - 1 } ?? lines.map(\.last).max()!
            let count = lines.reduce(0) { $0 + $1.count(upTo: last) }
            if count > 0 { found.append((lines[0].key!, last, count)) }
        }
        return found.sorted { listingOrder($0.process.process, $1.process.process) }
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
                kind: try floor.kind(at: there),
                try numbers.above(try floor.uncertainty(at: there), of: floor))
        }
        lasts.learnedFromMissing = [:]
        let renumbered = try tally.renumbered { (process) throws(Floor.Failure) in
            try numbers.above(process, of: floor)
        }
        return (lasts, renumbered)
    }
}

extension ProcessHistory {
    /// How many events lie up to the last one that has a wall time before a span, and before any that has one in it. O(events).
    func countDated(before span: ClosedRange<Int64>) -> Int {
        let end = times.firstIndex(where: span.contains) ?? times.endIndex
        return times[..<end].lastIndex {
            $0 != EventBatch.noTime && $0 < span.lowerBound
        }.map { $0 + 1 } ?? base
    }

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
