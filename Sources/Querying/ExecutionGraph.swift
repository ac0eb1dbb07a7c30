import Causality
import HappensBefore
import Synchronization

/// The graph of one execution as a store has it at one moment, ready for questions from several threads.
package final class ExecutionGraph: Sendable {
    package let history: History
    /// Frames that could not be read.
    private let damage: [Defect]
    /// True where every frame could be read.
    package var isUndamaged: Bool { damage.isEmpty }
    private let loaded: Set<Int>
    /// By run that is not in one order: the frames that have events of it.
    private let framesOf: [Identity128: Set<Int>]
    private let lazyEdges = Mutex<MessageEdges?>(nil)
    private let lazyDefects = Mutex<[Defect]?>(nil)
    private let lazyTimes = Mutex<HistoryTimes?>(nil)

    private init(
        history: History, damage: [Defect], loaded: Set<Int>, framesOf: [Identity128: Set<Int>]
    ) {
        self.framesOf = framesOf
        self.history = history
        self.damage = damage
        self.loaded = loaded
    }

    /// The message edges; found at the first use, which is O(events + clock growth).
    package func edges(_ cancellation: Cancellation = .never) throws -> MessageEdges {
        if let edges = lazyEdges.withLock({ $0 }) { return edges }
        let edges = try telling(.joining) {
            try MessageEdges(history, check: cancellation.check)
        }
        lazyEdges.withLock { $0 = edges }
        return edges
    }

    /// Loads an execution. What `previous`, an earlier graph of the same execution and store, has already
    /// is not read again, except for runs of which events came between or before those that were here.
    package static func load(
        _ execution: String, from store: some HistoryStore, after previous: ExecutionGraph? = nil,
        cancellation: Cancellation = .never
    ) throws -> ExecutionGraph {
        let frames = try store.frames(of: execution)
        var read = 0
        return try telling(.loaded(read, of: frames.count)) {
            try load(execution, from: store, frames, after: previous) {
                try cancellation.check()
                read += $0
            }
        }
    }

    /// Calls `check` with the number of frames that were added since the last time.
    private static func load(
        _ execution: String, from store: some HistoryStore, _ frames: [FrameSummary],
        after previous: ExecutionGraph?, check: (Int) throws -> Void
    ) throws -> ExecutionGraph {
        if let previous, previous.loaded.count == frames.count { return previous }
        var history = previous?.history ?? History(execution: execution)
        if previous == nil {
            for (process, last) in try store.dropped(of: execution) {
                history.drop(process, upTo: last)
            }
        }
        var loading = Loading(previous)
        for summary in frames where previous?.loaded.contains(summary.id) != true {
            guard let frame = try loading.read(summary, from: store) else {
                continue
            }
            loading.outOfOrder.formUnion(history.append(frame, except: loading.outOfOrder))
            try check(1)
        }
        try loading.findFrames(frames, in: store)
        for run in loading.outOfOrder.sorted(by: { ($0.high, $0.low) < ($1.high, $1.low) }) {
            let summaries = frames.filter { loading.framesOf[run]!.contains($0.id) }
            var all: [HistoryFrame] = []
            for summary in summaries {
                try check(0)
                if let frame = try loading.read(summary, from: store) {
                    all.append(frame)
                }
            }
            let branches = try Branches(of: run, summaries, all, history, store)
            history.rebuild(run, from: all, fork: branches.fork, branches: branches.byPlace)
        }
        if !loading.damage.isEmpty {
            for (process, last) in try store.expected(in: execution) {
                history.expect(process, upTo: last)
            }
        }
        try history.finish { try check(0) }
        return ExecutionGraph(
            history: history,
            damage: loading.damage.reduce(into: []) { if !$0.contains($1) { $0.append($1) } },
            loaded: Set(frames.map(\.id)), framesOf: loading.framesOf)
    }

    /// What is found out while an execution is loaded.
    private struct Loading {
        var damage: [Defect]
        /// By run that is not in one order: the frames that have events of it.
        var framesOf: [Identity128: Set<Int>]
        var outOfOrder: Set<Identity128> = []

        init(_ previous: ExecutionGraph?) {
            damage = previous?.damage ?? []
            framesOf = previous?.framesOf ?? [:]
        }

        /// Finds the frames of the runs that are out of order, where these are new. O(all frames), once for each such run.
        mutating func findFrames(_ frames: [FrameSummary], in store: some HistoryStore) throws {
            let fresh = outOfOrder.filter { framesOf[$0] == nil }
            guard !fresh.isEmpty else { return }
            for run in fresh { framesOf[run] = [] }
            for summary in frames {
                guard let batch = try? store.causality(of: summary.id) else { continue }
                for key in batch.processes where fresh.contains(key.identity) {
                    framesOf[key.identity]!.insert(summary.id)
                }
            }
        }

        mutating func read(
            _ summary: FrameSummary, from store: some HistoryStore
        ) throws -> HistoryFrame? {
            do {
                let batch = try store.causality(of: summary.id)
                if !framesOf.isEmpty {
                    for key in batch.processes { framesOf[key.identity]?.insert(summary.id) }
                }
                return HistoryFrame(id: summary.id, source: summary.segment, batch: batch)
            } catch let error as DamagedFrame {
                damage.append(
                    Defect(.damagedFrame, [], "events that were taken cannot be read: \(error)"))
                return nil
            }
        }
    }
}

extension ExecutionGraph: IndexedExecution {
    package var index: History { history }

    package var findsEvents: Bool { true }

    package var eventCount: Int { history.countEvents() }

    package func messages(_ cancellation: Cancellation) throws -> MessageEdges {
        try edges(cancellation)
    }

    package func causalTimes(_ cancellation: Cancellation) throws -> HistoryTimes {
        if let times = lazyTimes.withLock({ $0 }) { return times }
        let times = try HistoryTimes(history, edges(cancellation), check: cancellation.check)
        lazyTimes.withLock { $0 = times }
        return times
    }

    package func recordedKind(at place: EventPosition) -> EventKind { history.kind(at: place) }

    package func isSettled(_ place: EventPosition) -> Bool { false }

    package func timeSpans(of process: Int, in positions: Range<Int>) -> [TimeSpan] {
        history.timeSpans(of: process, in: positions)
    }

    package func rows(at place: EventPosition) -> EventRows? {
        let (frame, row, positions) = history.rows(at: place)
        return EventRows(frame: frame, row: row, positions: positions)
    }

    package func name(of reference: ProcessReference) -> ProcessID? {
        history.name(of: reference)
    }

    package func lastPosition(in process: Int, by time: WallTime) -> Int? {
        history.lastPosition(in: process, by: time)
    }

    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) -> Int? {
        history.position(of: process, in: positions, during: span)
    }

    package func hasTimes(_ process: Int) -> Bool { history.processes[process].hasTimes }

    package func defects(_ cancellation: Cancellation) throws -> [Defect] {
        if let defects = lazyDefects.withLock({ $0 }) { return defects }
        let edges = try edges(cancellation)
        let found = try telling(.joining) {
            try history.defects(edges, check: cancellation.check)
        }
        // What cannot be read may be what a log seems to jump over.
        let defects = found.filter { isUndamaged || $0.kind != .clockJump } + damage
        lazyDefects.withLock { $0 = defects }
        return defects
    }
}

/// Which rows of a run tell of one machine, and which of another that says it is the same run.
private struct Branches {
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
        var clocks = RowClocks(frames)
        var start = 0
        while start < rows.count {
            var end = start + 1
            while end < rows.count, rows[end].sequence == rows[start].sequence { end += 1 }
            var same: [Compared.SegmentPair] = []
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
