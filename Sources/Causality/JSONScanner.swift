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

/// Reads one JSON object (RFC 8259) at its top level; what nests in it is checked and kept as text.
/// O(n), and at most `Limits.jsonDepthMax` deep. Bytes that are not UTF-8 become U+FFFD, as do lone
/// surrogates.
package struct JSONScanner {
    private let bytes: [UInt8]
    private var index = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The members in order; of equal keys the last one's value, in the place of the first.
    package static func object(_ bytes: [UInt8]) throws(JSONDefect) -> [JSONMember] {
        var scanner = JSONScanner(bytes)
        scanner.skipSpace()
        let members = try scanner.members()
        scanner.skipSpace()
        guard scanner.index == bytes.count else {
            throw scanner.unexpected("the end after the object")
        }
        return members
    }

    /// Whether a text is one JSON value: what came from outside is not believed to be. O(n)
    package static func isValue(_ text: String) -> Bool {
        var scanner = JSONScanner(Array(text.utf8))
        scanner.skipSpace()
        guard (try? scanner.skipValue(depth: 0)) != nil else { return false }
        scanner.skipSpace()
        return scanner.index == scanner.bytes.count
    }

    /// The text that `bytes` are the escaped inside of, or nil.
    package static func unescaped(_ bytes: [UInt8]) -> String? {
        let quote = UInt8(ascii: "\"")
        var scanner = JSONScanner([quote] + bytes + [quote])
        guard let text = try? scanner.string(), scanner.index == scanner.bytes.count else {
            return nil
        }
        return text
    }

    private func unexpected(_ what: String) -> JSONDefect {
        let found =
            index >= bytes.count
            ? "the end" : string(index..<min(bytes.count, index + 16))
        return JSONDefect("not JSON at byte \(index): expected \(what), found \(found)")
    }

    private func string(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    private mutating func skipSpace() {
        while index < bytes.count, [32, 9, 10, 13].contains(bytes[index]) { index += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func members() throws(JSONDefect) -> [JSONMember] {
        guard take("{") else { throw unexpected("a JSON object") }
        var members: [JSONMember] = []
        var places: [ExactText: Int] = [:]
        skipSpace()
        if take("}") { return members }
        while true {
            skipSpace()
            let key = try string()
            try colon()
            let value = try value(depth: 1)
            if let place = places[ExactText(key)] {
                members[place].value = value
            } else {
                places[ExactText(key)] = members.count
                members.append(JSONMember(key: key, value: value))
            }
            skipSpace()
            if take("}") { return members }
            guard take(",") else { throw unexpected("`,` or `}`") }
        }
    }

    private mutating func colon() throws(JSONDefect) {
        skipSpace()
        guard take(":") else { throw unexpected("`:`") }
        skipSpace()
    }

    private mutating func value(depth: Int) throws(JSONDefect) -> JSONValue {
        guard index < bytes.count else { throw unexpected("a value") }
        let start = index
        let first = bytes[index]
        if first == UInt8(ascii: "\"") { return .string(try string()) }
        try skipValue(depth: depth)
        let text = string(start..<index)
        switch first {
        case UInt8(ascii: "{"): return .object(text)
        case UInt8(ascii: "["): return .array(text)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(text)
        default: return .literal(text)
        }
    }

    private mutating func skipValue(depth: Int) throws(JSONDefect) {
        guard index < bytes.count else { throw unexpected("a value") }
        switch bytes[index] {
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "{"): try skipNested(depth: depth, close: "}", hasKeys: true)
        case UInt8(ascii: "["): try skipNested(depth: depth, close: "]", hasKeys: false)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try skipNumber()
        default:
            for word in ["true", "false", "null"] where bytes[index...].starts(with: word.utf8) {
                index += word.utf8.count
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
        guard index < bytes.count, isDigit(bytes[index]) else { throw unexpected("a digit") }
        while index < bytes.count, isDigit(bytes[index]) { index += 1 }
    }
}

extension JSONScanner {
    /// Moves past a string; true where it holds escapes.
    @discardableResult
    private mutating func skipString() throws(JSONDefect) -> Bool {
        guard take("\"") else { throw unexpected("a string") }
        var hasEscapes = false
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return hasEscapes
            case UInt8(ascii: "\\"):
                hasEscapes = true
                index += 1
                guard index < bytes.count else { throw unexpected("an escape") }
                if bytes[index] == UInt8(ascii: "u") {
                    guard hexNumber(at: index + 1) != nil else {
                        throw unexpected("four hexadecimal digits")
                    }
                    index += 4
                } else if JSONScanner.escaped(bytes[index]) == nil {
                    throw unexpected("an escape")
                }
                index += 1
            case 0..<32: throw unexpected("no control character in a string")
            default: index += 1
            }
        }
        throw unexpected("the end of a string")
    }

    private mutating func string() throws(JSONDefect) -> String {
        let start = index + 1
        let hasEscapes = try skipString()
        let inside = start..<index - 1
        return hasEscapes ? unescape(inside) : string(inside)
    }

    /// The text of a string that `skipString` has checked.
    private func unescape(_ range: Range<Int>) -> String {
        var result: [UInt8] = []
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
            var code = hexNumber(at: index + 2) ?? 0xfffd
            index += 6
            if (0xd800..<0xdc00).contains(code), index + 6 <= range.upperBound,
                bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u"),
                let low = hexNumber(at: index + 2), (0xdc00..<0xe000).contains(low)
            {
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                index += 6
            }
            result += Array(String(Character(Unicode.Scalar(code) ?? "\u{fffd}")).utf8)
        }
        return String(decoding: result, as: UTF8.self)
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
        guard start + 4 <= bytes.count else { return nil }
        var value: UInt32 = 0
        for index in start..<start + 4 {
            guard let digit = PercentEscaping.hexDigit(bytes[index]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
