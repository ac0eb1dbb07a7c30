/// A JSON value: strings decoded, everything else as its own text, digit for digit.
package enum JSONValue: Hashable, Sendable {
    case string(String)
    case number(String)
    /// `true`, `false` or `null`.
    case literal(String)
    case object(String)
    case array(String)

    /// The string, or the JSON text of what is none.
    package var text: String {
        switch self {
        case .string(let text), .number(let text), .literal(let text), .object(let text),
            .array(let text):
            text
        }
    }

    package var isNull: Bool { self == .literal("null") }

    /// The kind of value, for messages.
    package var kind: String {
        switch self {
        case .string: "a string"
        case .number: "a number"
        case .literal(let text): text
        case .object: "an object"
        case .array: "an array"
        }
    }
}

package struct JSONMember: Hashable, Sendable {
    package var key: String
    package var value: JSONValue

    package init(key: String, value: JSONValue) {
        self.key = key
        self.value = value
    }
}

/// Why a text is no JSON object.
package struct JSONDefect: Error {
    package let reason: String

    init(_ reason: String) { self.reason = reason }
}

/// A member of a JSON object, as it lies in the bytes that were scanned.
package struct JSONSpan: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case string, number, literal, object, array
    }

    /// Inside its quotes.
    package var key: Range<Int>
    package var keyHasEscapes: Bool
    package var kind: Kind
    /// A string inside its quotes, everything else as it stands.
    package var value: Range<Int>
    /// True for a string that has escapes in it.
    package var hasEscapes: Bool
}

/// Reads one JSON object (RFC 8259) at its top level; what nests in it is checked and left as it stands.
/// O(n), and at most `Limits.jsonDepthMax` deep. Of equal keys the last one's value counts, in the place of the first.
package struct JSONScanner {
    /// Never read at `end` or behind it.
    private let bytes: UnsafeRawBufferPointer
    private let start: Int
    private let end: Int
    private var index: Int

    private init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        self.bytes = bytes
        start = range.lowerBound
        end = range.upperBound
        index = range.lowerBound
    }

    /// The members of the object that a part of `bytes` is: in order, in the place of what `members` held.
    package static func scan(
        _ bytes: [UInt8], _ range: Range<Int>, into members: inout [JSONSpan]
    ) throws(JSONDefect) {
        members.removeAll(keepingCapacity: true)
        try bytes.withUnsafeBufferPointer { bytes throws(JSONDefect) in
            var scanner = JSONScanner(UnsafeRawBufferPointer(bytes), range)
            scanner.skipSpace()
            try scanner.readMembers(&members)
            scanner.skipSpace()
            guard scanner.index == scanner.end else {
                throw scanner.unexpected("the end after the object")
            }
        }
        JSONScanner.dropRepeated(bytes, &members)
    }

    /// The members in order, as values. Bytes that are not UTF-8 become U+FFFD, as do lone surrogates.
    package static func object(_ bytes: [UInt8]) throws(JSONDefect) -> [JSONMember] {
        var spans: [JSONSpan] = []
        try scan(bytes, bytes.indices, into: &spans)
        return spans.map { member in
            JSONMember(
                key: text(bytes, member.key, hasEscapes: member.keyHasEscapes),
                value: value(bytes, member))
        }
    }

    /// The value of a member.
    package static func value(_ bytes: [UInt8], _ member: JSONSpan) -> JSONValue {
        let text = text(bytes, member)
        return switch member.kind {
        case .string: .string(text)
        case .number: .number(text)
        case .literal: .literal(text)
        case .object: .object(text)
        case .array: .array(text)
        }
    }

    /// The text of a member's value.
    package static func text(_ bytes: [UInt8], _ member: JSONSpan) -> String {
        text(bytes, member.value, hasEscapes: member.hasEscapes)
    }

    /// What stands inside the quotes of a string, or any other value's text.
    package static func text(_ bytes: [UInt8], _ range: Range<Int>, hasEscapes: Bool) -> String {
        guard hasEscapes else { return String(decoding: bytes[range], as: UTF8.self) }
        var unescaped: [UInt8] = []
        unescape(bytes, range, into: &unescaped)
        return String(decoding: unescaped, as: UTF8.self)
    }

    /// Whether two keys without escapes are the same. Most differ in what tells them apart at once: a bit of 64 each.
    private static func hasRepeated(_ bytes: [UInt8], _ members: [JSONSpan]) -> Bool {
        var marks: UInt64 = 0
        for place in members.indices {
            let key = members[place].key
            let mark: UInt64
            if key.isEmpty {
                mark = 1
            } else {
                let (first, last) = (bytes[key.lowerBound], bytes[key.upperBound - 1])
                mark = 1 << (UInt64(key.count &* 13 ^ Int(first) &* 5 ^ Int(last) &* 3) & 63)
            }
            if marks & mark != 0,
                members[..<place].contains(where: { isSame(bytes, $0.key, key) })
            {
                return true
            }
            marks |= mark
        }
        return false
    }

    private static func dropRepeated(_ bytes: [UInt8], _ members: inout [JSONSpan]) {
        let hasEscapes = members.contains { $0.keyHasEscapes }
        if !hasEscapes, members.count <= 16 {
            if !hasRepeated(bytes, members) { return }
        }
        var keys = ByteTable()
        var kept: [JSONSpan] = []
        kept.reserveCapacity(members.count)
        var unescaped: [UInt8] = []
        for member in members {
            unescaped.removeAll(keepingCapacity: true)
            if member.keyHasEscapes { unescape(bytes, member.key, into: &unescaped) }
            let place: Int
            if member.keyHasEscapes {
                place = keys.intern(unescaped.span)
            } else {
                place = keys.intern(bytes.span.extracting(member.key))
            }
            if place < kept.count {
                var later = member
                (later.key, later.keyHasEscapes) = (kept[place].key, kept[place].keyHasEscapes)
                kept[place] = later
            } else {
                kept.append(member)
            }
        }
        members = kept
    }

    /// The values of the JSON array that a part of `bytes` is, in order, with empty keys; nil for what is none. O(n)
    package static func array(_ bytes: [UInt8], _ range: Range<Int>) -> [JSONSpan]? {
        var values: [JSONSpan] = []
        let isArray = bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes, range)
            scanner.skipSpace()
            guard scanner.take("[") else { return false }
            scanner.skipSpace()
            if !scanner.take("]") {
                repeat {
                    scanner.skipSpace()
                    guard let span = try? scanner.value(0..<0, false) else { return false }
                    values.append(span)
                    scanner.skipSpace()
                } while scanner.take(",")
                guard scanner.take("]") else { return false }
            }
            scanner.skipSpace()
            return scanner.index == scanner.end
        }
        return isArray ? values : nil
    }

    /// Whether a text is one JSON value: what came from outside is not believed to be. O(n)
    package static func isValue(_ text: String) -> Bool { isValue(Array(text.utf8)) }

    package static func isValue(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(isValue) }

    package static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var scanner = JSONScanner(bytes, 0..<bytes.count)
        scanner.skipSpace()
        guard (try? scanner.skipValue(depth: 0)) != nil else { return false }
        scanner.skipSpace()
        return scanner.index == scanner.end
    }

    /// The text that `bytes` are the escaped inside of, or nil.
    package static func unescaped(_ bytes: [UInt8]) -> String? {
        let quote = UInt8(ascii: "\"")
        let quoted = [quote] + bytes + [quote]
        let hasEscapes = quoted.withUnsafeBytes { bytes -> Bool? in
            var scanner = JSONScanner(bytes, 0..<bytes.count)
            guard let hasEscapes = try? scanner.skipString(), scanner.index == scanner.end else {
                return nil
            }
            return hasEscapes
        }
        return hasEscapes.map { text(quoted, 1..<quoted.count - 1, hasEscapes: $0) }
    }

    private func unexpected(_ what: String) -> JSONDefect {
        let found =
            index >= end
            ? "the end" : String(decoding: bytes[index..<min(end, index + 16)], as: UTF8.self)
        return JSONDefect("not JSON at byte \(index - start): expected \(what), found \(found)")
    }

    private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private func startsWith(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        return index + count <= end
            && isSame(
                UnsafeRawBufferPointer(rebasing: bytes[index..<index + count]),
                UnsafeRawBufferPointer(start: word.utf8Start, count: count))
    }

    private mutating func skipSpace() {
        while index < end, JSONScanner.isSpace(bytes[index]) { index += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < end, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 32 || byte == 10 || byte == 13 || byte == 9
    }

    private mutating func readMembers(_ members: inout [JSONSpan]) throws(JSONDefect) {
        guard take("{") else { throw unexpected("a JSON object") }
        skipSpace()
        if take("}") { return }
        while true {
            skipSpace()
            let keyStart = index + 1
            let keyHasEscapes = try skipString()
            let key = keyStart..<index - 1
            try colon()
            members.append(try value(key, keyHasEscapes))
            skipSpace()
            if take("}") { return }
            guard take(",") else { throw unexpected("`,` or `}`") }
        }
    }

    private mutating func colon() throws(JSONDefect) {
        skipSpace()
        guard take(":") else { throw unexpected("`:`") }
        skipSpace()
    }

    @inline(__always)
    private mutating func value(
        _ key: Range<Int>, _ keyHasEscapes: Bool
    ) throws(JSONDefect) -> JSONSpan {
        guard index < end else { throw unexpected("a value") }
        let first = index
        if bytes[index] == UInt8(ascii: "\"") {
            let hasEscapes = try skipString()
            return JSONSpan(
                key: key, keyHasEscapes: keyHasEscapes, kind: .string,
                value: first + 1..<index - 1, hasEscapes: hasEscapes)
        }
        try skipValue(depth: 1)
        let kind: JSONSpan.Kind =
            switch bytes[first] {
            case UInt8(ascii: "{"): .object
            case UInt8(ascii: "["): .array
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
            default: .literal
            }
        return JSONSpan(
            key: key, keyHasEscapes: keyHasEscapes, kind: kind, value: first..<index,
            hasEscapes: false)
    }

    private mutating func skipValue(depth: Int) throws(JSONDefect) {
        guard index < end else { throw unexpected("a value") }
        switch bytes[index] {
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "{"): try skipNested(depth: depth, close: "}", hasKeys: true)
        case UInt8(ascii: "["): try skipNested(depth: depth, close: "]", hasKeys: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        default:
            for word: StaticString in ["true", "false", "null"] where startsWith(word) {
                index += word.utf8CodeUnitCount
                return
            }
            throw unexpected("a value")
        }
    }

    private mutating func skipNested(
        depth: Int, close: Unicode.Scalar, hasKeys: Bool
    ) throws(JSONDefect) {
        guard depth < Limits.jsonDepthMax else {
            throw JSONDefect(
                "JSON nested at byte \(index): expected at most \(Limits.jsonDepthMax) levels")
        }
        index += 1
        skipSpace()
        if take(close) { return }
        while true {
            skipSpace()
            if hasKeys {
                try skipString()
                try colon()
            }
            try skipValue(depth: depth + 1)
            skipSpace()
            if take(close) { return }
            guard take(",") else { throw unexpected("`,` or `\(close)`") }
        }
    }

    private mutating func skipNumber() throws(JSONDefect) {
        _ = take("-")
        if !take("0") { try skipDigits() }
        if take(".") { try skipDigits() }
        if take("e") || take("E") {
            if !take("+") { _ = take("-") }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(JSONDefect) {
        guard index < end, isDigit(bytes[index]) else { throw unexpected("a digit") }
        while index < end, isDigit(bytes[index]) { index += 1 }
    }
}

extension JSONScanner {
    /// Moves past a string; true where it holds escapes.
    @discardableResult
    private mutating func skipString() throws(JSONDefect) -> Bool {
        guard take("\"") else { throw unexpected("a string") }
        var hasEscapes = false
        while true {
            skipPlain()
            guard index < end else { throw unexpected("the end of a string") }
            let byte = bytes[index]
            switch byte {
            case UInt8(ascii: "\""):
                index += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index += 1
                guard index < end else { throw unexpected("an escape") }
                if bytes[index] == UInt8(ascii: "u") {
                    guard hexNumber(at: index + 1) != nil else {
                        throw unexpected("four hexadecimal digits")
                    }
                    index += 4
                } else if JSONScanner.escaped(bytes[index]) == nil {
                    throw unexpected("an escape")
                }
                index += 1
            default: throw unexpected("no control character in a string")
            }
        }
    }

    /// Moves to the next byte that is not just itself inside a string: a quote, a backslash, a control character.
    @inline(__always)
    private mutating func skipPlain() {
        let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        // Eight bytes a step. The lowest bit of `found` is in the first byte that is 0 after the exclusive or, or that is below 32
        // (Mycroft, 1987).
        while index + 8 <= end {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let (quote, slash) = (word ^ 0x2222_2222_2222_2222, word ^ 0x5C5C_5C5C_5C5C_5C5C)
            let found =
                ((quote &- ones) & ~quote | (slash &- ones) & ~slash
                    | (word &- 0x2020_2020_2020_2020) & ~word) & highs
            guard found == 0 else {
                index += found.trailingZeroBitCount / 8
                return
            }
            index += 8
        }
        while index < end, bytes[index] >= 32, bytes[index] != UInt8(ascii: "\""),
            bytes[index] != UInt8(ascii: "\\")
        {
            index += 1
        }
    }

    /// Appends the text of a string that was scanned, from inside its quotes.
    package static func unescape(
        _ bytes: [UInt8], _ range: Range<Int>, into result: inout [UInt8]
    ) {
        bytes.withUnsafeBytes { unescape($0, range, into: &result) }
    }

    private static func unescape(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, into result: inout [UInt8]
    ) {
        let scanner = JSONScanner(bytes, range)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                result.append(bytes[index])
                index += 1
                continue
            }
            if let byte = JSONScanner.escaped(bytes[index + 1]) {
                result.append(byte)
                index += 2
                continue
            }
            var code = scanner.hexNumber(at: index + 2) ?? 0xfffd
            index += 6
            if (0xd800..<0xdc00).contains(code), index + 6 <= range.upperBound,
                bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
                let low = scanner.hexNumber(at: index + 2), (0xdc00..<0xe000).contains(low)
            {
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                index += 6
            }
            result += Array(String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8)
        }
    }

    private static func escaped(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 8
        case UInt8(ascii: "f"): 12
        case UInt8(ascii: "n"): 10
        case UInt8(ascii: "r"): 13
        case UInt8(ascii: "t"): 9
        default: nil
        }
    }

    private func hexNumber(at start: Int) -> UInt32? {
        guard start + 4 <= end else { return nil }
        var value: UInt32 = 0
        for index in start..<start + 4 {
            guard let digit = PercentEscaping.hexDigit(bytes[index]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
