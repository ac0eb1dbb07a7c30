import Causality

/// Writes one JSON value, in the order in which it is told.
package struct JSONWriter {
    package private(set) var text = ""
    private var isFirst = true

    package init() {}

    /// One object on one line.
    package static func object(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(body)
        return writer.text
    }

    private mutating func separate() {
        if !isFirst { text += "," }
        isFirst = false
    }

    package mutating func key(_ key: String) {
        separate()
        JSONWriter.quote(key, &text)
        text += ":"
        isFirst = true
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) { nest("{", "}", body) }
    package mutating func array(_ body: (inout JSONWriter) -> Void) { nest("[", "]", body) }

    private mutating func nest(_ open: String, _ close: String, _ body: (inout JSONWriter) -> Void)
    {
        separate()
        text += open
        isFirst = true
        body(&self)
        text += close
        isFirst = false
    }

    package mutating func value(_ string: String) {
        separate()
        JSONWriter.quote(string, &text)
    }
    package mutating func value(_ number: some BinaryInteger) {
        separate()
        text += String(number)
    }
    package mutating func value(_ truth: Bool) {
        separate()
        text += truth ? "true" : "false"
    }
    /// An object, key → value.
    package mutating func value(_ attributes: [Attribute]) {
        object { writer in
            for attribute in attributes {
                writer.key(attribute.key)
                switch attribute.value {
                case .text(let text): writer.value(text)
                case .json(let json): writer.raw(json)
                }
            }
        }
    }
    package mutating func null() {
        separate()
        text += "null"
    }
    /// JSON text as it is; as a string where it is not JSON.
    package mutating func raw(_ json: String) {
        if JSONSyntax.isValue(json) {
            separate()
            text += json
        } else {
            value(json)
        }
    }

    package mutating func member(_ name: String, _ string: String?) {
        key(name)
        if let string { value(string) } else { null() }
    }
    package mutating func member(_ name: String, _ number: some BinaryInteger) {
        key(name)
        value(number)
    }
    package mutating func member(_ name: String, _ truth: Bool) {
        key(name)
        value(truth)
    }
    package mutating func member(_ name: String, _ strings: [String]) {
        key(name)
        array { for string in strings { $0.value(string) } }
    }
    package mutating func member(_ name: String, _ attributes: [Attribute]) {
        key(name)
        value(attributes)
    }
    /// Process → sequence number, sorted by process.
    package mutating func member(_ name: String, _ clock: [ProcessID: UInt64]) {
        key(name)
        object { writer in
            for (process, sequence) in clock.sorted(by: { listingOrder($0.key, $1.key) }) {
                writer.member(process.description, sequence)
            }
        }
    }

    /// Appends a JSON string. Control characters are escaped, everything else is UTF-8 as it is.
    private static func quote(_ string: String, _ text: inout String) {
        text += "\""
        let needsEscape = string.utf8.contains {
            $0 < 0x20 || $0 == 0x22 || $0 == 0x5c || $0 == 0x7f
        }
        if !needsEscape {
            text += string
        } else {
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": text += "\\\""
                case "\\": text += "\\\\"
                case "\n": text += "\\n"
                case "\r": text += "\\r"
                case "\t": text += "\\t"
                case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                    let hex = String(scalar.value, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}

/// Whether a text is JSON (RFC 8259): what came from outside is not believed to be.
package enum JSONSyntax {
    package static func isValue(_ text: String) -> Bool {
        var checker = Checker(bytes: Array(text.utf8))
        return checker.value(depth: 0) && checker.isAtEnd
    }

    private struct Checker {
        let bytes: [UInt8]
        var index = 0

        var isAtEnd: Bool { index == bytes.count }

        mutating func take(_ byte: Unicode.Scalar) -> Bool {
            guard index < bytes.count, UInt32(bytes[index]) == byte.value else { return false }
            index += 1
            return true
        }

        mutating func space() {
            while index < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[index]) {
                index += 1
            }
        }

        mutating func value(depth: Int) -> Bool {
            guard depth < Limits.jsonDepthMax else { return false }
            space()
            defer { space() }
            if take("{") {
                return list("}") {
                    $0.space(); return $0.string() && $0.colon() && $0.value(depth: depth + 1)
                }
            }
            if take("[") { return list("]") { $0.value(depth: depth + 1) } }
            if index < bytes.count, bytes[index] == 0x22 { return string() }
            return word("true") || word("false") || word("null") || number()
        }

        private mutating func list(_ close: Unicode.Scalar, _ item: (inout Checker) -> Bool) -> Bool
        {
            space()
            if take(close) { return true }
            while item(&self) {
                space()
                if take(close) { return true }
                guard take(",") else { return false }
            }
            return false
        }

        private mutating func colon() -> Bool {
            space()
            return take(":")
        }

        private mutating func word(_ word: String) -> Bool {
            guard bytes[index...].starts(with: word.utf8) else { return false }
            index += word.utf8.count
            return true
        }

        private mutating func string() -> Bool {
            guard take("\"") else { return false }
            while index < bytes.count {
                let byte = bytes[index]
                index += 1
                if byte == 0x22 { return true }
                if byte < 0x20 { return false }
                guard byte == 0x5c else { continue }
                guard index < bytes.count else { return false }
                let escape = bytes[index]
                index += 1
                if escape == UInt8(ascii: "u") {
                    guard index + 4 <= bytes.count,
                        bytes[index..<index + 4].allSatisfy({ PercentEscaping.hexDigit($0) != nil })
                    else { return false }
                    index += 4
                } else if !"\"\\/bfnrt".utf8.contains(escape) {
                    return false
                }
            }
            return false
        }

        private mutating func digits() -> Bool {
            let start = index
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
            return index > start
        }

        private mutating func number() -> Bool {
            _ = take("-")
            if !take("0") { guard digits() else { return false } }
            if take(".") { guard digits() else { return false } }
            if take("e") || take("E") {
                if !take("+") { _ = take("-") }
                return digits()
            }
            return true
        }
    }
}
