import Causality
import HappensBefore

/// An event that was found: nil where it is there and cannot be read.
struct FoundEvent {
    var position: Int
    var event: Event?
}

/// Finds the events of single processes that a selection takes.
struct EventFinder<Execution: IndexedExecution> {
    let execution: Execution
    let index: Execution.Index
    let messages: Execution.Messages
    let selection: Selection
    let processes: ProcessTable<Execution.Index>
    /// How many events it has looked at.
    private(set) var looked = 0
    private let cancellation: Cancellation
    /// True where what events say may decide without the rest of them.
    private let asksForContent: Bool
    private let neededWords: [UInt64]
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
        processes = ProcessTable(index)
        messages = try execution.messages(options.cancellation)
        self.selection = selection
        cancellation = options.cancellation
        asksForContent = selection.asksForContent
        neededWords = selection.neededWords
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
    /// has looked, too. O(positions that it looks at). Throws `QuestionStopped` before any of them.
    mutating func find(
        in process: Int, _ positions: Range<Int>, eventsMax: Int
    ) throws -> (found: [FoundEvent], next: Int) {
        let entry = try processes[process]
        let (id, sequences, host) = (entry.id, entry.sequences, entry.host)
        var found: [FoundEvent] = []
        var next = positions.lowerBound
        while next < positions.upperBound, found.count < eventsMax {
            if let span {
                let rest = next..<positions.upperBound
                let end =
                    try execution.position(of: process, in: rest, during: span) ?? rest.upperBound
                looked += end - next
                next = end
                if next == positions.upperBound { break }
            }
            let place = EventPosition(process: process, position: next)
            guard let rows = try execution.rows(at: place) else {
                found.append(FoundEvent(position: next, event: nil))
                next += 1
                continue
            }
            let end = min(rows.positions.upperBound, positions.upperBound)
            let firstRow = rows.row - rows.positions.lowerBound
            let possible =
                asksForContent
                ? try reader.possibleRows(rows.frame, selection, needing: neededWords, cancellation)
                : nil
            if let possible {
                try cancellation.check()
                let start = next
                while next < end, !possible[firstRow + next] { next += 1 }
                looked += next - start
                if next == end { continue }
            }
            guard let batch = try reader.batch(rows.frame) else {
                found.append(FoundEvent(position: next, event: nil))
                next += 1
                continue
            }
            while next < end, found.count < eventsMax {
                try cancellation.check()
                looked += 1
                let row = firstRow + next
                if let possible, !possible[row] {
                    next += 1
                    continue
                }
                let event = EventReader.event(
                    row, of: batch, called: EventID(id, sequences[next]))
                if try event.map({ try isTaken($0, host, process, next) }) ?? true {
                    found.append(FoundEvent(position: next, event: event))
                }
                next += 1
            }
        }
        return (found, next)
    }

    private func isTaken(
        _ event: Event, _ host: String, _ process: Int, _ position: Int
    ) throws -> Bool {
        if selection.isEverything { return true }
        var kind = event.kind
        if kind == .unsaid, selection.asksForKind {
            let place = EventPosition(process: process, position: position)
            kind = try execution.kind(
                of: event, at: place, senders: senders(at: place), index, messages)
        }
        return selection.holds(for: event, host: host, kind: kind)
    }

    /// Has a process be looked through from a position on, when its frame comes.
    mutating func seek(_ process: Int, from position: Int) throws {
        let place = EventPosition(process: process, position: position)
        let frame = try execution.rows(at: place)?.frame ?? -1
        seeking.push(Tie(time: Int64(frame), rank: process), process)
    }

    /// The process that is to be looked through next; nil where none is.
    mutating func nextSought() -> Int? { seeking.pop() }

    /// The messages that arrived at an event.
    func senders(at place: EventPosition) throws -> [EventKey] {
        try messages.arrivals(at: place.process, in: place.position..<place.position + 1)
            .map(\.event)
    }

    /// Lets go of the frames that can be read again.
    mutating func release() { reader.release() }
}
