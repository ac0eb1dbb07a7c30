/// How a message edge is known: an answer is as strong as the weakest edge that it needs. The numbers are on disk: never renumbered.
package enum Evidence: UInt8, Sendable, CaseIterable {
    /// It travelled with the message.
    case token = 1
    /// Vector clocks imply it.
    case clock = 2
    /// Both ends wrote the same key: a log's line names the event that it has a message of.
    case key = 3
    /// A stated rule of the source, or an operator's word.
    case rule = 4

    /// The word for it in JSON and text.
    package var text: String {
        switch self {
        case .token: "token"
        case .clock: "clock"
        case .key: "key"
        case .rule: "rule"
        }
    }
}

/// A send that a receive got a message from, and how that is known. A receive may have several.
package struct Cause: Hashable, Sendable {
    package var event: EventReference
    package var evidence: Evidence

    package init(_ event: EventReference, _ evidence: Evidence) {
        self.event = event
        self.evidence = evidence
    }
}
