/// Numbers as LEB128, the only place that knows it: seven bits a byte, the lowest first, and in all but the last byte the
/// highest bit set. Writers write the shortest form. Inlinable, since columns and tokens are made of little else.
@usableFromInline
package enum Varint {
    /// O(1), amortised.
    @inlinable
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Bytes of the longest number.
    @inlinable
    package static var bytesMax: Int { 10 }

    /// Stores at `offset`, which moves behind the number. Traps where there is no room.
    @inlinable @inline(__always)
    package static func store(
        _ value: UInt64, in bytes: UnsafeMutableRawBufferPointer, at offset: inout Int
    ) {
        var rest = value
        while rest >= 0x80 {
            bytes[offset] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            offset += 1
        }
        bytes[offset] = UInt8(truncatingIfNeeded: rest)
        offset += 1
    }

    /// The bytes of the shortest form.
    @inlinable
    package static func byteCount(_ value: UInt64) -> Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }

    /// The number at `offset`, which moves behind it; nil where there is none of at most `limit` in its shortest form.
    @inlinable @inline(__always)
    package static func number(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, max limit: UInt64
    ) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 63 {
            let byte = bytes[offset]
            offset += 1
            // One number has one form.
            if byte == 0, shift > 0 { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value <= limit ? value : nil }
            shift += 7
        }
        return nil
    }
}

extension ByteReader {
    /// A number of at most 64 bits, in any form. Throws where it runs past the end, or is larger.
    @inlinable
    package mutating func varint(_ what: String) throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < end else { throw malformed("\(what): a varint runs past the end") }
            let byte = source[position]
            guard shift < 63 || byte <= 1 else {
                throw malformed("\(what): a varint of more than 64 bits")
            }
            position &+= 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
    }

    /// A number with a sign, its lowest bit the sign.
    @inlinable
    package mutating func zigzag(_ what: String) throws(FormatError) -> Int64 {
        let value = try varint(what)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number of at most `limit`, which is not negative.
    @inlinable
    package mutating func count(_ limit: Int, _ what: String) throws(FormatError) -> Int {
        let value = try varint(what)
        guard value <= UInt64(limit) else {
            throw malformed("\(what): expected at most \(limit), found \(value)")
        }
        return Int(truncatingIfNeeded: value)
    }
}

extension ByteWriter {
    /// As LEB128.
    @inlinable
    package mutating func varint(_ value: UInt64) { Varint.append(value, to: &bytes) }

    /// As LEB128. Traps where `value` is negative.
    @inlinable
    package mutating func varint(_ value: Int) { varint(UInt64(value)) }

    /// As LEB128, the sign in its lowest bit.
    @inlinable
    package mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }
}
