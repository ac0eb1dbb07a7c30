import Causality
import Testing

@testable import Segments

/// What is packed comes back, and thorough packing is worth its time.
struct CodecTests {
    private static let efforts: [Codec.Effort] = [.fast, .thorough, .thoroughForNumbers]

    /// Numbers that follow nothing: what a deflate with matches spends its bits on.
    private static let numbers: [UInt8] = {
        var state: UInt64 = 9
        return (0..<8_192).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8((state >> 60).nonzeroBitCount)
        }
    }()

    private static let words = Array(
        (0..<800).map { "batch \($0 * 7_919 % 997) of \($0 % 13) flushed\n" }.joined().utf8)

    @Test(arguments: [[], [7], numbers, words, Array(numbers.prefix(31))])
    func comesBack(_ bytes: [UInt8]) throws {
        for effort in Self.efforts {
            let (codec, packed) = Codec.pack(bytes, effort)
            #expect(packed.count <= bytes.count)
            #expect(try codec.unpack(packed[...], rawCount: bytes.count, "bytes") == bytes)
        }
    }

    @Test func takesLessTheMoreItIsWorkedOn() {
        func count(_ bytes: [UInt8], _ effort: Codec.Effort) -> Int {
            Codec.pack(bytes, effort).1.count
        }
        #expect(count(Self.words, .thorough) < count(Self.words, .fast))
        // Less than 3 bits each: there are five of them, and the middle one is the most frequent.
        #expect(count(Self.numbers, .thoroughForNumbers) * 8 < Self.numbers.count * 5 / 2)
        #expect(
            count(Self.numbers, .thoroughForNumbers) < count(Self.numbers, .thorough))
        #expect(count(Self.words, .thoroughForNumbers) == count(Self.words, .thorough))
    }

    /// One thing after the other: digits, then letters, then few of both, each a while.
    private static let columns: [UInt8] = {
        var state: UInt64 = 7
        func next(_ below: UInt64) -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8((state >> 33) % below)
        }
        return (0..<12_000).map { index in
            switch index / 2_000 % 3 {
            case 0: 0x30 + next(10)
            case 1: 0x61 + next(16)
            default: next(3)
            }
        }
    }()

    /// A block has a code of its own where that is worth it, and nowhere else.
    @Test func blocksEndWhereSomethingElseBegins() throws {
        let ends = PackedBlocks.ends(in: Self.columns, [])
        #expect(ends.count == 5)
        for (end, change) in zip(ends, stride(from: 2_000, through: 10_000, by: 2_000)) {
            #expect(abs(end - change) <= Limits.packedPieceBytes)
        }
        #expect(
            PackedBlocks.ends(in: Self.numbers, []) == [] && PackedBlocks.ends(in: [], []) == [])
        // Where that is said, it is seen exactly.
        let marks = (1..<6).map { 2_000 * $0 }
        #expect(PackedBlocks.ends(in: Self.columns, marks) == marks)
        #expect(PackedBlocks.ends(in: Self.numbers, [100, 5_000]) == [])
        // 3.3, 4 and 1.6 bits each, and what tells the codes; with one code for all it would be 4.5 bits.
        let (codec, packed) = Codec.pack(Self.columns, .thorough)
        #expect(packed.count * 8 < 12_000 * 7 / 2)
        #expect(try codec.unpack(packed[...], rawCount: 12_000, "columns") == Self.columns)
    }
}
