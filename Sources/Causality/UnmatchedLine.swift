/// A line that could not be read as an event, or as part of one.
package struct UnmatchedLine: Hashable, Sendable {
    /// 1, 2, 3 … in its file.
    package var line: UInt64
    /// The execution that it stood in.
    package var execution: String
    package var reason: String
    /// Its beginning, at most `Limits.unmatchedLineBytesMax` bytes.
    package var text: String

    package init(line: UInt64, execution: String, reason: String, text: String) {
        self.line = line
        self.execution = execution
        self.reason = reason
        self.text = text
    }
}
