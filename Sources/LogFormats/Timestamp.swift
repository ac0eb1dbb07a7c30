import Causality

/// Times as logs write them.
///
///     2013-05-24T23:28:00.637Z       as `TimeScanner.dateTime` reads it
///     2013/05/24 23:28:00            the same parts, but of one digit too
///     5/24/2013 11:28:00.637 PM      month first; AM or PM or 24 hours
///     Oct 11 22:14:15                RFC 3164, also with a fraction, or a year before the time
///     Wed Oct 11 14:32:52.123 2000   as ctime writes it: Apache's error log
///     10/Oct/2000:13:55:36 -0700     the access logs of Apache and nginx
///     1369438080                     since 1970 in seconds below 1e11, milliseconds below 1e14,
///                                    microseconds below 1e17, else nanoseconds; a fraction is allowed
///
/// `LogTimes` says what a time without a zone or a year means.
enum Timestamp {
    /// The time that all of `text` says (white space around it aside), or nil. O(n).
    static func parse(_ text: String, _ times: inout LogTimes) -> WallTime? {
        let bytes = Array(text.utf8)
        return parse(bytes, bytes.indices, &times)
    }

    static func parse(
        _ bytes: [UInt8], _ range: Range<Int>, _ times: inout LogTimes
    ) -> WallTime? {
        let range = Bytes.trim(bytes, range)
        if let (time, end) = civil(bytes, range, &times), end == range.upperBound { return time }
        return epoch(bytes, range)
    }

    /// The time that a line begins with, in brackets or not, and where it ends; or nil. O(1).
    static func leading(
        _ bytes: [UInt8], _ line: Range<Int>, _ times: inout LogTimes
    ) -> (WallTime, end: Int)? {
        var start = line.lowerBound
        if start < line.upperBound, bytes[start] == UInt8(ascii: "[") { start += 1 }
        let range = start..<min(line.upperBound, start + 48)
        var end = start
        while end < range.upperBound, Bytes.isDigit(bytes[end]) { end += 1 }
        if end - start <= 4 {
            guard let (time, end) = civil(bytes, range, &times) else { return nil }
            return end < line.upperBound && Bytes.isWord(bytes[end]) ? nil : (time, end)
        }
        guard end - start >= Limits.epochDigitsMin else { return nil }
        if end < range.upperBound, bytes[end] == UInt8(ascii: ".") {
            end += 1
            while end < range.upperBound, Bytes.isDigit(bytes[end]) { end += 1 }
        }
        guard end == line.upperBound || bytes[end] == UInt8(ascii: "]") || Bytes.isSpace(bytes[end])
        else { return nil }
        return epoch(bytes, start..<end).map { ($0, end) }
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
    static func civil(
        _ bytes: [UInt8], _ range: Range<Int>, _ times: inout LogTimes
    ) -> (WallTime, end: Int)? {
        guard let first = range.first.map({ bytes[$0] }) else { return nil }
        var scanner = TimeScanner(bytes, range)
        if !Bytes.isDigit(first) { return named(&scanner, &times).map { ($0, scanner.index) } }
        var time = scanner.dateTime()
        if time == nil {
            scanner = TimeScanner(bytes, range)
            time = slashed(&scanner)
        }
        if time == nil {
            scanner = TimeScanner(bytes, range)
            time = access(&scanner)
        }
        guard var time else { return nil }
        if !scanner.saysZone {
            guard let local = times.time(fromLocal: time) else { return nil }
            time = local
        }
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

    /// `10/Oct/2000:13:55:36 -0700`.
    private static func access(_ scanner: inout TimeScanner) -> WallTime? {
        guard let day = scanner.number(2...2), scanner.take("/"), let month = month(&scanner),
            scanner.take("/"), let year = scanner.number(4...4), scanner.take(":"),
            let time = scanner.timeOfDay(hourDigits: 2...2), scanner.take(" "),
            let offset = scanner.zone(), scanner.saysZone
        else { return nil }
        return WallTime(
            year: year, month: month, day: day, hour: time.hour, minute: time.minute,
            second: time.second, nanosecond: time.nanosecond, offsetSeconds: offset)
    }

    /// A date that begins with the name of its day or month: of RFC 3164, or as ctime writes it.
    private static func named(
        _ scanner: inout TimeScanner, _ times: inout LogTimes
    ) -> WallTime? {
        var ahead = scanner
        let hasWeekday = word(weekdays, &ahead) != nil && ahead.take(" ")
        if hasWeekday { scanner = ahead }
        guard let month = month(&scanner), scanner.take(" ") else { return nil }
        // A day of one digit has a space before it.
        _ = scanner.take(" ")
        guard let day = scanner.number(1...2), scanner.take(" ") else { return nil }
        var year: Int?
        ahead = scanner
        if let number = ahead.number(4...4), ahead.take(" ") { (year, scanner) = (number, ahead) }
        guard let time = scanner.timeOfDay(hourDigits: 2...2) else { return nil }
        ahead = scanner
        if year == nil, hasWeekday, ahead.take(" "), let number = ahead.number(4...4) {
            (year, scanner) = (number, ahead)
        }
        func read(_ year: Int, _ times: inout LogTimes) -> WallTime? {
            WallTime(
                year: year, month: month, day: day, hour: time.hour, minute: time.minute,
                second: time.second, nanosecond: time.nanosecond
            ).flatMap { times.time(fromLocal: $0) }
        }
        return if let year { read(year, &times) } else { times.newest(read) }
    }

    private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)
    private static let weekdays = Array("MonTueWedThuFriSatSun".utf8)

    private static func month(_ scanner: inout TimeScanner) -> Int? {
        word(months, &scanner).map { $0 + 1 }
    }

    /// Which of several words of three letters follows.
    private static func word(_ words: [UInt8], _ scanner: inout TimeScanner) -> Int? {
        for number in 0..<words.count / 3 {
            var ahead = scanner
            let letters = words[number * 3..<number * 3 + 3]
            if letters.allSatisfy({ ahead.take(Unicode.Scalar($0)) }) {
                scanner = ahead
                return number
            }
        }
        return nil
    }
}
