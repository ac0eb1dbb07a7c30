/// A quick hash of bytes, the same on every machine: for names of files and runs, and the check of a token. No digest: whoever
/// wants two texts of one hash finds them.
/// Multiply and fold, as in wyhash (Wang Yi, 2019). O(n).
package func mixed(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    var state = seed ^ 0x9E37_79B9_7F4A_7C15
    var index = 0
    while index + 8 <= bytes.count {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
        state = folded(state ^ word, 0xD6E8_FEB8_6659_FD93)
        index += 8
    }
    var rest = UInt64(bytes.count)
    if bytes.count & 4 != 0 {
        let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)
        rest = rest << 32 | UInt64(UInt32(littleEndian: word))
        index += 4
    }
    while index < bytes.count {
        rest = rest << 8 | UInt64(bytes[index])
        index += 1
    }
    return folded(state ^ rest, 0xA076_1D64_78BD_642F &+ UInt64(bytes.count))
}

@inlinable @inline(__always)
package func folded(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
}

/// A hash for the slots of a table, with a seed that nobody outside knows: as `mixed`, with what is left of the last eight
/// bytes in one step. It is written nowhere. O(n).
@inline(__always)
func slotHash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    let count = bytes.count
    var state = seed ^ 0x9E37_79B9_7F4A_7C15
    var last: UInt64 = 0
    if count >= 8 {
        var index = 0
        while index + 8 < count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            state = folded(state ^ word, 0xD6E8_FEB8_6659_FD93)
            index += 8
        }
        last = bytes.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    } else if count >= 4 {
        let (first, second) = (
            bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self),
            bytes.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
        )
        last = UInt64(first) << 32 | UInt64(second)
    } else {
        for byte in bytes { last = last << 8 | UInt64(byte) }
    }
    return folded(state ^ last, 0xA076_1D64_78BD_642F &+ UInt64(count))
}
