/// The limits of the demo's store.
enum Limits {
    /// Entries of a log, which goes into one message.
    static let entriesMax = 1000
    /// Conflicts that a node knows, which go into each heartbeat.
    static let conflictsMax = 100
    /// Bytes of a key, and of a value.
    static let wordBytesMax = 100
    /// Bytes of a message as a line of JSON: a full log, with each byte escaped in six.
    static let lineBytesMax = 2 << 20
    /// Terms count elections, a few in a minute: far from where adding one would overflow.
    static let termMax = 1 << 40
    /// Inputs that wait for a node which does not get to run: seconds of heartbeats, and then they are lost.
    static let inputsMax = 10_000
    /// Milliseconds from one tick to the next, by which a node measures its patience.
    static let tickMilliseconds = 50
    /// Ticks from one heartbeat to the next: 0.2 s, several within the shortest patience.
    static let heartbeatTicks = 4
    /// Seconds for a connection on loopback, which takes microseconds or fails at once.
    static let connectSecondsMax: Int64 = 1
}
