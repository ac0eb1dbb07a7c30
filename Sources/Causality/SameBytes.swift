/// Whether two byte strings are the same. O(n), eight bytes a step.
@inlinable
package func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    let count = a.count
    guard count == b.count else { return false }
    var index = 0
    while index + 8 <= count {
        guard
            a.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                == b.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        else { return false }
        index += 8
    }
    while index < count {
        guard a[index] == b[index] else { return false }
        index += 1
    }
    return true
}

/// Whether two parts of `bytes` are the same. O(n)
@inlinable
package func isSame(_ bytes: [UInt8], _ a: Range<Int>, _ b: Range<Int>) -> Bool {
    a.count == b.count
        && bytes.withUnsafeBytes {
            isSame(
                UnsafeRawBufferPointer(rebasing: $0[a]), UnsafeRawBufferPointer(rebasing: $0[b]))
        }
}

/// Whether a part of `bytes` is this text. O(n)
@inlinable
package func isSame(_ bytes: [UInt8], _ range: Range<Int>, _ text: StaticString) -> Bool {
    range.count == text.utf8CodeUnitCount
        && bytes.withUnsafeBytes { bytes in
            isSame(
                UnsafeRawBufferPointer(rebasing: bytes[range]),
                UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
}
