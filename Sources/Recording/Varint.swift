/// Unsigned numbers as LEB128, in their shortest form.
enum Varint {
    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// The bytes that `append` adds.
    static func byteCount(_ value: UInt64) -> Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }

    /// The number at `offset`, which moves behind it; nil where there is none of at most `limit`.
    @inline(__always)
    static func number(
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
