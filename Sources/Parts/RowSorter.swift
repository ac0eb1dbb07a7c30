import Causality
import Segments

/// The rows of frames, sorted by process: as many as fit in memory at once.
struct RowSorter {
    private var batches: [EventBatch] = []
    private var runs: [RunPlace: Run] = [:]
    /// What events take that are here, by `EventCost`.
    private(set) var cost = 0
    private(set) var eventCount = 0
    /// By segment and run: how many events were seen.
    private var ordinals: [SegmentRun: Int] = [:]
    /// By segment: the runs of which rows were left out since they were dropped.
    private(set) var shortened: [Identity128: Set<ChainedRun>] = [:]
    /// Of processes whose rows were written already: the clocks from which those of a segment that is not at its end go on.
    private var clocks = ParkedClocks()

    private struct SegmentRun: Hashable {
        var segment: Identity128
        var run: ChainedRun
    }

    private struct Run {
        var stretches: [(batch: Int, stretch: RowStretch)] = []
        var last: UInt64 = 0
        var taken = 0
    }

    var isEmpty: Bool { runs.isEmpty }

    /// Takes in a frame of a segment, after the frames before it. O(rows).
    ///
    /// - Parameters:
    ///   - dropped: The executions whose rows are left out.
    ///   - lasts: By execution and run, up to which number its events were dropped: what has no others is left out.
    mutating func append(
        _ batch: EventBatch, of segment: SegmentHeader, except dropped: Set<ExactText> = [],
        after lasts: [ExactText: [Identity128: UInt64]] = [:]
    ) {
        guard !batch.isEmpty else { return }
        batches.append(batch)
        cost += batch.cost
        eventCount += batch.count
        let places = batch.processes.map { RunPlace($0) }
        let isDropped = batch.processes.map { dropped.contains(ExactText($0.execution)) }
        let lasts = batch.processes.map { lasts[ExactText($0.execution)]?[$0.identity] ?? 0 }
        var nextWhole = 0
        var start = 0
        for end in 1...batch.count {
            let isSame = end < batch.count && batch.slots[end] == batch.slots[start]
            if isSame, batch.sequences[end] > batch.sequences[end - 1] { continue }
            let slot = Int(batch.slots[start])
            while nextWhole < batch.wholes.count, batch.wholes[nextWhole] < start { nextWhole += 1 }
            let isWritten = nextWhole < batch.wholes.count && batch.wholes[nextWhole] == start
            let isFirst = start == 0 || batch.slots[start - 1] != batch.slots[start]
            let before = isFirst && !isWritten ? batch.predecessors[slot] : 0
            if !isDropped[slot] {
                let begin = before == 0 ? RowStretch.Start.whole : .goesOn(after: before)
                add(
                    start..<end, places[slot], begin, segment,
                    isKept: batch.sequences[end - 1] > lasts[slot])
            }
            start = end
        }
    }

    private mutating func add(
        _ rows: Range<Int>, _ place: RunPlace, _ start: RowStretch.Start,
        _ segment: SegmentHeader, isKept: Bool
    ) {
        let run = SegmentRun(
            segment: segment.segment,
            run: ChainedRun(execution: place.key.execution, run: place.identity))
        let ordinal = ordinals[run, default: 0]
        ordinals[run] = ordinal + rows.count
        guard isKept else {
            shortened[segment.segment, default: []].insert(run.run)
            return
        }
        let stretch = RowStretch(
            rows: rows, segment: segment, ordinal: ordinal, start: start)
        let index = batches.count - 1
        runs[place, default: Run()].stretches.append((index, stretch))
        runs[place]!.last = max(runs[place]!.last, batches[index].sequences[rows.upperBound - 1])
        runs[place]!.taken += rows.count
    }

    /// A segment was read to its end.
    mutating func endSegment() { ordinals.removeAll(keepingCapacity: true) }

    /// Writes what is here, and forgets it. O(rows + changes).
    ///
    /// - Parameters:
    ///   - segment: The segment that the last frame was of, and the next one may be.
    ///   - effort: How well blocks are packed that are not full.
    mutating func write(
        to writer: inout PartWriter, before segment: Identity128, _ effort: Codec.Effort
    ) throws(PartError) {
        for place in runs.keys.sorted(by: RunPlace.isBefore) {
            var run = runs.removeValue(forKey: place)!
            run.stretches.sort { a, b in isBefore(a, b) }
            let repeats = RowRepeats(batches, run.stretches)
            var assembler = BlockAssembler(
                place.key, after: clocks.take(place))
            try writer.begin(place)
            var blocks: [EncodedBlock] = []
            for (batch, stretch) in repeats.kept {
                try assembler.append(stretch, of: batches[batch]) { batch, sources in
                    blocks.append(EncodedBlock(batch, sources, RowSorter.effort(batch, effort)))
                }
                for block in blocks { try writer.append(block) }
                blocks.removeAll()
            }
            try assembler.end { batch, sources in
                blocks.append(EncodedBlock(batch, sources, RowSorter.effort(batch, effort)))
            }
            for block in blocks { try writer.append(block) }
            try writer.endRun(last: run.last, taken: run.taken)
            // As soon as it is known: clocks of thousands of processes in hundreds of segments are more than all rows.
            clocks.park(assembler.clocks, of: place, goingOnIn: segment)
        }
        clocks.keepOnly(goingOnIn: segment)
        batches.removeAll()
        (cost, eventCount) = (0, 0)
    }

    private static func effort(_ batch: EventBatch, _ effort: Codec.Effort) -> Codec.Effort {
        batch.count >= Limits.blockRowsKept ? .thorough : effort
    }

    private func isBefore(
        _ a: (batch: Int, stretch: RowStretch), _ b: (batch: Int, stretch: RowStretch)
    ) -> Bool {
        let first = batches[a.batch].sequences[a.stretch.rows.lowerBound]
        let second = batches[b.batch].sequences[b.stretch.rows.lowerBound]
        return first != second
            ? first < second : RowStretch.isBefore(a.stretch, b.stretch)
    }
}

extension RowStretch {
    /// The order of segments, and of rows in one: what depends on no order of arrival.
    static func isBefore(_ a: RowStretch, _ b: RowStretch) -> Bool {
        let (one, two) = (a.segment.created.nanoseconds, b.segment.created.nanoseconds)
        if one != two { return one < two }
        if a.segment.segment != b.segment.segment {
            return RunPlace.isBefore(a.segment.segment, b.segment.segment)
        }
        return a.ordinal < b.ordinal
    }
}
