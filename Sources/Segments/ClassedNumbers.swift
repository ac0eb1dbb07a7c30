import Causality

/// Numbers with a sign that are of many sizes, none of which comes often: how long each is, which packs well, and then its bits,
/// which do not.
///
///     numbers = class u8*, bits           as many classes as there are numbers
///     class   = the bits of the number without its sign, and 128 more where it is below 0
///     bits    = of each number without its sign the bits below the highest, the lowest first, one number after the other
///               without regard to bytes; the lowest bit of a byte first; 0 to 7 zeros at the end
///
/// What numbers expand to is bounded by the bytes that they are read from: each has a class.
enum ClassedNumbers {
    private static let sign: UInt8 = 128

    /// O(numbers).
    static func encode(_ numbers: [Int64], _ writer: inout ByteWriter) {
        writer.mark()
        writer.append(atMost: numbers.count) { writer in
            for number in numbers {
                let length = UInt8(UInt64.bitWidth - number.magnitude.leadingZeroBitCount)
                writer.byte(number < 0 ? length | sign : length)
            }
        }
        writer.mark()
        writer.append(atMost: numbers.count * 8 + 1) { writer in
            var bits = Bits()
            for number in numbers {
                let magnitude = number.magnitude
                let count = UInt64.bitWidth - 1 - magnitude.leadingZeroBitCount
                guard count > 0 else { continue }
                let low = magnitude ^ (1 << UInt64(count))
                bits.append(low & 0xffff_ffff, min(count, 32), &writer)
                bits.append(low >> 32, max(0, count - 32), &writer)
            }
            bits.finish(&writer)
        }
    }

    /// Bits that make no byte yet.
    private struct Bits {
        private var buffer: UInt64 = 0
        private var count = 0

        /// At most 32.
        mutating func append(_ value: UInt64, _ count: Int, _ writer: inout RawWriter) {
            buffer |= value << UInt64(self.count)
            self.count += count
            while self.count >= 8 {
                writer.byte(UInt8(truncatingIfNeeded: buffer))
                buffer >>= 8
                self.count -= 8
            }
        }

        mutating func finish(_ writer: inout RawWriter) {
            if count > 0 { writer.byte(UInt8(truncatingIfNeeded: buffer)) }
        }
    }

    /// Reads `count` numbers. O(count).
    static func decode(
        _ count: Int, _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> [Int64] {
        let classes = try reader.bytes(count, what)
        var bitCount = 0
        for number in classes {
            let length = Int(number & ~sign)
            // Neither a number of more than 64 bits, nor a zero with a sign.
            guard length <= 64, number != sign else {
                throw reader.malformed("\(what): a number of class \(number)")
            }
            bitCount += max(0, length - 1)
        }
        let range = try reader.range((bitCount + 7) / 8, what)
        if bitCount % 8 > 0 {
            guard
                UInt8(truncatingIfNeeded: reader.word(at: range.upperBound - 1))
                    >> UInt8(bitCount % 8) == 0
            else {
                throw reader.malformed("\(what): bits behind the last number")
            }
        }
        var position = 8 * range.lowerBound
        func bits(_ count: Int) -> UInt64 {
            let word = reader.word(at: position >> 3) >> UInt64(position & 7)
            position += count
            return word & ((1 << UInt64(count)) - 1)
        }
        var numbers = [Int64](repeating: 0, count: count)
        for (index, number) in classes.enumerated() {
            let length = Int(number & ~sign)
            guard length > 0 else { continue }
            // A word has 57 of them at least.
            let low = bits(min(length - 1, 32))
            let magnitude = 1 << UInt64(length - 1) | low | bits(max(0, length - 33)) << 32
            guard number & sign != 0 || magnitude <= UInt64(Int64.max),
                magnitude <= 1 << 63
            else { throw reader.malformed("\(what): a number of more than 64 bits") }
            numbers[index] = Int64(
                bitPattern: number & sign != 0 ? 0 &- magnitude : magnitude)
        }
        return numbers
    }
}
