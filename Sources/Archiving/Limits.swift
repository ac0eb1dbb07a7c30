/// The limits of an archive.
package enum Limits {
    /// Bytes of one append: whole frames, held in memory while they are checked.
    package static let appendBytesMax = 8 << 20
    /// What one append may expand to: frames are checked one after the other, and each costs time.
    package static let appendExpandedBytesMax = 512 << 20
    /// Executions of one agent: each is looked at every few seconds, to see what is to be written down or dropped of it, which
    /// takes some tenths of a millisecond.
    package static let executionsOfAgentMax = 10_000
    /// Bytes of the file that is written to see whether one can be: a page, which a full disk has no room for.
    static let probeBytes = 4096
    /// How often whoever reads looks for a catalogue that is being replaced, and how long it waits in between: 10 s in all, as for
    /// SQLite's own locks.
    static let catalogueTriesMax = 1_000
    static let catalogueTryMicroseconds: UInt32 = 10_000
    /// Sealed segments that become a part, or bytes of them: fewer are asked as they are.
    static let mergedSegmentsMin = 8
    static let mergedSegmentBytesMin = 32 << 20
    /// Bytes of segments that become one part, unless one alone has more.
    static let mergedSegmentBytesMax = 256 << 20
    /// Parts of about one size that become one: each event is written again for each eightfold size.
    static let mergedPartsMin = 8
    /// Parts that are open at once.
    static let mergedPartsMax = 64
    /// Bytes up to which parts are of the smallest size.
    static let smallestTierBytes = 4 << 20
    /// Bytes above which parts are not merged any more: what a merge needs of a disk for a while, and the index in memory.
    static let partBytesMax = 16 << 30
    /// One part in so many that was dropped of a file is reason enough to write the rest anew: else each drop would cost as much
    /// as what it leaves.
    static let droppedShareMin = 4
    /// Bytes that are kept for when the disk is full: the catalogue's log, which SQLite lets grow to 4 MiB, its index, and the
    /// list of what was dropped.
    static let reserveBytes = 8 << 20
    /// Bytes below which a disk counts as full.
    static let reserveSpareBytes = 1 << 20
    /// How often an archive is read to compare it with its log, where it changes meanwhile.
    static let verifyingTries = 5
    /// Bytes of entries that are written to the log at once.
    static let loggedBytesMax = 8 << 20
    /// Seconds between two looks for what may be merged, and after a merge that failed.
    package static let mergeSeconds = 10
    static let mergeRetrySeconds = 60
    /// Seconds for which files stay that a part has replaced: longer than any question that began before takes.
    package static let replacedSecondsMax = 60
}
