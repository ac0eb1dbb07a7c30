/// Numbers as LEB128, the only place that knows it: seven bits a byte, the lowest first, and in all but the last byte the
/// highest bit set. Writers write the shortest form. Inlinable, since columns and tokens are made of little else.
@usableFromInline
package enum Varint {
    /// O(1), amortised.
    @inlinable
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Bytes of the longest number.
    @inlinable
    package static var bytesMax: Int { 10 }

    /// Stores at `offset`, which moves behind the number. Traps where there is no room.
    @inlinable @inline(__always)
    package static func store(
        _ value: UInt64, in bytes: UnsafeMutableRawBufferPointer, at offset: inout Int
    ) {
        var rest = value
        while rest >= 0x80 {
            bytes[offset] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            offset += 1
        }
        bytes[offset] = UInt8(truncatingIfNeeded: rest)
        offset += 1
    }

    /// The bytes of the shortest form.
    @inlinable
    package static func byteCount(_ value: UInt64) -> Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }

    /// The number at `offset`, which moves behind it; nil where there is none of at most `limit` in its shortest form.
    @inlinable @inline(__always)
    package static func number(
        _ bytes: UnsafeRawBufferPointer, _ offset: inout Int, max limit: UInt64
    ) -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while offset < bytes.count, shift < 63 {
            let byte = bytes[offset]
            offset += 1
            // One number has one form.
            if byte == 0, shift > 0 { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value <= limit ? value : nil }
            shift += 7
        }
        return nil
    }
}

extension Varint {
    /// Passes over a number, which is there and small, in any form. Traps where it runs past the end.
    @inlinable @inline(__always)
    package static func next(in bytes: UnsafeRawBufferPointer, _ offset: inout Int) -> Int {
        precondition(offset < bytes.count, "a varint runs past the end")
        let byte = bytes[offset]
        guard byte < 0x80 else { return sum(of: 1, in: bytes, &offset) }
        offset += 1
        return Int(byte)
    }

    /// Passes over `count` numbers, which are there and small, in any form; what they add up to. Traps where they run past the
    /// end. O(count), eight at a time where each is one byte.
    @inlinable
    package static func sum(
        of count: Int, in bytes: UnsafeRawBufferPointer, _ offset: inout Int
    ) -> Int {
        var (left, sum) = (count, 0)
        while left > 0 {
            if left >= 8, offset + 8 <= bytes.count {
                let eight = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                if eight & 0x8080_8080_8080_8080 == 0 {
                    let low: UInt64 = 0x00ff_00ff_00ff_00ff
                    let pairs = (eight & low) &+ ((eight >> 8) & low)
                    sum &+= Int((pairs &* 0x0001_0001_0001_0001) >> 48)
                    (left, offset) = (left - 8, offset + 8)
                    continue
                }
            }
            var (value, shift): (UInt64, UInt64) = (0, 0)
            while true {
                precondition(offset < bytes.count, "a varint runs past the end")
                let byte = bytes[offset]
                offset += 1
                value |= UInt64(byte & 0x7f) &<< shift
                if byte < 0x80 { break }
                shift += 7
            }
            sum &+= Int(truncatingIfNeeded: value)
            left -= 1
        }
        return sum
    }
}

extension ByteReader {
    /// Passes over `count` numbers of at most as many bytes as are left: where they are in the array, and what they add up to.
    package mutating func lengths(
        _ count: Int, _ what: String
    ) throws(FormatError) -> (range: Range<Int>, sum: Int) {
        guard count >= 0, count <= remaining else { throw ended(what) }
        let start = position
        var sum = 0
        var left = count
        while left > 0 {
            // Each of these is one byte, and none of them is more than there may be.
            if left >= 8, remaining >= 1_024 {
                var next = position
                let eight = source.span.bytes.unsafeLoadUnaligned(
                    fromByteOffset: next, as: UInt64.self)
                if eight & 0x8080_8080_8080_8080 == 0 {
                    sum += source.withUnsafeBytes { Varint.sum(of: 8, in: $0, &next) }
                    (left, position) = (left - 8, next)
                    continue
                }
            }
            sum += try self.count(remaining, what)
            left -= 1
            guard sum <= end else { throw ended(what) }
        }
        return (start..<position, sum)
    }

    /// `count` numbers of at most `limit`, which is less than 2³².
    package mutating func numbers(
        _ count: Int, _ limit: Int, _ what: String
    ) throws(FormatError) -> [UInt32] {
        guard count <= remaining, limit >= 0 || count == 0 else { throw ended(what) }
        var numbers: [UInt32] = []
        numbers.reserveCapacity(count)
        while true {
            appendShort(count - numbers.count, limit, to: &numbers)
            if numbers.count == count { return numbers }
            guard position < end else { throw ended(what) }
            numbers.append(UInt32(try self.count(limit, what)))
        }
    }

    /// Reads at most `count` numbers, up to the first that takes more than two bytes or is more than `limit`. O(count)
    private mutating func appendShort(_ count: Int, _ limit: Int, to numbers: inout [UInt32]) {
        let end = end
        var next = position
        numbers.append(addingCapacity: count) { output in
            source.withUnsafeBytes { source in
                for _ in 0..<count where next < end {
                    var (value, width) = (UInt32(source[next]), 1)
                    if value >= 0x80 {
                        guard next + 1 < end, source[next + 1] < 0x80 else { return }
                        value = (value & 0x7f) | UInt32(source[next + 1]) &<< 7
                        width = 2
                    }
                    guard Int(value) <= limit else { return }
                    output.append(value)
                    next += width
                }
            }
        }
        position = next
    }

    /// A number of at most 64 bits, in any form. Throws where it runs past the end, or is larger.
    @inlinable
    package mutating func varint(_ what: String) throws(FormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < end else { throw malformed("\(what): a varint runs past the end") }
            let byte = source[position]
            guard shift < 63 || byte <= 1 else {
                throw malformed("\(what): a varint of more than 64 bits")
            }
            position &+= 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
            shift &+= 7
        }
    }

    /// A number with a sign, its lowest bit the sign.
    @inlinable
    package mutating func zigzag(_ what: String) throws(FormatError) -> Int64 {
        let value = try varint(what)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number of at most `limit`, which is not negative.
    @inlinable
    package mutating func count(_ limit: Int, _ what: String) throws(FormatError) -> Int {
        let value = try varint(what)
        guard value <= UInt64(limit) else {
            throw malformed("\(what): expected at most \(limit), found \(value)")
        }
        return Int(truncatingIfNeeded: value)
    }
}

extension ByteWriter {
    /// As LEB128.
    @inlinable
    package mutating func varint(_ value: UInt64) { Varint.append(value, to: &bytes) }

    /// As LEB128. Traps where `value` is negative.
    @inlinable
    package mutating func varint(_ value: Int) { varint(UInt64(value)) }

    /// As LEB128, the sign in its lowest bit.
    @inlinable
    package mutating func zigzag(_ value: Int64) {
        varint(UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }
}
