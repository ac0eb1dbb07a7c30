package enum Limits {
    /// Bytes of a checkpoint: some signatures of witnesses beside the log's.
    package static let checkpointBytesMax = 64 << 10

    /// Bytes of an entry: the head of a segment names each of its runs, and its footer has at most as many.
    package static let entryBytesMax = 64 << 20

    /// Bytes that are read at once of a log.
    static let readBytesMax = 1 << 20
}
