import Causality

/// The limits of one graph.
package enum Limits {
    /// Events of one process in one graph: positions are 32 bits wide.
    package static let eventsOfProcessMax = Int(UInt32.max)
    /// Defects of one kind that are listed one by one; the rest are counted. A person reads a few.
    package static let defectsOfKindMax = 1_000
    /// Runs of one name that a defect shows.
    package static let forksShownMax = 20
    /// Entries that are looked up one by one; of more, all that an event knows is read: a look-up costs a binary search, and an
    /// event of a large system knows hundreds.
    static let lookupsMax = 32
    /// Steps of one process's knowledge after which a sweep keeps what is known, at the least: 16 KB of them.
    static let stepsBetweenCheckpoints = 1_024
    /// In the place of a number that is known only where all is that an event had seen: no event has it.
    static let neverCovered = Causality.Limits.sequenceMax
    /// Events between two looks at whether an answer is still wanted: well below a millisecond of work.
    static let rowsBetweenChecks = 1_024
}
