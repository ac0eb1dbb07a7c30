import Causality

/// A contradiction in recorded history, or a note on its wall clocks. Reported, never repaired.
package struct Defect: Hashable, Sendable {
    package let kind: Kind
    /// The events concerned, the one to look at first in front.
    package let events: [EventID]
    /// What is wrong, for a stranger.
    package let text: String

    package init(_ kind: Kind, _ events: [EventID], _ text: String) {
        self.kind = kind
        self.events = events
        self.text = text
    }

    package enum Kind: String, Sendable, CaseIterable {
        /// A stamp knows less than the stamp before it on the same process.
        case clockBackwards = "clock-backwards"
        /// A source went on with a higher sequence number than the next one.
        case clockJump = "clock-jump"
        /// Two events claim one process and sequence number.
        case duplicate
        /// Events of which each has seen the next, and the last the first.
        case cycle
        /// A clock cites an event beyond the last one that is here of its process.
        case ghost
        /// A receive whose send has already seen it, or is itself a receive.
        case receiveBeforeSend = "receive-before-send"
        /// A receive that does not know all that its send knew.
        case knowledgeLost = "knowledge-lost"
        /// Lines of a source that could not be read as events.
        case unmatchedLine = "unmatched-line"
        /// Bytes of a segment that cannot be read.
        case damagedBlock = "damaged-block"
        /// A note: a process's wall clock ran backwards.
        case wallClockBackwards = "wall-clock-backwards"
        /// A note: a message arrived at an earlier wall time than it was sent.
        case wallClockDisagrees = "wall-clock-disagrees"

        /// True where this says nothing against the causal order.
        package var isNote: Bool { self == .wallClockBackwards || self == .wallClockDisagrees }
    }
}
