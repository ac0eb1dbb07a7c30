extension WallTime {
    /// Reads RFC 3339, as `description` writes it, and its short forms: `2026-11-23`, `2026-11-23T10:20`,
    /// `2026-11-23 10:20:30.5+01:00`. Without a zone it is UTC. nil for anything else.
    package init?(text: some StringProtocol) {
        var scanner = DigitScanner(Array(text.utf8))
        guard let year = scanner.digits(4...4), scanner.take("-"),
            let month = scanner.digits(2...2),
            scanner.take("-"), let day = scanner.digits(2...2)
        else { return nil }
        var (hour, minute, second, nanosecond, offset) = (0, 0, 0, 0, 0)
        if !scanner.isAtEnd {
            guard scanner.take("T") || scanner.take("t") || scanner.take(" "),
                let hourDigits = scanner.digits(2...2), scanner.take(":"),
                let minuteDigits = scanner.digits(2...2)
            else { return nil }
            (hour, minute) = (hourDigits, minuteDigits)
            if scanner.take(":") {
                guard let digits = scanner.digits(2...2) else { return nil }
                second = digits
                if scanner.take(".") || scanner.take(",") {
                    guard let fraction = scanner.fraction() else { return nil }
                    nanosecond = fraction
                }
            }
            guard let zone = scanner.zone(), scanner.isAtEnd else { return nil }
            offset = zone
        }
        self.init(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second,
            nanosecond: nanosecond, offsetSeconds: offset)
    }
}

private struct DigitScanner {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, UInt32(bytes[index]) == character.value else { return false }
        index += 1
        return true
    }

    mutating func digits(_ width: ClosedRange<Int>) -> Int? {
        var value = 0
        var count = 0
        while index < bytes.count, count < width.upperBound,
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
        {
            value = value * 10 + Int(bytes[index] - UInt8(ascii: "0"))
            index += 1
            count += 1
        }
        return count >= width.lowerBound ? value : nil
    }

    /// One to nine digits, as nanoseconds.
    mutating func fraction() -> Int? {
        let start = index
        guard var value = digits(1...9) else { return nil }
        for _ in (index - start)..<9 { value *= 10 }
        return value
    }

    /// Seconds east of UTC: 0 for `Z` and for nothing.
    mutating func zone() -> Int? {
        if isAtEnd || take("Z") || take("z") { return 0 }
        let isEast = take("+")
        guard isEast || take("-"), let hours = digits(2...2) else { return nil }
        _ = take(":")
        guard let minutes = digits(2...2), hours < 24, minutes < 60 else { return nil }
        return (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
    }
}
