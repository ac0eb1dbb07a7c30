/// The limits of an archive.
package enum Limits {
    /// Bytes of one append: whole blocks, held in memory while they are checked.
    package static let appendBytesMax = 8 << 20
    /// Unmatched lines that the catalogue keeps of one segment; the segment keeps them all.
    package static let unmatchedOfSegmentMax = 10_000
}
