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
        /// A source gave one sequence number to two different events.
        case duplicate
        /// Several runs of one name and incarnation, or one run that goes on in two ways.
        case fork
        /// A clock or a cause names a process by a name that several bear.
        case ambiguousName = "ambiguous-name"
        /// Events of which each has seen the next, and the last the first.
        case cycle
        /// A clock cites an event beyond the last one that is here of its process.
        case ghost
        /// A receive names a sender whose own source does not call it one.
        case notASend = "not-a-send"
        /// A receive whose send has already seen it.
        case receiveBeforeSend = "receive-before-send"
        /// A receive that does not know all that its send knew.
        case knowledgeLost = "knowledge-lost"
        /// Lines of a source that could not be read as events.
        case unmatchedLine = "unmatched-line"
        /// Bytes of a segment that cannot be read.
        case damagedFrame = "damaged-frame"
        /// A note: a process's wall clock ran backwards.
        case wallClockBackwards = "wall-clock-backwards"
        /// A note: a message arrived at an earlier wall time than it was sent.
        case wallClockDisagrees = "wall-clock-disagrees"

        /// True for what summaries count: not notes, nor what they count as something else, as a gap or as a line.
        package var isCounted: Bool { !isNote && self != .ghost && self != .unmatchedLine }

        /// True where this says nothing against the causal order.
        package var isNote: Bool { self == .wallClockBackwards || self == .wallClockDisagrees }
    }
}
