import Causality

/// The limits of segments. A reader refuses what exceeds one; a writer never writes it.
package enum Limits {
    /// Events of one frame: enough for columns to pay, few enough to hold in memory.
    package static let frameRowsMax = 65_536
    /// What the events of one frame take, by `EventCost`: 4 MiB. One event may exceed it by its own size.
    package static let frameCostMax = 4 << 20
    /// What a frame may expand to: the writer's measure, an event at its limits, and the tables of what it refers to.
    package static let frameExpandedBytesMax = 32 << 20
    /// Processes that the clocks and causes of one frame refer to besides its own: a whole clock of each of two events.
    package static let frameReferencesMax = 2 * Causality.Limits.clockEntriesMax
    /// Processes whose events one frame has: a writer's, each with an event at least, fill it.
    package static let frameProcessesMax = frameCostMax / (EventCost.row + EventCost.process) + 1
    /// Entries of the clocks of one frame or block: a writer's fill it, and it has a whole clock of each of two events.
    package static let frameChangesMax =
        frameCostMax / EventCost.change + 2 * Causality.Limits.clockEntriesMax
    /// Bytes after which a segment is sealed.
    package static let segmentBytesMax = 64 << 20
    /// Seconds after which a segment is sealed that holds `segmentBytesMin`.
    package static let segmentSecondsMax = 600
    /// Bytes below which a segment is too small to be sealed before its day is over: each costs a row and a request.
    package static let segmentBytesMin = 1 << 20
    /// Seconds after which a segment is sealed at the latest.
    package static let segmentDaySeconds = 86_400
    /// Events of one run between two steps of its chain.
    package static let chainStepEvents = 4_096
    /// Bytes of canonical rows that are hashed at once.
    static let hashedBytesMin = 16 << 10
    /// Bytes that a footer may take: a chain for each run of the largest segment.
    package static let footerBytesMax = 64 << 20
    /// Unmatched lines that one checkpoint shows; further ones are counted.
    package static let unmatchedLinesMax = 100
    /// Bytes of the pieces that blocks of a thorough deflate are put together of: fewer would be seen as different by chance.
    static let packedPieceBytes = 256
    /// Bits by which what follows must be better off in a block of its own: about what telling its code takes.
    static let packedBlockBits = 400
}
