import Causality
import Synchronization

/// Where the next record goes in a chunk. It must not outlive the chunk's mapping.
struct JournalCursor {
    let base: UnsafeMutableRawPointer?
    var offset: Int
    let end: Int

    /// A cursor without a chunk: nothing fits.
    static var none: JournalCursor { JournalCursor(base: nil, offset: 0, end: 0) }

    init(base: UnsafeMutableRawPointer?, offset: Int, end: Int) {
        self.base = base
        self.offset = offset
        self.end = end
    }

    /// Writes a record, and makes it visible at once and as a whole; false where it does not fit.
    @inline(__always)
    @discardableResult
    mutating func append(
        _ head: RecordHead, name: UnsafeRawBufferPointer = RecordHead.nothing,
        text: UnsafeRawBufferPointer = RecordHead.nothing, tail: UnsafeRawBufferPointer
    ) -> Bool {
        let length = RecordHead.paddedByteCount(name.count + text.count + tail.count)
        guard let base, offset + length + 8 <= end else { return false }
        let start = base + offset
        start.storeBytes(of: head.kindLevelFlags.littleEndian, toByteOffset: 4, as: UInt32.self)
        start.storeBytes(of: head.sequence.littleEndian, toByteOffset: 8, as: UInt64.self)
        start.storeBytes(of: head.nanoseconds.littleEndian, toByteOffset: 16, as: Int64.self)
        start.storeBytes(
            of: UInt32(truncatingIfNeeded: name.count).littleEndian, toByteOffset: 24,
            as: UInt32.self)
        start.storeBytes(
            of: UInt32(truncatingIfNeeded: text.count).littleEndian, toByteOffset: 28,
            as: UInt32.self)
        var next = start + RecordHead.byteCount
        if let bytes = name.baseAddress {
            next.copyMemory(from: bytes, byteCount: name.count)
            next += name.count
        }
        if let bytes = text.baseAddress {
            next.copyMemory(from: bytes, byteCount: text.count)
            next += text.count
        }
        if let bytes = tail.baseAddress { next.copyMemory(from: bytes, byteCount: tail.count) }
        // The end first: a chunk that is used again holds old bytes there.
        (start + length).storeBytes(of: 0, as: UInt32.self)
        start.assumingMemoryBound(to: Atomic<UInt32>.self).pointee
            .store(UInt32(truncatingIfNeeded: length).littleEndian, ordering: .releasing)
        offset += length
        return true
    }
}

/// The first 32 bytes of a record.
struct RecordHead {
    let kindLevelFlags: UInt32
    let sequence: UInt64
    let nanoseconds: Int64

    @inline(__always)
    init(
        kind: EventKind, level: UInt8, flags: UInt8, loss: UInt8, sequence: UInt64,
        nanoseconds: Int64
    ) {
        self.init(
            kind: kind.rawValue, level: level, flags: flags, loss: loss, sequence: sequence,
            nanoseconds: nanoseconds)
    }

    @inline(__always)
    init(
        kind: UInt8, level: UInt8, flags: UInt8, loss: UInt8, sequence: UInt64, nanoseconds: Int64
    ) {
        kindLevelFlags =
            UInt32(kind) | UInt32(level) << 8 | UInt32(flags) << 16 | UInt32(loss) << 24
        self.sequence = sequence
        self.nanoseconds = nanoseconds
    }

    static var byteCount: Int { 32 }
    static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    @inline(__always)
    static func paddedByteCount(_ contentBytes: Int) -> Int { (byteCount + contentBytes + 7) & ~7 }
}
