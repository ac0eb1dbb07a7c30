import Causality

/// A batch on its way into a history: its rows are by process, as a frame has them.
package struct HistoryFrame: Sendable {
    /// A number that the caller finds the frame by.
    package var id: Int
    /// What tells the frame's source (an agent's segment) from others: clocks go on from frame to frame within one.
    package var source: Identity128
    package var batch: EventBatch
    /// The blocks of the batch: rows of one process, ascending by sequence number, ascending by first row.
    package let blocks: [HistoryBlock]
    /// By row: the numbers of its process that it says are lost, and so nobody's.
    package var lost: [Int: ClosedRange<UInt64>] = [:]

    package init(id: Int, source: Identity128, batch: EventBatch) {
        self.id = id
        self.source = source
        self.batch = batch
        blocks = HistoryBlock.blocks(of: batch)
    }
}

/// Rows of one process in a frame, ascending by sequence number.
package struct HistoryBlock: Hashable, Sendable {
    /// Index of the process in the frame's batch.
    package let slot: Int
    package let rows: Range<Int>
    /// The event of the process that the first row's clock goes on from; 0 where that is whole.
    package let predecessor: UInt64

    static func blocks(of batch: EventBatch) -> [HistoryBlock] {
        var blocks: [HistoryBlock] = []
        var seen = [Bool](repeating: false, count: batch.processes.count)
        var start = 0
        for row in 1..<max(2, batch.count + 1) where start < batch.count {
            let goesOn =
                row < batch.count && batch.slots[row] == batch.slots[start]
                && batch.sequences[row] > batch.sequences[row - 1]
            if goesOn { continue }
            let slot = Int(batch.slots[start])
            blocks.append(
                HistoryBlock(
                    slot: slot, rows: start..<row,
                    predecessor: seen[slot] ? 0 : batch.predecessors[slot]))
            precondition(
                blocks.count < 2 || blocks[blocks.count - 2].slot == slot || !seen[slot],
                "a frame whose rows are not by process")
            seen[slot] = true
            start = row
        }
        return blocks
    }
}

extension History {
    /// The rows of a frame that may say that what came from elsewhere is lost: with which a process goes on anew, behind a hole.
    /// O(blocks · log holes)
    package func rowsBehindHoles(
        of frame: HistoryFrame, only range: Range<Int>? = nil
    ) -> [Int] {
        frame.blocks.compactMap { block in
            let key = frame.batch.processes[block.slot]
            let first = block.rows.lowerBound
            guard block.predecessor == 0, range?.contains(first) ?? true,
                frame.batch.kinds[first] == LossMarker.kind,
                ExactText.isSame(key.execution, execution),
                let process = indexOfLine[LineIdentity(run: key.identity)],
                processes[process].count > 0, processes[process].tail.source != frame.source,
                frame.batch.sequences[first] > processes[process].last + 1
            else { return nil }
            return first
        }
    }

    /// Adds the events of this execution in a frame. O(rows + changed clock entries).
    ///
    /// Returns the runs of which events were left out, since they do not lie wholly after what is here, or the run is forked, or
    /// in `excluded`: `rebuild` these from all frames that have them. Call `finish` after the last frame. Where events of such
    /// a run are put away, what is put away does not hold any more: `breach` says so.
    ///
    /// - Parameter skipsPutAway: True for a frame that may be known to what is put away: rows of numbers up to the last one
    ///   there are passed over.
    /// - Parameter range: The rows meant, where not all are: those before them were added already, or are nobody's.
    package mutating func append(
        _ frame: HistoryFrame, except excluded: Set<Identity128> = [], skipsPutAway: Bool = false,
        only range: Range<Int>? = nil
    ) -> Set<Identity128> {
        var left: Set<Identity128> = []
        var citations = FrameCitations(frame)
        let wholes = Set(frame.batch.wholes)
        for block in frame.blocks {
            let key = frame.batch.processes[block.slot]
            guard ExactText.isSame(key.execution, execution) else { continue }
            let run = key.identity
            if excluded.contains(run) || left.contains(run)
                || !append(
                    block, of: frame, key, wholes, &citations, skipsPutAway: skipsPutAway,
                    only: range ?? block.rows)
            {
                left.insert(run)
                noteRewriting(of: run)
            }
        }
        return left
    }

    private mutating func append(
        _ block: HistoryBlock, of frame: HistoryFrame, _ key: ProcessKey, _ wholes: Set<Int>,
        _ citations: inout FrameCitations, skipsPutAway: Bool, only range: Range<Int>
    ) -> Bool {
        let identity = LineIdentity(run: key.identity)
        guard forks[identity.run] == nil else { return false }
        let process = line(identity, key)
        let sequences = frame.batch.sequences
        var rows = kept(block, of: frame, run: identity.run).clamped(to: range)
        guard !rows.isEmpty else { return true }
        if skipsPutAway, processes[process].base > 0 {
            let last = processes[process].sequence(at: processes[process].base - 1)
            let count = partitionPoint(count: rows.count) {
                sequences[rows.lowerBound + $0] <= last
            }
            noteLateness(of: sequences[rows.prefix(count)], process)
            rows = rows.lowerBound + count..<rows.upperBound
        }
        guard let first = rows.first else { return true }
        guard sequences[first] > processes[process].last, processes[process].key == key
        else { return false }
        if let lost = frame.lost[first],
            processes[process].count(upTo: lost.upperBound)
                > processes[process].count(upTo: lost.lowerBound - 1)
        {
            return false
        }
        let tail = processes[process].tail
        let predecessor =
            first == block.rows.lowerBound ? block.predecessor : sequences[first - 1]
        guard
            predecessor == 0
                || tail.source == frame.source && processes[process].last == predecessor
                || tail.isResumed && processes[process].last == predecessor
        else { return false }
        var isBroken = tail.isBroken
        for row in rows {
            let isWhole =
                row == block.rows.lowerBound ? block.predecessor == 0 : wholes.contains(row)
            if isWhole {
                isBroken = false
                var stamp: [Int: UInt64] = [:]
                for change in frame.batch.changes(row) where change.value > 0 {
                    stamp[citations.clock(change.process, &self)] = change.value
                }
                know(whole: stamp, in: process)
            } else {
                know(frame.batch.changes(row), &citations, isBroken: isBroken, in: process)
            }
            add(row, of: frame, &citations, isBroken: isBroken, to: process)
        }
        processes[process].tail = ProcessHistory.Tail(source: frame.source, isBroken: isBroken)
        // Between the row before these, which was the last one, and the first of these, too.
        let isContinued = predecessor > 0 && first > block.rows.lowerBound
        noteHoles(
            in: (isContinued ? rows.lowerBound - 1 : rows.lowerBound)..<rows.upperBound, of: frame,
            in: process)
        return true
    }

    /// Replaces what is here of a run by the rows of `frames`, in whose blocks its numbers may interleave and overlap.
    /// Where two rows have one sequence number the earlier one in the list wins.
    /// O(rows · log rows + changed clock entries).
    ///
    /// - Parameters:
    ///   - fork: Where the run is there more than once, from where on; else nil.
    ///   - branches: For a forked run, the branch that each of its places belongs to.
    package mutating func rebuild(
        _ run: Identity128, from frames: [HistoryFrame], fork: Fork? = nil,
        branches: [BranchPlace: Identity128] = [:]
    ) {
        let blocks = frames.indices.flatMap { frame in
            frames[frame].blocks.filter { block in
                let key = frames[frame].batch.processes[block.slot]
                return ExactText.isSame(key.execution, execution) && key.identity == run
            }.map { (frame: frame, block: $0) }
        }
        func key(_ block: (frame: Int, block: HistoryBlock)) -> ProcessKey {
            frames[block.frame].batch.processes[block.block.slot]
        }
        guard let first = blocks.first else { return }
        noteRewriting(of: run)
        _ = line(LineIdentity(run: run), key(first))
        for index in processes.indices where processes[index].identity?.run == run {
            let old = processes[index]
            processes[index] = ProcessHistory(key: old.key!, identity: old.identity!)
            processes[index].expectedMax = old.expectedMax
        }
        forks[run] = fork
        guard let fork else {
            fill(LineIdentity(run: run), key(first), frames, blocks) { _ in true }
            return
        }
        fill(LineIdentity(run: run), key(first), frames, blocks) { $0 < fork.sequence }
        let groups = Dictionary(grouping: blocks) { block in
            branches[BranchPlace(frame: frames[block.frame].id, slot: block.block.slot)] ?? run
        }
        for (branch, group) in groups.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            let identity = LineIdentity(run: run, branch: branch)
            fill(identity, key(group[0]), frames, group) { $0 >= fork.sequence }
            processes[indexOfLine[identity]!].firstMissable = fork.sequence
        }
    }

    /// Puts the rows that are meant into a process that has none.
    private mutating func fill(
        _ identity: LineIdentity, _ key: ProcessKey, _ frames: [HistoryFrame],
        _ blocks: [(frame: Int, block: HistoryBlock)], where isMeant: (UInt64) -> Bool
    ) {
        let process = line(identity, key)
        let dropped = droppedUpTo[identity.run] ?? 0
        var strands = Strands()
        var rows: [(sequence: UInt64, frame: Int, row: Int, strand: Int, isWhole: Bool)] = []
        for (frame, block) in blocks {
            let batch = frames[frame].batch
            let wholes = Set(batch.wholes)
            let (strand, isBroken) = strands.place(
                block, source: frames[frame].source,
                first: batch.sequences[block.rows.lowerBound],
                last: batch.sequences[block.rows.upperBound - 1])
            for row in block.rows {
                let isFirst = row == block.rows.lowerBound
                let isWhole = isFirst ? block.predecessor == 0 : wholes.contains(row)
                if isFirst, isBroken {
                    strands.breaks.insert(Strands.Place(frame: frame, row: row))
                }
                rows.append((batch.sequences[row], frame, row, strand, isWhole))
            }
            noteHoles(in: block.rows, of: frames[frame], in: process)
        }
        rows.sort { ($0.sequence, $0.frame, $0.row) < ($1.sequence, $1.frame, $1.row) }

        var citations = frames.map { FrameCitations($0) }
        var stamps = [[Int: UInt64]](repeating: [:], count: strands.count)
        var broken = [Bool](repeating: false, count: strands.count)
        var before: Int?
        for (sequence, frame, row, strand, isWhole) in rows {
            let changes = frames[frame].batch.changes(row)
            if isWhole {
                stamps[strand] = [:]
                broken[strand] = false
            } else if strands.breaks.contains(Strands.Place(frame: frame, row: row)) {
                broken[strand] = true
            }
            for change in changes {
                stamps[strand][citations[frame].clock(change.process, &self)] =
                    change.value == 0 ? nil : change.value
            }
            guard isMeant(sequence), sequence > max(dropped, processes[process].last) else {
                continue
            }
            if before == strand, !isWhole, !broken[strand] {
                know(changes, &citations[frame], isBroken: false, in: process)
            } else if broken[strand] {
                for (citation, value) in stamps[strand] {
                    rise(citation, value, in: process)
                }
            } else {
                know(whole: stamps[strand], in: process)
            }
            add(row, of: frames[frame], &citations[frame], isBroken: broken[strand], to: process)
            before = strand
        }
        // What comes next may go on from the last event, where that is the last one of its strand too.
        processes[process].tail = ProcessHistory.Tail()
        if let strand = before, strands.ends[strand].last == processes[process].last {
            processes[process].tail = ProcessHistory.Tail(
                source: strands.ends[strand].source, isBroken: broken[strand])
        }
    }

    /// Adds what ordering needs of one row besides its clock, which `know` or `rise` took in before.
    private mutating func add(
        _ row: Int, of frame: HistoryFrame, _ citations: inout FrameCitations, isBroken: Bool,
        to process: Int
    ) {
        let batch = frame.batch
        let position = processes[process].count
        precondition(position < Limits.eventsOfProcessMax, "a process of more than 2^32 events")
        processes[process].runs.append(batch.sequences[row])
        processes[process].times.append(batch.times[row])
        processes[process].kinds.append(batch.kinds[row])
        let stamp = isBroken ? broken(batch.stamps[row], in: process) : batch.stamps[row]
        if processes[process].stamps.last?.stamp != stamp {
            processes[process].stamps.append(StampRun(position: position, stamp: stamp))
        }
        if stamp != .silent { processes[process].speaks = true }
        if let last = processes[process].blockStarts.last, last.frame == frame.id,
            last.row + position - last.position == row
        {
        } else {
            processes[process].blockStarts.append(
                BlockStart(position: position, frame: frame.id, row: row))
        }
        for cause in batch.causes[batch.firstCause(from: row)...] {
            guard cause.row == row else { break }
            processes[process].writtenCauses.append(
                WrittenReference(
                    position: UInt32(position), citation: citations.cause(cause.process, &self),
                    sequence: cause.sequence, evidence: cause.evidence))
        }
        let ruling = batch.firstRuling(from: row)
        if ruling < batch.rulings.count, batch.rulings[ruling].row == row {
            let ruled = batch.rulings[ruling]
            processes[process].writtenRulings.append(
                WrittenReference(
                    position: UInt32(position), citation: citations.cause(ruled.process, &self),
                    sequence: ruled.sequence, evidence: ruled.evidence))
        }
    }

    /// The stamp of a row whose clock goes on from one that cannot be read.
    private func broken(_ stamp: Stamp, in process: Int) -> Stamp {
        let sequence = processes[process].last
        switch stamp {
        case .chained, .silent: return stamp
        case .complete, .generating, .lossy:
            if case .lossy(let before)? = processes[process].stamps.last?.stamp,
                before.reason == .frameMissing
            {
                return .lossy(before)
            }
            var number: UInt32 = 1
            if case .lossy(let loss) = stamp { number = loss.number &+ 1 }
            return .lossy(Loss(since: sequence, .frameMissing, number: number))
        }
    }

    /// The event that comes next says, changed entry by changed entry, what its clock knows.
    private mutating func know(
        _ changes: ArraySlice<ClockChange>, _ citations: inout FrameCitations, isBroken: Bool,
        in process: Int
    ) {
        for change in changes {
            let citation = citations.clock(change.process, &self)
            if isBroken {
                rise(citation, change.value, in: process)
            } else {
                know(citation, change.value, in: process)
            }
        }
    }

    /// The event that comes next has this whole clock.
    private mutating func know(whole stamp: [Int: UInt64], in process: Int) {
        // Ascending, so that what is new is added at the end: in another order each entry would move those behind it.
        let line = processes[process]
        let left = line.stamped.clock.keys.lazy.map(\.process).filter { citation in
            stamp[citation] == nil && line.lastStamped(citation) > 0
        }
        for (citation, value) in (Array(stamp) + left.map { ($0, 0) }).sorted(by: {
            $0.key < $1.key
        }) {
            know(citation, value, in: process)
        }
    }

    /// The event that comes next says `value` of what a citation means.
    private mutating func know(_ citation: Int, _ value: UInt64, in process: Int) {
        let before = processes[process].lastStamped(citation)
        let most = processes[process].stamped.clock[citation]
        // A recorder leaves out the entry of a run once it knows the run that goes on from it.
        var isLeftOut = false
        if case .run = citations[citation].process { isLeftOut = value == 0 }
        if value < before, !isLeftOut,
            processes[process].regressions.count < Limits.defectsOfKindMax
        {
            processes[process].regressions.append(
                Regression(
                    position: UInt32(processes[process].count), citation: citation, from: before,
                    to: value))
        }
        if value < most {
            processes[process].understated[citation] = value
        } else if !processes[process].understated.isEmpty {
            processes[process].understated[citation] = nil
        }
        if value != before, value <= most {
            processes[process].lowered.append(
                LoweredEntry(
                    position: processes[process].count, citation: citation, value: value))
        }
        guard value > most else { return }
        let position = processes[process].count
        processes[process].stamped.rise(citation, to: value, at: position)
    }

    /// The event that comes next knows at least this, whatever else its clock has.
    private mutating func rise(_ citation: Int, _ value: UInt64, in process: Int) {
        guard value > processes[process].lastStamped(citation) else { return }
        know(citation, value, in: process)
    }

    private mutating func noteHoles(
        in rows: Range<Int>, of frame: HistoryFrame, in process: Int
    ) {
        let sequences = frame.batch.sequences[rows]
        guard let first = sequences.first, let last = sequences.last,
            last - first + 1 != UInt64(sequences.count)
        else { return }
        var next = first
        for sequence in sequences {
            if sequence > next { processes[process].sourceHoles.append(next...(sequence - 1)) }
            next = sequence + 1
        }
    }
}

/// A process's place in a frame.
package struct BranchPlace: Hashable, Sendable {
    package var frame: Int
    package var slot: Int

    package init(frame: Int, slot: Int) {
        self.frame = frame
        self.slot = slot
    }
}

/// Where a history keeps the processes that a frame refers to: found when first asked for, so that what only other
/// executions refer to is not kept.
private struct FrameCitations {
    private let references: [ProcessReference]
    private let names: [ProcessID?]
    private var clocks: [Int]
    private var causes: [Int]

    init(_ frame: HistoryFrame) {
        references = frame.batch.references
        names = frame.batch.claimedNames
        clocks = Array(repeating: -1, count: references.count)
        causes = clocks
    }

    /// Of a clock's entry.
    mutating func clock(_ reference: Int, _ history: inout History) -> Int {
        if clocks[reference] < 0 {
            note(reference, &history)
            clocks[reference] = history.intern(Citation(references[reference], isClock: true))
        }
        return clocks[reference]
    }

    /// Of a cause: the same as a clock's, for a run.
    mutating func cause(_ reference: Int, _ history: inout History) -> Int {
        if case .run = references[reference] { return clock(reference, &history) }
        if causes[reference] < 0 {
            causes[reference] = history.intern(Citation(references[reference], isClock: false))
        }
        return causes[reference]
    }

    private func note(_ reference: Int, _ history: inout History) {
        if case .run(let run) = references[reference], let name = names[reference] {
            history.claimedNames[run, default: []].insert(name)
        }
    }
}

/// The blocks of one run, strung together where one goes on from another: along a strand numbers ascend, and clocks go on.
private struct Strands {
    private(set) var ends: [(source: Identity128, last: UInt64)] = []
    /// Rows whose clocks go on from events that are not here.
    var breaks: Set<Place> = []

    struct Place: Hashable {
        var frame: Int
        var row: Int
    }

    var count: Int { ends.count }

    /// The strand of a block, and whether its clock goes on from an event that is not on it.
    mutating func place(
        _ block: HistoryBlock, source: Identity128, first: UInt64, last: UInt64
    ) -> (strand: Int, isBroken: Bool) {
        let found = ends.lastIndex { end in
            end.source == source
                && (block.predecessor == 0 ? end.last < first : end.last == block.predecessor)
        }
        if let found {
            ends[found].last = last
            return (found, false)
        }
        ends.append((source, last))
        return (ends.count - 1, block.predecessor != 0)
    }
}

extension History {
    /// Notes that a process is known to have events up to a sequence number, though they may not be read.
    package mutating func expect(_ key: ProcessKey, upTo sequence: UInt64) {
        let index = line(LineIdentity(run: key.identity), key)
        processes[index].expectedMax = max(processes[index].expectedMax, sequence)
    }
}
