import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct ClassedNumbersTests {
    private static func encoded(_ numbers: [Int64]) -> [UInt8] {
        var writer = ByteWriter()
        ClassedNumbers.encode(numbers, &writer)
        return writer.bytes
    }

    private static func decoded(_ bytes: [UInt8], _ count: Int) throws -> [Int64] {
        var reader = ByteReader(bytes)
        let numbers = try ClassedNumbers.decode(count, &reader, "numbers")
        try reader.expectEnd("numbers")
        return numbers
    }

    @Test("numbers of every size are read as they were", arguments: (0..<30) as Range<UInt64>)
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let numbers = (0..<Int.random(in: 0...200, using: &random)).map { _ -> Int64 in
            Int64(bitPattern: random.next()) >> Int64.random(in: 0...64, using: &random)
        }
        let extremes: [Int64] = [0, 1, -1, .max, .min, .min + 1]
        #expect(
            try Self.decoded(Self.encoded(numbers + extremes), numbers.count + 6) == numbers
                + extremes)
    }

    @Test("a number takes its class, and its bits but the highest")
    func grammar() {
        #expect(Self.encoded([]) == [])
        #expect(Self.encoded([0, 1, -1]) == [0, 1, 129])
        // 0b101 without its highest bit, and then 0b11.
        #expect(Self.encoded([5, -3]) == [3, 130, 0b101])
    }

    @Test(
        "what no writer writes is refused",
        arguments: [
            [128], [65], [193], [3], [3, 0b100], [2, 0b10], [64] + [UInt8](repeating: 0, count: 8),
            [192, 1] + [UInt8](repeating: 0, count: 7),
        ])
    func malformed(bytes: [UInt8]) {
        #expect(throws: FormatError.self) { try Self.decoded(bytes, 1) }
    }
}
