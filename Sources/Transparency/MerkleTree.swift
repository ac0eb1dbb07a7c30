import Crypto

/// A Merkle tree over a list of entries that only grows, hashed as RFC 6962, section 2.1, says (Laurie, Langley, Kasper:
/// Certificate Transparency, 2013): SHA-256 of 0 and an entry, of 1 and two hashes. Kept is its right edge alone, so that it can
/// grow: O(log n).
package struct MerkleTree: Hashable, Sendable {
    /// How many entries it has.
    package private(set) var count = 0
    /// The hashes of its whole subtrees, the largest and oldest first: one for each bit of `count`.
    package private(set) var edge: [[UInt8]] = []

    package static let hashByteCount = 32

    package init() {}

    /// Of a number of entries, with this edge; nil where such a tree has another number of whole subtrees.
    package init?(count: Int, edge: [[UInt8]]) {
        guard count >= 0, edge.count == count.nonzeroBitCount,
            edge.allSatisfy({ $0.count == Self.hashByteCount })
        else { return nil }
        self.count = count
        self.edge = edge
    }

    package static func hash(entry: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: [0])
        hash.update(data: entry)
        return Array(hash.finalize())
    }

    static func hash(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: [1])
        hash.update(data: left)
        hash.update(data: right)
        return Array(hash.finalize())
    }

    /// Amortised O(1).
    package mutating func append(entry: [UInt8]) { append(hash: Self.hash(entry: entry)) }

    mutating func append(hash: [UInt8]) {
        var hash = hash
        // Each whole subtree of the same size becomes one of twice that size.
        for _ in 0..<count.trailingOneBitCount { hash = Self.hash(edge.removeLast(), hash) }
        edge.append(hash)
        count += 1
    }

    /// The tree's hash.
    package var root: [UInt8] {
        guard var root = edge.last else { return Array(SHA256.hash(data: [UInt8]())) }
        for left in edge.dropLast().reversed() { root = Self.hash(left, root) }
        return root
    }
}

extension Int {
    fileprivate var trailingOneBitCount: Int { (~self).trailingZeroBitCount }
}

/// What proves that an entry is in a tree, found while its entries pass by once: the audit path of RFC 6962, section 2.1.1.
package struct InclusionPath: Sendable {
    /// Whose hashes make the path, from the leaf up.
    private let ranges: [Range<Int>]
    private var trees: [MerkleTree]
    private var next = 0

    /// The path of the entry with an index, in a tree of `count`.
    package init(of index: Int, in count: Int) {
        precondition(index >= 0 && index < count, "no such entry")
        ranges = Self.ranges(of: index, in: 0..<count)
        trees = Array(repeating: MerkleTree(), count: ranges.count)
    }

    private static func ranges(of index: Int, in range: Range<Int>) -> [Range<Int>] {
        guard range.count > 1 else { return [] }
        // The largest power of two below the count.
        let half = 1 << (Int.bitWidth - 1 - (range.count - 1).leadingZeroBitCount)
        let middle = range.lowerBound + half
        return index < middle
            ? ranges(of: index, in: range.lowerBound..<middle) + [middle..<range.upperBound]
            : ranges(of: index, in: middle..<range.upperBound) + [range.lowerBound..<middle]
    }

    /// Takes the next entry of the tree; further ones than it has are left alone.
    package mutating func append(entry: [UInt8]) {
        if let place = ranges.firstIndex(where: { $0.contains(next) }) {
            trees[place].append(entry: entry)
        }
        next += 1
    }

    /// The path, once all entries have passed.
    package var hashes: [[UInt8]] { trees.map(\.root) }

    /// The root of the tree that an entry is in by its path; nil where a path of an entry with this index is of another length
    /// (RFC 9162, section 2.1.3.2).
    package static func root(
        ofEntry entry: [UInt8], at index: Int, in count: Int, path: [[UInt8]]
    ) -> [UInt8]? {
        guard index >= 0, index < count else { return nil }
        let ranges = ranges(of: index, in: 0..<count)
        guard ranges.count == path.count else { return nil }
        var root = MerkleTree.hash(entry: entry)
        for (range, hash) in zip(ranges, path) {
            root =
                range.lowerBound > index
                ? MerkleTree.hash(root, hash) : MerkleTree.hash(hash, root)
        }
        return root
    }
}
