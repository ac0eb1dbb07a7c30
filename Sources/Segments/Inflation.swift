import CZlib

/// Deflate (RFC 1951) in zlib framing (RFC 1950), as much at once as there is.
///
/// It reads columns in a third of the time that zlib takes: those of logs are mostly digits, which no match spares. The bits come 64 at
/// a time, and one look into a table finds what a code stands for, or two literals where both codes are short (E. Biggers,
/// libdeflate, 2014; J. Guilford and V. Gopal, ISA-L, 2015). Whatever is not as it must be, the checksum of what comes out included, is
/// damage.
struct Inflation: ~Copyable {
    private var bits: DeflateBits
    /// Has room for `overrun` bytes more than there may be.
    private let output: UnsafeMutableRawPointer
    private let countMax: Int
    private var count = 0
    private var literals: DeflateTable
    private var distances: DeflateTable

    /// What an instruction writes at the most: literals, then a match in words of eight bytes.
    private static let overrun = 8 + 258 + 8

    /// The bytes that were packed; nil where they are damaged, or not so many. O(n).
    static func unpacked(_ packed: UnsafeRawBufferPointer, count: Int) -> [UInt8]? {
        var isWhole = false
        let raw = [UInt8](unsafeUninitializedCapacity: count + overrun) { buffer, written in
            var inflation = Inflation(packed, UnsafeMutableRawPointer(buffer.baseAddress!), count)
            isWhole = inflation.readAll()
            written = isWhole ? count : 0
        }
        return isWhole ? raw : nil
    }

    private init(
        _ packed: UnsafeRawBufferPointer, _ output: UnsafeMutableRawPointer, _ countMax: Int
    ) {
        bits = DeflateBits(packed)
        self.output = output
        self.countMax = countMax
        literals = DeflateTable(rootBitsMax: 11, symbolCount: 288)
        distances = DeflateTable(rootBitsMax: 8, symbolCount: 32)
    }

    deinit {
        literals.free()
        distances.free()
    }

    private mutating func readAll() -> Bool {
        let (method, flags) = (bits.take(8), bits.take(8))
        guard (method << 8 | flags) % 31 == 0, method & 15 == 8, method >> 4 < 8, flags & 32 == 0
        else { return false }
        var isLast = false
        while !isLast {
            bits.refill()
            guard !bits.isPastEnd else { return false }
            isLast = bits.take(1) == 1
            let isRead =
                switch bits.take(2) {
                case 0: readStored()
                case 1: makeFixedTables() && readSymbols()
                case 2: makeTables() && readSymbols()
                default: false
                }
            guard isRead else { return false }
        }
        bits.align()
        let written = UnsafeRawBufferPointer(start: output, count: count)
        let sum = adler32(1, written.bindMemory(to: UInt8.self).baseAddress, uInt(count))
        var expected = 0
        for _ in 0..<4 {
            bits.refill()
            expected = expected << 8 | bits.take(8)
        }
        return !bits.isPastEnd && count == countMax && UInt(expected) == sum
    }

    private mutating func readStored() -> Bool {
        bits.align()
        bits.refill()
        let (length, complement) = (bits.take(16), bits.take(16))
        guard length == complement ^ 0xffff, length <= countMax - count,
            let source = bits.bytes(length)
        else { return false }
        UnsafeMutableRawBufferPointer(start: output + count, count: length)
            .copyMemory(from: source)
        count += length
        return true
    }

    /// Reads symbols to the end of their block.
    private mutating func readSymbols() -> Bool {
        var bits = bits
        var place = count
        let (output, literals, distances) = (output, literals.entries, distances.entries)
        let (literalMask, distanceMask) = (self.literals.rootMask, self.distances.rootMask)
        while place <= countMax {
            bits.refill()
            var entry = literals[bits.index(literalMask)]
            if entry.isLiteral {
                place &+= entry.store(output + place)
                bits.drop(entry)
                entry = literals[bits.index(literalMask)]
                if entry.isLiteral {
                    place &+= entry.store(output + place)
                    bits.drop(entry)
                    entry = literals[bits.index(literalMask)]
                    if entry.isLiteral {
                        place &+= entry.store(output + place)
                        bits.drop(entry)
                        continue
                    }
                }
            }
            // 34 bits are left at least, and 20 are needed.
            if entry.isLink {
                bits.drop(entry)
                entry = literals[entry.value + bits.index(self.literals.linkMask)]
                if entry.isLiteral {
                    place &+= entry.store(output + place)
                    bits.drop(entry)
                    continue
                }
            }
            guard !entry.isEnd else {
                bits.drop(entry)
                self.bits = bits
                count = place
                return true
            }
            guard !entry.isNone else { return false }
            let length = bits.value(entry)
            bits.refill()
            entry = distances[bits.index(distanceMask)]
            if entry.isLink {
                bits.drop(entry)
                entry = distances[entry.value + bits.index(self.distances.linkMask)]
            }
            guard !entry.isNone else { return false }
            let distance = bits.value(entry)
            guard distance <= place else { return false }
            Self.copy(length, to: output + place, from: distance)
            place &+= length
        }
        return false
    }

    /// Copies `length` bytes, and up to seven more, from `distance` bytes before. What it copies it may have written.
    @inline(__always)
    private static func copy(
        _ length: Int, to target: UnsafeMutableRawPointer, from distance: Int
    ) {
        let source = target - distance
        var index = 0
        if distance >= 8 {
            repeat {
                let word = source.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                target.storeBytes(of: word, toByteOffset: index, as: UInt64.self)
                index &+= 8
            } while index < length
        } else {
            repeat {
                let byte = source.load(fromByteOffset: index, as: UInt8.self)
                target.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
                index &+= 1
            } while index < length
        }
    }
}

// MARK: Codes

extension Inflation {
    /// The order in which the lengths of the codes for lengths come.
    private static let lengthOrder: [Int] = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]

    private mutating func makeFixedTables() -> Bool {
        var lengths = [UInt8](repeating: 8, count: 288)
        for symbol in 144..<256 { lengths[symbol] = 9 }
        for symbol in 256..<280 { lengths[symbol] = 7 }
        return literals.make(lengths[...], DeflateTable.lengthEntry)
            && distances.make([UInt8](repeating: 5, count: 32)[...], DeflateTable.distanceEntry)
    }

    /// Reads the codes of a block.
    private mutating func makeTables() -> Bool {
        bits.refill()
        let literalCount = bits.take(5) + 257
        let distanceCount = bits.take(5) + 1
        let lengthCount = bits.take(4) + 4
        guard literalCount <= 286, distanceCount <= 30 else { return false }
        var lengths = [UInt8](repeating: 0, count: 19)
        for index in 0..<lengthCount {
            bits.refill()
            lengths[Self.lengthOrder[index]] = UInt8(bits.take(3))
        }
        guard literals.make(lengths[...], DeflateTable.symbolEntry),
            let lengths = readLengths(literalCount + distanceCount), lengths[256] > 0
        else { return false }
        return literals.make(lengths[..<literalCount], DeflateTable.lengthEntry)
            && distances.make(lengths[literalCount...], DeflateTable.distanceEntry)
    }

    private mutating func readLengths(_ count: Int) -> [UInt8]? {
        var lengths: [UInt8] = []
        lengths.reserveCapacity(count)
        while lengths.count < count {
            bits.refill()
            let entry = literals.entries[bits.index(literals.rootMask)]
            guard !entry.isNone else { return nil }
            bits.drop(entry)
            let (length, repeats) =
                switch entry.value {
                case 16: (lengths.last, 3 + bits.take(2))
                case 17: (0, 3 + bits.take(3))
                case 18: (0, 11 + bits.take(7))
                default: (UInt8(entry.value), 1)
                }
            guard let length, lengths.count + repeats <= count else { return nil }
            for _ in 0..<repeats { lengths.append(length) }
        }
        return lengths
    }
}

/// What a code stands for, and how many bits it takes.
///
/// From the lowest bit on: all bits of it u8, those of its code u4 (of literals instead how many they are), what kind it is u4, a value u16.
private struct DeflateEntry {
    let number: UInt32

    static let literal: UInt32 = 0x8000
    static let link: UInt32 = 0x4000
    static let end: UInt32 = 0x2000
    static let none: UInt32 = 0x1000

    @inline(__always) var isLiteral: Bool { number & Self.literal != 0 }
    @inline(__always) var isLink: Bool { number & Self.link != 0 }
    @inline(__always) var isEnd: Bool { number & Self.end != 0 }
    @inline(__always) var isNone: Bool { number & Self.none != 0 }

    @inline(__always) var bitCount: UInt64 { UInt64(number & 0xff) }
    @inline(__always) var codeBitCount: UInt64 { UInt64((number >> 8) & 15) }
    @inline(__always) var value: Int { Int(number >> 16) }

    /// Writes the literals, two bytes in any case: how many they are.
    @inline(__always)
    func store(_ target: UnsafeMutableRawPointer) -> Int {
        target.storeBytes(
            of: UInt16(truncatingIfNeeded: number >> 16).littleEndian, as: UInt16.self)
        return Int((number >> 8) & 3)
    }
}

/// The bits of deflate, the lowest first.
private struct DeflateBits {
    private let source: UnsafeRawBufferPointer
    /// The first byte that is not counted in `count`. Zeros follow on the last one.
    private var next = 0
    private var word: UInt64 = 0
    /// How many bits of `word` there are; those above are nothing, or what will be there.
    private var count: UInt64 = 0

    init(_ source: UnsafeRawBufferPointer) {
        self.source = source
        refill()
    }

    /// Makes 56 bits of it at least.
    @inline(__always)
    mutating func refill() {
        if next &+ 8 <= source.count {
            let eight = source.loadUnaligned(fromByteOffset: next, as: UInt64.self)
            word |= UInt64(littleEndian: eight) &<< count
            next &+= Int((63 &- count) >> 3)
            count |= 56
        } else {
            (next, word, count) = Self.refilledAtEnd(source, next, word, count)
        }
    }

    // Of values: what lies in memory to be changed there is not kept in registers.
    @inline(never)
    private static func refilledAtEnd(
        _ source: UnsafeRawBufferPointer, _ next: Int, _ word: UInt64, _ count: UInt64
    ) -> (Int, UInt64, UInt64) {
        var (next, word, count) = (next, word, count)
        while count < 56 {
            if next < source.count { word |= UInt64(source[next]) << count }
            next += 1
            count += 8
        }
        return (next, word, count)
    }

    /// The place of the next bits in a table.
    @inline(__always)
    func index(_ mask: UInt64) -> Int { Int(truncatingIfNeeded: word & mask) }

    /// True where bits were taken that there are not.
    var isPastEnd: Bool { next - Int(count >> 3) > source.count }

    @inline(__always)
    mutating func drop(_ entry: DeflateEntry) {
        word &>>= entry.bitCount
        count &-= entry.bitCount
    }

    /// The value of an entry and the bits that follow on its code.
    @inline(__always)
    mutating func value(_ entry: DeflateEntry) -> Int {
        let extra = (word & ~(~0 &<< entry.bitCount)) &>> entry.codeBitCount
        drop(entry)
        return entry.value &+ Int(truncatingIfNeeded: extra)
    }

    /// A number of at most 16 bits.
    mutating func take(_ bitCount: Int) -> Int {
        let value = Int(word & (1 << UInt64(bitCount) - 1))
        word >>= UInt64(bitCount)
        count -= UInt64(bitCount)
        return value
    }

    /// Goes on at the next whole byte.
    mutating func align() {
        let rest = count & 7
        word >>= rest
        count -= rest
    }

    /// The next bytes, of a place between two; nil where there are not so many.
    mutating func bytes(_ byteCount: Int) -> UnsafeRawBufferPointer? {
        let start = next - Int(count >> 3)
        guard start + byteCount <= source.count else { return nil }
        (next, word, count) = (start + byteCount, 0, 0)
        return UnsafeRawBufferPointer(rebasing: source[start..<next])
    }
}

/// What each code stands for: by its first bits, and where it has more, by the rest of them in a table of its own.
private struct DeflateTable {
    let entries: UnsafeMutablePointer<DeflateEntry>
    private let rootBitsMax: Int
    private(set) var rootMask: UInt64 = 0
    private(set) var linkMask: UInt64 = 0

    private static let codeBitsMax = 15

    init(rootBitsMax: Int, symbolCount: Int) {
        self.rootBitsMax = rootBitsMax
        // Two codes at least share a table.
        let links = symbolCount / 2
        entries = .allocate(
            capacity: 1 << rootBitsMax + links << (Self.codeBitsMax - rootBitsMax))
    }

    func free() { entries.deallocate() }

    /// Makes the table of codes of these lengths, 0 for a symbol without one. False where there are no such codes. O(entries).
    ///
    /// - Parameter entry: What a symbol's code of a length stands for.
    mutating func make(
        _ lengths: ArraySlice<UInt8>, _ entry: (Int, UInt32) -> DeflateEntry
    ) -> Bool {
        // By length: how many codes, and the next one.
        var counts = [Int](repeating: 0, count: Self.codeBitsMax + 1)
        for length in lengths { counts[Int(length)] += 1 }
        counts[0] = 0
        let longest = counts.lastIndex { $0 > 0 } ?? 0
        var (codes, free) = ([0], 1)
        for length in 1...Self.codeBitsMax {
            codes.append((codes[length - 1] + counts[length - 1]) << 1)
            free = free << 1 - counts[length]
            guard free >= 0 else { return false }
        }
        // Of one code, or none, the rest stands for nothing.
        guard free == 0 || longest <= 1 else { return false }
        let rootBits = min(rootBitsMax, max(longest, 1))
        let linkBits = max(longest - rootBits, 0)
        (rootMask, linkMask) = (1 << UInt64(rootBits) - 1, 1 << UInt64(linkBits) - 1)
        let size = 1 << rootBits
        if free > 0 {
            for index in 0..<size { entries[index] = DeflateEntry(number: DeflateEntry.none) }
        }
        let firstLink = codes[rootBits] + counts[rootBits]
        if linkBits > 0 {
            for prefix in firstLink..<size {
                let start = size + (prefix - firstLink) << linkBits
                entries[Self.reversed(prefix, rootBits)] = DeflateEntry(
                    number: UInt32(start) << 16 | DeflateEntry.link | UInt32(rootBits))
            }
        }
        for (symbol, length) in lengths.enumerated() where length > 0 {
            let length = Int(length)
            let code = codes[length]
            codes[length] += 1
            if length <= rootBits {
                fill(Self.reversed(code, length), size, length, entry(symbol, UInt32(length)))
            } else {
                let rest = length - rootBits
                let start = size + (code >> rest - firstLink) << linkBits
                let low = Self.reversed(code & (1 << rest - 1), rest)
                fill(start + low, start + 1 << linkBits, rest, entry(symbol, UInt32(rest)))
            }
        }
        pair(rootBits)
        return true
    }

    /// Each place whose lowest bits are a code.
    private func fill(_ first: Int, _ end: Int, _ length: Int, _ entry: DeflateEntry) {
        for index in stride(from: first, to: end, by: 1 << length) { entries[index] = entry }
    }

    /// Puts two literals where the bits of a place are the codes of both.
    private func pair(_ rootBits: Int) {
        // What is behind the first one is at a lower place, and so by itself still.
        for index in stride(from: 1 << rootBits - 1, through: 0, by: -1) {
            let first = entries[index]
            guard first.isLiteral else { continue }
            let second = entries[index >> Int(first.bitCount)]
            let bitCount = first.bitCount + second.bitCount
            guard second.isLiteral, bitCount <= rootBits else { continue }
            let values = UInt32(first.value | second.value << 8)
            entries[index] = DeflateEntry(
                number: values << 16 | DeflateEntry.literal | 2 << 8 | UInt32(bitCount))
        }
    }

    /// The lowest bits of a code in the other order: of codes, unlike all else, the first bit is the highest.
    private static func reversed(_ code: Int, _ length: Int) -> Int {
        var bits = UInt16(code)
        bits = (bits & 0x5555) << 1 | (bits >> 1) & 0x5555
        bits = (bits & 0x3333) << 2 | (bits >> 2) & 0x3333
        bits = (bits & 0x0f0f) << 4 | (bits >> 4) & 0x0f0f
        return Int(bits.byteSwapped >> UInt16(16 - length))
    }

    // MARK: Symbols

    /// Of codes for lengths: the symbol alone.
    static func symbolEntry(_ symbol: Int, _ length: UInt32) -> DeflateEntry {
        DeflateEntry(number: UInt32(symbol) << 16 | length << 8 | length)
    }

    /// A literal, the end of a block, or the length of a match.
    static func lengthEntry(_ symbol: Int, _ length: UInt32) -> DeflateEntry {
        switch symbol {
        case 0..<256:
            return DeflateEntry(
                number: UInt32(symbol) << 16 | DeflateEntry.literal | 1 << 8 | length)
        case 256: return DeflateEntry(number: DeflateEntry.end | length)
        case 257..<265: return matchEntry(symbol - 254, extra: 0, length)
        case 265..<285:
            let extra = (symbol - 261) / 4
            return matchEntry(3 + (4 + (symbol - 261) % 4) << extra, extra: extra, length)
        case 285: return matchEntry(258, extra: 0, length)
        default: return DeflateEntry(number: DeflateEntry.none)
        }
    }

    /// The distance of a match.
    static func distanceEntry(_ symbol: Int, _ length: UInt32) -> DeflateEntry {
        switch symbol {
        case 0..<4: return matchEntry(symbol + 1, extra: 0, length)
        case 4..<30:
            let extra = symbol / 2 - 1
            return matchEntry(1 + (2 + symbol % 2) << extra, extra: extra, length)
        default: return DeflateEntry(number: DeflateEntry.none)
        }
    }

    private static func matchEntry(_ base: Int, extra: Int, _ length: UInt32) -> DeflateEntry {
        DeflateEntry(number: UInt32(base) << 16 | length << 8 | (length + UInt32(extra)))
    }
}
