import Causality

/// What is asked of bytes of a log in every format.
enum Bytes {
    static let newline = UInt8(ascii: "\n")

    /// The first line break in `range`, or nil. O(n).
    static func newline(_ bytes: [UInt8], in range: Range<Int>) -> Int? {
        bytes.withUnsafeBytes { bytes in
            var index = range.lowerBound
            // Eight bytes a step. The lowest bit of `marks` is in the first byte that is 0 after the exclusive or (Mycroft, 1987).
            while index + 8 <= range.upperBound {
                let word = UInt64(
                    littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                let found = word ^ 0x0A0A_0A0A_0A0A_0A0A
                let marks = (found &- 0x0101_0101_0101_0101) & ~found & 0x8080_8080_8080_8080
                if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
                index += 8
            }
            while index < range.upperBound {
                if bytes[index] == newline { return index }
                index += 1
            }
            return nil
        }
    }

    /// True where `range` is valid UTF-8. O(n), without a copy.
    static func isUTF8(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        (try? UTF8Span(validating: bytes.span.extracting(range))) != nil
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    static func isWord(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || isDigit(byte) || byte == UInt8(ascii: "_")
            || byte >= 0x80
    }

    /// `range` without the white space at both ends. O(white space).
    static func trim(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        var range = range
        while let first = range.first, isSpace(bytes[first]) { range.removeFirst() }
        while let last = range.last, isSpace(bytes[last]) { range.removeLast() }
        return range
    }

    /// `text` without the white space at both ends. O(n).
    static func trim(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return string(bytes, trim(bytes, bytes.indices))
    }

    /// `range` without one line break at its end, `\n` or `\r\n`, and without a lone `\r`.
    static func withoutLineBreak(_ bytes: [UInt8], _ range: Range<Int>) -> Range<Int> {
        var range = range
        if let last = range.last, bytes[last] == newline { range.removeLast() }
        if let last = range.last, bytes[last] == UInt8(ascii: "\r") { range.removeLast() }
        return range
    }

    static func isBlank(_ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        for index in range where !isSpace(bytes[index]) { return false }
        return true
    }

    /// The text of `range`; what is not UTF-8 becomes U+FFFD.
    static func string(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// At most `count` bytes of `text`, cut between characters.
    static func cut(_ text: String, _ count: Int) -> String {
        guard text.utf8.count > count else { return text }
        var result = ""
        var length = 0
        for character in text {
            length += character.utf8.count
            guard length <= count else { break }
            result.append(character)
        }
        return result
    }

    /// The beginning of the line in `range`, as an unmatched line shows it.
    static func lineStart(_ bytes: [UInt8], _ range: Range<Int>) -> String {
        let end = min(
            range.upperBound, range.lowerBound + Causality.Limits.unmatchedLineBytesMax + 3)
        let kept = withoutLineBreak(bytes, range.lowerBound..<end)
        return cut(string(bytes, kept), Causality.Limits.unmatchedLineBytesMax)
    }

    /// `text` as a reason quotes it.
    static func quoted(_ text: String) -> String {
        let cut = cut(text, Limits.quotedBytesMax)
        return cut.utf8.count == text.utf8.count ? text : cut + "…"
    }

    /// The bytes of `range` as UTF-8 of the same length: each byte that is part of no character
    /// becomes the control character SUB. So what a byte is does not depend on bytes far from it.
    /// O(n).
    static func repaired(_ bytes: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var copy = Array(bytes[range])
        if String(validating: copy, as: UTF8.self) != nil { return copy }
        var index = 0
        while index < copy.count {
            let length = characterLength(copy, index)
            if length == 0 { copy[index] = 0x1a }
            index += max(1, length)
        }
        return copy
    }

    /// The bytes of the character at `index`, 0 where there is none. Unicode 16, table 3-7.
    private static func characterLength(_ bytes: [UInt8], _ index: Int) -> Int {
        let second: ClosedRange<UInt8>
        let length: Int
        switch bytes[index] {
        case 0...0x7f: return 1
        case 0xc2...0xdf: (second, length) = (0x80...0xbf, 2)
        case 0xe0: (second, length) = (0xa0...0xbf, 3)
        case 0xed: (second, length) = (0x80...0x9f, 3)
        case 0xe1...0xef: (second, length) = (0x80...0xbf, 3)
        case 0xf0: (second, length) = (0x90...0xbf, 4)
        case 0xf1...0xf3: (second, length) = (0x80...0xbf, 4)
        case 0xf4: (second, length) = (0x80...0x8f, 4)
        default: return 0
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return 0 }
        for next in index + 2..<max(index + 2, index + length) where bytes[next] & 0xc0 != 0x80 {
            return 0
        }
        return length
    }
}
