import Causality

/// When the events of a history happened that are above what is put away.
package struct HistoryTimes: Sendable {
    private var lines: [Line] = []
    private let messages: MessageEdges

    fileprivate struct Line: Sendable {
        /// The position of the first event that is here.
        var base: Int
        var end: Int
        /// Where its logical time jumps, from the first event that is here on: ascending.
        var steps: [LogicalStep] = []
        /// The adjusted times of its events, by how much the clock is put forward from the first on and where that changes, and
        /// the clock behind them.
        var adjusted: [Int64] = []
        var offsets: [AdjustedSpan.Offset] = []
        var clock = AdjustedClock()
    }

    /// When the events happened that are put away.
    fileprivate struct PutAway {
        /// The logical time of one.
        var logical: (EventPosition) throws -> Int
        /// The adjusted time of one; an upper bound where that is before a time anyway.
        var adjusted: (EventPosition, _ unlessBefore: Int64) throws -> Int64
        /// The adjusted clock of a process at the last of its events that is put away.
        var clock: (_ process: Int) throws -> AdjustedClock
    }

    /// O(events + their messages · log n + processes). Where events have seen each other in a ring, the message that would close
    /// it moves nothing. Stops where `check` throws, and throws what `putAway` does.
    private init(
        _ history: History, _ messages: MessageEdges, _ putAway: PutAway, check: () throws -> Void
    ) throws {
        self.messages = messages
        var finding = Finding(history, messages)
        try finding.run(putAway, check: check)
        lines = finding.lines.map(\.times)
    }

    /// Of a history of which nothing is put away.
    package init(
        _ history: History, _ messages: MessageEdges, check: () throws -> Void
    ) throws {
        func none() -> Never { preconditionFailure("nothing is put away") }
        try self.init(
            history, messages,
            PutAway(logical: { _ in none() }, adjusted: { _, _ in none() }, clock: { _ in none() }),
            check: check)
    }

    /// Of what is above the cut of a chronicle.
    ///
    /// - Parameter below: When the events of its floor happened.
    package init<Floor: CausalFloor, Below: CausalTimes>(
        _ chronicle: Chronicle<Floor>, below: Below, _ messages: MessageEdges,
        check: () throws -> Void
    ) throws where Below.Failure == Floor.Failure {
        let floor = chronicle.floor
        let putAway = PutAway(
            logical: { try below.logicalTime(at: chronicle.below($0)!) },
            adjusted: { place, time in
                let place = chronicle.below(place)!
                let process = place.process
                let span = try below.adjustedSpans(
                    of: process, in: place.position..<place.position + 1)[0]
                guard span.last >= time, place.position < span.positions.upperBound - 1 else {
                    return span.last
                }
                let wall = try (span.positions.lowerBound...place.position).map { position in
                    try floor.time(at: EventPosition(process: process, position: position))
                }
                return span.times(wall: wall)[wall.count - 1]
            },
            clock: { try below.adjustedClock(of: chronicle.below($0)!) })
        try self.init(chronicle.tail, messages, putAway, check: check)
    }

    /// Of the last events of processes, all of whose other events are put away.
    ///
    /// - Parameter lasts: By process its only event with that one's logical time, and the adjusted clock at it; nil for a
    ///   process that has none.
    package init(lasts: [(step: LogicalStep, clock: AdjustedClock)?]) {
        messages = MessageEdges(noneOf: lasts.count, areAllKnown: true)
        lines = lasts.map { last in
            guard let (step, clock) = last else { return Line(base: 0, end: 0) }
            let offset = AdjustedSpan.Offset(position: step.position, nanoseconds: clock.offset)
            return Line(
                base: step.position, end: step.position + 1, steps: [step], adjusted: [clock.last],
                offsets: [offset], clock: clock)
        }
    }

    /// Where the logical time of a process jumps, from the first event that is here on.
    package func steps(of process: Int) -> [LogicalStep] { lines[process].steps }
}

extension HistoryTimes: CausalTimes {
    package typealias Failure = Never

    package func steps(of process: Int, in positions: Range<Int>) -> [LogicalStep] {
        lines[process].steps.steps(in: positions)
    }

    package func firstPositions(of process: Int, from times: [Int]) -> [Int] {
        times.map { lines[process].steps.position(from: $0, end: lines[process].end) }
    }

    package func tallies(at process: Int, in positions: Range<Int>) -> [MessageTally] {
        MessageTally.stretches(
            of: messages.arrivals(at: process, in: positions), in: positions,
            lines[process].steps)
    }

    package func adjustedSpans(of process: Int, in positions: Range<Int>) -> [AdjustedSpan] {
        let line = lines[process]
        return AdjustedSpan.cuts(of: positions, end: line.end).map { range in
            let first = partitionPoint(count: line.offsets.count) {
                line.offsets[$0].position <= range.lowerBound
            }
            let end = partitionPoint(count: line.offsets.count) {
                line.offsets[$0].position < range.upperBound
            }
            let start = AdjustedSpan.Offset(
                position: range.lowerBound, nanoseconds: line.offsets[first - 1].nanoseconds)
            return AdjustedSpan(
                range, first: line.adjusted[range.lowerBound - line.base],
                last: line.adjusted[range.upperBound - 1 - line.base],
                [start] + line.offsets[first..<max(first, end)])
        }
    }

    package func adjustedClock(of process: Int) -> AdjustedClock { lines[process].clock }
}

/// Goes along all processes at once, each up to a message whose sender it has not come to yet.
private struct Finding {
    struct Line {
        var times: HistoryTimes.Line
        /// Up to which position times are found.
        var found: Int
        /// The latest adjusted time of those whose messages arrived at the event there, of the messages before `next`.
        var senders = EventBatch.noTime
        /// The next of the messages that arrived.
        var next = 0
        /// The processes that wait for the time of one of its positions.
        var waiting: [(position: Int, process: Int)] = []
        /// The message that it passes over, since it would close a ring.
        var passed: Int?
    }

    private let history: History
    private let messages: MessageEdges
    private(set) var lines: [Line]

    init(_ history: History, _ messages: MessageEdges) {
        self.history = history
        self.messages = messages
        lines = history.processes.map {
            Line(times: HistoryTimes.Line(base: $0.base, end: $0.count), found: $0.base)
        }
    }

    mutating func run(_ putAway: HistoryTimes.PutAway, check: () throws -> Void) throws {
        for process in lines.indices { try begin(process, putAway) }
        var ready = Array(lines.indices.reversed())
        while true {
            while let process = ready.popLast() {
                try check()
                try advance(process, putAway)
                let found = lines[process].found
                guard lines[process].waiting.contains(where: { $0.position < found }) else {
                    continue
                }
                ready += lines[process].waiting.filter { $0.position < found }.map(\.process)
                lines[process].waiting.removeAll { $0.position < found }
            }
            // Whatever is left waits in rings: the first in listing order goes on without what it waits for.
            let left = lines.indices.filter { lines[$0].found < lines[$0].times.end }
            guard let first = left.min(by: { listingOrder(history.id(of: $0), history.id(of: $1)) })
            else { return }
            for process in left { lines[process].waiting.removeAll { $0.process == first } }
            lines[first].passed = lines[first].next
            ready.append(first)
        }
    }

    /// The times of the first event that is here.
    private mutating func begin(_ process: Int, _ putAway: HistoryTimes.PutAway) throws {
        let base = history.processes[process].base
        guard base < lines[process].times.end else { return }
        var time = 1
        if base > 0 {
            time = try putAway.logical(EventPosition(process: process, position: base - 1)) + 1
            lines[process].times.clock = try putAway.clock(process)
        }
        lines[process].times.steps.append(LogicalStep(position: base, time: time))
        lines[process].times.adjusted.reserveCapacity(lines[process].times.end - base)
    }

    /// Goes on along a process until it has to wait, or is at its end.
    private mutating func advance(_ process: Int, _ putAway: HistoryTimes.PutAway) throws {
        let edges = messages.incoming[process]
        var index = lines[process].next
        defer { lines[process].next = index }
        while index < edges.count {
            find(process, to: Int(edges[index].position))
            if lines[process].passed != index {
                guard try take(edges[index].send, at: lines[process].found, of: process, putAway)
                else { return }
            }
            index += 1
        }
        find(process, to: lines[process].times.end)
    }

    /// Finds the adjusted times of the events of a process up to a position. All messages are taken that arrived at these.
    private mutating func find(_ process: Int, to end: Int) {
        let positions = lines[process].found..<max(lines[process].found, end)
        guard !positions.isEmpty else { return }
        let wall = history.processes[process].times
        var senders = lines[process].senders
        for position in positions {
            let before = lines[process].times.clock.offset
            lines[process].times.clock.next(at: position, wall: wall[position], senders: senders)
            senders = EventBatch.noTime
            let clock = lines[process].times.clock
            lines[process].times.adjusted.append(clock.last)
            if clock.offset != before || lines[process].times.offsets.isEmpty {
                lines[process].times.offsets.append(
                    AdjustedSpan.Offset(position: position, nanoseconds: clock.offset))
            }
        }
        lines[process].senders = senders
        lines[process].found = end
    }

    /// Moves an event behind the sender of a message. False where its time is not found yet.
    private mutating func take(
        _ send: EventKey, at position: Int, of process: Int, _ putAway: HistoryTimes.PutAway
    ) throws -> Bool {
        guard let there = history.processes[send.process].position(of: send.sequence) else {
            return true
        }
        let place = EventPosition(process: send.process, position: there)
        let (time, adjusted): (Int, Int64)
        if there < history.processes[send.process].base {
            time = try putAway.logical(place)
            adjusted = try putAway.adjusted(place, history.processes[process].times[position])
        } else if send.process == process {
            // Its own event: an earlier one moves nothing, and no later one may.
            return true
        } else if there < lines[send.process].found {
            let sender = lines[send.process].times
            time = sender.steps.time(at: there)
            adjusted = sender.adjusted[there - sender.base]
        } else {
            lines[send.process].waiting.append((there, process))
            return false
        }
        lines[process].senders = max(lines[process].senders, adjusted)
        let own = lines[process].times.steps.time(at: position)
        guard time >= own else { return true }
        if lines[process].times.steps.last!.position == position {
            lines[process].times.steps.removeLast()
        }
        lines[process].times.steps.append(LogicalStep(position: position, time: time + 1))
        return true
    }
}
