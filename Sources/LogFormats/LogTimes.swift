import Causality

/// What the times of a log leave unsaid: their zone, and of some the year.
package struct LogTimes: Sendable {
    /// Seconds that local time is ahead of UTC, at so many seconds since 1970; nil: times without a zone are UTC.
    private let zone: (@Sendable (Int) -> Int)?
    /// When a log was written to last: a time without a year is of the newest year in which it is at most a day later. Nil: such a
    /// time is none.
    package var asOf: WallTime?
    /// Whether times without a zone are other than UTC.
    package var hasZone: Bool { zone != nil }

    /// The year that the first time got that says none. Not part of a reader's stored state.
    package private(set) var firstYearFound: Int?
    /// What was found last: lines of one second follow each other.
    private var last = (local: Int.min, offset: 0)

    package init(zone: (@Sendable (Int) -> Int)? = nil, asOf: WallTime? = nil) {
        self.zone = zone
        self.asOf = asOf
    }

    /// The time of what was read as if it were UTC.
    ///
    /// Where clocks were set back, and so showed it twice, the first of the two; where they were set forward over it, what a clock
    /// shows that was not set.
    mutating func time(fromLocal local: WallTime) -> WallTime? {
        guard let zone else { return local }
        let billion: Int64 = 1_000_000_000
        let seconds = Int(local.nanoseconds / billion)
        if last.local != seconds {
            let before = zone(seconds - 86_400)
            let after = zone(seconds + 86_400)
            let isBefore = zone(seconds - before) == before || zone(seconds - after) != after
            last = (seconds, isBefore ? before : after)
        }
        let (time, overflow) = local.nanoseconds.subtractingReportingOverflow(
            Int64(last.offset) * billion)
        return overflow ? nil : WallTime(nanoseconds: time)
    }

    /// The newest time that `read` gives for a year and that is at most a day after `asOf`.
    mutating func newest(_ read: (Int, inout LogTimes) -> WallTime?) -> WallTime? {
        guard let asOf else { return nil }
        let limit = asOf.nanoseconds.addingSaturating(86_400_000_000_000)
        let year = asOf.year + 1
        // A 29 February is at most eight years ago.
        for year in stride(from: year, through: year - Limits.yearsTriedMax, by: -1) {
            guard let time = read(year, &self), time.nanoseconds <= limit else { continue }
            firstYearFound = firstYearFound ?? year
            return time
        }
        return nil
    }
}
