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
}
