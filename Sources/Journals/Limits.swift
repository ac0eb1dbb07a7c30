/// The limits of journals. A reader refuses what exceeds one; a recorder never writes it.
enum Limits {
    /// Bytes of the file that says where an incarnation ended: the clock of many processes.
    static let lastEventBytesMax = 4 << 20
    /// Bytes of a journal that are looked at in one read.
    static let readBytes = 256 << 10
    /// Bytes of one record: an event and its attributes at their limits, or the snapshot of a large clock.
    static let recordBytesMax = 8 << 20
    /// Bytes of all process names in the clock of a journal: its snapshot then fits a record.
    static let nameBytesMax = 1 << 20
    /// Bytes of memory that events may take for each byte that was to be read.
    static let expansionMax = 8
    /// Chunk files of one journal that are looked at: programs make a few hundred at the most.
    static let chunkFilesMax = 4_096
    /// Bytes of the policy of what is not recorded: one more than it may have.
    static let redactionBytesMax = (1 << 20) + 1
}
