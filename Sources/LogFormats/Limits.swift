import Causality

/// The limits of reading logs, beside those of events (`Causality.Limits`).
package enum Limits {
    /// Bytes that are looked at together: a pending record, the line after it, and room for
    /// progress.
    static let windowBytesMax = 3 * Causality.Limits.eventBytesMax
    /// Bytes of the first text that a pattern is tried on; it doubles while no whole match lies in
    /// it.
    static let searchBytesMin = 4096
    /// Lines of a match up to which it is looked for one of fewer: each costs a search, and records have a few.
    static let linesOfShortestMax = 16
    /// Bytes of text without a match that are kept, in case a record begins in them.
    static let keptBytesMax = 64 * 1024
    /// Records in one line: bounds the time that a pattern which looks far ahead can take.
    static let recordsPerLineMax = 1024
    /// Executions of one file: each name is remembered, to tell when it comes again.
    static let executionsMax = 4_096
    /// Processes of one file whose last sequence number is remembered: beyond it a checkpoint grows too large.
    static let processesMax = 4_096
    /// Bytes of names that are remembered, so that each is looked at once.
    static let keptNameBytesMax = 4 << 20
    /// Words for levels and kinds that are remembered.
    static let wordsKeptMax = 256
    /// Entries of clocks that are remembered, to tell what changed: 16 MiB.
    static let clockEntriesKeptMax = 1 << 20
    /// Lines whose keys are remembered, to suggest one where a field map names a key that is nowhere.
    static let sampledLinesMax = 1_000
    /// Keys that are remembered then: clocks may be keyed by a thousand processes.
    static let sampledKeysMax = 4_096
    /// How deep they are looked for.
    static let sampledDepthMax = 6
    /// Keys that a message lists.
    static let shownKeysMax = 10
    /// Letters of a name from which on two wrong ones are a misspelling and not another name.
    static let longNameLetters = 6
    /// Bytes of evidence that a reason quotes.
    static let quotedBytesMax = 120
    /// Bytes at the beginning of a plain line in which a level is looked for.
    static let levelBytesMax = 64
    /// Bytes at the beginning of a plain line in which the time of an access is looked for, behind who asked.
    static let accessBytesMax = 256
    /// Bytes at the beginning of a plain line in which time and level are looked for as `key=value`.
    static let pairsBytesMax = 1_024
    /// Years that are tried for a time that says none: between two 29 February lie eight, where a century does.
    static let yearsTriedMax = 9
    /// Digits of a number at the beginning of a line from which on it is a time: seconds since
    /// 2001.
    static let epochDigitsMin = 10
    /// Events that a client may say at one time that it lost.
    static let lostMax: UInt64 = 1 << 40
}
