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
    /// Bytes of the file that says where an incarnation ended: the clock of many processes.
    static let lastEventBytesMax = 4 << 20
    /// Bytes of a journal that are looked at in one read.
    static let journalReadBytes = 256 << 10
    /// Bytes of one record of a journal: an event and its attributes at their limits, or the snapshot of a large clock.
    static let journalRecordBytesMax = 8 << 20
    /// Bytes of all process names in the clock of a journal: its snapshot then fits a record, and a block header.
    static let journalNameBytesMax = 1 << 20
    /// Bytes of memory that events may take for each byte that was to be read.
    static let journalExpansionMax = 8
    /// Chunk files of one journal that are looked at: programs make a few hundred at the most.
    static let journalChunkFilesMax = 4_096
}
