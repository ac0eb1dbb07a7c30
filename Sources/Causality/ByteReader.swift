/// Reads integers and bytes from an array, and checks every bound. Little-endian; varints as `Varint` has them. Each method
/// says in its error what was being read, and throws where the bytes end too early.
@usableFromInline
package struct ByteReader: Sendable {
    @usableFromInline let source: [UInt8]
    @usableFromInline var position: Int
    /// Where reading ends, in the array.
    @usableFromInline package let end: Int

    /// Reads a part of an array. Traps where the array has no such part.
    package init(_ bytes: [UInt8], from offset: Int = 0, to end: Int? = nil) {
        source = bytes
        position = offset
        self.end = end ?? bytes.count
        precondition(
            offset >= 0 && offset <= self.end && self.end <= bytes.count, "range out of bounds")
    }

    /// Of the next byte, in the array.
    @inlinable
    package var offset: Int { position }

    @inlinable
    package var remaining: Int { end - position }

    /// The error that says what is wrong here.
    @usableFromInline
    package func malformed(_ what: String) -> FormatError {
        FormatError(what: what, offset: position)
    }

    // Errors stand by themselves, so that what throws them is small enough to be inlined.

    @usableFromInline @inline(never)
    func tooShort(_ what: String, _ byteCount: Int) -> FormatError {
        malformed("\(what): expected \(byteCount) bytes, found \(remaining)")
    }

    @usableFromInline @inline(never)
    func ended(_ what: String) -> FormatError {
        malformed("\(what): expected a byte, found the end")
    }

    /// The next byte.
    @inlinable
    package mutating func byte(_ what: String) throws(FormatError) -> UInt8 {
        guard position < end else { throw ended(what) }
        defer { position &+= 1 }
        return source[position]
    }

    /// A number of 16 bits.
    @inlinable
    package mutating func fixed16(_ what: String) throws(FormatError) -> UInt16 {
        UInt16(littleEndian: try load(as: UInt16.self, what))
    }

    /// A number of 32 bits.
    @inlinable
    package mutating func fixed32(_ what: String) throws(FormatError) -> UInt32 {
        UInt32(littleEndian: try load(as: UInt32.self, what))
    }

    /// A number of 64 bits.
    @inlinable
    package mutating func fixed64(_ what: String) throws(FormatError) -> UInt64 {
        UInt64(littleEndian: try load(as: UInt64.self, what))
    }

    /// A number as it lies in memory, in one load: any bytes are a number.
    @inlinable @inline(__always)
    mutating func load<Number: FixedWidthInteger & BitwiseCopyable>(
        as type: Number.Type, _ what: String
    ) throws(FormatError) -> Number {
        let width = MemoryLayout<Number>.size
        guard remaining >= width else { throw tooShort(what, width) }
        defer { position &+= width }
        return source.span.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: type)
    }

    /// The eight bytes from a place in the array on, as a number; zeros stand for what is behind the end.
    ///
    /// Readers of bits look at one word for each number.
    @inlinable @inline(__always)
    package func word(at offset: Int) -> UInt64 {
        guard offset >= 0, offset <= end &- 8 else { return lastWord(at: offset) }
        return UInt64(
            littleEndian: source.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: offset, as: UInt64.self))
    }

    @usableFromInline @inline(never)
    func lastWord(at offset: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in max(0, offset)..<max(0, offset, end) {
            word |= UInt64(source[index]) << UInt64(8 * (index - max(0, offset)))
        }
        return word
    }

    /// The next `count` bytes, as an array of their own.
    package mutating func bytes(_ count: Int, _ what: String) throws(FormatError) -> [UInt8] {
        guard count >= 0, count <= remaining else {
            throw malformed("\(what): expected \(count) bytes, found \(remaining)")
        }
        defer { position += count }
        return Array(source[position..<position + count])
    }

    /// A length as varint, and as many bytes of UTF-8, as it stands: a text that was repaired would be longer than it may be
    /// where it is written again.
    package mutating func string(_ limit: Int, _ what: String) throws(FormatError) -> String {
        try validString(ofLength: try count(limit, what), what)
    }

    /// A length as varint, and a name.
    package mutating func name(_ what: String) throws(FormatError) -> String {
        let text = try validString(
            ofLength: try count(Limits.nameBytesMax, what), what)
        return try checkedName(text, what)
    }

    private func checkedName(_ text: String, _ what: String) throws(FormatError) -> String {
        do throws(NameError) {
            return try Name(text).text
        } catch {
            throw malformed("\(what): \(error)")
        }
    }

    /// A length of 16 bits, and a name.
    package mutating func name16(_ what: String) throws(FormatError) -> String {
        try checkedName(string16(what), what)
    }

    /// A length of 16 bits, and as many bytes of UTF-8; at most as many as a name has.
    package mutating func string16(_ what: String) throws(FormatError) -> String {
        let length = Int(try fixed16(what))
        guard length <= Limits.nameBytesMax else {
            throw malformed(
                "\(what): expected at most \(Limits.nameBytesMax) bytes, found \(length)")
        }
        return try validString(ofLength: length, what)
    }

    /// Text that must be UTF-8 as it stands: nothing is repaired.
    package mutating func validString(ofLength length: Int, _ what: String) throws(FormatError)
        -> String
    {
        guard length <= remaining else {
            throw malformed("\(what): expected \(length) bytes, found \(remaining)")
        }
        guard length > 0 else { return "" }
        guard let text = String(validating: source[position..<position + length], as: UTF8.self)
        else {
            throw malformed("\(what): expected UTF-8")
        }
        position += length
        return text
    }

    /// Passes over `count` bytes, and returns where they are in the array.
    @inlinable
    package mutating func range(_ count: Int, _ what: String) throws(FormatError) -> Range<Int> {
        guard count >= 0, count <= remaining else { throw tooShort(what, count) }
        defer { position += count }
        return position..<position + count
    }

    /// Passes over `count` bytes.
    package mutating func skip(_ count: Int, _ what: String) throws(FormatError) {
        guard count >= 0, count <= remaining else {
            throw malformed("\(what): expected \(count) bytes, found \(remaining)")
        }
        position += count
    }

    /// Throws where bytes are left.
    package func expectEnd(_ what: String) throws(FormatError) {
        guard remaining == 0 else { throw malformed("\(what): \(remaining) bytes too many") }
    }
}

/// Writes what `ByteReader` reads.
@usableFromInline
package struct ByteWriter: Sendable {
    /// What was written.
    @usableFromInline package var bytes: [UInt8] = []
    /// Where something else begins than what precedes, ascending: what packs the bytes does well to look there.
    package private(set) var marks: [Int] = []

    package init() {}

    /// What comes next, or in so many bytes, is of another kind.
    package mutating func mark(ahead count: Int = 0) { marks.append(bytes.count + count) }

    @inlinable
    package var count: Int { bytes.count }

    /// Forgets what was written; its memory stays for what comes.
    package mutating func removeAll(keepingCapacity: Bool = false) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
        marks.removeAll(keepingCapacity: keepingCapacity)
    }

    package mutating func reserveCapacity(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

    @inlinable
    package mutating func byte(_ value: UInt8) { bytes.append(value) }

    package mutating func fixed16(_ value: UInt16) { fixed(UInt64(value), 2) }
    package mutating func fixed32(_ value: UInt32) { fixed(UInt64(value), 4) }
    package mutating func fixed64(_ value: UInt64) { fixed(value, 8) }

    private mutating func fixed(_ value: UInt64, _ width: Int) {
        for index in 0..<width {
            bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))))
        }
    }

    @inlinable
    package mutating func bytes(_ other: some Sequence<UInt8>) { bytes.append(contentsOf: other) }

    /// As for any sequence, without asking at run time what it is: what writes columns does little else.
    package mutating func bytes(_ other: ArraySlice<UInt8>) {
        other.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    package mutating func bytes(_ other: [UInt8]) {
        other.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    package mutating func string(_ text: String) {
        varint(text.utf8.count)
        bytes.append(contentsOf: text.utf8)
    }
}
