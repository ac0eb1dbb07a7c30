import Causality
import Querying

/// Writes one JSON value, in the order in which it is told.
package struct JSONWriter {
    private var bytes: [UInt8] = []
    private var isFirst = true

    /// What was written so far. O(n)
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package init() {}

    /// One object on one line.
    package static func object(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(body)
        return writer.text
    }

    private mutating func separate() {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    package mutating func key(_ key: String) {
        separate()
        quote(key)
        bytes.append(UInt8(ascii: ":"))
        isFirst = true
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(open)
        isFirst = true
        body(&self)
        bytes.append(close)
        isFirst = false
    }

    package mutating func value(_ string: String) {
        separate()
        quote(string)
    }
    package mutating func value(_ number: some BinaryInteger) {
        separate()
        guard let number = UInt64(exactly: number) else { return append(String(number)) }
        let start = bytes.count
        var rest = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }
    package mutating func value(_ truth: Bool) {
        separate()
        append(truth ? "true" : "false")
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
        append("null")
    }
    /// JSON text as it is, but for what could harm a terminal; as a string where it is not JSON.
    package mutating func raw(_ json: String) {
        if JSONScanner.isValue(json) {
            separate()
            append(printableJSON(json))
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
    /// Process → sequence number.
    package mutating func member(_ name: String, _ clock: KnownClock) {
        key(name)
        object { writer in
            clock.forEach { _, text, sequence in writer.member(text, sequence) }
        }
    }

    private mutating func append(_ text: String) {
        let isDone: Void? = text.utf8.withContiguousStorageIfAvailable {
            bytes.append(contentsOf: $0)
        }
        if isDone == nil { bytes.append(contentsOf: text.utf8) }
    }

    /// Appends a JSON string. What could harm a terminal is escaped, everything else is UTF-8 as it is.
    private mutating func quote(_ string: String) {
        bytes.append(UInt8(ascii: "\""))
        if !string.mayNeedJSONEscapes {
            append(string)
        } else {
            for scalar in string.unicodeScalars {
                switch scalar {
                case "\"": append("\\\"")
                case "\\": append("\\\\")
                case "\n": append("\\n")
                case "\r": append("\\r")
                case "\t": append("\\t")
                case _ where scalar.isHarmful: append(scalar.jsonEscape)
                default: append(String(scalar))
                }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
