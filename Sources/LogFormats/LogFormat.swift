import Causality

/// How a log is written.
package enum LogFormat: Sendable, Hashable {
    /// GoVector: `PID {clock}`, then the message, up to the next such line.
    case govector
    /// A pattern with the named groups host, clock and event, as in ShiViz; the matches of
    /// `delimiter` separate executions, which its group trace names.
    case regex(pattern: String, delimiter: String?)
    /// A file whose first two lines are the pattern and the delimiter (or blank), then as `regex`.
    case shiviz
    /// One JSON object a line. `fields` names for some of our words (process, host, execution,
    /// kind, name, text, level, time, seq, clock, cause) and for attributes (any other name, or
    /// `attr.` and any name) the key that the log has for it, or the path to it in nested objects,
    /// such as `pkt.vc`; our other words stand for themselves. Without it, Lightcone's own keys, or
    /// those of the DistributedClocks tracing library.
    /// With `declaresMessages` the lines tell of every message, also those without a clock, a kind or a cause.
    case jsonl(fields: [String: String]?, declaresMessages: Bool = false)
    /// Plain lines, without clocks. With `multiline`, a pattern, an event begins at each line that matches it, and has the lines
    /// up to the next such line: a stack trace is one event.
    case text(multiline: String? = nil)
}

/// What was read: events, and lines that are none and no part of one.
package struct LogSink: Sendable {
    package var batch = EventBatch()
    /// The first unmatched lines since they were taken last.
    package private(set) var unmatched: [UnmatchedLine] = []
    /// How many there were.
    package private(set) var unmatchedCount: UInt64 = 0
    private let unmatchedMax: Int

    /// - Parameter unmatchedMax: How many unmatched lines are kept; the others are counted.
    package init(unmatchedMax: Int = 100) { self.unmatchedMax = unmatchedMax }

    mutating func addUnmatched(_ line: () -> UnmatchedLine) {
        unmatchedCount += 1
        if unmatched.count < unmatchedMax { unmatched.append(line()) }
    }

    /// The unmatched lines, which are forgotten here.
    package mutating func takeUnmatched() -> (lines: [UnmatchedLine], count: UInt64) {
        defer { (unmatched, unmatchedCount) = ([], 0) }
        return (unmatched, unmatchedCount)
    }
}

/// Why a log cannot be read as asked: a bad pattern or field map, or a stored state that is not
/// ours.
package struct LogFormatError: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Why a record is no event: the reason that its lines are reported with.
struct RecordDefect: Error {
    let reason: String

    init(_ reason: String) { self.reason = reason }
}
