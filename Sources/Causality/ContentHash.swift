/// A hash of 128 bits over bytes that come piece by piece, the same however they are cut: tells files from one another. No
/// digest: whoever wants two contents of one hash finds them.
package struct ContentHash: Hashable, Sendable {
    private var high: UInt64
    private var low: UInt64
    /// How many bytes were taken in.
    package private(set) var byteCount: UInt64 = 0
    /// Bytes that make no whole word yet.
    private var tail: UInt64 = 0

    package init() {
        high = 0x9E37_79B9_7F4A_7C15
        low = 0xD1B5_4A32_D192_ED03
    }

    /// O(n).
    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { bytes in
            var index = 0
            while index < bytes.count, byteCount % 8 != 0 { take(bytes[index], &index) }
            while index + 8 <= bytes.count {
                tail = UInt64(
                    bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                byteCount &+= 8
                index += 8
                mix()
            }
            while index < bytes.count { take(bytes[index], &index) }
        }
    }

    package mutating func update(_ bytes: [UInt8]) { update(bytes[...]) }

    private mutating func take(_ byte: UInt8, _ index: inout Int) {
        tail = tail << 8 | UInt64(byte)
        byteCount &+= 1
        index += 1
        if byteCount % 8 == 0 { mix() }
    }

    private mutating func mix() {
        high = folded(high ^ tail, 0xD6E8_FEB8_6659_FD93)
        low = folded(low ^ tail ^ high, 0xA076_1D64_78BD_642F)
        tail = 0
    }

    /// The hash of all that was taken in.
    package var identity: Identity128 {
        var last = self
        last.mix()
        return Identity128(
            high: folded(last.high ^ byteCount, 0xE703_7ED1_A0B4_28DB),
            low: folded(last.low ^ byteCount, 0x8EBC_6AF0_9C88_C6E3))
    }

    /// The state: four words, which `init(words:)` takes back.
    package var words: [UInt64] { [high, low, byteCount, tail] }

    package init(words: [UInt64]) {
        precondition(words.count == 4, "a state has four words")
        (high, low, byteCount, tail) = (words[0], words[1], words[2], words[3])
    }
}
