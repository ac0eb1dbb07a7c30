import Causality
import HappensBefore

/// Which rows of a run tell of one machine, and which of another that says it is the same run.
struct Branches {
    private(set) var fork: Fork?
    private(set) var byPlace: [BranchPlace: Identity128] = [:]

    /// A row of the run.
    private struct Row {
        var sequence: UInt64
        /// Index into the frames.
        var frame: Int
        var slot: Int
        var row: Int
    }

    /// Compares the events of one number. O(rows + events that are there twice).
    init(
        of run: Identity128, _ summaries: [FrameSummary], _ frames: [HistoryFrame],
        _ history: History, _ store: some HistoryStore
    ) throws {
        let summaryOf = Dictionary(uniqueKeysWithValues: summaries.map { ($0.id, $0) })
        let sources = frames.map { summaryOf[$0.id]! }
        var keys: [BranchPlace: ProcessKey] = [:]
        var rows: [Row] = []
        for (index, frame) in frames.enumerated() {
            for block in frame.blocks {
                let key = frame.batch.processes[block.slot]
                guard ExactText.isSame(key.execution, history.execution), key.identity == run
                else { continue }
                let kept = history.kept(block, of: frame, run: run)
                guard !kept.isEmpty else { continue }
                keys[BranchPlace(frame: frame.id, slot: block.slot)] = key
                for row in kept {
                    rows.append(
                        Row(
                            sequence: frame.batch.sequences[row], frame: index, slot: block.slot,
                            row: row))
                }
            }
        }
        // A run has one name and one origin: who says otherwise is another.
        let isNamedTwice = Set(keys.values).count > 1
        var found = Compared()
        if !isNamedTwice {
            found = try Branches.compared(&rows, frames, sources, store)
            guard !found.differing.isEmpty else { return }
        }
        let differing = found.differing
        let isOfOneSource =
            !isNamedTwice
            && differing.allSatisfy { sources[$0.1].segment == sources[$0.2].segment }
        // Agents tell machines apart, unless the agent was cloned too: then its files do. What one agent shipped above the fork and
        // another one ships anew is of a machine that had the first one's identity for a while.
        let agents = Dictionary(sources.map { ($0.segment, $0.agent) }) { first, _ in first }
        let hasSplitAgent =
            differing.contains { sources[$0.1].agent == sources[$0.2].agent }
            || found.sameAbove.contains { agents[$0.a] != agents[$0.b] }
        for (place, key) in keys {
            let source = summaryOf[place.frame]!
            byPlace[place] =
                isNamedTwice
                ? Identity128(naming: Array("\(key)".utf8))
                : hasSplitAgent ? source.segment : source.agent
        }
        var sequence: UInt64 = 1
        if let first = differing.map(\.sequence).min() {
            let common = found.common(to: Set(byPlace.values), below: first) { segment in
                hasSplitAgent ? segment : agents[segment]!
            }
            sequence = common + 1
        }
        fork = Fork(sequence: sequence, isOfOneSource: isOfOneSource)
    }

    /// What was found out of the rows of one number.
    private struct Compared {
        /// The numbers of which two rows are different events, and their frames.
        var differing: [(sequence: UInt64, Int, Int)] = []
        /// By two segments: the last number, before any that differs, of which both have the same event.
        var same: [SegmentPair: UInt64] = [:]
        /// Two segments that have the same event of a number that differs in others, or of a later one.
        var sameAbove: Set<SegmentPair> = []

        struct SegmentPair: Hashable {
            var a: Identity128
            var b: Identity128
        }

        /// The last number up to which all branches are one and the same for sure; 0 where there is none. A number that only one
        /// of them has may be its own: what the others had there may be lost. O(pairs of segments · log pairs)
        func common(
            to branches: Set<Identity128>, below first: UInt64,
            _ branch: (Identity128) -> Identity128
        ) -> UInt64 {
            var groupOf = Dictionary(uniqueKeysWithValues: branches.map { ($0, $0) })
            var groupCount = branches.count
            guard groupCount > 1 else { return first - 1 }
            func group(_ branch: Identity128) -> Identity128 {
                var group = branch
                while let next = groupOf[group], next != group { group = next }
                return group
            }
            // Those that share most first: what connects the last two of them is what all have.
            for (pair, sequence) in same.sorted(by: { $0.value > $1.value }) {
                let (a, b) = (group(branch(pair.a)), group(branch(pair.b)))
                guard a != b else { continue }
                groupOf[a] = b
                groupCount -= 1
                if groupCount == 1 { return min(sequence, first - 1) }
            }
            return 0
        }
    }

    private static func compared(
        _ rows: inout [Row], _ frames: [HistoryFrame], _ sources: [FrameSummary],
        _ store: some HistoryStore
    ) throws -> Compared {
        rows.sort { ($0.sequence, $0.frame, $0.row) < ($1.sequence, $1.frame, $1.row) }
        var compared = Compared()
        var reader = EventReader(store)
        let denied = try denied(rows, frames, sources, &reader)
        var clocks = RowClocks(frames)
        var start = 0
        while start < rows.count {
            var end = start + 1
            while end < rows.count, rows[end].sequence == rows[start].sequence { end += 1 }
            var same: [Compared.SegmentPair] = []
            for marker in denied[rows[start].sequence] ?? [] {
                compared.differing += rows[start..<end].map { ($0.sequence, $0.frame, marker) }
            }
            for index in start..<end {
                for other in index + 1..<max(index + 1, end) {
                    let (a, b) = (rows[index], rows[other])
                    guard let one = try reader.batch(frames[a.frame].id),
                        let two = try reader.batch(frames[b.frame].id)
                    else { continue }
                    let isSame =
                        one.rows.event(a.row) == two.rows.event(b.row)
                        && clocks.clock(a.frame, a.slot, a.row)
                            == clocks.clock(b.frame, b.slot, b.row)
                    if isSame {
                        same.append(
                            Compared.SegmentPair(
                                a: sources[a.frame].segment, b: sources[b.frame].segment))
                    } else {
                        compared.differing.append((a.sequence, a.frame, b.frame))
                    }
                }
            }
            if compared.differing.isEmpty {
                for pair in same { compared.same[pair] = rows[start].sequence }
            } else {
                compared.sameAbove.formUnion(same)
            }
            start = end
        }
        return compared
    }

    /// By number of which there are events though others of the run say that theirs was lost and nobody has it: the frames of
    /// these. Whoever has it is another machine. Only those are read whose segments lack what others have just before them.
    private static func denied(
        _ rows: [Row], _ frames: [HistoryFrame], _ sources: [FrameSummary],
        _ reader: inout EventReader
    ) throws -> [UInt64: [Int]] {
        var denied: [UInt64: [Int]] = [:]
        var lasts: [Identity128: UInt64] = [:]
        var before: UInt64 = 0
        for (index, row) in rows.enumerated() {
            if index > 0, rows[index - 1].sequence < row.sequence {
                before = rows[index - 1].sequence
            }
            let own = lasts.updateValue(row.sequence, forKey: sources[row.frame].segment) ?? 0
            guard before > own, frames[row.frame].batch.kinds[row.row] == LossMarker.kind,
                let batch = try reader.batch(frames[row.frame].id),
                let lost = LossMarker.lost(by: batch.rows.event(row.row))
            else { continue }
            var place = index - 1
            while place >= 0, rows[place].sequence > own,
                rows[place].sequence >= lost.lowerBound
            {
                let sequence = rows[place].sequence
                if sequence < row.sequence, denied[sequence]?.last != row.frame {
                    denied[sequence, default: []].append(row.frame)
                }
                place -= 1
            }
        }
        return denied
    }

    /// The clocks of single rows, as they were written.
    private struct RowClocks {
        private let frames: [HistoryFrame]
        /// By source and process, the last row that was asked for and its clock.
        private var last: [Identity128: (frame: Int, row: Int, clock: [ProcessReference: UInt64])] =
            [:]

        init(_ frames: [HistoryFrame]) { self.frames = frames }

        /// nil where the clock goes on from one that is not here.
        mutating func clock(
            _ frame: Int, _ slot: Int, _ row: Int
        ) -> [ProcessReference: UInt64]? {
            let source = frames[frame].source
            var state = last[source]
            if let known = state, (known.frame, known.row) >= (frame, row) {
                if (known.frame, known.row) == (frame, row) { return known.clock }
                state = nil
            }
            var (from, fromRow) = (state?.frame ?? 0, (state?.row ?? -1) + 1)
            var clock = state?.clock ?? [:]
            var isKnown = state != nil
            var lastSequence = state.map { frames[$0.frame].batch.sequences[$0.row] } ?? 0
            let run = frames[frame].batch.processes[slot].identity
            while from <= frame {
                defer { (from, fromRow) = (from + 1, 0) }
                guard frames[from].source == source else { continue }
                let batch = frames[from].batch
                for block in frames[from].blocks
                where batch.processes[block.slot].identity == run && block.rows.upperBound > fromRow
                {
                    for next in max(fromRow, block.rows.lowerBound)..<block.rows.upperBound {
                        let isFirst = next == block.rows.lowerBound
                        if isFirst && block.predecessor == 0 || batch.wholes.contains(next) {
                            (clock, isKnown) = ([:], true)
                        } else if isFirst, block.predecessor != lastSequence {
                            isKnown = false
                        }
                        for change in batch.changes(next) {
                            clock[batch.references[change.process]] =
                                change.value == 0 ? nil : change.value
                        }
                        lastSequence = batch.sequences[next]
                        if from == frame, next == row {
                            if isKnown { last[source] = (frame, row, clock) }
                            return isKnown ? clock : nil
                        }
                    }
                }
            }
            return nil
        }
    }
}
