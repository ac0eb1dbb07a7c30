/// What one event has seen: for each process the highest sequence number known. A missing process is 0.
///
/// Fidge (1988) and Mattern (1989), "Virtual Time and Global States of Distributed Systems".
/// Clocks are partially ordered, so they are not `Comparable`: use `order(relativeTo:)`.
package struct VectorClock: Hashable, Sendable {
    /// The entries above 0.
    package private(set) var entries: [ProcessReference: UInt64]

    package init() { entries = [:] }

    /// Entries of 0 are left out: they say nothing.
    package init(_ entries: [ProcessReference: UInt64]) {
        self.entries = entries.filter { $0.value > 0 }
    }

    /// A clock that names processes.
    package init(_ entries: [ProcessID: UInt64]) {
        self.init(Dictionary(uniqueKeysWithValues: entries.map { (.named($0.key), $0.value) }))
    }

    /// The entry of a process by its name. O(1).
    package subscript(process: ProcessID) -> UInt64 {
        get { self[.named(process)] }
        set { self[.named(process)] = newValue }
    }

    /// The highest sequence number of `process` that is known here, 0 where none is. O(1).
    package subscript(process: ProcessReference) -> UInt64 {
        get { entries[process] ?? 0 }
        set { entries[process] = newValue == 0 ? nil : newValue }
    }

    /// Makes this the least clock that has seen what either has seen. O(entries of `other`).
    ///
    /// Commutative, associative and idempotent.
    package mutating func merge(_ other: VectorClock) {
        entries.merge(other.entries) { max($0, $1) }
    }

    /// True where every entry of `other` is known here too. O(entries of `other`).
    package func covers(_ other: VectorClock) -> Bool {
        other.entries.allSatisfy { self[$0.key] >= $0.value }
    }

    /// The order of the moments that two clocks stand for. O(entries of both).
    package func order(relativeTo other: VectorClock) -> CausalOrder {
        switch (covers(other), other.covers(self)) {
        case (true, true): .equal
        case (true, false): .after
        case (false, true): .before
        case (false, false): .concurrent
        }
    }

    /// True where the moment of this clock has seen `event`. O(1).
    package func hasSeen(_ event: EventID) -> Bool { self[event.process] >= event.sequence }
}
