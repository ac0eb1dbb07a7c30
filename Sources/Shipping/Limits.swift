/// The limits of shipping.
package enum Limits {
    /// Bytes of one request: what a collector takes.
    package static let requestBytesMax = 8 << 20
    /// Bytes that the frames of one request expand to: half of what a collector takes.
    static let requestExpandedBytesMax = 256 << 20
    /// Seconds until a connection that is not answered is given up.
    static let connectSecondsMax: Int64 = 10
    /// Seconds until a request without an answer is given up and tried again.
    static let requestSecondsMax: Int64 = 60
    /// Milliseconds before the first retry; each further one waits up to twice as long.
    package static let retryMillisecondsMin = 100
    /// Milliseconds that a retry waits at the most.
    package static let retryMillisecondsMax = 15_000
    /// Bytes of an error's text that are read.
    static let errorBytesMax = 64 * 1024
}
