/// CRC-32 with the polynomial of IEEE 802.3, as zlib's `crc32` has it. Eight bytes a step by tables ("slicing-by-8":
/// Kounavis and Berry, A Systematic Approach to Building High Performance Software-Based CRC Generators, 2005). O(n).
///
/// - Parameter seed: The checksum of the bytes before these, to go on from.
package func crc32(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
    checksumTables.withUnsafeBufferPointer { tables in
        var state = ~seed
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = UInt64(
                littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            let mixed = word ^ UInt64(state)
            state = 0
            for place in 0..<8 {
                let byte = Int(truncatingIfNeeded: mixed >> UInt64(8 * place)) & 0xff
                state ^= tables[(7 - place) << 8 | byte]
            }
            offset += 8
        }
        while offset < bytes.count {
            state = tables[Int(UInt8(truncatingIfNeeded: state) ^ bytes[offset])] ^ (state >> 8)
            offset += 1
        }
        return ~state
    }
}

/// The CRC-32 of bytes in an array. O(n).
package func crc32(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { crc32($0, seed: seed) }
}

/// The CRC-32 of a part of an array. O(n).
package func crc32(_ bytes: ArraySlice<UInt8>, seed: UInt32 = 0) -> UInt32 {
    bytes.withUnsafeBytes { crc32($0, seed: seed) }
}

/// Eight tables of 256 entries: what a byte adds to the checksum with 0 to 7 bytes behind it.
private let checksumTables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
        var state = UInt32(byte)
        for _ in 0..<8 { state = state & 1 == 0 ? state >> 1 : 0xEDB8_8320 ^ (state >> 1) }
        tables[byte] = state
    }
    for index in 256..<tables.count {
        let before = tables[index - 256]
        tables[index] = tables[Int(before & 0xff)] ^ (before >> 8)
    }
    return tables
}()
