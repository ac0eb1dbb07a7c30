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
    package enum Effort: Sendable {
        /// Level 1 packs logs in columns almost as well as 6, in a third of the time.
        case fast
        /// Level 4 without matches of fewer than six bytes, which cost more than they save in columns that are mostly digits, and
        /// looking for them at four places instead of 16: that takes a hundredth more room and a third less time. Blocks end where
        /// `PackedBlocks` says: that takes a twentieth less room.
        case thorough
        /// The same for columns of small numbers, where few sequences come again: or Huffman's code alone, where that is less.
        case thoroughForNumbers
    }

    /// `bytes` packed the way that takes less room. O(n).
    ///
    /// - Parameter marks: Where something else begins in them, ascending.
    package static func pack(
        _ bytes: [UInt8], _ effort: Effort = .fast, marks: [Int] = []
    ) -> (Codec, [UInt8]) {
        guard bytes.count >= 32 else { return (.stored, bytes) }
        var packed: [UInt8]
        switch effort {
        case .fast: packed = deflated(bytes, level: 1, Z_DEFAULT_STRATEGY, [], tries: nil)
        case .thorough:
            packed = thoroughlyDeflated(bytes, Z_FILTERED, PackedBlocks.ends(in: bytes, marks))
        case .thoroughForNumbers:
            let ends = PackedBlocks.ends(in: bytes, marks)
            packed = thoroughlyDeflated(bytes, Z_FILTERED, ends)
            let alone = thoroughlyDeflated(bytes, Z_HUFFMAN_ONLY, ends)
            if alone.count < packed.count { packed = alone }
        }
        return packed.count >= bytes.count ? (.stored, bytes) : (.zlib, packed)
    }

    private static func thoroughlyDeflated(
        _ bytes: [UInt8], _ strategy: Int32, _ ends: [Int]
    ) -> [UInt8] {
        deflated(bytes, level: 4, strategy, ends, tries: 4)
    }

    /// `bytes` in zlib framing; as they are where zlib has no memory for that.
    ///
    /// - Parameters:
    ///   - ends: Where blocks are to end, ascending, beside those where zlib ends one.
    ///   - tries: At how many places a match is looked for, at most; nil for what the level says.
    private static func deflated(
        _ bytes: [UInt8], level: Int32, _ strategy: Int32, _ ends: [Int], tries: Int32?
    ) -> [UInt8] {
        var stream = z_stream()
        let (windowBits, memoryLevel): (Int32, Int32) = (15, 8)
        guard
            deflateInit2_(
                &stream, level, Z_DEFLATED, windowBits, memoryLevel, strategy, ZLIB_VERSION,
                Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return bytes }
        defer { deflateEnd(&stream) }
        if let tries {
            // The lengths, besides, as level 4 has them.
            let (goodLength, lazyLength, niceLength): (Int32, Int32, Int32) = (4, 4, 16)
            deflateTune(&stream, goodLength, lazyLength, niceLength, tries)
        }
        // A block takes at most as many bytes more than what it holds.
        let room = Int(deflateBound(&stream, uLong(bytes.count))) + 16 * ends.count
        var isWhole = false
        let packed = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            bytes.withUnsafeBufferPointer { bytes in
                // zlib does not write there, whatever it says.
                stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
                stream.next_out = buffer.baseAddress
                stream.avail_out = uInt(buffer.count)
                for end in ends {
                    stream.avail_in = uInt(end) - uInt(stream.total_in)
                    deflate(&stream, Z_BLOCK)
                }
                stream.avail_in = uInt(bytes.count) - uInt(stream.total_in)
                isWhole = deflate(&stream, Z_FINISH) == Z_STREAM_END
                count = isWhole ? Int(stream.total_out) : 0
            }
        }
        return isWhole ? packed : bytes
    }

    /// The `rawCount` bytes that were packed; the caller has checked `rawCount` against a limit. O(n).
    package func unpack(
        _ bytes: ArraySlice<UInt8>, rawCount: Int, _ what: String
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
            guard
                let raw = bytes.withUnsafeBytes({ Inflation.unpacked($0, count: rawCount) })
            else {
                throw FormatError(
                    what: "\(what): expected \(rawCount) bytes of deflate, found damage", offset: 0)
            }
            return raw
        }
    }
}
