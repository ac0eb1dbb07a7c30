/// SipHash-2-4 with 64 bits: a short proof that whoever wrote some bytes has the key (J.-P. Aumasson and D. J. Bernstein, “SipHash: a
/// fast short-input PRF”, 2012). Without the key nobody makes one but by trying about 2^63 times.
package struct SipHash: Hashable, Sendable {
    private let low: UInt64
    private let high: UInt64

    /// - Parameter key: 16 bytes: two words in little-endian order, as the paper has them.
    package init(key: Identity128) {
        low = key.high.byteSwapped
        high = key.low.byteSwapped
    }

    /// The hash of a word in little-endian order and the bytes after it. O(n).
    package func hash(_ word: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = State(low: low, high: high)
        state.add(word)
        var index = 0
        while index + 8 <= bytes.count {
            state.add(
                UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.count + 8) << 56
        var shift: UInt64 = 0
        while index < bytes.count {
            last |= UInt64(bytes[index]) << shift
            shift += 8
            index += 1
        }
        state.add(last)
        return state.finish()
    }

    private struct State {
        var (v0, v1): (UInt64, UInt64)
        var (v2, v3): (UInt64, UInt64)

        @inline(__always)
        init(low: UInt64, high: UInt64) {
            v0 = low ^ 0x736f_6d65_7073_6575
            v1 = high ^ 0x646f_7261_6e64_6f6d
            v2 = low ^ 0x6c79_6765_6e65_7261
            v3 = high ^ 0x7465_6462_7974_6573
        }

        @inline(__always)
        mutating func add(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        @inline(__always)
        mutating func finish() -> UInt64 {
            v2 ^= 0xff
            round()
            round()
            round()
            round()
            return v0 ^ v1 ^ v2 ^ v3
        }

        @inline(__always)
        private mutating func round() {
            v0 &+= v1
            v2 &+= v3
            v1 = rotated(v1, 13) ^ v0
            v3 = rotated(v3, 16) ^ v2
            v0 = rotated(v0, 32)
            v2 &+= v1
            v0 &+= v3
            v1 = rotated(v1, 17) ^ v2
            v3 = rotated(v3, 21) ^ v0
            v2 = rotated(v2, 32)
        }

        @inline(__always)
        private func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
    }
}
