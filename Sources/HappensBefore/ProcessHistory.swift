import Causality

/// All that is here of one process, ordered by sequence number, and what its events know of the others.
package struct ProcessHistory: Sendable {
    /// What it is called, unlike any other process of the history.
    package internal(set) var id: ProcessID
    /// What its frames say of it; nil for a process that is only cited.
    package internal(set) var key: ProcessKey?
    let identity: LineIdentity?
    var runs = SequenceRuns()
    /// Wall time by position; `EventBatch.noTime` where there is none.
    var times = Column<Int64>()
    var kinds = Column<EventKind>()
    /// The stamps, where they change. Of events that are put away, only where something was lost.
    package internal(set) var stamps: [StampRun] = []
    /// True where some event's source says something of messages.
    var speaks = false
    /// What the stamps say of others, by citation: never less than before (the order of one process alone already implies
    /// what an earlier event knew).
    var stamped = KnowledgeLog()
    /// The causes and rulings as they were written, ascending by position.
    var writtenCauses: [WrittenReference] = []
    var writtenRulings: [WrittenReference] = []
    /// Where runs of events that lie together begin: ascending positions.
    var blockStarts: [BlockStart] = []
    /// Where the last event came from.
    var tail = Tail()
    /// By citation what the stamp of the last event says of it, where that is less than `stamped` has: 0 where it left it out.
    var understated: [Int: UInt64] = [:]
    /// Where stamps say less of something than `stamped` has: that it was left out, or a lower number. Ascending positions.
    var lowered: [LoweredEntry] = []
    /// Stamps that know less than the stamp before them.
    var regressions: [Regression] = []
    /// Holes that one block has in itself: its source jumped.
    var sourceHoles: [ClosedRange<UInt64>] = []
    /// The highest sequence number of events that are known to be lost.
    var expectedMax: UInt64 = 0

    // Derived.
    /// What the events know of other processes: never less than before. Where events are put away, what the last one of them
    /// knows is known from its position on.
    package internal(set) var known = KnowledgeTable()
    /// Recorded causes, ascending by position.
    var causes: [RecordedCause] = []
    /// What its receives learned from sends that are not here.
    var receipts: [Receipt] = []
    /// Where knowledge is a lower bound, and why; ascending positions.
    package internal(set) var uncertainty: [UncertainRun] = []
    /// The highest sequence number that any clock or cause cites.
    package internal(set) var citedMax: UInt64 = 0
    /// What knowing any event of this process implies: what it goes on from.
    var implied: [EventKey] = []
    /// True for a process that is only cited, and may go on from others: one of `History.unlinked`.
    var isUnlinked = false
    /// For what is only cited: why it is no process.
    package internal(set) var standIn: StandIn?
    /// The sequence numbers that an operator's word covers, and the event that gives it.
    var rulings: [UInt64: EventKey] = [:]

    init(key: ProcessKey, identity: LineIdentity) {
        id = key.process
        self.key = key
        self.identity = identity
    }

    /// A process that is only cited.
    init(cited id: ProcessID, standIn: StandIn? = nil) {
        self.id = id
        self.standIn = standIn
        identity = nil
    }

    /// The machine; empty for a process that is only cited.
    package var host: String { key?.host ?? "" }
    /// How many events of the process are here.
    package var count: Int { runs.count }
    /// The first sequence number here, 0 where there is none.
    package var first: UInt64 { count == 0 ? 0 : runs[0] }
    /// The last sequence number here, 0 where there is none.
    package var last: UInt64 { runs.last }
    /// The highest sequence number that is known to exist.
    package var end: UInt64 { standIn == nil ? max(last, citedMax) : 0 }

    /// The sequence number of the event at `position`.
    package func sequence(at position: Int) -> UInt64 { runs[position] }
    /// The position of the event with this sequence number, or nil where it is not here. O(log n).
    package func position(of sequence: UInt64) -> Int? { runs.position(of: sequence) }
    /// How many events up to this sequence number are here. O(log n).
    package func count(upTo sequence: UInt64) -> Int { runs.count(upTo: sequence) }
    /// The wall time of the event at `position`.
    package func time(at position: Int) -> WallTime? {
        times[position] == EventBatch.noTime ? nil : WallTime(nanoseconds: times[position])
    }
    /// True where some event has a wall time. O(n) where none has.
    package var hasTimes: Bool { times.contains { $0 != EventBatch.noTime } }
    /// The kind that was recorded for the event at `position`.
    package func kind(at position: Int) -> EventKind { kinds[position] }

    /// The stamp of the event at `position`, as its source wrote it. O(log runs).
    package func stamp(at position: Int) -> Stamp {
        stamps[partitionPoint(count: stamps.count) { stamps[$0].position <= position } - 1].stamp
    }

    /// What clocks that go on from the last event go on from.
    struct Tail: Sendable {
        var source: Identity128?
        /// True where the last event is put away, and whatever goes on from its number goes on from it.
        var isResumed = false
        /// True where that clock goes on itself from one that cannot be read.
        var isBroken = false
    }

    /// What is missing: holes, and what is cited beyond the last event.
    package var gaps: [Gap] {
        guard standIn == nil else { return [] }
        return runs.holes(upTo: end).filter { $0.upperBound >= firstMissable }.map {
            Gap(
                process: id, first: max($0.lowerBound, firstMissable), last: $0.upperBound,
                isLost: isCountedLoss($0))
        }
    }

    /// Below it a branch has nothing of its own.
    var firstMissable: UInt64 = 1

    /// Whether the event behind a hole says that those in it were lost on their way.
    private func isCountedLoss(_ hole: ClosedRange<UInt64>) -> Bool {
        guard let next = position(of: hole.upperBound + 1),
            case .lossy(let loss) = stamp(at: next)
        else { return false }
        return loss.since == runs[next] && loss.reason == .eventsLost
    }

    func isUncertain(at position: Int) -> Bool { uncertainty(at: position) != nil }

    /// Why the knowledge of the event at `position` is a lower bound; nil where it is exact. O(log runs).
    func uncertainty(at position: Int) -> Uncertainty? {
        let index =
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        return index < 0 ? nil : uncertainty[index].why
    }

    /// The first position from `position` on whose knowledge is exact, or nil. O(log runs + uncertain runs).
    func firstCertain(from position: Int) -> Int? {
        var index =
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        guard index >= 0, uncertainty[index].why != nil else { return position }
        while index < uncertainty.count, uncertainty[index].why != nil { index += 1 }
        return index < uncertainty.count ? uncertainty[index].position : nil
    }

    /// What the stamp of the last event says of a citation, as it was written. O(log n).
    func lastStamped(_ citation: Int) -> UInt64 {
        understated.isEmpty
            ? stamped.clock[citation] : understated[citation] ?? stamped.clock[citation]
    }

    /// The stamp of the last event as it was written, by citation. O(what the stamps say).
    var lastStamp: [Int: UInt64] {
        var stamp: [Int: UInt64] = [:]
        for key in stamped.clock.keys { stamp[key.process] = key.sequence }
        for (citation, value) in understated { stamp[citation] = value == 0 ? nil : value }
        return stamp
    }

    /// The causes recorded for the event at `position`. O(log n + causes).
    func causes(at position: Int) -> ArraySlice<RecordedCause> {
        let first = partitionPoint(count: causes.count) { Int(causes[$0].position) < position }
        var end = first
        while end < causes.count, Int(causes[end].position) == position { end += 1 }
        return causes[first..<end]
    }

    /// The only cause recorded for the event at `position`; nil where it has none, or several. O(log n).
    func loneCause(at position: Int) -> EventKey? {
        let first = partitionPoint(count: causes.count) { Int(causes[$0].position) < position }
        func isThere(_ place: Int) -> Bool {
            place < causes.count && Int(causes[place].position) == position
        }
        return isThere(first) && !isThere(first + 1) ? causes[first].key : nil
    }
}

/// Why something that is cited is no process of its own.
package enum StandIn: Hashable, Sendable {
    /// One of several processes that bear one name.
    case name(ProcessID)
    /// One branch of a run that is there more than once.
    case fork(ProcessID, Fork)
    /// An event of this process that its own source does not call a send, though somebody claims to have its message.
    case claim(ProcessID)
}

/// Sequence numbers of one process that are known to exist and are not here.
package struct Gap: Hashable, Sendable, CustomStringConvertible {
    package let process: ProcessID
    package let first: UInt64
    package let last: UInt64
    /// True where the process itself counted them as lost: they will not come.
    package let isLost: Bool

    package var description: String {
        let verb = isLost ? "lost" : "missing"
        return first == last
            ? "\(process) \(first) is \(verb)" : "\(process) \(first)–\(last) are \(verb)"
    }

    package init(process: ProcessID, first: UInt64, last: UInt64, isLost: Bool = false) {
        self.process = process
        self.first = first
        self.last = last
        self.isLost = isLost
    }

    func contains(_ sequence: UInt64) -> Bool { (first...last).contains(sequence) }
}

/// A cause, or what an event rules out, as it was written.
struct WrittenReference: Sendable {
    var position: UInt32
    var citation: Int
    var sequence: UInt64
    var evidence: Evidence
}

struct RecordedCause: Sendable {
    var position: UInt32
    var process: Int
    var sequence: UInt64
    var evidence: Evidence

    var key: EventKey { EventKey(process: process, sequence: sequence) }
}

/// What an event learned by the message of a send that is not here, which had seen it then.
struct Receipt: Sendable {
    var position: Int
    var send: EventKey
    var learned: EventKey
}

/// From a position on, the stamp is of this quality.
package struct StampRun: Hashable, Sendable {
    package var position: Int
    package var stamp: Stamp

    package init(position: Int, stamp: Stamp) {
        self.position = position
        self.stamp = stamp
    }
}

/// From a position on, knowledge is a lower bound for this reason, or exact.
package struct UncertainRun: Hashable, Sendable {
    package var position: Int
    package var why: Uncertainty?

    package init(position: Int, why: Uncertainty?) {
        self.position = position
        self.why = why
    }
}

/// Why the knowledge of an event is a lower bound.
package enum Uncertainty: Hashable, Sendable {
    /// Because of an event that it has seen (or that was just before it), which is missing or uncertain itself.
    case event(EventKey)
    /// Because its stamp lacks something.
    case loss(Loss)
    /// Because its source says nothing of messages.
    case silence
    /// Because it is a restart that does not say where it goes on from.
    case origin
    /// Because it received a message whose sender is not named.
    case sender(EventKey)
    /// Because it was dropped.
    case dropped
}

/// From a position on, a stamp has less of what a citation means than an earlier one had; 0 where it left it out.
struct LoweredEntry: Sendable {
    var position: Int
    var citation: Int
    var value: UInt64
}

struct BlockStart: Sendable {
    var position: Int
    var frame: Int
    var row: Int
}

struct Regression: Sendable {
    var position: UInt32
    var citation: Int
    var from: UInt64
    var to: UInt64
}
