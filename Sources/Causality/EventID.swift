/// Names one event: its process and its sequence number there, written `web-1/api:1047`.
public struct EventID: Hashable, Sendable {
    /// Whose event it is.
    public var process: ProcessID
    /// 1, 2, 3 … on each process.
    public var sequence: UInt64

    /// The event with a sequence number on a process.
    public init(_ process: ProcessID, _ sequence: UInt64) {
        self.process = process
        self.sequence = sequence
    }
}

extension EventID: CustomStringConvertible {
    /// The id as text, `PROCESS:SEQ`.
    public var description: String { "\(process):\(sequence)" }

    /// Reads `PROCESS:SEQ`; nil where there is no `:` followed by a number from 1 to `Limits.sequenceMax`.
    package init?(text: String) {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex,
            let sequence = UInt64(text[text.index(after: colon)...]),
            (1...Limits.sequenceMax).contains(sequence)
        else { return nil }
        self.init(ProcessID(text: String(text[..<colon])), sequence)
    }
}

/// The order in which listings show events where nothing else decides: by process, then sequence number.
package func listingOrder(_ a: EventID, _ b: EventID) -> Bool {
    a.process == b.process ? a.sequence < b.sequence : listingOrder(a.process, b.process)
}
