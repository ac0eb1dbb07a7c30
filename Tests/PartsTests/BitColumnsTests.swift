import Causality
import SimulatedHistories
import Testing

@testable import Parts

@Suite struct BitColumnsTests {
    private static func columns(seed: UInt64) -> [[UInt64]] {
        var random = SeededGenerator(seed: seed)
        let bits = [0, 1, 3, 7, 12, 39, 40, 41, 63, 64]
        var columns: [[UInt64]] = [[], [0], [.max], [0, .max], [UInt64](repeating: 0, count: 999)]
        for _ in 0..<40 {
            let most = bits.randomElement(using: &random)!
            columns.append(
                (0..<Int.random(in: 0..<200, using: &random)).map { _ in
                    let length = UInt64(Int.random(in: 0...most, using: &random))
                    return UInt64.random(in: 0 ... .max, using: &random) >> (64 - length)
                })
        }
        return columns.shuffled(using: &random)
    }

    private static func write(_ columns: [[UInt64]]) -> [UInt8] {
        var writer = BitWriter()
        for column in columns { writer.column(column) }
        writer.finish()
        return writer.bytes
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func whatIsWrittenIsRead(seed: UInt64) throws {
        let columns = Self.columns(seed: seed)
        let bytes = Self.write(columns)
        var reader = BitReader(ByteReader([7] + bytes + [7], from: 1, to: bytes.count + 1))
        for column in columns { #expect(try reader.column(column.count, "numbers") == column) }
        try reader.expectEnd("numbers")
    }

    /// Geometric numbers of a mean of 40 hold 6.8 bits each; zeros one.
    @Test func numbersTakeFewBits() {
        var random = SeededGenerator(seed: 1)
        let numbers = (0..<8_000).map { _ in
            var number: UInt64 = 0
            while Int.random(in: 0..<41, using: &random) > 0 { number += 1 }
            return number
        }
        #expect(Self.write([numbers]).count < 7 * 1_000)
        #expect(Self.write([[UInt64](repeating: 0, count: 8_000)]).count == 1_001)
    }

    /// Whatever is read, it ends with an error or with as many numbers as were asked for, which are no more than there are bits.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func anyBytesAreColumnsOrAnError(seed: UInt64) throws {
        let columns = Self.columns(seed: seed)
        let bytes = Self.write(columns)
        for (index, cut) in bytes.indices.enumerated() {
            var flipped = bytes
            flipped[index] ^= 1 << UInt8(index % 8)
            for (bytes, end) in [(flipped, flipped.count), (bytes, cut)] {
                var reader = BitReader(ByteReader(bytes, to: end))
                for column in columns {
                    guard let read = try? reader.column(column.count, "numbers") else { break }
                    #expect(read.count == column.count)
                }
            }
        }
        var reader = BitReader(ByteReader(bytes, to: bytes.count))
        #expect(throws: FormatError.self) { try reader.column(bytes.count * 8 + 1, "numbers") }
        reader = BitReader(ByteReader([0, 0], to: 2))
        #expect(throws: FormatError.self) { try reader.expectEnd("numbers") }
        #expect(throws: FormatError.self) {
            var reader = BitReader(ByteReader([0x3f], to: 1))
            _ = try reader.column(1, "numbers")
        }
    }
}
