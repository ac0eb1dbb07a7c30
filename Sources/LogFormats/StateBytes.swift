import Causality

/// Writes numbers (LEB128), flags and texts (their length, then UTF-8).
struct StateWriter {
    private var writer = ByteWriter()

    var bytes: [UInt8] { writer.bytes }

    mutating func add(_ number: UInt64) { writer.varint(number) }
    mutating func add(_ flag: Bool) { writer.byte(flag ? 1 : 0) }
    mutating func add(_ text: String) { writer.string(text) }
}

/// Reads what `StateWriter` writes, and checks every bound.
struct StateReader {
    private var reader: ByteReader

    init(_ bytes: [UInt8]) { reader = ByteReader(bytes) }

    var isAtEnd: Bool { reader.remaining == 0 }

    func malformed(_ what: String) -> LogFormatError {
        LogFormatError("the stored state at byte \(reader.offset): expected \(what)")
    }

    mutating func number(_ what: String, max: UInt64 = .max) throws(LogFormatError) -> UInt64 {
        let value: UInt64
        do throws(FormatError) {
            value = try reader.varint(what)
        } catch {
            throw malformed("\(what): \(error.what)")
        }
        guard value <= max else { throw malformed("\(what) of at most \(max), found \(value)") }
        return value
    }

    mutating func flag(_ what: String) throws(LogFormatError) -> Bool {
        try number(what, max: 1) == 1
    }

    mutating func text(_ what: String) throws(LogFormatError) -> String {
        let count = Int(
            try number("the length of \(what)", max: UInt64(reader.remaining)))
        do throws(FormatError) {
            return try reader.validString(ofLength: count, what)
        } catch {
            throw malformed("\(what) in UTF-8, \(count) bytes: \(error.what)")
        }
    }
}
