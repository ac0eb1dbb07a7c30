import Causality
import Querying

/// Writes one JSON value, in the order in which it is told.
package struct JSONWriter {
    private var bytes: [UInt8] = []
    private var isFirst = true

    /// What was written so far. O(n)
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package init() { bytes.reserveCapacity(512) }

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

    /// A key of the program's own: nothing of it has to be escaped.
    package mutating func key(_ key: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        key.withUTF8Buffer { bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
        isFirst = true
    }

    /// Any key.
    package mutating func key(text key: String) {
        separate()
        quote(key)
        bytes.append(UInt8(ascii: ":"))
        isFirst = true
    }

    /// A string as the JSON string that `value(quoted:)` writes.
    static func quoted(_ string: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.quote(string)
        return writer.bytes
    }

    mutating func value(quoted string: [UInt8]) {
        separate()
        append(string)
    }

    mutating func member(quoted key: [UInt8], _ number: UInt64) {
        separate()
        append(key)
        bytes.append(UInt8(ascii: ":"))
        append(number)
    }

    /// Ends a line of JSON lines.
    mutating func endLine() { bytes.append(UInt8(ascii: "\n")) }

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
        append(number)
    }
    private mutating func append(_ number: UInt64) {
        bytes.append(addingCapacity: 20) { output in
            output.withUnsafeMutableBufferPointer { buffer, written in
                var (rest, place) = (number, 20)
                var digits: InlineArray<20, UInt8> = .init(repeating: 0)
                repeat {
                    place -= 1
                    digits[place] = UInt8(ascii: "0") + UInt8(rest % 10)
                    rest /= 10
                } while rest > 0
                for digit in place..<20 { buffer[digit - place] = digits[digit] }
                written = 20 - place
            }
        }
    }
    package mutating func value(_ truth: Bool) {
        separate()
        append(truth ? "true" : "false")
    }
    /// An object, key → value.
    package mutating func value(_ attributes: [Attribute]) {
        object { writer in
            for attribute in attributes {
                writer.key(text: attribute.key)
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

    package mutating func member(_ name: StaticString, _ string: String?) {
        key(name)
        if let string { value(string) } else { null() }
    }
    package mutating func member(_ name: StaticString, _ number: some BinaryInteger) {
        key(name)
        value(number)
    }
    package mutating func member(_ name: StaticString, _ truth: Bool) {
        key(name)
        value(truth)
    }
    package mutating func member(_ name: StaticString, _ strings: [String]) {
        key(name)
        array { for string in strings { $0.value(string) } }
    }
    package mutating func member(_ name: StaticString, _ attributes: [Attribute]) {
        key(name)
        value(attributes)
    }
    /// Process → sequence number, sorted by process.
    package mutating func member(_ name: StaticString, _ clock: [ProcessID: UInt64]) {
        key(name)
        object { writer in
            for (process, sequence) in clock.sorted(by: { listingOrder($0.key, $1.key) }) {
                writer.key(text: process.description)
                writer.value(sequence)
            }
        }
    }
    /// Process → sequence number.
    package mutating func member(_ name: StaticString, _ clock: KnownClock) {
        key(name)
        object { writer in
            clock.forEach { _, text, sequence in
                writer.key(text: text)
                writer.value(sequence)
            }
        }
    }

    /// RFC 3339.
    package mutating func member(_ name: StaticString, _ time: WallTime) {
        key(name)
        separate()
        bytes.append(UInt8(ascii: "\""))
        time.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func append(_ other: [UInt8]) {
        other.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
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
