import Causality

/// What the clock of a process's host said, adjusted so that no message arrives before it was sent: a time in nanoseconds since
/// 1970 for each event, which is at least one more than that of the event before it on its process and of those whose messages
/// arrived at it. Where a message would arrive too early the clock is put forward by as much as that takes, and stays so, so
/// that the time between events is kept: it goes back to what later messages asked for each `eventsPerReview` events.
///
/// An event that has no wall time lies right behind the one before it on its process; it has no time where none before it has.
///
/// R. Rabenseifner, "The Controlled Logical Clock: a Global Time for Trace Based Software Monitoring of Parallel Applications in
/// Workstation Clusters", PDP 1997; but a clock goes back in steps, so that an archive stores few of them.
package struct AdjustedClock: Hashable, Sendable {
    /// The time of the last event; `EventBatch.noTime` where it has none.
    package var last = EventBatch.noTime
    /// By how many nanoseconds the host's clock is put forward: 0 at least.
    package var offset: Int64 = 0
    /// The most that a message asked for since the last review.
    package var needed: Int64 = 0

    package init() {}

    package init(last: Int64, offset: Int64, needed: Int64) {
        self.last = last
        self.offset = offset
        self.needed = needed
    }

    static let eventsPerReview = 1_024

    /// Goes on to the next event of the process.
    ///
    /// - Parameters:
    ///   - wall: What its host's clock said; `EventBatch.noTime` where it did not say.
    ///   - senders: The latest of the times of those whose messages arrived; `EventBatch.noTime` where there are none.
    mutating func next(at position: Int, wall: Int64, senders: Int64) {
        var offset = offset
        // What it has without a message.
        var own = last == EventBatch.noTime ? last : last.addingSaturating(1)
        if wall != EventBatch.noTime {
            if position % Self.eventsPerReview == 0 { (offset, needed) = (needed, 0) }
            own = wall
        } else if own != EventBatch.noTime {
            own = own.subtractingSaturating(offset)
        }
        if senders != EventBatch.noTime, own != EventBatch.noTime {
            let need = senders.addingSaturating(1).subtractingSaturating(own)
            needed = max(needed, need)
            offset = max(offset, need)
        }
        next(wall: wall, offset: offset)
    }

    /// Goes on to the next event of the process, at which the clock is put forward by `offset`.
    mutating func next(wall: Int64, offset: Int64) {
        let after = last == EventBatch.noTime ? last : last.addingSaturating(1)
        if wall != EventBatch.noTime {
            last = max(after, wall.addingSaturating(offset))
        } else if last != EventBatch.noTime {
            last = after.addingSaturating(max(0, offset.subtractingSaturating(self.offset)))
        }
        self.offset = offset
    }
}

/// The adjusted times of some events of a process that follow on one another.
package struct AdjustedSpan: Hashable, Sendable {
    package var positions: Range<Int>
    /// Those of the first and the last of them; `EventBatch.noTime` where that has none.
    package var first: Int64
    package var last: Int64
    /// By how much the host's clock is put forward: the first at the start, and where that changes.
    package var offsets: [Offset]

    package struct Offset: Hashable, Sendable {
        package var position: Int
        package var nanoseconds: Int64

        package init(position: Int, nanoseconds: Int64) {
            self.position = position
            self.nanoseconds = nanoseconds
        }
    }

    package init(_ positions: Range<Int>, first: Int64, last: Int64, _ offsets: [Offset]) {
        self.positions = positions
        self.first = first
        self.last = last
        self.offsets = offsets
    }

    /// Between which times its events lie.
    package var span: TimeSpan {
        let times =
            last == EventBatch.noTime ? nil : (first == EventBatch.noTime ? last : first)...last
        return TimeSpan(positions, times)
    }

    /// The time of each of its events, from what the host's clock said at each. O(events).
    package func times(wall: some Collection<Int64>) -> [Int64] {
        var clock = AdjustedClock(last: first, offset: offsets[0].nanoseconds, needed: 0)
        var next = 1
        var times = [first]
        times.reserveCapacity(positions.count)
        for (position, wall) in zip(positions, wall).dropFirst() {
            if next < offsets.count, offsets[next].position == position {
                clock.next(wall: wall, offset: offsets[next].nanoseconds)
                next += 1
            } else {
                clock.next(wall: wall, offset: clock.offset)
            }
            // Later than that it was not, whatever was read.
            clock.last = min(clock.last, last)
            times.append(clock.last)
        }
        return times
    }

    /// How many events one has at the most.
    static let eventsMax = TimeSpan.eventsMax

    /// Where to cut some events of a process, whose last one is at `end`. Toward it pieces are short: a message that was under way
    /// when a slice was closed arrives after the end of the piece that its sender is in, as far as later events can tell.
    static func cuts(of positions: Range<Int>, end: Int) -> [Range<Int>] {
        var starts = Array(
            stride(from: positions.lowerBound, to: positions.upperBound, by: eventsMax))
        if positions.upperBound == end {
            for distance in [1, 4, 16, 64] where end - distance > positions.lowerBound {
                starts.append(end - distance)
            }
        }
        starts = Set(starts).sorted()
        return zip(starts, starts.dropFirst() + [positions.upperBound]).map { $0..<$1 }
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
