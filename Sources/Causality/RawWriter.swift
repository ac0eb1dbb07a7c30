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
