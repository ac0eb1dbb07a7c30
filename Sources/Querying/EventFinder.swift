import Causality
import HappensBefore

/// How far a finder has looked through a slice.
struct FrameScan {
    fileprivate let ranges: [Range<Int>]
    /// By process.
    fileprivate var next: [Int]
    /// How many events there are in all.
    fileprivate let all: Int
    /// How many were found.
    fileprivate(set) var count = 0
}

/// Finds the events of single processes that a selection takes. For one answer, and so for one thread at a time.
///
/// A class, so that what holds one is of one size whatever the execution is: else each look at a field would ask for its place.
final class EventFinder<Execution: IndexedExecution> {
    let execution: Execution
    let index: Execution.Index
    let messages: Execution.Messages
    /// Whether knowledge says all that messages do.
    let areMessagesKnown: Bool
    let selection: Selection
    let processes: ProcessTable<Execution>
    /// How many events it has looked at.
    private(set) var looked = 0
    private let cancellation: Cancellation
    /// True where what events say may decide without the rest of them.
    private let asksForContent: Bool
    private let isDecidedByColumns: Bool
    private let search: FrameSearch
    private let workers: Workers
    /// The wall times that events have which are taken, in nanoseconds; nil where they may have any, or none.
    private let span: ClosedRange<Int64>?
    private var reader: EventReader
    /// The processes that are to be looked through, by the frame that each is at: processes share frames, and each frame is to
    /// be opened once for all of them.
    private var seeking = TieHeap()

    init(
        _ execution: Execution, _ selection: Selection, _ store: some HistoryStore,
        _ options: Question.Options
    ) throws {
        self.execution = execution
        index = execution.index
        messages = try execution.messages(options.cancellation)
        areMessagesKnown = messages.areAllKnown
        processes = ProcessTable(execution, messages)
        self.selection = selection
        cancellation = options.cancellation
        asksForContent = selection.asksForContent
        isDecidedByColumns = selection.isDecidedByColumns
        search = FrameSearch(selection, options.cancellation)
        workers = options.workers
        span = selection.span
        reader = EventReader(store, bytesMax: options.bytesMax)
    }

    /// Of a slice, what processes have that may be taken.
    func ranges(of slice: Slice) throws -> [Range<Int>] {
        try slice.ranges.enumerated().map { number, range in
            guard !range.isEmpty else { return range }
            let process = try processes[number]
            return selection.mayHold(process: process.id, host: process.host) ? range : 0..<0
        }
    }

    /// Looks through positions of a process in their order, until `eventsMax` were found. Returns the position up to which it
    /// has looked, too: forwards, what follows on these positions is passed by where a search has found out that none of it is
    /// taken. O(positions that it looks at). Throws `QuestionStopped` before any of them.
    ///
    /// - Parameter ahead: What of the process will be looked through after these positions, in this order: behind them, or before
    ///   them from its end on.
    func find(
        in process: Int, _ positions: Range<Int>, eventsMax: Int, ahead: Range<Int>,
        _ direction: Direction = .forwards
    ) throws -> (found: FoundEvents, next: Int) {
        var found = FoundEvents()
        var next = positions.lowerBound
        while next < positions.upperBound, found.count < eventsMax {
            let start = try nextInSpan(of: process, next..<positions.upperBound)
            looked += start - next
            next = start
            if next == positions.upperBound { break }
            guard let rows = try execution.rows(at: EventPosition(process: process, position: next))
            else {
                found.append(unreadable: next)
                next += 1
                continue
            }
            let some = next..<min(rows.positions.upperBound, positions.upperBound)
            if asksForContent,
                let searched = try reader.searched(
                    rows.frame, search, workers,
                    next: { [self] count in
                        guard direction == .forwards else {
                            return try frames(of: process, before: ahead, max: count)
                        }
                        let start = rows.positions.upperBound
                        let end = max(start, ahead.upperBound)
                        return try frames(of: process, start..<end, max: count)
                    })
            {
                try cancellation.check()
                if searched.isDamaged, try execution.looksAgain() { continue }
                let reach =
                    direction == .forwards
                    ? max(some.upperBound, min(rows.positions.upperBound, ahead.upperBound))
                    : some.upperBound
                next = try take(
                    from: searched, process, rows, some, passingBy: reach, eventsMax, &found)
            } else if let batch = try reader.batch(rows.frame) {
                next = try take(from: batch.rows, process, rows, some, eventsMax, &found)
            } else if try !execution.looksAgain() {
                found.append(unreadable: next)
                next += 1
            }
        }
        return (found, next)
    }

    /// The first of some positions, or their end, that is not passed by for its time.
    private func nextInSpan(of process: Int, _ positions: Range<Int>) throws -> Int {
        guard let span else { return positions.lowerBound }
        return try execution.position(of: process, in: positions, during: span)
            ?? positions.upperBound
    }

    /// The frames that hold what comes before the end of some positions of a process, the nearest first. Where a frame begins is
    /// found from positions before it: from further and further back.
    private func frames(of process: Int, before positions: Range<Int>, max: Int) throws -> [Int] {
        var frames: [Int] = []
        var (end, window) = (positions.upperBound, Limits.rowsLookedAt)
        while end > positions.lowerBound, frames.count < max {
            let start = Swift.max(positions.lowerBound, end - window)
            for frame in try self.frames(of: process, start..<end, max: .max).reversed()
            where !frames.contains(frame) {
                frames.append(frame)
            }
            (end, window) = (start, window * 2)
        }
        return Array(frames.prefix(max))
    }

    /// The frames that hold some positions of a process.
    private func frames(of process: Int, _ positions: Range<Int>, max: Int) throws -> [Int] {
        var frames: [Int] = []
        var next = positions.lowerBound
        while next < positions.upperBound, frames.count < max {
            next = try nextInSpan(of: process, next..<positions.upperBound)
            guard next < positions.upperBound,
                let rows = try execution.rows(at: EventPosition(process: process, position: next))
            else { break }
            if !frames.contains(rows.frame) { frames.append(rows.frame) }
            next = rows.positions.upperBound
        }
        return frames
    }

    /// Takes from some rows of a frame in which a search has found others.
    ///
    /// - Parameter end: How far rows behind these positions are passed by that the search has not found.
    private func take(
        from searched: SearchedRows, _ process: Int, _ rows: EventRows, _ positions: Range<Int>,
        passingBy end: Int, _ eventsMax: Int, _ found: inout FoundEvents
    ) throws -> Int {
        let entry = try processes[process]
        let firstRow = rows.row - rows.positions.lowerBound
        var next = positions.lowerBound
        while found.count < eventsMax {
            // Of a frame that was not opened no row may be taken: the first one is beyond any.
            let first = searched.first(from: firstRow + next)
            let position = first < firstRow + end ? first - firstRow : end
            looked += position - next
            next = position
            guard next < positions.upperBound else { break }
            try cancellation.check()
            looked += 1
            if let (batch, row) = searched.row(firstRow + next),
                batch.sequences[row] == entry.sequences[next]
            {
                if try isDecidedByColumns || isTaken(row, of: batch, entry, process, position) {
                    found.append(position, row: row, of: batch)
                }
            } else {
                found.append(unreadable: position)
            }
            next += 1
        }
        return next
    }

    /// Takes from some rows of a frame, all of which is read.
    private func take(
        from batch: EventBatch, _ process: Int, _ rows: EventRows, _ positions: Range<Int>,
        _ eventsMax: Int, _ found: inout FoundEvents
    ) throws -> Int {
        var next = positions.lowerBound
        let entry = try processes[process]
        let firstRow = rows.row - rows.positions.lowerBound
        while next < positions.upperBound, found.count < eventsMax {
            try cancellation.check()
            looked += 1
            let row = firstRow + next
            if row < batch.count, batch.sequences[row] == entry.sequences[next] {
                if try isTaken(row, of: batch, entry, process, next) {
                    found.append(next, row: row, of: batch)
                }
            } else {
                found.append(unreadable: next)
            }
            next += 1
        }
        return next
    }

    private func isTaken(
        _ row: Int, of batch: EventBatch, _ entry: ProcessEntry, _ process: Int, _ position: Int
    ) throws -> Bool {
        if selection.isEverything { return true }
        var event = batch.event(row)
        event.id.process = entry.id
        var kind = event.kind
        if kind == .unsaid, selection.asksForKind {
            let place = EventPosition(process: process, position: position)
            kind = try execution.kind(
                of: event.id.sequence, at: place, senders: senders(at: place), index, messages)
        }
        return selection.holds(for: event, host: entry.host, kind: kind)
    }

    /// Calls `body` with all events of a slice that are taken, each process's in their order: no row for one that cannot be read.
    /// Each frame is opened once. Ends when at least so many were found.
    func forEach(
        of slice: Slice, eventsMax: Int,
        _ body: (EventPosition, HeldBatch, _ row: Int?) throws -> Void
    ) throws {
        var scan = try scan(of: slice)
        while scan.count < eventsMax, nextFrame != nil {
            try step(&scan, eventsMax: eventsMax - scan.count, body)
        }
    }

    /// Begins to look through a slice, frame by frame, by `step`.
    func scan(of slice: Slice) throws -> FrameScan {
        let ranges = try ranges(of: slice)
        for (process, range) in ranges.enumerated() where !range.isEmpty {
            try seek(process, from: range.lowerBound)
        }
        return FrameScan(ranges: ranges, next: ranges.map(\.lowerBound), all: slice.count)
    }

    /// The frame that a scan looks into next; nil at its end.
    var nextFrame: Int64? { seeking.first?.time }

    /// Looks through some rows of the next frame of a scan, and calls `body` with what is found.
    func step(
        _ scan: inout FrameScan, eventsMax: Int,
        _ body: (EventPosition, HeldBatch, _ row: Int?) throws -> Void
    ) throws {
        guard let process = nextSought() else { return }
        do {
            let (start, end) = (scan.next[process], scan.ranges[process].upperBound)
            let rows = start..<min(end, start + Limits.rowsLookedAt)
            let (found, after) = try find(
                in: process, rows, eventsMax: eventsMax, ahead: rows.upperBound..<end)
            let batch = HeldBatch(found.batch)
            for event in found.events {
                try body(
                    EventPosition(process: process, position: event.position), batch, event.row)
                scan.count += event.row == nil ? 0 : 1
            }
            scan.next[process] = after
            if after < end { try seek(process, from: after) }
        } catch var stopped as QuestionStopped {
            stopped.progress = .looked(looked, of: scan.all)
            throw stopped
        }
    }

    /// Has a process be looked through from a position on, when its frame comes.
    func seek(_ process: Int, from position: Int) throws {
        let place = EventPosition(process: process, position: position)
        let frame = try execution.rows(at: place)?.frame ?? -1
        seeking.push(Tie(time: Int64(frame), rank: process), process)
    }

    /// The process that is to be looked through next; nil where none is.
    func nextSought() -> Int? { seeking.pop() }

    /// The messages that arrived at an event.
    func senders(at place: EventPosition) throws -> [EventKey] {
        try messages.arrivals(at: place.process, in: place.position..<place.position + 1)
            .map(\.event)
    }

    /// Lets go of the frames that can be read again.
    func release() { reader.release() }
}
