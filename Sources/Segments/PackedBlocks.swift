/// Where a deflate of some bytes does well to begin a new block, which has a code of its own for what is frequent in it: zlib
/// by itself begins one wherever it has taken in so much, but columns have one thing after the other, and what is frequent in one
/// is not in the next.
///
/// Pieces are put to the block before them as long as one code for both takes hardly more than two, by the entropy of their bytes
/// (C. E. Shannon, "A Mathematical Theory of Communication", 1948): what comes again is seldom, and left out of account.
enum PackedBlocks {
    /// Where blocks end but the last one, ascending. O(n).
    ///
    /// - Parameter marks: Where something else begins, ascending: whether a block ends there is seen by all of what follows up to
    ///   the next one, and no piece has such a place within.
    static func ends(in bytes: [UInt8], _ marks: [Int]) -> [Int] {
        var ends: [Int] = []
        var (block, piece) = (ByteCounts(), ByteCounts())
        var start = 0
        for mark in marks + [bytes.count] where mark > start {
            if start > 0 {
                piece.removeAll()
                piece.count(bytes[start..<mark])
                if block.isApart(from: piece, block.weights(with: piece)) {
                    ends.append(start)
                    block.removeAll()
                }
            }
            while start < mark {
                let end = min(mark, start + Limits.packedPieceBytes)
                piece.removeAll()
                piece.count(bytes[start..<end])
                let together = block.weights(with: piece)
                if block.isApart(from: piece, together) {
                    ends.append(start)
                    swap(&block, &piece)
                } else {
                    block.add(piece, together)
                }
                start = end
            }
        }
        return ends
    }
}

/// How often each byte is in some.
private struct ByteCounts {
    private var counts = [Int](repeating: 0, count: 256)
    /// Those that are there at all.
    private var distinct: [UInt8] = []
    private var total = 0
    /// Of the counts' weights.
    private var sum = 0

    /// Of what is said in bits.
    private static let fractionBits = 16

    /// What the best code for them takes, in bits.
    private var bits: Int { Self.weight(total) - sum }

    /// The sum of the counts' weights, of them and others together.
    func weights(with others: ByteCounts) -> Int {
        others.distinct.reduce(sum) { sum, byte in
            let count = counts[Int(byte)]
            return sum + Self.weight(count + others.counts[Int(byte)]) - Self.weight(count)
        }
    }

    /// True where one code for them and others takes more than two codes do, and what tells the second one; by the sum of the
    /// weights of both together.
    func isApart(from others: ByteCounts, _ weights: Int) -> Bool {
        let together = Self.weight(total + others.total) - weights
        return together - bits - others.bits > Limits.packedBlockBits << Self.fractionBits
    }

    mutating func count(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if counts[Int(byte)] == 0 { distinct.append(byte) }
            counts[Int(byte)] += 1
        }
        total += bytes.count
        sum = distinct.reduce(0) { $0 + Self.weight(counts[Int($1)]) }
    }

    mutating func add(_ others: ByteCounts, _ weights: Int) {
        for byte in others.distinct {
            if counts[Int(byte)] == 0 { distinct.append(byte) }
            counts[Int(byte)] += others.counts[Int(byte)]
        }
        total += others.total
        sum = weights
    }

    mutating func removeAll() {
        for byte in distinct { counts[Int(byte)] = 0 }
        distinct.removeAll(keepingCapacity: true)
        (total, sum) = (0, 0)
    }

    /// A number times its logarithm to the base of 2. In whole numbers: what is packed must not depend on the machine.
    private static func weight(_ number: Int) -> Int {
        guard number >= smallWeights.count else { return smallWeights[number] }
        return exactWeight(number)
    }

    private static let smallWeights = (0...Limits.packedPieceBytes).map { exactWeight($0) }

    private static func exactWeight(_ number: Int) -> Int {
        guard number > 1 else { return 0 }
        let whole = Int.bitWidth - 1 - number.leadingZeroBitCount
        // From 2²⁴ on below 2²⁵: between two of the table.
        let scaled = whole >= 24 ? number >> (whole - 24) : number << (24 - whole)
        let (index, rest) = (scaled >> 16 - 256, scaled & 0xffff)
        let step = logarithms[index + 1] - logarithms[index]
        return number * (whole << fractionBits + logarithms[index] + (step * rest) >> 16)
    }

    /// The logarithms of 256 / 256 up to 512 / 256, bit by bit: the square of a number has twice its logarithm.
    private static let logarithms: [Int] = (256...512).map { number in
        guard number < 512 else { return 1 << fractionBits }
        var (square, logarithm) = (UInt64(number) << 22, 0)
        for _ in 0..<fractionBits {
            square = (square * square) >> 30
            logarithm <<= 1
            if square >= 2 << 30 {
                square >>= 1
                logarithm += 1
            }
        }
        return logarithm
    }
}
