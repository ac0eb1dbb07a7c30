import Causality

/// A part of the graph that is one run of positions on each process, and what is known to be missing from it.
package struct Slice: Sendable {
    /// Positions, by process index.
    package let ranges: [Range<Int>]
    /// For want of what the slice may not be all: empty where it is complete.
    package let lacks: [Lack]
    /// By process index, for what more may always be added to: the cut up to which the slice is all. nil where a slice is
    /// exact once and for all.
    package let upTo: Cut?

    /// Keeps `lacks` sorted and once each, so that they do not depend on the order in which processes appeared.
    package init(ranges: [Range<Int>], lacks: [Lack], upTo: Cut? = nil) {
        self.ranges = ranges
        self.lacks = Set(lacks).sorted(by: Lack.listedBefore)
        self.upTo = upTo
    }

    /// How many events are here.
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }
    package var isComplete: Bool { lacks.isEmpty }

    package func contains(_ place: EventPosition) -> Bool {
        ranges[place.process].contains(place.position)
    }
}

/// An operator's word that no message came at an event.
package struct Ruling: Hashable, Sendable, CustomStringConvertible {
    package let event: EventID
    /// The event that gives it.
    package let by: EventID

    package var description: String {
        "taking the word of \(by) that no message came at \(event)"
    }
}
