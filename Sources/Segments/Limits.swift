import Causality

/// The limits of segments. A reader refuses what exceeds one; a writer never writes it.
package enum Limits {
    /// Events of one block: enough for columns to pay, few enough to hold in memory.
    package static let blockEventsMax = 8_192
    /// Bytes of one block's columns before compression.
    package static let blockBytesMax = 4 << 20
    /// Bytes that one block's columns may need to be read: one event may exceed the writer's budget by its own size.
    package static let blockRawBytesMax = 2 * blockBytesMax + 2 * Causality.Limits.eventBytesMax
    /// Entries of all whole clocks of one block: 8,192 events of 2,048 processes.
    package static let blockClockEntriesMax = 1 << 24
    /// Bytes of one block header: two clocks of many processes.
    package static let blockHeaderBytesMax = 4 << 20
    /// Bytes of one block on disk, header included.
    package static let blockStoredBytesMax = blockHeaderBytesMax + blockRawBytesMax
    /// Bytes after which a segment is sealed.
    package static let segmentBytesMax = 64 << 20
    /// Seconds after which a segment that holds events is sealed.
    package static let segmentSecondsMax = 600
    /// Bytes that a footer may take: an index entry for each block of the largest segment.
    package static let footerBytesMax = 64 << 20
    /// Unmatched lines that one checkpoint shows; further ones are counted.
    package static let unmatchedLinesMax = 100
}
