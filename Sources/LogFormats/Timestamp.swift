import Causality

/// Times as logs write them.
///
///     2013-05-24T23:28:00.637Z   as `TimeScanner.dateTime` reads it
///     2013/05/24 23:28:00        the same parts, but of one digit too
///     5/24/2013 11:28:00.637 PM  month first; AM or PM or 24 hours
///     1369438080                 since 1970 in seconds below 1e11, milliseconds below 1e14,
///                                microseconds below 1e17, else nanoseconds; a fraction is allowed
enum Timestamp {
    /// The time that all of `text` says (white space around it aside), or nil. O(n).
    static func parse(_ text: String) -> WallTime? {
        let bytes = Array(text.utf8)
        return parse(bytes, bytes.indices)
    }

    static func parse(_ bytes: [UInt8], _ range: Range<Int>) -> WallTime? {
        let range = Bytes.trim(bytes, range)
        if let (time, end) = civil(bytes, range), end == range.upperBound { return time }
        return epoch(bytes, range)
    }

    /// The time that a line begins with, in brackets or not, or nil. O(1).
    static func leading(_ bytes: [UInt8], _ line: Range<Int>) -> WallTime? {
        var start = line.lowerBound
        if start < line.upperBound, bytes[start] == UInt8(ascii: "[") { start += 1 }
        let range = start..<min(line.upperBound, start + 48)
        var end = start
        while end < range.upperBound, Bytes.isDigit(bytes[end]) { end += 1 }
        if end > start, end - start <= 4 {
            guard let (time, end) = civil(bytes, range) else { return nil }
            return end < line.upperBound && Bytes.isWord(bytes[end]) ? nil : time
        }
        guard end - start >= Limits.epochDigitsMin else { return nil }
        if end < range.upperBound, bytes[end] == UInt8(ascii: ".") {
            end += 1
            while end < range.upperBound, Bytes.isDigit(bytes[end]) { end += 1 }
        }
        guard end == line.upperBound || bytes[end] == UInt8(ascii: "]") || Bytes.isSpace(bytes[end])
        else { return nil }
        return epoch(bytes, start..<end)
    }

    /// The time that a number of digits, with or without a fraction, means; nil where it does not
    /// fit.
    static func epoch(_ bytes: [UInt8], _ range: Range<Int>) -> WallTime? {
        var scanner = TimeScanner(bytes, range)
        guard let whole = scanner.number(1...19) else { return nil }
        let unit: Int64 =
            switch whole {
            case ..<100_000_000_000: 1_000_000_000
            case ..<100_000_000_000_000: 1_000_000
            case ..<100_000_000_000_000_000: 1000
            default: 1
            }
        var part: Int64 = 0
        if scanner.take(".") {
            guard let fraction = scanner.fraction() else { return nil }
            part = Int64(fraction) * unit / 1_000_000_000
        }
        guard scanner.isAtEnd else { return nil }
        let (scaled, overflow) = Int64(whole).multipliedReportingOverflow(by: unit)
        let (sum, overflowToo) = scaled.addingReportingOverflow(part)
        return overflow || overflowToo ? nil : WallTime(nanoseconds: sum)
    }

    /// The date and time of day at the beginning of `range`, and where it ends.
    private static func civil(_ bytes: [UInt8], _ range: Range<Int>) -> (WallTime, end: Int)? {
        var scanner = TimeScanner(bytes, range)
        if let time = scanner.dateTime() { return (time, scanner.index) }
        scanner = TimeScanner(bytes, range)
        guard let time = slashed(&scanner) else { return nil }
        return (time, scanner.index)
    }

    /// A date with slashes and a time of day.
    private static func slashed(_ scanner: inout TimeScanner) -> WallTime? {
        let start = scanner.index
        guard let first = scanner.number(1...4) else { return nil }
        let digits = scanner.index - start
        let isYearFirst = digits == 4
        guard isYearFirst || digits <= 2, scanner.take("/"), let second = scanner.number(1...2),
            scanner.take("/"), let third = scanner.number(isYearFirst ? 1...2 : 4...4),
            scanner.take(" "), var time = scanner.timeOfDay(hourDigits: 1...2)
        else { return nil }
        if isYearFirst {
            guard let offset = scanner.zone() else { return nil }
            return WallTime(
                year: first, month: second, day: third, hour: time.hour, minute: time.minute,
                second: time.second, nanosecond: time.nanosecond, offsetSeconds: offset)
        }
        if let isAfternoon = halfDay(&scanner) {
            guard (1...12).contains(time.hour) else { return nil }
            time.hour = time.hour % 12 + (isAfternoon ? 12 : 0)
        }
        return WallTime(
            year: third, month: first, day: second, hour: time.hour, minute: time.minute,
            second: time.second, nanosecond: time.nanosecond)
    }

    /// True after ` PM`, false after ` AM`, nil where neither follows.
    private static func halfDay(_ scanner: inout TimeScanner) -> Bool? {
        var ahead = scanner
        guard ahead.take(" ") else { return nil }
        let isAfternoon = ahead.take("P") || ahead.take("p")
        guard isAfternoon || ahead.take("A") || ahead.take("a"), ahead.take("M") || ahead.take("m")
        else { return nil }
        scanner = ahead
        return isAfternoon
    }
}
