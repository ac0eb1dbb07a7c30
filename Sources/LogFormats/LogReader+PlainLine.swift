import Causality

/// The time and the level of a plain line, where it tells them in one of these ways:
///
///     2026-11-23 10:20:30 WARN it failed          a time at the beginning, in any form of `Timestamp`
///     <34>Oct 11 22:14:15 web su: it failed       RFC 3164 or 5424; the number says the level, too
///     W1127 10:15:30.123456 1234 file.go:12] it   klog and glog: the letter is the level
///     time="2026-11-23 10:20:30" level=warn       logfmt: time, ts, t, timestamp; level, lvl, severity
///     10.0.0.7 - ann [10/Oct/2000:13:55:36 -0700] access logs of Apache and nginx
///
/// Otherwise the level is the first word near the beginning that is one, in capitals or in brackets.
extension LogReader {
    mutating func timeAndLevel(_ bytes: [UInt8], _ line: Range<Int>) -> (WallTime?, Level?) {
        if let (time, level) = klog(bytes, line) { return (time, level) }
        let (priority, start) = LogReader.priority(bytes, line)
        let leading = Timestamp.leading(bytes, start..<line.upperBound, &times)
        let rest = (leading?.end ?? start)..<line.upperBound
        let pairs = pairs(bytes, rest, findsTime: leading == nil)
        if leading == nil, pairs.time == nil, let time = accessTime(bytes, rest) {
            return (time, priority)
        }
        let level =
            pairs.isFirst
            ? pairs.level ?? levelWord(bytes, line) : levelWord(bytes, line) ?? pairs.level
        return (leading?.0 ?? pairs.time, level ?? priority)
    }

    /// The level of a syslog priority at the beginning, and what comes behind it, and behind the version of RFC 5424.
    private static func priority(
        _ bytes: [UInt8], _ line: Range<Int>
    ) -> (level: Level?, end: Int) {
        var scanner = TimeScanner(bytes, line)
        guard scanner.take("<"), let number = scanner.number(1...3), number <= 191,
            scanner.take(">")
        else { return (nil, line.lowerBound) }
        let level: Level =
            switch number % 8 {
            case 0...2: .critical
            case 3: .error
            case 4: .warning
            case 5: .notice
            case 6: .info
            default: .debug
            }
        var ahead = scanner
        let hasVersion = ahead.take("1") && ahead.take(" ")
        return (level, hasVersion ? ahead.index : scanner.index)
    }

    /// `I1127 10:15:30.123456 1234 `, or with a year before the month.
    private mutating func klog(
        _ bytes: [UInt8], _ line: Range<Int>
    ) -> (WallTime?, Level)? {
        let level: Level
        switch line.first.map({ Unicode.Scalar(bytes[$0]) }) {
        case "I": level = .info
        case "W": level = .warning
        case "E": level = .error
        case "F": level = .critical
        default: return nil
        }
        var digits = line.lowerBound + 1
        while digits < line.upperBound, Bytes.isDigit(bytes[digits]) { digits += 1 }
        let hasYear = digits - line.lowerBound == 9
        guard hasYear || digits - line.lowerBound == 5 else { return nil }
        var scanner = TimeScanner(bytes, line.dropFirst())
        let year = hasYear ? scanner.number(4...4) : nil
        guard let month = scanner.number(2...2), let day = scanner.number(2...2),
            scanner.take(" "), let time = scanner.timeOfDay(hourDigits: 2...2), scanner.take(" ")
        else { return nil }
        while scanner.take(" ") {}
        guard scanner.number(1...19) != nil, scanner.take(" ") else { return nil }
        func read(_ year: Int, _ times: inout LogTimes) -> WallTime? {
            WallTime(
                year: year, month: month, day: day, hour: time.hour, minute: time.minute,
                second: time.second, nanosecond: time.nanosecond
            ).flatMap { times.time(fromLocal: $0) }
        }
        if let year { return (read(year, &times), level) }
        return (times.newest(read), level)
    }

    /// The time in the first brackets, behind who asked.
    private mutating func accessTime(_ bytes: [UInt8], _ line: Range<Int>) -> WallTime? {
        let near = line.prefix(Limits.accessBytesMax)
        guard let bracket = near.first(where: { bytes[$0] == UInt8(ascii: "[") }),
            let (time, end) = Timestamp.civil(bytes, bracket + 1..<line.upperBound, &times),
            end < line.upperBound, bytes[end] == UInt8(ascii: "]")
        else { return nil }
        return time
    }

    /// What pairs `key=value` say, of which a value may be quoted.
    private struct Pairs {
        /// Whether there is a pair before anything else.
        var isFirst = false
        var time: WallTime?
        var level: Level?
    }

    private mutating func pairs(
        _ bytes: [UInt8], _ line: Range<Int>, findsTime: Bool
    ) -> Pairs {
        var found = Pairs()
        let near = line.prefix(Limits.pairsBytesMax)
        // Most lines have none.
        guard near.contains(where: { bytes[$0] == UInt8(ascii: "=") }) else { return found }
        let end = near.endIndex
        var index = line.lowerBound
        var isBegun = false
        while index < end {
            let start = index
            while index < end, LogReader.isKey(bytes[index]) { index += 1 }
            guard index > start else {
                index += 1
                continue
            }
            let key = start..<index
            let isPair = index < end && bytes[index] == UInt8(ascii: "=")
            if !isBegun { (isBegun, found.isFirst) = (true, isPair) }
            guard isPair else { continue }
            let value = LogReader.pairValue(bytes, index + 1..<line.upperBound)
            // Behind the quote that ends it.
            index = max(value.upperBound + 1, index + 1)
            if found.level == nil, LogReader.isOne(["level", "lvl", "severity"], bytes, key) {
                found.level = levels.meaning(bytes, value) { Level(text: $0) }
            } else if findsTime, found.isFirst, found.time == nil,
                LogReader.isOne(["time", "ts", "t", "timestamp"], bytes, key),
                let (time, end) = Timestamp.leading(bytes, value, &times), end == value.upperBound
            {
                found.time = time
            }
        }
        return found
    }

    private static func isKey(_ byte: UInt8) -> Bool {
        Bytes.isWord(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
    }

    private static func isOne(
        _ words: [StaticString], _ bytes: [UInt8], _ key: Range<Int>
    ) -> Bool {
        words.contains { isSame(bytes, key, $0) }
    }

    /// A value at the beginning of `range`, without its quotes.
    private static func pairValue(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        guard let first = range.first else { return range }
        guard bytes[first] == UInt8(ascii: "\"") else {
            let end = range.first { Bytes.isSpace(bytes[$0]) } ?? range.upperBound
            return first..<end
        }
        var index = first + 1
        while index < range.upperBound, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return first + 1..<min(index, range.upperBound)
    }

    /// The first word in the beginning of a line that is a level in capitals or in brackets, there also behind a name and a
    /// colon; or nil.
    private mutating func levelWord(_ bytes: [UInt8], _ line: Range<Int>) -> Level? {
        let end = min(line.upperBound, line.lowerBound + Limits.levelBytesMax)
        var index = line.lowerBound
        while index < end {
            let start = index
            let wordEnd = min(line.upperBound, start + Limits.levelBytesMax)
            while index < wordEnd, Bytes.isWord(bytes[index]) { index += 1 }
            if (3...11).contains(index - start), beginsLikeALevel(bytes[start]) {
                let isCapital = bytes[start..<index].allSatisfy { (65...90).contains($0) }
                let isBracketed =
                    start > line.lowerBound
                    && (bytes[start - 1] == UInt8(ascii: "[")
                        || bytes[start - 1] == UInt8(ascii: ":"))
                    && index < line.upperBound && bytes[index] == UInt8(ascii: "]")
                if isCapital || isBracketed,
                    let level = levels.meaning(bytes, start..<index, { Level(text: $0) })
                {
                    return level
                }
            }
            index += 1
        }
        return nil
    }

    private func beginsLikeALevel(_ byte: UInt8) -> Bool {
        switch Unicode.Scalar(byte | 0x20) {
        case "t", "v", "f", "d", "i", "n", "w", "e", "s", "c", "a", "p": true
        default: false
        }
    }
}
