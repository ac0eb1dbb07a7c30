import Causality
import Testing

@Suite("Bytes")
struct BytesTests {
    @Test(
        "the checksum is the one that zlib and everybody has",
        arguments: [
            ("", 0), ("a", 0xE8B7_BE43), ("123456789", 0xCBF4_3926),
            ("The quick brown fox jumps over the lazy dog", 0x414F_A339),
        ] as [(String, UInt32)])
    func knownChecksums(text: String, expected: UInt32) {
        #expect(crc32(Array(text.utf8)) == expected)
    }

    @Test("32 bytes of nothing, of ones, and counting up and down, as RFC 3720 lists such cases")
    func knownChecksumsOfBytes() {
        #expect(crc32([UInt8](repeating: 0, count: 32)) == 0x190A_55AD)
        #expect(crc32([UInt8](repeating: 0xFF, count: 32)) == 0xFF6C_AB0B)
        #expect(crc32([UInt8](0..<32)) == 0x9126_7E8A)
        #expect(crc32([UInt8]((0..<32).reversed())) == 0x9AB0_EF72)
    }

    @Test("a checksum goes on from the bytes before, wherever they are cut")
    func checksumInParts() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let whole = crc32(bytes)
        for cut in bytes.indices {
            #expect(crc32(bytes[cut...], seed: crc32(bytes[..<cut])) == whole)
        }
    }

    @Test("two byte strings are the same where no byte differs", arguments: 0...40)
    func sameBytes(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let whole = bytes + bytes
        #expect(isSame(whole, 0..<count, count..<2 * count))
        #expect(count == 0 || !isSame(whole, 0..<count, count..<2 * count - 1))
        for index in 0..<count {
            var other = whole
            other[count + index] ^= 0x80
            #expect(!isSame(other, 0..<count, count..<2 * count))
        }
    }

    @Test("what is written is read again")
    func roundTrip() throws(FormatError) {
        let numbers: [UInt64] = [0, 1, 127, 128, 16_383, 16_384, 1 << 32, 1 << 63, .max]
        var writer = ByteWriter()
        for number in numbers { writer.varint(number) }
        for number in numbers { writer.zigzag(Int64(bitPattern: number)) }
        writer.fixed16(0x0102)
        writer.fixed32(0x0102_0304)
        writer.fixed64(0x0102_0304_0506_0708)
        writer.string("naïve")
        writer.bytes([1, 2, 3])
        var reader = ByteReader(writer.bytes)
        for number in numbers { #expect(try reader.varint("number") == number) }
        for number in numbers {
            #expect(try reader.zigzag("number") == Int64(bitPattern: number))
        }
        #expect(try reader.fixed16("number") == 0x0102)
        #expect(try reader.fixed32("number") == 0x0102_0304)
        #expect(try reader.fixed64("number") == 0x0102_0304_0506_0708)
        #expect(try reader.string(100, "text") == "naïve")
        let range = try reader.range(3, "bytes")
        #expect(Array(writer.bytes[range]) == [1, 2, 3])
        try reader.expectEnd("all")
    }

    @Test(
        "a length is the number of bytes that are written",
        arguments: [
            0, 1, 127, 128, 1 << 14, 1 << 21, (1 << 63) - 1, 1 << 63, .max,
        ] as [UInt64])
    func varintLength(value: UInt64) {
        var bytes: [UInt8] = []
        Varint.append(value, to: &bytes)
        #expect(bytes.count == Varint.byteCount(value))
        var stored = [UInt8](repeating: 0xAA, count: 12)
        var offset = 1
        stored.withUnsafeMutableBytes { Varint.store(value, in: $0, at: &offset) }
        #expect(Array(stored[1..<offset]) == bytes)
    }

    @Test("an error says what was read, what is wrong, and where")
    func errors() {
        var reader = ByteReader([0x80, 0x80], from: 1)
        #expect(throws: FormatError(what: "count: a varint runs past the end", offset: 2)) {
            try reader.varint("count")
        }
        var large = ByteReader([UInt8](repeating: 0xFF, count: 10))
        #expect(throws: FormatError(what: "count: a varint of more than 64 bits", offset: 9)) {
            try large.varint("count")
        }
        var short = ByteReader([1, 2, 3])
        for count in [4, -1, Int.max, Int.min] {
            let error = #expect(throws: FormatError.self) { try short.range(count, "text") }
            #expect(error?.description == "text: expected \(count) bytes, found 3 (at byte 0)")
            #expect(throws: FormatError.self) { try short.bytes(count, "text") }
            #expect(throws: FormatError.self) { try short.skip(count, "text") }
        }
    }
}
