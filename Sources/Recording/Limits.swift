import Causality

/// The limits of a recording program.
enum Limits {
    /// Bytes of a token before it becomes text: 512 characters of base64url, which fits any header.
    static let tokenBytesMax = 384
    static let tokenCharactersMax = 512
    /// Tokens of one receive: a batch as message queues hand them out, and with an event at its limits still a record that a
    /// reader takes.
    static let tokensMax = Causality.Limits.causesMax
    /// Bytes of a chunk of the journal: large enough that changing it is rare, small enough for a host of programs.
    static let chunkBytes = 4 << 20
    /// Chunks of one program that the agent has not taken yet: 64 MiB. Beyond it events are lost, and counted.
    static let chunksMax = 16
    /// Bytes that an attribute says of what was cut: readers leave so much room, and more, beyond an event's limit.
    static let truncatedBytesMax = 1_000
    /// Events that a client may say at one time that it lost: more is a mistake.
    static let lostEventsMax: UInt64 = 1 << 40
    /// Nanoseconds after which a program looks again whether it can write, when it could not.
    static let retryNanoseconds: Int64 = 100_000_000
    /// Nanoseconds between two looks at the keys of tokens, while messages come and go.
    static let keyLookNanoseconds: Int64 = 1_000_000_000
}
