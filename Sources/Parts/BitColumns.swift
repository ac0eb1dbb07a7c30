import Causality

// Numbers that are small more often than not, one after the other without regard to bytes, in Rice's code: R. F. Rice, "Some
// Practical Universal Noiseless Coding Techniques", JPL Publication 79-22, 1979.
//
//     bits   = column*, 0 to 7 zeros              the lowest bit of a byte first
//     column = width 6 bits, number*
//     number = 1*, 0, the lowest `width` bits     as many ones as the rest says; fewer than 16
//            | 1 sixteen times, bit count - 1 6 bits, as many bits
//
// How many numbers a column has is known to its reader. Each takes a bit at least, so what a column expands to is bounded by
// the bytes that it is read from.

private enum RiceCode {
    static let widthBits = 6
    /// The widest: a number of fewer ones than an escape has, and its bits, are looked at as one word.
    static let widthMax = 40
    static let escapeOnes = 16
    static let lengthBits = 6

    static func bitCount(_ value: UInt64, _ width: Int) -> Int {
        let ones = value >> UInt64(width)
        return ones < escapeOnes ? Int(ones) + 1 + width : escapeOnes + lengthBits + length(value)
    }

    /// Bits of a number, one at least.
    static func length(_ value: UInt64) -> Int { max(1, 64 - value.leadingZeroBitCount) }

    /// The width with which some numbers take the fewest bits, or nearly so: that of their mean is no more than one away.
    static func width(_ values: [UInt64]) -> Int {
        guard !values.isEmpty else { return 0 }
        var sum: UInt64 = 0
        for value in values { sum &+= min(value, 1 << 40) }
        let middle = length(sum / UInt64(values.count)) - 1
        let candidates = max(0, middle - 1)...min(widthMax, middle + 1)
        func bitCount(_ width: Int) -> Int {
            values.reduce(0) { $0 + Self.bitCount($1, width) }
        }
        return candidates.min { bitCount($0) < bitCount($1) }!
    }
}

/// Writes columns of numbers.
struct BitWriter {
    private(set) var bytes: [UInt8] = []
    private var buffer: UInt64 = 0
    private var bitCount = 0

    /// O(numbers).
    mutating func column(_ values: [UInt64]) {
        let width = RiceCode.width(values)
        bits(UInt64(width), RiceCode.widthBits)
        for value in values { number(value, width) }
    }

    private mutating func number(_ value: UInt64, _ width: Int) {
        let ones = value >> UInt64(width)
        if ones < RiceCode.escapeOnes {
            bits((1 << ones) - 1, Int(ones) + 1)
            bits(value & ((1 << UInt64(width)) - 1), width)
        } else {
            let length = RiceCode.length(value)
            bits((1 << RiceCode.escapeOnes) - 1, RiceCode.escapeOnes)
            bits(UInt64(length - 1), RiceCode.lengthBits)
            bits(value & 0xffff_ffff, min(length, 32))
            bits(value >> 32, max(0, length - 32))
        }
    }

    /// At most 40.
    private mutating func bits(_ value: UInt64, _ count: Int) {
        buffer |= value << UInt64(bitCount)
        bitCount += count
        while bitCount >= 8 {
            bytes.append(UInt8(truncatingIfNeeded: buffer))
            buffer >>= 8
            bitCount -= 8
        }
    }

    /// Fills the last byte.
    mutating func finish() { bits(0, (8 - bitCount) & 7) }
}

/// Reads what `BitWriter` wrote. Any bytes are columns or an error.
struct BitReader: Sendable {
    private let bytes: ByteReader
    /// Of the next bit, in the array that `bytes` reads.
    private var position: Int
    private let end: Int

    /// Reads what `bytes` has left.
    init(_ bytes: ByteReader) {
        self.bytes = bytes
        position = bytes.offset * 8
        end = bytes.end * 8
    }

    /// The error that says what is wrong here.
    func malformed(_ what: String) -> FormatError {
        FormatError(what: what, offset: position / 8)
    }

    /// The next `count` numbers. O(count).
    mutating func column(_ count: Int, _ what: String) throws(FormatError) -> [UInt64] {
        guard count <= end - position else {
            throw malformed("\(what): expected \(count) numbers, found the end")
        }
        let width = Int(try bits(RiceCode.widthBits, what))
        guard width <= RiceCode.widthMax else {
            throw malformed("\(what): a width of \(width) is unknown")
        }
        let mask: UInt64 = (1 &<< UInt64(width)) &- 1
        var values = [UInt64](repeating: 0, count: count)
        for index in 0..<count {
            // At least 57 bits, and a number without an escape has no more.
            let word = bytes.word(at: position &>> 3) &>> UInt64(position & 7)
            let ones = (~word).trailingZeroBitCount
            guard ones < RiceCode.escapeOnes else {
                values[index] = try escaped(what)
                continue
            }
            position &+= ones &+ 1 &+ width
            values[index] =
                UInt64(ones) &<< UInt64(width) | (word &>> UInt64(ones &+ 1)) & mask
        }
        guard position <= end else { throw malformed("\(what): expected more, found the end") }
        return values
    }

    private mutating func escaped(_ what: String) throws(FormatError) -> UInt64 {
        _ = try bits(RiceCode.escapeOnes, what)
        let length = Int(try bits(RiceCode.lengthBits, what)) + 1
        let low = try bits(min(length, 32), what)
        return low | (try bits(max(0, length - 32), what)) << 32
    }

    /// At most 40.
    private mutating func bits(_ count: Int, _ what: String) throws(FormatError) -> UInt64 {
        guard count <= end - position else { throw malformed("\(what): expected \(count) bits") }
        let word = bytes.word(at: position >> 3) >> UInt64(position & 7)
        position += count
        return word & ((1 << UInt64(count)) - 1)
    }

    /// Throws where more than the rest of a byte is left, or where that is not 0.
    func expectEnd(_ what: String) throws(FormatError) {
        guard end - position < 8,
            bytes.word(at: position >> 3) >> UInt64(position & 7) == 0
        else { throw malformed("\(what): expected the end") }
    }
}

/// A number with a sign, its lowest bit the sign.
func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value << 1) ^ (value >> 63)) }

func unzigzag(_ value: UInt64) -> Int64 {
    Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
}
