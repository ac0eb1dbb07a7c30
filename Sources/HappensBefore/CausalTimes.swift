import Causality

/// When events happened, on two axes on which every message points forward.
///
/// In logical time an event's time is one more than the greatest of the event before it on its process and of those whose
/// messages arrived at it; 1 where there are none. So it is how many events the longest chain has that leads to it. L. Lamport,
/// "Time, Clocks, and the Ordering of Events in a Distributed System", CACM 21(7), 1978. Adjusted times: `AdjustedClock`.
///
/// Processes and positions are those of the `CausalIndex` of the same history. A message of an event that is not here moves
/// nothing.
package protocol CausalTimes: Sendable {
    associatedtype Failure: Error

    /// The logical times of the events of a process in a range of positions, which is not empty: the first, and where the next
    /// ones jump. Of events that were dropped upper bounds. O(steps + log n).
    func steps(of process: Int, in positions: Range<Int>) throws(Failure) -> [LogicalStep]
    /// For each of some logical times, which ascend, the first position of a process whose event is not before it: the count of its
    /// events where all are. O(times · log n).
    func firstPositions(of process: Int, from times: [Int]) throws(Failure) -> [Int]
    /// The messages that arrived at the events of a process in a range of positions, counted by their senders, in stretches
    /// that may begin before the range and end behind it.
    func tallies(at process: Int, in positions: Range<Int>) throws(Failure) -> [MessageTally]
    /// The adjusted times of the events of a process in a range of positions, in stretches that may begin before it and end
    /// behind it. Of events that were dropped upper bounds.
    func adjustedSpans(of process: Int, in positions: Range<Int>) throws(Failure) -> [AdjustedSpan]
    /// The adjusted clock of a process after the last of its events.
    func adjustedClock(of process: Int) throws(Failure) -> AdjustedClock
}

extension CausalTimes {
    /// The logical time of the event at a place.
    package func logicalTime(at place: EventPosition) throws(Failure) -> Int {
        try steps(of: place.process, in: place.position..<place.position + 1)[0].time
    }
}

/// How many messages arrived at some events of a process that follow on one another.
package struct MessageTally: Hashable, Sendable {
    package var positions: Range<Int>
    /// The logical time of the first of them.
    package var time: Int
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

    package init(_ positions: Range<Int>, time: Int, _ peers: [Peer]) {
        self.positions = positions
        self.time = time
        self.peers = peers
    }

    /// Counts some messages that arrived in a range of positions. O(messages).
    package init(
        _ positions: Range<Int>, time: Int, counting arrivals: some Sequence<Arrival>
    ) {
        var peers: [Int: Peer] = [:]
        for arrival in arrivals {
            peers[arrival.event.process, default: Peer(first: arrival, count: 0)].count += 1
        }
        self.init(positions, time: time, peers.sorted { $0.key < $1.key }.map(\.value))
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

extension MessageTally {
    /// How many messages a stretch has at the most, but for those of its last event.
    package static let messagesMax = 1_024

    /// Messages that arrived in a range of positions, ascending, counted stretch by stretch. O(messages).
    ///
    /// - Parameter steps: Where the logical time of the process jumps.
    package static func stretches(
        of arrivals: [Arrival], in positions: Range<Int>, _ steps: [LogicalStep]
    ) -> [MessageTally] {
        var tallies: [MessageTally] = []
        var (start, first) = (positions.lowerBound, 0)
        for (index, arrival) in arrivals.enumerated()
        where index - first >= messagesMax && arrival.position > arrivals[index - 1].position {
            tallies.append(
                MessageTally(
                    start..<arrival.position, time: steps.time(at: start),
                    counting: arrivals[first..<index]))
            (start, first) = (arrival.position, index)
        }
        if start < positions.upperBound {
            tallies.append(
                MessageTally(
                    start..<positions.upperBound, time: steps.time(at: start),
                    counting: arrivals[first...]))
        }
        return tallies
    }
}
