import Causality

/// When events happened in logical time, an axis on which every message points forward: an event's time is one more than the
/// greatest of the event before it on its process and of those whose messages arrived at it; 1 where there are none. So it is how
/// many events the longest chain has that leads to it.
///
/// L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978.
///
/// Processes and positions are those of the `CausalIndex` of the same history. A message of an event that is not here moves
/// nothing.
package protocol LogicalTimes: Sendable {
    associatedtype Failure: Error

    /// The times of the events of a process in a range of positions, which is not empty: the first, and where the next ones
    /// jump. Of events that were dropped upper bounds. O(steps + log n).
    func steps(of process: Int, in positions: Range<Int>) throws(Failure) -> [LogicalStep]
    /// For each of some times, which ascend, the first position of a process whose event is not before it: the count of its
    /// events where all are. O(times · log n).
    func firstPositions(of process: Int, from times: [Int]) throws(Failure) -> [Int]
    /// The messages that arrived at the events of a process in a range of positions, counted by their senders, in stretches
    /// that may begin before the range and end behind it.
    func tallies(at process: Int, in positions: Range<Int>) throws(Failure) -> [MessageTally]
}

extension LogicalTimes {
    /// The time of the event at a place.
    package func logicalTime(at place: EventPosition) throws(Failure) -> Int {
        try steps(of: place.process, in: place.position..<place.position + 1)[0].time
    }
}

/// How many messages arrived at some events of a process that follow on one another.
package struct MessageTally: Hashable, Sendable {
    package var positions: Range<Int>
    /// By sender, ascending.
    package var peers: [Peer]

    /// Those that one process sent: the first of them, and how many there are.
    package struct Peer: Hashable, Sendable {
        package var first: Arrival
        package var count: Int

        package init(first: Arrival, count: Int) {
            self.first = first
            self.count = count
        }
    }

    package init(_ positions: Range<Int>, _ peers: [Peer]) {
        self.positions = positions
        self.peers = peers
    }

    /// Counts some messages that arrived in a range of positions. O(messages).
    package init(_ positions: Range<Int>, counting arrivals: some Sequence<Arrival>) {
        var peers: [Int: Peer] = [:]
        for arrival in arrivals {
            peers[arrival.event.process, default: Peer(first: arrival, count: 0)].count += 1
        }
        self.init(positions, peers.sorted { $0.key < $1.key }.map(\.value))
    }
}

/// Where the logical time of a process is not one more than at the position before.
package struct LogicalStep: Hashable, Sendable {
    package var position: Int
    package var time: Int

    package init(position: Int, time: Int) {
        self.position = position
        self.time = time
    }
}

extension [LogicalStep] {
    /// The time at a position that is not before the first step's. O(log steps).
    package func time(at position: Int) -> Int {
        let index = partitionPoint(count: count) { self[$0].position <= position } - 1
        let step = self[index]
        return step.time + position - step.position
    }

    /// Those in a range of positions, the first at its start.
    package func steps(in positions: Range<Int>) -> [LogicalStep] {
        let start = positions.lowerBound
        let first = partitionPoint(count: count) { self[$0].position <= start }
        let end = partitionPoint(count: count) {
            self[$0].position < positions.upperBound
        }
        return [LogicalStep(position: start, time: time(at: start))]
            + self[first..<Swift.max(first, end)]
    }

    /// The first position whose time is not before one; `end` where those of all below it are.
    package func position(from time: Int, end: Int) -> Int {
        let next = partitionPoint(count: count) { self[$0].time < time }
        let limit = next < count ? self[next].position : end
        guard next > 0 else { return limit }
        let step = self[next - 1]
        return step.position + Swift.min(limit - step.position, time - step.time)
    }
}

/// The logical times of the events of a history above what is put away.
package struct LogicalSteps: Sendable {
    private var lines: [Line] = []
    private let messages: MessageEdges

    private struct Line: Sendable {
        /// From the first event that is here on: ascending.
        var steps: [LogicalStep] = []
        var end: Int
    }

    /// O(events' messages · log n + processes). Where events have seen each other in a ring, the message that would close it
    /// moves nothing. Stops where `check` throws, and throws what `below` does.
    ///
    /// - Parameter below: The time of an event that is put away.
    package init(
        _ history: History, _ messages: MessageEdges,
        below: (EventPosition) throws -> Int, check: () throws -> Void
    ) throws {
        self.messages = messages
        var finding = Finding(history, messages)
        try finding.run(below: below, check: check)
        lines = finding.lines.map { Line(steps: $0.steps, end: $0.end) }
    }

    /// The same of a history of which nothing is put away.
    package init(
        _ history: History, _ messages: MessageEdges, check: () throws -> Void
    ) throws {
        try self.init(
            history, messages, below: { _ in preconditionFailure("nothing is put away") },
            check: check)
    }

    /// The same of what is above the cut of a chronicle.
    package init<Floor: CausalFloor & LogicalTimes>(
        _ chronicle: Chronicle<Floor>, _ messages: MessageEdges, check: () throws -> Void
    ) throws {
        try self.init(
            chronicle.tail, messages,
            below: { try chronicle.floor.logicalTime(at: chronicle.below($0)!) }, check: check)
    }

    /// Of the last events of processes, all of whose other events are put away.
    ///
    /// - Parameter lasts: By process its only event, and that one's time; nil for a process that has none.
    package init(lasts: [LogicalStep?]) {
        messages = MessageEdges(noneOf: lasts.count, areAllKnown: true)
        lines = lasts.map { last in
            Line(steps: last.map { [$0] } ?? [], end: last.map { $0.position + 1 } ?? 0)
        }
    }

    /// Where the time of a process jumps, from the first event that is here on.
    package func steps(of process: Int) -> [LogicalStep] { lines[process].steps }
}

extension LogicalSteps: LogicalTimes {
    package typealias Failure = Never

    package func steps(of process: Int, in positions: Range<Int>) -> [LogicalStep] {
        lines[process].steps.steps(in: positions)
    }

    package func firstPositions(of process: Int, from times: [Int]) -> [Int] {
        times.map { lines[process].steps.position(from: $0, end: lines[process].end) }
    }

    package func tallies(at process: Int, in positions: Range<Int>) -> [MessageTally] {
        MessageTally.stretches(of: messages.arrivals(at: process, in: positions), in: positions)
    }
}

extension MessageTally {
    /// How many messages a stretch has at the most, but for those of its last event.
    package static let messagesMax = 1_024

    /// Messages that arrived in a range of positions, ascending, counted stretch by stretch. O(messages).
    package static func stretches(
        of arrivals: [Arrival], in positions: Range<Int>
    ) -> [MessageTally] {
        var tallies: [MessageTally] = []
        var (start, first) = (positions.lowerBound, 0)
        for (index, arrival) in arrivals.enumerated()
        where index - first >= messagesMax && arrival.position > arrivals[index - 1].position {
            tallies.append(
                MessageTally(start..<arrival.position, counting: arrivals[first..<index]))
            (start, first) = (arrival.position, index)
        }
        if start < positions.upperBound {
            tallies.append(
                MessageTally(start..<positions.upperBound, counting: arrivals[first...]))
        }
        return tallies
    }
}

/// Goes along all processes at once, each up to a message whose sender it has not come to yet.
private struct Finding {
    struct Line {
        var steps: [LogicalStep] = []
        var end: Int
        /// Up to which position times are found.
        var found: Int
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
        lines = history.processes.map { Line(end: $0.count, found: $0.base) }
    }

    mutating func run(
        below: (EventPosition) throws -> Int, check: () throws -> Void
    ) throws {
        for process in lines.indices { try begin(process, below) }
        var ready = Array(lines.indices.reversed())
        while true {
            while let process = ready.popLast() {
                try check()
                try advance(process, below)
                let found = lines[process].found
                guard lines[process].waiting.contains(where: { $0.position < found }) else {
                    continue
                }
                ready += lines[process].waiting.filter { $0.position < found }.map(\.process)
                lines[process].waiting.removeAll { $0.position < found }
            }
            // Whatever is left waits in rings: the first in listing order goes on without what it waits for.
            let left = lines.indices.filter { lines[$0].found < lines[$0].end }
            guard let first = left.min(by: { listingOrder(history.id(of: $0), history.id(of: $1)) })
            else { return }
            for process in left { lines[process].waiting.removeAll { $0.process == first } }
            lines[first].passed = lines[first].next
            ready.append(first)
        }
    }

    /// The time of the first event that is here.
    private mutating func begin(
        _ process: Int, _ below: (EventPosition) throws -> Int
    ) throws {
        let base = history.processes[process].base
        guard base < lines[process].end else { return }
        var time = 1
        if base > 0 {
            time = try below(EventPosition(process: process, position: base - 1)) + 1
        }
        lines[process].steps.append(LogicalStep(position: base, time: time))
    }

    /// Goes on along a process until it has to wait, or is at its end.
    private mutating func advance(
        _ process: Int, _ below: (EventPosition) throws -> Int
    ) throws {
        let edges = messages.incoming[process]
        var index = lines[process].next
        defer { lines[process].next = index }
        while index < edges.count {
            let position = Int(edges[index].position)
            lines[process].found = max(lines[process].found, position)
            if lines[process].passed != index {
                guard try take(edges[index].send, at: position, of: process, below) else { return }
            }
            index += 1
        }
        lines[process].found = lines[process].end
    }

    /// Moves an event behind the sender of a message. False where its time is not found yet.
    private mutating func take(
        _ send: EventKey, at position: Int, of process: Int,
        _ below: (EventPosition) throws -> Int
    ) throws -> Bool {
        guard let there = history.processes[send.process].position(of: send.sequence) else {
            return true
        }
        let place = EventPosition(process: send.process, position: there)
        let time: Int
        if there < history.processes[send.process].base {
            time = try below(place)
        } else if send.process == process {
            // Its own event: an earlier one moves nothing, and no later one may.
            return true
        } else if there < lines[send.process].found {
            time = lines[send.process].steps.time(at: there)
        } else {
            lines[send.process].waiting.append((there, process))
            return false
        }
        let own = lines[process].steps.time(at: position)
        guard time >= own else { return true }
        if lines[process].steps.last!.position == position { lines[process].steps.removeLast() }
        lines[process].steps.append(LogicalStep(position: position, time: time + 1))
        return true
    }
}

/// Between which wall times, in nanoseconds, some events of a process lie that follow on one another; nil where none has one.
package struct TimeSpan: Hashable, Sendable {
    package var positions: Range<Int>
    package var times: ClosedRange<Int64>?

    package init(_ positions: Range<Int>, _ times: ClosedRange<Int64>?) {
        self.positions = positions
        self.times = times
    }

    /// How many events a stretch has at the most.
    package static let eventsMax = 256
}

extension History {
    /// The wall times of the events of a process in a range of positions, none of which is put away. O(events).
    package func timeSpans(of process: Int, in positions: Range<Int>) -> [TimeSpan] {
        let times = processes[process].times
        return stride(from: positions.lowerBound, to: positions.upperBound, by: TimeSpan.eventsMax)
            .map { start in
                let range = start..<min(start + TimeSpan.eventsMax, positions.upperBound)
                let known = times[range].filter { $0 != EventBatch.noTime }
                return TimeSpan(range, known.min().map { $0...known.max()! })
            }
    }
}
