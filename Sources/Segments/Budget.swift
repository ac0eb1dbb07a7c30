import Causality

/// What a frame or a block may still expand to: charged before anything is allocated for it.
package struct Budget {
    private(set) var remaining: Int

    /// A budget of `Limits.frameExpandedBytesMax`.
    package init() { remaining = Limits.frameExpandedBytesMax }

    /// Takes `bytes` of it; throws where it has less left. O(1).
    package mutating func charge(
        _ bytes: Int, _ reader: ByteReader, _ what: String
    ) throws(FormatError) {
        guard bytes <= remaining else {
            throw reader.malformed(
                "\(what): the frame expands to more than \(Limits.frameExpandedBytesMax) bytes")
        }
        remaining -= bytes
    }
}
