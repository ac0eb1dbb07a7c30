import CZlib
import Causality

/// CRC-32 as zlib has it. O(n).
package func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBufferPointer {
        UInt32(truncatingIfNeeded: CZlib.crc32_z(0, $0.baseAddress, $0.count))
    }
}

/// CRC-32 of a whole array. O(n).
package func checksum(_ bytes: [UInt8]) -> UInt32 { checksum(bytes[...]) }

/// How bytes are packed. The numbers are on disk: never renumbered.
package enum Codec: UInt8, Sendable {
    case stored = 0
    /// Deflate in zlib framing (RFC 1950).
    case zlib = 1

    /// How much work packing is: agents pack fast, what is kept for years is packed once and well.
    package enum Effort: Int32, Sendable {
        /// Level 1 packs logs in columns almost as well as 6, in a third of the time.
        case fast = 1
        case thorough = 6
    }

    /// `bytes` packed the way that takes less room. O(n).
    package static func pack(_ bytes: [UInt8], _ effort: Effort = .fast) -> (Codec, [UInt8]) {
        guard bytes.count >= 32 else { return (.stored, bytes) }
        var length = compressBound(uLong(bytes.count))
        var failed = false
        let packed = [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            failed =
                compress2(buffer.baseAddress, &length, bytes, uLong(bytes.count), effort.rawValue)
                != Z_OK
            count = failed ? 0 : Int(length)
        }
        return failed || packed.count >= bytes.count ? (.stored, bytes) : (.zlib, packed)
    }

    /// The `rawCount` bytes that were packed; the caller has checked `rawCount` against a limit. O(n).
    package func unpack(
        _ bytes: some Collection<UInt8>, rawCount: Int, _ what: String
    ) throws(FormatError) -> [UInt8] {
        switch self {
        case .stored:
            guard bytes.count == rawCount else {
                throw FormatError(
                    what: "\(what): expected \(rawCount) bytes, found \(bytes.count)", offset: 0)
            }
            return Array(bytes)
        case .zlib:
            // Deflate makes at most 1,032 bytes of one: what claims more would only take memory.
            guard rawCount / 1_032 <= bytes.count else {
                throw FormatError(
                    what: "\(what): \(bytes.count) bytes of deflate cannot hold \(rawCount)",
                    offset: 0)
            }
            var length = uLongf(rawCount)
            var status = Z_OK
            let packed = Array(bytes)
            let raw = [UInt8](unsafeUninitializedCapacity: max(rawCount, 1)) { buffer, count in
                status = uncompress(buffer.baseAddress, &length, packed, uLong(packed.count))
                count = status == Z_OK ? Int(length) : 0
            }
            guard status == Z_OK, raw.count == rawCount else {
                throw FormatError(
                    what:
                        "\(what): expected \(rawCount) bytes of deflate, found damage (zlib \(status))",
                    offset: 0)
            }
            return raw
        }
    }
}
