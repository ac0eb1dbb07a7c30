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
    /// JSON text as it is, but for what could harm a terminal; as a string where it is not JSON.
    package mutating func raw(_ json: String) {
        if JSONScanner.isValue(json) {
            separate()
            text += printableJSON(json)
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

    /// Appends a JSON string. What could harm a terminal is escaped, everything else is UTF-8 as it is.
    private static func quote(_ string: String, _ text: inout String) {
        text += "\""
        let needsEscape =
            string.mayBeHarmful() || string.utf8.contains { $0 == 0x22 || $0 == 0x5c }
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
                case _ where scalar.isHarmful: text += scalar.jsonEscape
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
        text += "\""
    }
}
