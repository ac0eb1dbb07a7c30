import Causality

/// All that is here of one process, ordered by sequence number, and what its events know of the others.
package struct ProcessHistory: Sendable {
    package let id: ProcessID
    /// The host of the blocks; empty for a process that is only cited.
    package internal(set) var host: String
    var runs = SequenceRuns()
    /// Wall time by position; `CausalColumns.noTime` where there is none.
    var times: [Int64] = []
    var kinds: [EventKind] = []
    /// Recorded causes, ascending by position.
    var causes: [RecordedCause] = []
    /// What the stamps say of other processes, by process index: never less than before (the order of
    /// one process alone already implies what an earlier event knew).
    var stamped: [Int: StepFunction] = [:]
    /// `stamped`, or where stamps are incomplete what follows from stamps and causes together.
    var known: [Int: StepFunction] = [:]
    /// Positions whose own stamp is only a lower bound, ascending.
    var incomplete: [UInt32] = []
    /// False where some event of the process came without any stamp.
    package internal(set) var hasClocks = true
    /// Positions whose knowledge is a lower bound even after the causes were followed, ascending.
    var uncertain: [UInt32] = []
    /// Where each block's events begin: ascending positions.
    var blockStarts: [BlockStart] = []
    /// The stamp of the last event as it was written, for the comparison with the next one.
    var lastStamp: [Int: UInt64] = [:]
    /// Stamps that know less than the stamp before them.
    var regressions: [Regression] = []
    /// Sequence numbers that came more than once.
    var overlaps: [Overlap] = []
    /// Holes that one block has in itself: its source jumped.
    var sourceHoles: [ClosedRange<UInt64>] = []
    /// The highest sequence number that any clock or cause cites.
    var citedMax: UInt64 = 0

    init(id: ProcessID, host: String) {
        self.id = id
        self.host = host
    }

    /// How many events of the process are here.
    package var count: Int { runs.count }
    /// The first sequence number here, 0 where there is none.
    package var first: UInt64 { count == 0 ? 0 : runs[0] }
    /// The last sequence number here, 0 where there is none.
    package var last: UInt64 { runs.last }

    /// The sequence number of the event at `position`.
    package func sequence(at position: Int) -> UInt64 { runs[position] }
    /// The position of the event with this sequence number, or nil where it is not here. O(log n).
    package func position(of sequence: UInt64) -> Int? { runs.position(of: sequence) }
    /// How many events up to this sequence number are here. O(log n).
    package func count(upTo sequence: UInt64) -> Int { runs.count(upTo: sequence) }
    /// The wall time of the event at `position`.
    package func time(at position: Int) -> WallTime? {
        times[position] == CausalColumns.noTime ? nil : WallTime(nanoseconds: times[position])
    }
    /// True where some event has a wall time. O(n) where none has.
    package var hasTimes: Bool { times.contains { $0 != CausalColumns.noTime } }
    /// The kind that was recorded for the event at `position`.
    package func kind(at position: Int) -> EventKind { kinds[position] }

    /// The block that holds the event at `position`, as it was named to `History.append`.
    package func block(at position: Int) -> Int {
        blockStarts[
            partitionPoint(count: blockStarts.count) { blockStarts[$0].position <= position } - 1
        ].block
    }

    /// What is missing: holes, and what is cited beyond the last event.
    package var gaps: [Gap] {
        runs.holes(upTo: max(last, citedMax)).map {
            Gap(process: id, first: $0.lowerBound, last: $0.upperBound)
        }
    }

    func isUncertain(at position: Int) -> Bool {
        let index = partitionPoint(count: uncertain.count) { Int(uncertain[$0]) < position }
        return index < uncertain.count && Int(uncertain[index]) == position
    }

    /// The first position from `position` on whose knowledge is exact, or nil. O(uncertain run).
    func firstCertain(from position: Int) -> Int? {
        var candidate = position
        var index = partitionPoint(count: uncertain.count) { Int(uncertain[$0]) < position }
        while index < uncertain.count, Int(uncertain[index]) == candidate {
            candidate += 1
            index += 1
        }
        return candidate < count ? candidate : nil
    }

    /// The cause recorded for the event at `position`, or nil. O(log n).
    func cause(at position: Int) -> RecordedCause? {
        let index = partitionPoint(count: causes.count) { Int(causes[$0].position) < position }
        return index < causes.count && Int(causes[index].position) == position ? causes[index] : nil
    }
}

/// Sequence numbers of one process that are known to exist and are not here.
package struct Gap: Hashable, Sendable, CustomStringConvertible {
    package let process: ProcessID
    package let first: UInt64
    package let last: UInt64

    package var description: String {
        first == last ? "\(process) \(first) is missing" : "\(process) \(first)–\(last) are missing"
    }

    package init(process: ProcessID, first: UInt64, last: UInt64) {
        self.process = process
        self.first = first
        self.last = last
    }

    func contains(_ sequence: UInt64) -> Bool { (first...last).contains(sequence) }
}

struct RecordedCause: Sendable {
    var position: UInt32
    var process: Int
    var sequence: UInt64
}

struct BlockStart: Sendable {
    var position: Int
    var block: Int
}

struct Regression: Sendable {
    var position: UInt32
    var process: Int
    var from: UInt64
    var to: UInt64
}

/// Two rows that claim the same sequence number: whether they say the same must be read from the blocks.
package struct Overlap: Hashable, Sendable {
    package let sequence: UInt64
    /// The block whose row is in the graph.
    package let kept: Int
    /// The block whose row is not.
    package let other: Int
}
