/// Nanoseconds since 1970-01-01T00:00:00Z by somebody's wall clock: years 1678 to 2262.
package struct WallTime: Hashable, Sendable, Comparable {
    package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// So many seconds and nanoseconds since 1970, as `timespec` has them; beyond the range, the end of it.
    @inlinable
    package init(saturatingSeconds seconds: Int, nanoseconds: Int) {
        let (scaled, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let end = seconds < 0 ? WallTime.earliest.nanoseconds : .max
        self.init(nanoseconds: overflow ? end : scaled.addingSaturating(Int64(nanoseconds)))
    }

    /// So many seconds since 1970; beyond the range, the end of it. What is no number is 1970.
    package init(saturatingSeconds seconds: Double) {
        let nanoseconds = (seconds * 1e9).rounded(.towardZero)
        let end = seconds < 0 ? WallTime.earliest.nanoseconds : .max
        let fitting = nanoseconds.isNaN ? 0 : Int64(exactly: nanoseconds) ?? end
        self.init(nanoseconds: max(fitting, WallTime.earliest.nanoseconds))
    }

    /// One more than the least number, which stands for no time where times are columns.
    @inlinable package static var earliest: WallTime { WallTime(nanoseconds: .min + 1) }

    package static func < (a: WallTime, b: WallTime) -> Bool { a.nanoseconds < b.nanoseconds }

    /// A civil time in UTC, or nil where a field is out of range or the result does not fit.
    package init?(
        year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0,
        nanosecond: Int = 0, offsetSeconds: Int = 0
    ) {
        guard (1600...2300).contains(year), (1...12).contains(month),
            (1...WallTime.days(inMonth: month, of: year)).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second),
            (0..<1_000_000_000).contains(nanosecond), abs(offsetSeconds) <= 86_400
        else { return nil }
        let days = WallTime.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds
        let (scaled, overflow) = Int64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowToo) = scaled.addingReportingOverflow(Int64(nanosecond))
        guard !overflow, !overflowToo else { return nil }
        nanoseconds = sum
    }

    /// Of its date in UTC.
    package var year: Int {
        let days = floorDivide(nanoseconds, by: 86_400_000_000_000).0
        return WallTime.civil(daysSinceEpoch: Int(days)).year
    }

    private static func days(inMonth month: Int, of year: Int) -> Int {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil.
    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}

extension Int64 {
    /// The sum, or the end of the range that it goes beyond: for times from outside.
    @inlinable
    package func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    /// The difference, or the end of the range that it goes beyond.
    @inlinable
    package func subtractingSaturating(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : difference
    }
}

extension WallTime: CustomStringConvertible {
    /// RFC 3339 in UTC, with as many of 0, 3, 6 or 9 fractional digits as it needs.
    package var description: String {
        var text = ByteWriter()
        text.append(atMost: WallTime.textBytesMax, write)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    /// Bytes of what `description` says, at the most.
    package static let textBytesMax = 30

    /// Writes what `description` says. O(1)
    package func write(_ text: inout RawWriter) {
        let (seconds, fraction) = floorDivide(nanoseconds, by: 1_000_000_000)
        let (days, secondOfDay) = floorDivide(seconds, by: 86_400)
        let (year, month, day) = WallTime.civil(daysSinceEpoch: Int(days))
        let clock = Int(secondOfDay)
        var (rest, digits) = (Int(fraction), fraction == 0 ? 0 : 9)
        while digits > 0, rest % 1_000 == 0 { (rest, digits) = (rest / 1_000, digits - 3) }
        func put(_ value: Int, digits: Int, _ separator: Unicode.Scalar) {
            text.decimal(UInt64(value), digits: digits)
            text.byte(UInt8(ascii: separator))
        }
        put(year, digits: 4, "-")
        put(month, digits: 2, "-")
        put(day, digits: 2, "T")
        put(clock / 3600, digits: 2, ":")
        put(clock / 60 % 60, digits: 2, ":")
        put(clock % 60, digits: 2, digits == 0 ? "Z" : ".")
        guard digits > 0 else { return }
        if digits == 9 { text.decimal(UInt64(rest / 1_000), digits: 6) }
        put(rest % (digits == 9 ? 1_000 : 1_000_000), digits: digits == 9 ? 3 : digits, "Z")
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
    private static func civil(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSinceEpoch + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch + (monthFromMarch < 10 ? 3 : -9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    private func floorDivide(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
