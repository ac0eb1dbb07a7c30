import Causality

/// The limits of reading logs, beside those of events (`Causality.Limits`).
package enum Limits {
    /// Bytes that are looked at together: a pending record, the line after it, and room for
    /// progress.
    static let windowBytesMax = 3 * Causality.Limits.eventBytesMax
    /// Bytes of the first text that a pattern is tried on; it doubles while no whole match lies in
    /// it.
    static let searchBytesMin = 4096
    /// Bytes of text without a match that are kept, in case a record begins in them.
    static let keptBytesMax = 64 * 1024
    /// Records in one line: bounds the time that a pattern which looks far ahead can take.
    static let recordsPerLineMax = 1024
    /// How deep JSON may nest: no log nests deeper, and the scanner's stack stays small.
    static let nestingMax = 64
    /// Executions of one file: each name is remembered, to tell when it comes again.
    static let executionsMax = 4_096
    /// Processes of one file whose last sequence number is remembered: beyond it a checkpoint grows too large.
    static let processesMax = 4_096
    /// Bytes of evidence that a reason quotes.
    static let quotedBytesMax = 120
    /// Bytes at the beginning of a plain line in which a level is looked for.
    static let levelBytesMax = 64
    /// Digits of a number at the beginning of a line from which on it is a time: seconds since
    /// 2001.
    static let epochDigitsMin = 10
}
