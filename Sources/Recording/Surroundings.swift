import Causality
import Glibc

/// What a recorder takes from its machine, but for its disk: time, and random numbers. A simulation gives others.
package struct Surroundings: Sendable, RandomNumberGenerator {
    /// Nanoseconds since 1970, of what the recorder has to say itself; events have the time that their caller says, or the system's.
    package var now: @Sendable () -> Int64
    /// Nanoseconds since the machine started: for waiting, which nobody who sets the clock may shorten or draw out.
    package var uptime: @Sendable () -> Int64
    package var draw: @Sendable () -> UInt64

    /// This machine's.
    package init() {
        self.init(
            now: { Surroundings.nanoseconds(CLOCK_REALTIME) },
            uptime: { Surroundings.nanoseconds(CLOCK_MONOTONIC) },
            draw: {
                var random = SystemRandomNumberGenerator()
                return random.next()
            })
    }

    package init(
        now: @escaping @Sendable () -> Int64, uptime: @escaping @Sendable () -> Int64,
        draw: @escaping @Sendable () -> UInt64
    ) {
        self.now = now
        self.uptime = uptime
        self.draw = draw
    }

    package func next() -> UInt64 { draw() }

    /// An identity that nobody else has.
    package func identity() -> Identity128 {
        var random = self
        return Identity128(using: &random)
    }

    /// What a clock of the system shows.
    static func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return WallTime(saturatingSeconds: time.tv_sec, nanoseconds: time.tv_nsec).nanoseconds
    }
}
