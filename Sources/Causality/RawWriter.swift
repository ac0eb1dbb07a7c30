/// Writes bytes one after another into memory that has room for them, and traps where it has not: for what is written in
/// pieces of a few bytes, for each of which `ByteWriter` would look at its array.
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
    package mutating func varint(_ value: Int) {
        precondition(written + Varint.bytesMax <= room.count)
        Varint.store(UInt64(value), in: room, at: &written)
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

    /// A part of `source`, its length before it. O(n)
    @inlinable @inline(__always)
    package mutating func counted(_ source: UnsafeRawBufferPointer, _ range: Range<Int>) {
        varint(range.count)
        bytes(source, range)
    }
}

extension ByteWriter {
    /// Appends what `body` writes, at most `count` bytes. O(count)
    package mutating func append(atMost count: Int, _ body: (inout RawWriter) -> Void) {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: count))
        let written = bytes.withUnsafeMutableBytes { all in
            var writer = RawWriter(UnsafeMutableRawBufferPointer(rebasing: all[start...]))
            body(&writer)
            return writer.count
        }
        bytes.removeLast(count - written)
    }

    /// Each as LEB128. Traps where one is negative. O(n)
    package mutating func varints(_ values: [Int]) {
        append(atMost: values.count * Varint.bytesMax) { writer in
            for value in values { writer.varint(value) }
        }
    }
}
