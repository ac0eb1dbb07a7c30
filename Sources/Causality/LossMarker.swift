/// What is said of events that a program could not record, by the event after them: the program's own when it can write again,
/// or its agent's when it ended before that. What that event had seen is for the one who writes it to say.
package struct LossMarker: Sendable {
    package static let name = "events lost"
    package static let kind = EventKind.local
    package static let level = Level.warning

    /// The numbers of the lost events.
    package let lost: ClosedRange<UInt64>
    /// Why they are lost.
    package let reason: String

    package init(lost: ClosedRange<UInt64>, reason: String) {
        self.lost = lost
        self.reason = reason
    }

    /// The numbers that a program says it could not record; nil for an event that is no marker, and for an agent's, which knows of no
    /// more than what it found.
    package static func lost(by event: Event) -> ClosedRange<UInt64>? {
        guard event.kind == kind, ExactText.isSame(event.name, name) else { return nil }
        if case .lossy(let loss) = event.stamp, loss.since == event.id.sequence,
            loss.reason == .eventsLost
        {
            return nil
        }
        func number(_ key: String) -> UInt64? {
            let found = event.attributes.first { ExactText.isSame($0.key, key) }
            guard case .json(let text)? = found?.value else { return nil }
            return UInt64(text)
        }
        guard let count = number("lost"), let first = number("first"), count > 0, first > 0,
            event.id.sequence > count, event.id.sequence - count == first
        else { return nil }
        return first...event.id.sequence - 1
    }

    package var text: String {
        let range = lost.count == 1 ? "\(lost.lowerBound)" : "\(lost.lowerBound)–\(lost.upperBound)"
        return "\(lost.count) event\(lost.count == 1 ? "" : "s") (\(range)) could not be recorded: "
            + reason
    }

    package var attributes: [Attribute] {
        [
            Attribute("lost", .json("\(lost.count)")),
            Attribute("first", .json("\(lost.lowerBound)")),
        ]
    }
}
