import CZlib
import SimulatedHistories
import Testing

@testable import Segments

/// What zlib packs comes back as zlib has it, and what is damaged does not.
@Suite struct InflationTests {
    private static func packed(
        _ bytes: [UInt8], level: Int32, _ strategy: Int32
    ) throws -> [UInt8] {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        try #require(
            deflateInit2_(&stream, level, Z_DEFLATED, 15, 8, strategy, ZLIB_VERSION, size) == Z_OK)
        defer { deflateEnd(&stream) }
        let room = Int(deflateBound(&stream, uLong(bytes.count)))
        return [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            bytes.withUnsafeBufferPointer { bytes in
                stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)
                stream.avail_in = uInt(bytes.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = uInt(room)
                #expect(deflate(&stream, Z_FINISH) == Z_STREAM_END)
            }
            count = Int(stream.total_out)
        }
    }

    private static func unpacked(_ packed: [UInt8], _ count: Int) -> [UInt8]? {
        packed.withUnsafeBytes { Inflation.unpacked($0, count: count) }
    }

    /// The same by zlib.
    private static func expected(_ packed: [UInt8], _ count: Int) -> [UInt8]? {
        var length = uLongf(count)
        var bytes = [UInt8](repeating: 0, count: max(count, 1))
        let status = uncompress(&bytes, &length, packed, uLong(packed.count))
        return status == Z_OK && Int(length) == count ? Array(bytes[..<count]) : nil
    }

    /// Bytes of all kinds: any, of few, digits, sentences, and what came before again, near and far.
    private static func bytes(_ random: inout SeededGenerator) -> [UInt8] {
        let isLong = Int.random(in: 0..<10, using: &random) == 0
        let count = Int.random(in: 0...(isLong ? 100_000 : 2_000), using: &random)
        let kind = Int.random(in: 0..<4, using: &random)
        let letters = UInt8.random(in: 0...255, using: &random)
        var bytes: [UInt8] = []
        while bytes.count < count {
            switch kind {
            case 0: bytes.append(.random(in: 0...letters, using: &random))
            case 1: bytes.append(.random(in: 0x30...0x39, using: &random))
            case 2:
                let number = Int.random(in: 0...99_999, using: &random)
                bytes += Array("took \(number) ms, ".utf8)
            default:
                let far = Int.random(in: 1...40_000, using: &random)
                let near = Int.random(in: 1...9, using: &random)
                let distance = Bool.random(using: &random) ? near : far
                if distance > bytes.count {
                    bytes.append(.random(in: 0...letters, using: &random))
                } else {
                    for _ in 0..<Int.random(in: 3...600, using: &random) {
                        bytes.append(bytes[bytes.count - distance])
                    }
                }
            }
        }
        return bytes
    }

    private static let strategies = [
        Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED,
    ]

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func comesBack(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let bytes = Self.bytes(&random)
            let packed = try Self.packed(
                bytes, level: .random(in: 0...9, using: &random),
                Self.strategies.randomElement(using: &random)!)
            #expect(Self.unpacked(packed, bytes.count) == bytes)
            // Of another length it is damaged.
            #expect(Self.unpacked(packed, bytes.count + 1) == nil)
            #expect(bytes.isEmpty || Self.unpacked(packed, bytes.count - 1) == nil)
        }
    }

    /// Neither cut nor changed anywhere is it anything but what zlib makes of it.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func damageIsFound(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bytes = Array(Self.bytes(&random).prefix(700))
        let packed = try Self.packed(
            bytes, level: .random(in: 0...9, using: &random),
            Self.strategies.randomElement(using: &random)!)
        for place in packed.indices {
            #expect(Self.unpacked(Array(packed[..<place]), bytes.count) == nil)
            var changed = packed
            changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            let found = Self.unpacked(changed, bytes.count)
            #expect(found == Self.expected(changed, bytes.count), "byte \(place)")
            // Much at once: what no checksum is reached behind.
            for index in place..<min(place + 9, packed.count) {
                changed[index] = .random(in: 0...255, using: &random)
            }
            #expect(
                Self.unpacked(changed, bytes.count) == Self.expected(changed, bytes.count))
        }
    }

    @Test func nothingIsNone() { #expect(Self.unpacked([], 0) == nil) }
}
