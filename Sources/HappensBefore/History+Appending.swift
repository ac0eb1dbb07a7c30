import Causality

/// A block of one process on its way into a history.
package struct HistoryBlock: Sendable {
    /// A number that the caller finds the block by.
    package var id: Int
    package var key: ProcessKey
    package var columns: CausalColumns

    package init(id: Int, key: ProcessKey, columns: CausalColumns) {
        self.id = id
        self.key = key
        self.columns = columns
    }
}

extension History {
    /// Adds a block. O(rows + changed clock entries).
    ///
    /// Returns false, and adds nothing, where the block does not lie wholly after what is here of its
    /// run, or the run is forked: then `rebuild` that run from all its blocks. Call `finish` after the last block.
    package mutating func append(_ block: HistoryBlock) -> Bool {
        let identity = LineIdentity(run: block.key.identity)
        guard forks[identity.run] == nil else { return false }
        let process = line(identity, block.key)
        guard let first = block.columns.sequences.first else { return true }
        guard first > processes[process].last, processes[process].key == block.key else {
            return false
        }
        var cursor = StampCursor(block, self.localCitations(block))
        for row in 0..<block.columns.rowCount {
            cursor.step()
            add(row: row, of: block, cursor, isFirst: row == 0, to: process)
        }
        noteHoles(of: block, in: process)
        return true
    }

    /// Replaces what is here of a run by the rows of `blocks`, whose ranges may interleave and overlap.
    /// Where two rows have one sequence number the earlier block in the list wins, and the other is an `Overlap`.
    /// O(rows · log blocks + changed clock entries).
    ///
    /// - Parameters:
    ///   - fork: Where the run is there more than once, from where on; else nil.
    ///   - branches: For a forked run, the branch that each block belongs to, by the block's id.
    package mutating func rebuild(
        _ run: Identity128, from blocks: [HistoryBlock], fork: Fork? = nil,
        branches: [Int: Identity128] = [:]
    ) {
        guard let first = blocks.first else { return }
        _ = line(LineIdentity(run: run), first.key)
        for index in processes.indices where processes[index].identity?.run == run {
            let old = processes[index]
            processes[index] = ProcessHistory(key: old.key!, identity: old.identity!)
            processes[index].expectedMax = old.expectedMax
        }
        forks[run] = fork
        guard let fork else {
            fill(LineIdentity(run: run), first.key, from: blocks) { _ in true }
            return
        }
        fill(LineIdentity(run: run), first.key, from: blocks) { $0 < fork.sequence }
        for (branch, group) in Dictionary(grouping: blocks, by: { branches[$0.id] ?? run })
            .sorted(by: { "\($0.key)" < "\($1.key)" })
        {
            let identity = LineIdentity(run: run, branch: branch)
            fill(identity, group[0].key, from: group) { $0 >= fork.sequence }
            processes[indexOfLine[identity]!].firstMissable = fork.sequence
        }
    }

    /// Puts the rows that are meant into a process that has none.
    private mutating func fill(
        _ identity: LineIdentity, _ key: ProcessKey, from blocks: [HistoryBlock],
        where isMeant: (UInt64) -> Bool
    ) {
        let process = line(identity, key)
        var rows: [(sequence: UInt64, block: Int, row: Int)] = []
        for (index, block) in blocks.enumerated() {
            for (row, sequence) in block.columns.sequences.enumerated() {
                rows.append((sequence, index, row))
            }
            noteHoles(of: block, in: process)
        }
        rows.sort { ($0.sequence, $0.block) < ($1.sequence, $1.block) }

        var cursors = blocks.map { StampCursor($0, self.localCitations($0)) }
        var before: (block: Int, row: Int)?
        for (sequence, index, row) in rows {
            cursors[index].step()
            guard isMeant(sequence) else { continue }
            if sequence == processes[process].last {
                processes[process].overlaps.append(
                    Overlap(
                        sequence: sequence, kept: blocks[before!.block].id,
                        other: blocks[index].id))
                continue
            }
            let follows = before.map { $0.block == index && $0.row + 1 == row } ?? false
            add(row: row, of: blocks[index], cursors[index], isFirst: !follows, to: process)
            before = (index, row)
        }
    }

    /// Where each process that a block's columns refer to is kept, as a clock's entry and as a cause.
    private mutating func localCitations(_ block: HistoryBlock) -> [(clock: Int, cause: Int)] {
        for (process, name) in zip(block.columns.processes, block.columns.names) {
            if case .run(let run) = process, let name {
                claimedNames[run, default: []].insert(name)
            }
        }
        return block.columns.processes.map { process in
            if case .run = process {
                let index = intern(Citation(process, isClock: true))
                return (index, index)
            }
            return (
                intern(Citation(process, isClock: true)), intern(Citation(process, isClock: false))
            )
        }
    }

    /// Adds one row; `isFirst` where the row before it in its block is not the event before it here,
    /// so that its whole stamp is compared and not just its changes.
    private mutating func add(
        row: Int, of block: HistoryBlock, _ cursor: StampCursor, isFirst: Bool, to process: Int
    ) {
        let columns = block.columns
        let position = processes[process].count
        precondition(position < Limits.eventsOfProcessMax, "a process of more than 2^32 events")
        processes[process].runs.append(columns.sequences[row])
        processes[process].times.append(columns.times[row])
        processes[process].kinds.append(columns.kinds[row])
        let stamp = columns.stamps[row]
        if processes[process].stamps.last?.stamp != stamp {
            processes[process].stamps.append(StampRun(position: position, stamp: stamp))
        }
        if stamp != .silent { processes[process].speaks = true }
        if processes[process].blockStarts.last?.block != block.id {
            processes[process].blockStarts.append(BlockStart(position: position, block: block.id))
        }
        if isFirst {
            let stamp = cursor.stamp
            for (other, value) in stamp { know(other, value, at: position, in: process) }
            for other in processes[process].lastStamp.keys where stamp[other] == nil {
                know(other, 0, at: position, in: process)
            }
        } else {
            for change in columns.changes[columns.changeStarts[row]..<columns.changeStarts[row + 1]]
            {
                know(
                    cursor.citations[change.process].clock, change.value, at: position, in: process)
            }
        }
        if let cause = cursor.cause {
            processes[process].writtenCauses.append(cursor.reference(cause, at: position))
        }
        if let ruling = cursor.ruling {
            processes[process].writtenRulings.append(cursor.reference(ruling, at: position))
        }
    }

    /// The stamp at `position` says `value` of what a citation means.
    private mutating func know(_ citation: Int, _ value: UInt64, at position: Int, in process: Int)
    {
        let before = processes[process].lastStamp[citation] ?? 0
        // A recorder leaves out the entry of a run once it knows the run that goes on from it.
        var isLeftOut = false
        if case .run = citations[citation].process { isLeftOut = value == 0 }
        if value < before, !isLeftOut,
            processes[process].regressions.count < Limits.defectsOfKindMax
        {
            processes[process].regressions.append(
                Regression(
                    position: UInt32(position), citation: citation, from: before, to: value))
        }
        processes[process].lastStamp[citation] = value == 0 ? nil : value
        guard value > before else { return }
        processes[process].stamped[citation, default: StepFunction()].rise(to: value, at: position)
    }

    private mutating func noteHoles(of block: HistoryBlock, in process: Int) {
        guard let first = block.columns.sequences.first, let last = block.columns.sequences.last,
            last - first + 1 != UInt64(block.columns.rowCount)
        else { return }
        var next = first
        for sequence in block.columns.sequences {
            if sequence > next { processes[process].sourceHoles.append(next...(sequence - 1)) }
            next = sequence + 1
        }
    }
}

/// Walks the rows of a block and keeps the whole stamp of the row that it stands at.
private struct StampCursor {
    let columns: CausalColumns
    /// Where each of the block's processes is kept.
    let citations: [(clock: Int, cause: Int)]
    private(set) var stamp: [Int: UInt64] = [:]
    private(set) var cause: RowCause?
    private(set) var ruling: RowCause?
    private var row = -1
    private var nextCause = 0
    private var nextRuling = 0

    init(_ block: HistoryBlock, _ citations: [(clock: Int, cause: Int)]) {
        columns = block.columns
        self.citations = citations
    }

    mutating func step() {
        row += 1
        for change in columns.changes[columns.changeStarts[row]..<columns.changeStarts[row + 1]] {
            stamp[citations[change.process].clock] = change.value == 0 ? nil : change.value
        }
        cause = StampCursor.next(columns.causes, row, &nextCause)
        ruling = StampCursor.next(columns.rulings, row, &nextRuling)
    }

    private static func next(_ named: [RowCause], _ row: Int, _ next: inout Int) -> RowCause? {
        guard next < named.count, named[next].row == row else { return nil }
        defer { next += 1 }
        return named[next]
    }

    func reference(_ named: RowCause, at position: Int) -> WrittenReference {
        WrittenReference(
            position: UInt32(position), citation: citations[named.process].cause,
            sequence: named.sequence)
    }
}

extension History {
    /// Notes that a process is known to have events up to a sequence number, though they cannot be read.
    package mutating func expect(_ key: ProcessKey, upTo sequence: UInt64) {
        let index = line(LineIdentity(run: key.identity), key)
        processes[index].expectedMax = max(processes[index].expectedMax, sequence)
    }
}
