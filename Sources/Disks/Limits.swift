/// The limits of disks.
enum Limits {
    /// Times that a lock is tried that somebody else has: a second in all.
    static let lockTriesMax = 100
    /// Microseconds between two tries.
    static let lockTryMicroseconds: UInt32 = 10_000
    /// Bytes that are copied or written again at a time.
    static let copiedBytes = 1 << 20
    /// Changes of one simulated file or folder that wait to be durable: the oldest of more are written back, as every system
    /// does in time.
    static let pendingChangesMax = 4_096
    /// Bytes that a simulated device writes as one: a power failure leaves a sector old or new.
    static let sectorBytes = 512
}
