import Causality
import Glibc

/// What a record holds after its name and text, built in memory that is kept from one record to the next.
struct JournalTail: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    init() {
        capacity = 4096
        base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    @inline(__always)
    mutating func clear() { count = 0 }

    /// Takes back what was written after the first `bytes` bytes.
    mutating func cut(to bytes: Int) {
        precondition(bytes <= count, "nothing was written there")
        count = bytes
    }

    /// What was built; valid until the tail is changed or destroyed.
    @inline(__always)
    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: count == 0 ? nil : base, count: count)
    }

    private mutating func grow(by bytes: Int) {
        guard count + bytes > capacity else { return }
        let larger = max(2 * capacity, count + bytes)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    mutating func fixed8(_ value: UInt8) { store(value) }
    mutating func fixed16(_ value: UInt16) { store(value) }
    mutating func fixed32(_ value: UInt32) { store(value) }
    mutating func fixed64(_ value: UInt64) { store(value) }

    @inline(__always)
    private mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        grow(by: MemoryLayout<Value>.size)
        base.storeBytes(of: value.littleEndian, toByteOffset: count, as: Value.self)
        count += MemoryLayout<Value>.size
    }

    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        grow(by: bytes.count)
        memcpy(base + count, start, bytes.count)
        count += bytes.count
    }

    /// A length of 16 bits, and as many bytes of UTF-8; the caller has seen to it that they fit.
    mutating func string16(_ text: String) {
        var text = text
        text.withUTF8 {
            fixed16(UInt16($0.count))
            bytes(UnsafeRawBufferPointer($0))
        }
    }

    /// A length of 32 bits, and as many bytes of UTF-8.
    mutating func string32(_ text: String) {
        var text = text
        text.withUTF8 {
            fixed32(UInt32($0.count))
            bytes(UnsafeRawBufferPointer($0))
        }
    }

    /// Puts a 16-bit number where one was written before.
    mutating func replace16(at offset: Int, _ value: UInt16) {
        precondition(offset + 2 <= count, "nothing was written there")
        base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: UInt16.self)
    }
}
