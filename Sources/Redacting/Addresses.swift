enum Addresses {
    /// Four numbers of up to three digits and 255, with dots between; no letter, digit or `_` beside them, nor another number behind a dot.
    static func ipv4(in text: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < text.count {
            guard text[index].isDigit else {
                index += 1
                continue
            }
            let run = text.end(from: index) { $0.isDigit || $0 == UInt8(ascii: ".") }
            // A dot at the end is the sentence's.
            var end = run
            while text[end - 1] == UInt8(ascii: ".") { end -= 1 }
            let before = text.byte(before: index)
            let isPart =
                before == UInt8(ascii: ".") && text.byte(before: index - 1).isWord
                && text.byte(before: index - 1).isDigit
            if !before.isWord, !isPart, !text.byte(at: end).isWord || end < run,
                !(end < run && text.byte(at: run).isDigit), isIPv4(text, index..<end)
            {
                found.append(index..<end)
            }
            index = run
        }
        return found
    }

    private static func isIPv4(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        guard (7...15).contains(range.count) else { return false }
        var (numbers, digits, value) = (1, 0, 0)
        for index in range {
            if text[index].isDigit {
                digits += 1
                value = value * 10 + Int(text[index] - 0x30)
                guard digits <= 3, value <= 255 else { return false }
            } else {
                guard digits > 0 else { return false }
                (numbers, digits, value) = (numbers + 1, 0, 0)
            }
        }
        return numbers == 4 && digits > 0
    }

    /// As RFC 4291, section 2.2, writes them; not `::` alone. In a run of hexadecimal digits, colons and dots, what belongs to a word
    /// beside it does not count, nor one colon or dots at an end.
    static func ipv6(in text: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 0
        while index < text.count {
            guard text[index].isHexadecimal || text[index] == UInt8(ascii: ":") else {
                index += 1
                continue
            }
            let run = text.end(from: index) {
                $0.isHexadecimal || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
            }
            let range = trimmed(text, index..<run)
            if range.count <= Limits.addressBytesMax, isIPv6(text, range) { found.append(range) }
            index = run
        }
        return found
    }

    private static func trimmed(_ text: Span<UInt8>, _ run: Range<Int>) -> Range<Int> {
        let colon = UInt8(ascii: ":")
        var (start, end) = (run.lowerBound, run.upperBound)
        if text.byte(before: start).isWord {
            while start < end, text[start] != colon { start += 1 }
            if start < end { start += 1 }
        }
        if text.byte(at: end).isWord {
            while end > start, text[end - 1] != colon { end -= 1 }
        }
        while end > start, text[end - 1] == UInt8(ascii: ".") { end -= 1 }
        if end > start, text[end - 1] == colon, end - 2 < start || text[end - 2] != colon {
            end -= 1
        }
        if end > start, text[start] == colon, start + 1 >= end || text[start + 1] != colon {
            start += 1
        }
        return start..<end
    }

    private static func isIPv6(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        let colon = UInt8(ascii: ":")
        var (groups, isShortened, index) = (0, false, range.lowerBound)
        while index < range.upperBound {
            if text[index] == colon {
                // Only `::` stands where a group is expected.
                guard !isShortened, index + 1 < range.upperBound, text[index + 1] == colon else {
                    return false
                }
                isShortened = true
                index += 2
                continue
            }
            var end = index
            while end < range.upperBound, text[end].isHexadecimal { end += 1 }
            if end < range.upperBound, text[end] == UInt8(ascii: ".") {
                guard isIPv4(text, index..<range.upperBound) else { return false }
                groups += 2
                index = range.upperBound
                break
            }
            guard (1...4).contains(end - index) else { return false }
            groups += 1
            index = end
            guard index < range.upperBound else { break }
            guard text[index] == colon else { return false }
            // The colon before the next group; of `::`, both stay.
            if index + 1 < range.upperBound, text[index + 1] == colon { continue }
            index += 1
            guard index < range.upperBound else { return false }
        }
        return isShortened ? (1...7).contains(groups) : groups == 8
    }
}
