package enum Limits {
    /// Bytes of a checkpoint: some signatures of witnesses beside the log's.
    package static let checkpointBytesMax = 64 << 10

    /// Bytes of an entry: the head of a segment names each of its runs, and its footer has at most as many.
    package static let entryBytesMax = 64 << 20

    /// Bytes of the rows of one step: 4,096 events of 16 KiB. Of larger ones no proof is made.
    package static let rowBytesMax = 64 << 20

    /// Bytes of a file with a proof: the rows as base64, and as much again.
    package static let proofBytesMax = 192 << 20

    /// Bytes that are read at once of a log.
    static let readBytesMax = 1 << 20
}
