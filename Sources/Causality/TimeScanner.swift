/// Reads a time from bytes, part after part. Where a part is refused, `index` is somewhere in it.
@usableFromInline
package struct TimeScanner: Sendable {
    @usableFromInline let bytes: [UInt8]
    @usableFromInline package var index: Int
    @usableFromInline let end: Int
    /// Whether `zone` found one: without one, UTC is what a time means for want of better.
    @usableFromInline package private(set) var saysZone = false

    @inlinable
    package init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        index = range.lowerBound
        end = range.upperBound
    }

    @inlinable
    package var isAtEnd: Bool { index == end }

    @inlinable
    package mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < end, UInt32(bytes[index]) == character.value else { return false }
        index += 1
        return true
    }

    /// The value of as many digits as there are, up to the upper bound, which is at most 19; nil where they are fewer than the
    /// lower bound or the value does not fit.
    @inlinable @inline(__always)
    package mutating func number(_ widths: ClosedRange<Int>) -> Int? {
        let start = index
        let limit = min(end, start + widths.upperBound)
        // 19 digits fit: nothing wraps.
        var value: UInt64 = 0
        while index < limit {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ UInt64(digit)
            index += 1
        }
        return index - start >= widths.lowerBound ? Int(exactly: value) : nil
    }

    /// One to nine digits, as nanoseconds.
    @inlinable
    package mutating func fraction() -> Int? {
        let start = index
        guard var value = number(1...9) else { return nil }
        for _ in (index - start)..<9 { value *= 10 }
        return value
    }

    /// A date and time of day in RFC 3339, `2013-05-24T23:28:00.637+02:00`, or in what is usual beside it: a space for the T, a
    /// comma for the dot, 1 to 9 digits of a fraction, a zone `±hhmm` or none, which is UTC. Where `short`, the seconds may be
    /// missing, and a date alone is its midnight where nothing follows.
    package mutating func dateTime(short: Bool = false) -> WallTime? {
        guard let year = number(4...4), take("-"), let month = number(2...2), take("-"),
            let day = number(2...2)
        else { return nil }
        if short, isAtEnd { return WallTime(year: year, month: month, day: day) }
        guard take("T") || take(" ") || take("t"),
            let time = timeOfDay(hourDigits: 2...2, short: short), let offset = zone()
        else { return nil }
        return WallTime(
            year: year, month: month, day: day, hour: time.hour, minute: time.minute,
            second: time.second, nanosecond: time.nanosecond, offsetSeconds: offset)
    }

    /// `23:28:00`, with a fraction or without.
    package mutating func timeOfDay(
        hourDigits: ClosedRange<Int>, short: Bool = false
    ) -> (hour: Int, minute: Int, second: Int, nanosecond: Int)? {
        guard let hour = number(hourDigits), take(":"), let minute = number(2...2) else {
            return nil
        }
        guard take(":") else { return short ? (hour, minute, 0, 0) : nil }
        guard let second = number(2...2) else { return nil }
        let whole = index
        guard take(".") || take(","), let nanosecond = fraction() else {
            // A dot that ends a sentence is no part of the time.
            index = whole
            return (hour, minute, second, 0)
        }
        return (hour, minute, second, nanosecond)
    }

    /// Seconds east of UTC: 0 for `Z` and where no zone follows, nil where it is malformed.
    package mutating func zone() -> Int? {
        saysZone = true
        if take("Z") || take("z") { return 0 }
        let isEast = take("+")
        guard isEast || take("-") else {
            saysZone = false
            return 0
        }
        guard let hours = number(2...2), hours < 24 else { return nil }
        _ = take(":")
        guard let minutes = number(2...2), minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }
}
