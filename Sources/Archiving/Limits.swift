/// The limits of an archive.
package enum Limits {
    /// Bytes of one append: whole frames, held in memory while they are checked.
    package static let appendBytesMax = 8 << 20
    /// What one append may expand to: frames are checked one after the other, and each costs time.
    package static let appendExpandedBytesMax = 512 << 20
    /// Bytes of the file that is written to see whether one can be: a page, which a full disk has no room for.
    static let probeBytes = 4096
    /// Unmatched lines that the catalogue keeps of one segment; the segment keeps them all.
    package static let unmatchedOfSegmentMax = 10_000
}
