import Causality

/// A block of one process on its way into a history.
package struct HistoryBlock: Sendable {
    /// A number that the caller finds the block by.
    package var id: Int
    package var host: String
    package var process: ProcessID
    package var columns: CausalColumns

    package init(id: Int, host: String, process: ProcessID, columns: CausalColumns) {
        self.id = id
        self.host = host
        self.process = process
        self.columns = columns
    }
}

extension History {
    /// Adds a block. O(rows + changed clock entries).
    ///
    /// Returns false, and adds nothing, where the block does not lie wholly after what is here of its
    /// process: then `rebuild` that process from all its blocks. Call `finish` after the last block.
    package mutating func append(_ block: HistoryBlock) -> Bool {
        let process = intern(block.process)
        guard let first = block.columns.sequences.first else { return true }
        guard first > processes[process].last else { return false }
        if processes[process].host.isEmpty { processes[process].host = block.host }
        var cursor = StampCursor(block, self.localIndexes(block))
        for row in 0..<block.columns.rowCount {
            cursor.step()
            add(row: row, of: block, cursor, isFirst: row == 0, to: process)
        }
        noteHoles(of: block, in: process)
        return true
    }

    /// Replaces what is here of a process by the rows of `blocks`, whose ranges may interleave and overlap.
    /// Where two rows have one sequence number the earlier block in the list wins, and the other is an `Overlap`.
    /// O(rows · log blocks + changed clock entries).
    package mutating func rebuild(_ id: ProcessID, from blocks: [HistoryBlock]) {
        let process = intern(id)
        let citedMax = processes[process].citedMax
        processes[process] = ProcessHistory(id: id, host: blocks.first?.host ?? "")
        processes[process].citedMax = citedMax

        var rows: [(sequence: UInt64, block: Int, row: Int)] = []
        for (index, block) in blocks.enumerated() {
            for (row, sequence) in block.columns.sequences.enumerated() {
                rows.append((sequence, index, row))
            }
            noteHoles(of: block, in: process)
        }
        rows.sort { ($0.sequence, $0.block) < ($1.sequence, $1.block) }

        var cursors = blocks.map { StampCursor($0, self.localIndexes($0)) }
        var before: (block: Int, row: Int)?
        for (sequence, index, row) in rows {
            cursors[index].step()
            if sequence == processes[process].last {
                if processes[process].overlaps.count < Limits.overlapsOfProcessMax {
                    processes[process].overlaps.append(
                        Overlap(
                            sequence: sequence, kept: blocks[before!.block].id,
                            other: blocks[index].id))
                }
                continue
            }
            let follows = before.map { $0.block == index && $0.row + 1 == row } ?? false
            add(row: row, of: blocks[index], cursors[index], isFirst: !follows, to: process)
            before = (index, row)
        }
    }

    /// The index here of each process that a block's columns refer to.
    private mutating func localIndexes(_ block: HistoryBlock) -> [Int] {
        block.columns.processes.map { intern($0) }
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
        switch columns.stamps[row] {
        case .complete: break
        case .lowerBound: processes[process].incomplete.append(UInt32(position))
        case .absent:
            processes[process].incomplete.append(UInt32(position))
            processes[process].hasClocks = false
        }
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
                know(cursor.indexes[change.process], change.value, at: position, in: process)
            }
        }
        if let cause = cursor.cause {
            let other = cursor.indexes[cause.process]
            processes[process].causes.append(
                RecordedCause(position: UInt32(position), process: other, sequence: cause.sequence))
            processes[other].citedMax = max(processes[other].citedMax, cause.sequence)
        }
    }

    /// The stamp at `position` says `value` of process `other`.
    private mutating func know(_ other: Int, _ value: UInt64, at position: Int, in process: Int) {
        guard other != process else { return }
        let before = processes[process].lastStamp[other] ?? 0
        if value < before, processes[process].regressions.count < Limits.defectsOfKindMax {
            processes[process].regressions.append(
                Regression(position: UInt32(position), process: other, from: before, to: value))
        }
        processes[process].lastStamp[other] = value == 0 ? nil : value
        guard value > before else { return }
        processes[process].stamped[other, default: StepFunction()].rise(to: value, at: position)
        if value > processes[other].citedMax { processes[other].citedMax = value }
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
    /// Index in the history of each of the block's processes.
    let indexes: [Int]
    private(set) var stamp: [Int: UInt64] = [:]
    private(set) var cause: RowCause?
    private var row = -1
    private var nextCause = 0

    init(_ block: HistoryBlock, _ indexes: [Int]) {
        columns = block.columns
        self.indexes = indexes
    }

    mutating func step() {
        row += 1
        for change in columns.changes[columns.changeStarts[row]..<columns.changeStarts[row + 1]] {
            stamp[indexes[change.process]] = change.value == 0 ? nil : change.value
        }
        cause = nil
        if nextCause < columns.causes.count, columns.causes[nextCause].row == row {
            cause = columns.causes[nextCause]
            nextCause += 1
        }
    }
}

extension History {
    /// Notes that a process is known to have events up to a sequence number, though they cannot be read.
    package mutating func expect(_ process: ProcessID, upTo sequence: UInt64) {
        let index = intern(process)
        processes[index].citedMax = max(processes[index].citedMax, sequence)
    }
}
