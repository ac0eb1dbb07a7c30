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
            guard var frame = try loading.read(summary, from: store) else {
                continue
            }
            try store.noteLosses(in: &frame, after: history)
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
