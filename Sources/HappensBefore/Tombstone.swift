import Causality

/// What was dropped of an execution: its first events, up to a consistent cut. Their order and what they had seen is known only as
/// far as what is kept tells, and what their processes knew at the cut.
package struct Tombstone: Hashable, Sendable {
    /// When something of it was last dropped.
    package var time: WallTime
    /// How many events were, in all.
    package var eventCount: Int
    /// The latest wall time of an event that was dropped; nil where none had one.
    package var newest: WallTime?
    /// By which rule, as an operator gave it.
    package var rule: String

    package init(time: WallTime, eventCount: Int, newest: WallTime?, rule: String) {
        self.time = time
        self.eventCount = eventCount
        self.newest = newest
        self.rule = rule
    }
}
