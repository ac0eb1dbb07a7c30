import Causality

/// A process as it stands in tokens and clocks: name length, name, incarnation; both numbers LEB128.
enum PackedID {
    static func bytes(_ process: ProcessID) -> [UInt8] {
        var bytes: [UInt8] = []
        append(UInt64(process.name.utf8.count), to: &bytes)
        bytes += process.name.utf8
        append(UInt64(process.incarnation), to: &bytes)
        return bytes
    }

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

    /// The varint at `offset`, which moves behind it; nil where there is none of at most `limit`.
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

    /// The place of the process at `offset`, which moves behind it; nil where there is none.
    @inline(__always)
    static func range(_ bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Range<Int>? {
        let start = offset
        guard
            let length = number(bytes, &offset, max: UInt64(Causality.Limits.nameBytesMax)),
            length > 0, offset + Int(length) <= bytes.count
        else { return nil }
        offset += Int(length)
        guard
            let incarnation = number(
                bytes, &offset, max: UInt64(Causality.Limits.incarnationMax)), incarnation > 0
        else { return nil }
        return start..<offset
    }

    /// Whether the name in `bytes`, which `range` has found, is UTF-8: a repaired one would be longer than it may be.
    static func isNamed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let name = parts(bytes).name
        return name.allSatisfy { $0 < 0x80 } || String(validating: name, as: UTF8.self) != nil
    }

    /// The process that `bytes`, which `range` has found, name.
    static func process(_ bytes: UnsafeRawBufferPointer) -> ProcessID {
        let (name, incarnation) = parts(bytes)
        return ProcessID(name: String(decoding: name, as: UTF8.self), incarnation: incarnation)
    }

    /// The name and the incarnation in `bytes`, which `range` has found.
    static func parts(_ bytes: UnsafeRawBufferPointer) -> (name: UnsafeRawBufferPointer, UInt32) {
        var offset = 0
        let length = Int(number(bytes, &offset, max: .max) ?? 0)
        let name = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
        offset += length
        return (name, UInt32(number(bytes, &offset, max: .max) ?? 1))
    }
}
