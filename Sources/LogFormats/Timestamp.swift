import Causality

/// Times as logs write them.
///
///     2013-05-24T23:28:00.637Z   T or a space, `.` or `,` and 1 to 9 digits;
///                                Z, ±hh:mm, ±hhmm or nothing (UTC)
///     2013/05/24 23:28:00
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
        var scanner = TimestampScanner(bytes, range)
        if let time = scanner.civil(), scanner.index == range.upperBound { return time }
        return epoch(bytes, range)
    }

    /// The time that a line begins with, in brackets or not, or nil. O(1).
    static func leading(_ bytes: [UInt8], _ line: Range<Int>) -> WallTime? {
        var start = line.lowerBound
        if start < line.upperBound, bytes[start] == UInt8(ascii: "[") { start += 1 }
        let range = start..<min(line.upperBound, start + 48)
        var scanner = TimestampScanner(bytes, range)
        if let time = scanner.civil() {
            let end = scanner.index
            return end < line.upperBound && Bytes.isWord(bytes[end]) ? nil : time
        }
        var end = start
        while end < range.upperBound, Bytes.isDigit(bytes[end]) { end += 1 }
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
        var scanner = TimestampScanner(bytes, range)
        guard let (whole, _) = scanner.number(1...19) else { return nil }
        let unit: Int64 =
            switch whole {
            case ..<100_000_000_000: 1_000_000_000
            case ..<100_000_000_000_000: 1_000_000
            case ..<100_000_000_000_000_000: 1000
            default: 1
            }
        var part: Int64 = 0
        if scanner.take(".") {
            guard let (fraction, digits) = scanner.number(1...9) else { return nil }
            var scale: Int64 = 1
            for _ in 0..<digits { scale *= 10 }
            part = Int64(fraction) * unit / scale
        }
        guard scanner.index == range.upperBound else { return nil }
        let (scaled, overflow) = Int64(whole).multipliedReportingOverflow(by: unit)
        let (sum, overflowToo) = scaled.addingReportingOverflow(part)
        return overflow || overflowToo ? nil : WallTime(nanoseconds: sum)
    }
}

/// Moves over the parts of a time.
private struct TimestampScanner {
    let bytes: [UInt8]
    private(set) var index: Int
    let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        self.bytes = bytes
        index = range.lowerBound
        end = range.upperBound
    }

    mutating func take(_ characters: Unicode.Scalar...) -> Bool {
        guard index < end, characters.contains(where: { UInt8(ascii: $0) == bytes[index] })
        else { return false }
        index += 1
        return true
    }

    /// A run of digits: its value and length. nil where it is shorter or longer, or does not fit.
    mutating func number(_ lengths: ClosedRange<Int>) -> (value: Int, digits: Int)? {
        var next = index
        var value = 0
        while next < end, Bytes.isDigit(bytes[next]) {
            guard next - index < lengths.upperBound else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = tens.addingReportingOverflow(
                Int(bytes[next] - UInt8(ascii: "0")))
            guard !overflow, !overflowToo else { return nil }
            value = sum
            next += 1
        }
        guard lengths.contains(next - index) else { return nil }
        defer { index = next }
        return (value, next - index)
    }

    /// A date and a time of day.
    mutating func civil() -> WallTime? {
        guard let (first, digits) = number(1...4) else { return nil }
        let isDashed = take("-")
        guard isDashed || take("/"), let (second, _) = number(1...2), take(isDashed ? "-" : "/")
        else { return nil }
        let isYearFirst = digits == 4
        guard isYearFirst || (!isDashed && digits <= 2),
            let (third, thirdDigits) = number(1...4),
            thirdDigits == 4 || (isYearFirst && thirdDigits <= 2)
        else { return nil }
        guard take(" ") || (isDashed && take("T", "t")), var (hour, _) = number(1...2), take(":"),
            let (minute, _) = number(2...2), take(":"), let (second60, _) = number(2...2)
        else { return nil }
        var nanosecond = 0
        if index + 1 < end, Bytes.isDigit(bytes[index + 1]), take(".", ",") {
            guard let (fraction, digits) = number(1...9) else { return nil }
            nanosecond = fraction
            for _ in digits..<9 { nanosecond *= 10 }
        }
        if !isYearFirst, let isAfternoon = halfDay() {
            guard (1...12).contains(hour) else { return nil }
            hour = hour % 12 + (isAfternoon ? 12 : 0)
        }
        guard let offset = isYearFirst ? zone() : 0 else { return nil }
        return WallTime(
            year: isYearFirst ? first : third, month: isYearFirst ? second : first,
            day: isYearFirst ? third : second, hour: hour, minute: minute, second: second60,
            nanosecond: nanosecond, offsetSeconds: offset)
    }

    /// True after ` PM`, false after ` AM`, nil where neither follows.
    private mutating func halfDay() -> Bool? {
        guard index + 2 < end, bytes[index] == 32, bytes[index + 2] | 32 == UInt8(ascii: "m")
        else { return nil }
        switch bytes[index + 1] | 32 {
        case UInt8(ascii: "a"):
            index += 3
            return false
        case UInt8(ascii: "p"):
            index += 3
            return true
        default: return nil
        }
    }

    /// Seconds east of UTC; 0 where no zone follows, nil where it is malformed.
    private mutating func zone() -> Int? {
        if take("Z", "z") { return 0 }
        let isEast = take("+")
        guard isEast || take("-") else { return 0 }
        guard index + 2 <= end, Bytes.isDigit(bytes[index]), Bytes.isDigit(bytes[index + 1]) else {
            return nil
        }
        let hours = Int(bytes[index] - 48) * 10 + Int(bytes[index + 1] - 48)
        index += 2
        _ = take(":")
        guard let (minutes, _) = number(2...2), minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (isEast ? 1 : -1)
    }
}
