/// Whether two byte strings are the same. O(n), eight bytes a step.
@inlinable
package func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    let count = a.count
    guard count == b.count else { return false }
    func isSame<Word: Equatable & BitwiseCopyable>(_ type: Word.Type, at index: Int) -> Bool {
        a.loadUnaligned(fromByteOffset: index, as: type)
            == b.loadUnaligned(fromByteOffset: index, as: type)
    }
    // The last step takes some of the bytes again, rather than one by one what is left.
    if count >= 8 {
        var index = 0
        while index + 8 < count {
            guard isSame(UInt64.self, at: index) else { return false }
            index += 8
        }
        return isSame(UInt64.self, at: count - 8)
    }
    if count >= 4 { return isSame(UInt32.self, at: 0) && isSame(UInt32.self, at: count - 4) }
    for index in 0..<count where a[index] != b[index] { return false }
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
