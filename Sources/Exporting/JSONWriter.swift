import Causality
import Querying

/// Writes one JSON value, in the order in which it is told.
package struct JSONWriter {
    private var output = ByteWriter()
    private var isFirst = true

    /// What was written so far. O(n)
    package var text: String { String(decoding: output.bytes, as: UTF8.self) }

    package init() {}

    /// Appends what `body` writes to a text.
    static func append(to text: inout ByteWriter, _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        swap(&writer.output, &text)
        body(&writer)
        swap(&writer.output, &text)
    }

    /// One object on one line.
    package static func object(_ body: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(body)
        return writer.text
    }

    private mutating func separate() {
        if !isFirst { output.byte(UInt8(ascii: ",")) }
        isFirst = false
    }

    /// A key of the program's own: nothing of it has to be escaped.
    package mutating func key(_ key: StaticString) {
        self.key(key, valueAtMost: 0) { _ in }
        isFirst = true
    }

    /// A key of the program's own, and what `body` writes, at most so many bytes: a value as it stands in JSON.
    @inline(__always)
    mutating func key(
        _ key: StaticString, valueAtMost byteCount: Int, _ body: (inout RawWriter) -> Void
    ) {
        let isFirst = isFirst
        output.append(atMost: key.utf8CodeUnitCount + 4 + byteCount) { writer in
            if !isFirst { writer.byte(UInt8(ascii: ",")) }
            writer.byte(UInt8(ascii: "\""))
            writer.text(key)
            writer.byte(UInt8(ascii: "\""))
            writer.byte(UInt8(ascii: ":"))
            body(&writer)
        }
        self.isFirst = false
    }

    /// Any key.
    package mutating func key(text key: String) {
        value(key)
        output.byte(UInt8(ascii: ":"))
        isFirst = true
    }

    /// The same of UTF-8.
    mutating func key(utf8 key: ArraySlice<UInt8>) {
        value(utf8: key)
        output.byte(UInt8(ascii: ":"))
        isFirst = true
    }

    /// A part of an object or list as it stands in JSON, its commas included.
    mutating func part(_ bytes: [UInt8], _ range: Range<Int>) {
        separate()
        bytes.withUnsafeBytes { source in
            output.append(atMost: range.count) { $0.bytes(source, range) }
        }
    }

    /// The same of a program's own: a value, or a member.
    mutating func part(_ text: StaticString) {
        let isFirst = isFirst
        output.append(atMost: text.utf8CodeUnitCount + 1) { writer in
            if !isFirst { writer.byte(UInt8(ascii: ",")) }
            writer.text(text)
        }
        self.isFirst = false
    }

    /// What `body` writes, at most so many bytes, as it stands in JSON.
    mutating func part(atMost byteCount: Int, _ body: (inout RawWriter) -> Void) {
        separate()
        output.append(atMost: byteCount, body)
    }

    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body)
    }
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        nest(UInt8(ascii: "["), UInt8(ascii: "]"), body)
    }

    private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        separate()
        output.byte(open)
        isFirst = true
        body(&self)
        output.byte(close)
        isFirst = false
    }

    package mutating func value(_ string: String) {
        separate()
        quote(string)
    }
    /// UTF-8 as a string.
    mutating func value(utf8 text: ArraySlice<UInt8>) {
        separate()
        text.withUnsafeBytes { output.quote($0) }
    }
    package mutating func value(_ number: some BinaryInteger) {
        separate()
        guard let number = UInt64(exactly: number) else { return output.text(String(number)) }
        output.append(atMost: 20) { $0.decimal(number) }
    }
    package mutating func value(_ truth: Bool) {
        separate()
        output.text(truth ? "true" : "false")
    }
    package mutating func null() {
        separate()
        output.text("null")
    }
    /// JSON text as it is, but for what could harm a terminal; as a string where it is not JSON.
    package mutating func raw(_ json: String) { raw(utf8: Array(json.utf8)[...]) }

    /// The same of UTF-8.
    mutating func raw(utf8 json: ArraySlice<UInt8>) {
        let (isValue, isHarmful) = json.withUnsafeBytes {
            (JSONScanner.isValue($0), $0.firstHarmful() != nil)
        }
        guard isValue else { return value(utf8: json) }
        separate()
        if isHarmful {
            output.text(printableJSON(String(decoding: json, as: UTF8.self)))
        } else {
            output.bytes(json)
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

    /// UTF-8 as a string.
    mutating func member(_ name: StaticString, utf8 text: ArraySlice<UInt8>) {
        text.withUnsafeBytes { text in
            let first = text.firstToEscape()
            key(name, valueAtMost: text.quotedBytesMax(first)) { $0.quote(text, first) }
        }
    }

    package mutating func member(_ name: StaticString, _ number: UInt64) {
        key(name, valueAtMost: 20) { $0.decimal(number) }
    }

    /// RFC 3339.
    package mutating func member(_ name: StaticString, _ time: WallTime) {
        key(name, valueAtMost: WallTime.textBytesMax + 2) { writer in
            writer.byte(UInt8(ascii: "\""))
            time.write(&writer)
            writer.byte(UInt8(ascii: "\""))
        }
    }

    private mutating func quote(_ string: String) {
        var string = string
        string.withUTF8 { output.quote(UnsafeRawBufferPointer($0)) }
    }
}

extension ByteWriter {
    /// Appends a text.
    mutating func text(_ text: String) {
        var text = text
        text.withUTF8 { source in
            append(atMost: source.count) {
                $0.bytes(UnsafeRawBufferPointer(source), 0..<source.count)
            }
        }
    }

    /// Appends UTF-8 as a JSON string. What could harm a terminal is escaped, everything else stays as it is.
    mutating func quote(_ text: UnsafeRawBufferPointer) {
        let first = text.firstToEscape()
        append(atMost: text.quotedBytesMax(first)) { $0.quote(text, first) }
    }
}

extension UnsafeRawBufferPointer {
    /// What a JSON string of UTF-8 takes at the most, by where its first character is that has to be escaped.
    fileprivate func quotedBytesMax(_ first: Int?) -> Int {
        // A byte becomes `\u001b` at the worst, and four of them two of these.
        (first == nil ? 1 : 6) * count + 2
    }
}

extension RawWriter {
    /// Appends UTF-8 as a JSON string, of which the first character that has to be escaped is at a place.
    @inline(__always)
    fileprivate mutating func quote(_ text: UnsafeRawBufferPointer, _ first: Int?) {
        byte(UInt8(ascii: "\""))
        var (start, next) = (0, first)
        while let place = next {
            bytes(text, start..<place)
            let (scalar, count) = text.character(at: place)
            escape(scalar)
            start = place + count
            next = text.firstToEscape(from: start)
        }
        bytes(text, start..<text.count)
        byte(UInt8(ascii: "\""))
    }

    fileprivate mutating func escape(_ scalar: Unicode.Scalar) {
        switch scalar {
        case "\"": text("\\\"")
        case "\\": text("\\\\")
        case "\n": text("\\n")
        case "\r": text("\\r")
        case "\t": text("\\t")
        default: for byte in scalar.jsonEscape.utf8 { self.byte(byte) }
        }
    }
}
