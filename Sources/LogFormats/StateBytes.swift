/// Writes numbers (LEB128) and texts (their length, then UTF-8).
struct StateWriter {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func add(_ flag: Bool) { bytes.append(flag ? 1 : 0) }

    mutating func add(_ text: String) {
        add(UInt64(text.utf8.count))
        bytes += Array(text.utf8)
    }
}

/// Reads what `StateWriter` writes, and checks every bound.
struct StateReader {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    func malformed(_ what: String) -> LogFormatError {
        LogFormatError("the stored state at byte \(index): expected \(what)")
    }

    mutating func number(_ what: String, max: UInt64 = .max) throws(LogFormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard index < bytes.count else { throw malformed("\(what), found the end") }
            let byte = bytes[index]
            guard shift < 63 || byte <= 1 else { throw malformed("\(what) of at most 64 bits") }
            index += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        guard value <= max else { throw malformed("\(what) of at most \(max), found \(value)") }
        return value
    }

    mutating func flag(_ what: String) throws(LogFormatError) -> Bool {
        try number(what, max: 1) == 1
    }

    mutating func text(_ what: String) throws(LogFormatError) -> String {
        let count = Int(try number("the length of \(what)", max: UInt64(bytes.count)))
        guard count <= bytes.count - index else {
            throw malformed("\(count) bytes of \(what), found the end")
        }
        defer { index += count }
        guard let text = String(validating: bytes[index..<index + count], as: UTF8.self) else {
            throw malformed("\(what) in UTF-8")
        }
        return text
    }
}
