import Causality

/// Reads integers and bytes from an array, and checks every bound. Little-endian; varints are LEB128.
struct ByteReader {
    private let source: [UInt8]
    private(set) var offset: Int
    let end: Int

    init(_ bytes: [UInt8], from offset: Int = 0, to end: Int? = nil) {
        source = bytes
        self.offset = offset
        self.end = end ?? bytes.count
        precondition(
            offset >= 0 && offset <= self.end && self.end <= bytes.count, "range out of bounds")
    }

    var remaining: Int { end - offset }

    func malformed(_ what: String) -> SegmentError { .malformed(what: what, offset: offset) }

    mutating func byte(_ what: String) throws(SegmentError) -> UInt8 {
        guard offset < end else { throw malformed("\(what): expected a byte, found the end") }
        defer { offset += 1 }
        return source[offset]
    }

    mutating func fixed16(_ what: String) throws(SegmentError) -> UInt16 {
        UInt16(truncatingIfNeeded: try fixed(2, what))
    }

    mutating func fixed32(_ what: String) throws(SegmentError) -> UInt32 {
        UInt32(truncatingIfNeeded: try fixed(4, what))
    }

    mutating func fixed64(_ what: String) throws(SegmentError) -> UInt64 { try fixed(8, what) }

    private mutating func fixed(_ width: Int, _ what: String) throws(SegmentError) -> UInt64 {
        guard remaining >= width else {
            throw malformed("\(what): expected \(width) bytes, found \(remaining)")
        }
        var value: UInt64 = 0
        for index in 0..<width { value |= UInt64(source[offset + index]) << (8 * index) }
        offset += width
        return value
    }

    mutating func varint(_ what: String) throws(SegmentError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard offset < end else { throw malformed("\(what): a varint runs past the end") }
            let byte = source[offset]
            guard shift < 63 || byte <= 1 else {
                throw malformed("\(what): a varint of more than 64 bits")
            }
            offset += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// A varint of at most `limit`.
    mutating func count(_ limit: Int, _ what: String) throws(SegmentError) -> Int {
        let value = try varint(what)
        guard value <= UInt64(limit) else {
            throw malformed("\(what): expected at most \(limit), found \(value)")
        }
        return Int(value)
    }

    mutating func zigzag(_ what: String) throws(SegmentError) -> Int64 {
        let value = try varint(what)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    mutating func bytes(_ count: Int, _ what: String) throws(SegmentError) -> [UInt8] {
        guard count <= remaining else {
            throw malformed("\(what): expected \(count) bytes, found \(remaining)")
        }
        defer { offset += count }
        return Array(source[offset..<offset + count])
    }

    /// A length as varint, and as many bytes of UTF-8.
    mutating func string(_ limit: Int, _ what: String) throws(SegmentError) -> String {
        try string(ofLength: try count(limit, what), what)
    }

    /// A length as varint, and a name.
    mutating func name(_ what: String) throws(SegmentError) -> String {
        let text = try validString(
            ofLength: try count(Causality.Limits.nameBytesMax, what), what)
        return try checkedName(text, what)
    }

    private func checkedName(_ text: String, _ what: String) throws(SegmentError) -> String {
        do throws(NameError) {
            return try Name(text).text
        } catch {
            throw malformed("\(what): \(error)")
        }
    }

    mutating func string(ofLength length: Int, _ what: String) throws(SegmentError) -> String {
        guard length <= remaining else {
            throw malformed("\(what): expected \(length) bytes, found \(remaining)")
        }
        defer { offset += length }
        return String(decoding: source[offset..<offset + length], as: UTF8.self)
    }

    /// A length of 16 bits, and a name.
    mutating func name16(_ what: String) throws(SegmentError) -> String {
        try checkedName(string16(what), what)
    }

    /// A length of 16 bits, and as many bytes of UTF-8; at most as many as a name has.
    mutating func string16(_ what: String) throws(SegmentError) -> String {
        let length = Int(try fixed16(what))
        guard length <= Causality.Limits.nameBytesMax else {
            throw malformed(
                "\(what): expected at most \(Causality.Limits.nameBytesMax) bytes, found \(length)")
        }
        return try validString(ofLength: length, what)
    }

    /// Text that must be UTF-8 as it stands: nothing is repaired.
    mutating func validString(ofLength length: Int, _ what: String) throws(SegmentError) -> String {
        guard length <= remaining else {
            throw malformed("\(what): expected \(length) bytes, found \(remaining)")
        }
        guard let text = String(validating: source[offset..<offset + length], as: UTF8.self) else {
            throw malformed("\(what): expected UTF-8")
        }
        offset += length
        return text
    }

    mutating func skip(_ count: Int, _ what: String) throws(SegmentError) {
        guard count <= remaining else {
            throw malformed("\(what): expected \(count) bytes, found \(remaining)")
        }
        offset += count
    }

    func expectEnd(_ what: String) throws(SegmentError) {
        guard remaining == 0 else { throw malformed("\(what): \(remaining) bytes too many") }
    }
}

/// Writes what `ByteReader` reads.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    var count: Int { bytes.count }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func fixed16(_ value: UInt16) { fixed(UInt64(value), 2) }
    mutating func fixed32(_ value: UInt32) { fixed(UInt64(value), 4) }
    mutating func fixed64(_ value: UInt64) { fixed(value, 8) }

    private mutating func fixed(_ value: UInt64, _ width: Int) {
        for index in 0..<width {
            bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))))
        }
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func varint(_ value: Int) { varint(UInt64(value)) }

    mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    mutating func bytes(_ other: some Sequence<UInt8>) { bytes.append(contentsOf: other) }

    mutating func string(_ text: String) {
        varint(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }
}
