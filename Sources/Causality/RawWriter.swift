/// Writes bytes one after another into memory that has room for them, and traps where it has not: for what is written in
/// pieces of a few bytes, for each of which `ByteWriter` would look at its array.
@usableFromInline
package struct RawWriter {
    @usableFromInline let room: UnsafeMutableRawBufferPointer
    /// How many bytes were written.
    @usableFromInline var written = 0

    @inlinable
    package init(_ room: UnsafeMutableRawBufferPointer) { self.room = room }

    @inlinable
    package var count: Int { written }

    @inlinable @inline(__always)
    package mutating func byte(_ value: UInt8) {
        precondition(written < room.count)
        room[written] = value
        written += 1
    }

    /// As LEB128.
    @inlinable @inline(__always)
    package mutating func varint(_ value: UInt64) {
        if value < 0x80 { return byte(UInt8(truncatingIfNeeded: value)) }
        precondition(written + Varint.byteCount(value) <= room.count)
        Varint.store(value, in: room, at: &written)
    }

    /// As LEB128. Traps where `value` is negative.
    @inlinable @inline(__always)
    package mutating func varint(_ value: Int) { varint(UInt64(value)) }

    /// As LEB128, the sign in its lowest bit.
    @inlinable @inline(__always)
    package mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    /// A part of `source`. O(n)
    @inlinable @inline(__always)
    package mutating func bytes(_ source: UnsafeRawBufferPointer, _ range: Range<Int>) {
        let (start, length) = (range.lowerBound, range.count)
        precondition(
            start >= 0 && range.upperBound <= source.count && written + length <= room.count)
        if length <= 16, start + 16 <= source.count, written + 16 <= room.count {
            // Some bytes too many, which whatever comes next writes over.
            room.storeBytes(
                of: source.loadUnaligned(fromByteOffset: start, as: SIMD16<UInt8>.self),
                toByteOffset: written, as: SIMD16<UInt8>.self)
        } else if length > 0 {
            UnsafeMutableRawBufferPointer(rebasing: room[written..<written + length])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
        }
        written += length
    }

    /// The next `count` bytes, which count as written: for parts that grow side by side. Whoever asks for them writes them all.
    package mutating func part(_ count: Int) -> RawWriter {
        precondition(count >= 0 && written + count <= room.count)
        defer { written += count }
        return RawWriter(UnsafeMutableRawBufferPointer(rebasing: room[written..<written + count]))
    }

    /// As decimal digits.
    @inlinable @inline(__always)
    package mutating func decimal(_ value: UInt64) {
        guard value >= 100_000_000 else {
            let digits = RawWriter.eightDigits(value)
            // The first of them stands in the lowest byte; of zero the last one stays.
            let zeros = min(digits.trailingZeroBitCount / 8, 7)
            return put(digits, from: zeros)
        }
        decimalOfMany(value)
    }

    @inlinable
    mutating func decimalOfMany(_ value: UInt64) {
        let (high, low) = value.quotientAndRemainder(dividingBy: 100_000_000)
        if high >= 100_000_000 { decimalOfMany(high) } else { decimal(high) }
        decimal(low, digits: 8)
    }

    /// The last of its decimal digits, as many as that: eight at the most.
    @inlinable @inline(__always)
    package mutating func decimal(_ value: UInt64, digits: Int) {
        precondition((0...8).contains(digits))
        put(RawWriter.eightDigits(value % 100_000_000), from: 8 - digits)
    }

    /// Writes the digits from one of eight on.
    @inlinable @inline(__always)
    mutating func put(_ digits: UInt64, from first: Int) {
        let text = (digits | 0x3030_3030_3030_3030) >> UInt64(8 * first)
        let count = 8 - first
        if written + 8 <= room.count {
            // Some bytes too many, which whatever comes next writes over.
            room.storeBytes(of: text.littleEndian, toByteOffset: written, as: UInt64.self)
        } else {
            precondition(written + count <= room.count)
            for place in 0..<count {
                room[written + place] = UInt8(truncatingIfNeeded: text >> UInt64(8 * place))
            }
        }
        written += count
    }

    /// The eight decimal digits of a number below 10⁸, a byte each, the first in the lowest. Fours, pairs and then digits are
    /// divided side by side, each by a product that is exact for so few (Granlund and Montgomery, 1994).
    @inlinable @inline(__always)
    static func eightDigits(_ value: UInt64) -> UInt64 {
        let fours = value / 10_000 | (value % 10_000) << 32
        let hundreds = ((fours &* 10_486) >> 20) & 0x0000_007f_0000_007f
        let pairs = hundreds | (fours &- hundreds &* 100) << 16
        let tens = ((pairs &* 103) >> 10) & 0x000f_000f_000f_000f
        return tens | (pairs &- tens &* 10) << 8
    }

    /// A text of the program's own.
    @inlinable @inline(__always)
    package mutating func text(_ text: StaticString) {
        bytes(
            UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount),
            0..<text.utf8CodeUnitCount)
    }

    /// A part of `source`, its length before it. O(n)
    @inlinable @inline(__always)
    package mutating func counted(_ source: UnsafeRawBufferPointer, _ range: Range<Int>) {
        varint(range.count)
        bytes(source, range)
    }
}

extension ByteWriter {
    /// Appends what `body` writes, at most `count` bytes. O(what it writes)
    @inlinable
    package mutating func append(atMost count: Int, _ body: (inout RawWriter) -> Void) {
        bytes.append(addingCapacity: count) { output in
            output.withUnsafeMutableBufferPointer { buffer, written in
                var writer = RawWriter(
                    UnsafeMutableRawBufferPointer(
                        start: buffer.baseAddress, count: min(count, buffer.count)))
                body(&writer)
                written = writer.count
            }
        }
    }

    /// Each as LEB128. Traps where one is negative. O(n)
    package mutating func varints(_ values: [Int]) {
        append(atMost: values.count * Varint.bytesMax) { writer in
            for value in values { writer.varint(value) }
        }
    }

    /// Each as LEB128, the sign in its lowest bit. O(n)
    package mutating func zigzags(_ values: [Int64]) {
        append(atMost: values.count * Varint.bytesMax) { writer in
            for value in values { writer.zigzag(value) }
        }
    }
}
