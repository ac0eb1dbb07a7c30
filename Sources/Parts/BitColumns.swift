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
    private let bytes: [UInt8]
    private var offset: Int
    private let end: Int
    /// The next bits, the lowest first; zeros above.
    private var buffer: UInt64 = 0
    private var bitCount = 0

    /// Reads a part of an array. Traps where the array has no such part.
    init(_ bytes: [UInt8], from offset: Int, to end: Int) {
        precondition(offset >= 0 && offset <= end && end <= bytes.count, "range out of bounds")
        self.bytes = bytes
        self.offset = offset
        self.end = end
    }

    private func malformed(_ what: String) -> FormatError {
        FormatError(what: what, offset: offset)
    }

    /// The next `count` numbers. O(count).
    mutating func column(_ count: Int, _ what: String) throws(FormatError) -> [UInt64] {
        guard count <= (end - offset) * 8 + bitCount else {
            throw malformed("\(what): expected \(count) numbers, found the end")
        }
        let width = Int(try bits(RiceCode.widthBits, what))
        guard width <= RiceCode.widthMax else {
            throw malformed("\(what): a width of \(width) is unknown")
        }
        var values: [UInt64] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try number(width, what)) }
        return values
    }

    private mutating func number(_ width: Int, _ what: String) throws(FormatError) -> UInt64 {
        fill()
        let ones = (~buffer).trailingZeroBitCount
        guard ones < RiceCode.escapeOnes else { return try escaped(what) }
        let length = ones &+ 1 &+ width
        guard length <= bitCount else { throw malformed("\(what): a number runs past the end") }
        let low = (buffer &>> UInt64(ones &+ 1)) & ((1 &<< UInt64(width)) &- 1)
        buffer &>>= UInt64(length)
        bitCount &-= length
        return UInt64(ones) &<< UInt64(width) | low
    }

    private mutating func escaped(_ what: String) throws(FormatError) -> UInt64 {
        _ = try bits(RiceCode.escapeOnes, what)
        let length = Int(try bits(RiceCode.lengthBits, what)) + 1
        let low = try bits(min(length, 32), what)
        return low | (try bits(max(0, length - 32), what)) << 32
    }

    private mutating func bits(_ count: Int, _ what: String) throws(FormatError) -> UInt64 {
        fill()
        guard count <= bitCount else { throw malformed("\(what): expected \(count) bits more") }
        let value = buffer & ((1 &<< UInt64(count)) &- 1)
        buffer &>>= UInt64(count)
        bitCount &-= count
        return value
    }

    /// Has at least 57 bits in the buffer, or all that there are.
    private mutating func fill() {
        while bitCount <= 56, offset < end {
            buffer |= UInt64(bytes[offset]) &<< UInt64(bitCount)
            offset &+= 1
            bitCount &+= 8
        }
    }

    /// Throws where more than the rest of a byte is left, or where that is not 0.
    func expectEnd(_ what: String) throws(FormatError) {
        guard offset == end, bitCount < 8, buffer == 0 else {
            throw malformed("\(what): expected the end")
        }
    }
}
