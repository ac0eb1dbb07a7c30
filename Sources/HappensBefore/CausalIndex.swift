import Causality

/// All that questions of order need of the history of one execution, wherever it is kept: in memory (`History`), or in files.
/// The questions themselves are written once, on top of it.
///
/// A process has an index, 0 and up: first those that are here, then those that are only cited. Its events have positions,
/// 0 and up, in the order of their sequence numbers. `History` never fails; what reads files does where these are damaged.
package protocol CausalIndex: Sendable {
    associatedtype Failure: Error

    var execution: String { get }
    /// How many processes are here or cited.
    var processCount: Int { get }
    /// The index of a process that is here or cited, or nil.
    func index(of process: ProcessID) throws(Failure) -> Int?
    /// What a process is called, unlike any other process of the history.
    func id(of process: Int) throws(Failure) -> ProcessID
    /// What is known of a process as a whole.
    func facts(of process: Int) throws(Failure) -> ProcessFacts
    /// What of a process is known to exist and is not here, ascending.
    func gaps(of process: Int) throws(Failure) -> [Gap]
    /// Which sequence numbers of a process are here.
    func sequences(of process: Int) throws(Failure) -> SequenceRuns
    /// How many of its first events were dropped: of these is known what later ones tell of their order, and nothing else.
    func droppedCount(of process: Int) throws(Failure) -> Int
    /// What knowing any event of a process implies: what it goes on from.
    func implied(by process: Int) throws(Failure) -> [EventKey]
    /// The processes that are cited and not here, and may go on from others, in listing order.
    func unlinkedProcesses() throws(Failure) -> [Int]
    /// The events of which an operator says that no message came there.
    func ruledOut() throws(Failure) -> [EventKey]
    /// The event that gives an operator's word that no message came at another; nil where none does.
    func ruling(on event: EventKey) throws(Failure) -> EventKey?

    /// What the event at a place knows of another process, 0 where nothing. O(log n).
    func known(of process: Int, at place: EventPosition) throws(Failure) -> UInt64
    /// Everything that the event at a place knows of others: by process, ascending.
    func known(at place: EventPosition) throws(Failure) -> [EventKey]
    /// By what the knowledge of others grew along a range of positions: ascending by position, then process.
    /// O(known processes · log n + what it grew by).
    func learned(by process: Int, in positions: Range<Int>) throws(Failure) -> [Arrival]
    /// The position of the first event of another process that knows `event`, or nil. O(log n).
    func firstPosition(knowing event: EventKey, in process: Int) throws(Failure) -> Int?
    /// Why what is known of the knowledge of the event at a place is a lower bound; nil where it is exact.
    func uncertainty(at place: EventPosition) throws(Failure) -> Uncertainty?
    /// Up to where, from the position of `place` on, no event's knowledge is uncertain, as far as is known without looking at
    /// each: that position itself where its event's is. O(log n).
    func certainEnd(from place: EventPosition) throws(Failure) -> Int
    /// The first position from that of `place` on whose event's knowledge is exact, or nil.
    func firstCertain(from place: EventPosition) throws(Failure) -> Int?
    /// What the receivers of the message of a send that is not here learned by it, all of which it had seen.
    func learned(fromMissing send: EventKey) throws(Failure) -> [EventKey]
    /// The stamp of the event at a place, as its source wrote it.
    func stamp(at place: EventPosition) throws(Failure) -> Stamp
}

/// What is known of a process as a whole.
package struct ProcessFacts: Hashable, Sendable {
    /// What it is called, unlike any other process of the history.
    package var id: ProcessID
    /// What its frames say of it; nil for a process that is only cited.
    package var key: ProcessKey?
    /// Where its run is there more than once, what tells its branch from others; nil for what they have in common.
    package var branch: Identity128?
    /// Where its run is there more than once: from where on.
    package var fork: Fork?
    /// For what is only cited: why it is no process.
    package var standIn: StandIn?
    /// Those that stand for it or for another, which cannot be told.
    package var standIns: [Int] = []
    /// True for a process that is only cited, and may go on from others.
    package var isUnlinked = false
    /// How many of its events are here.
    package var count = 0
    /// The first and the last sequence number here, 0 where there is none.
    package var first: UInt64 = 0
    package var last: UInt64 = 0
    /// The highest sequence number that any clock or cause cites.
    package var citedMax: UInt64 = 0

    package init(id: ProcessID, key: ProcessKey?) {
        self.id = id
        self.key = key
    }

    /// The machine; empty for a process that is only cited.
    package var host: String { key?.host ?? "" }
    /// The highest sequence number that is known to exist.
    package var end: UInt64 { standIn == nil ? max(last, citedMax) : 0 }
}

extension CausalIndex {
    package func certainEnd(from place: EventPosition) throws(Failure) -> Int {
        try uncertainty(at: place) == nil ? place.position + 1 : place.position
    }

    /// The place of an event that is here, or nil. O(log n).
    package func position(of event: EventID) throws(Failure) -> EventPosition? {
        guard let process = try index(of: event.process),
            let position = try sequences(of: process).position(of: event.sequence)
        else { return nil }
        return EventPosition(process: process, position: position)
    }

    /// The name of the event at a place.
    package func id(_ place: EventPosition) throws(Failure) -> EventID {
        try id(key(place))
    }

    func key(_ place: EventPosition) throws(Failure) -> EventKey {
        EventKey(
            process: place.process, sequence: try sequences(of: place.process)[place.position])
    }

    func id(_ key: EventKey) throws(Failure) -> EventID {
        EventID(try id(of: key.process), key.sequence)
    }

    /// The event that is called so; nil where nothing of its process is known, or it may be one of several.
    func key(_ id: EventID) throws(Failure) -> EventKey? {
        guard let process = try index(of: id.process) else { return nil }
        return try fork(of: id) == nil ? EventKey(process: process, sequence: id.sequence) : nil
    }

    /// Where a run goes on in several ways before an event that is called so: it may be one of any of them; nil where it is none
    /// or one.
    func fork(of id: EventID) throws(Failure) -> Fork? {
        guard let process = try index(of: id.process) else { return nil }
        let facts = try facts(of: process)
        guard let fork = facts.fork, facts.branch == nil, id.sequence >= fork.sequence else {
            return nil
        }
        return fork
    }

    /// The last event of a process that was dropped; nil where none was.
    package func lastDropped(of process: Int) throws(Failure) -> EventID? {
        let count = try droppedCount(of: process)
        guard count > 0 else { return nil }
        return EventID(try id(of: process), try sequences(of: process)[count - 1])
    }

    /// Whether an event is here: neither missing nor dropped. O(log n).
    package func isHere(_ event: EventKey) throws(Failure) -> Bool {
        guard let position = try sequences(of: event.process).position(of: event.sequence) else {
            return false
        }
        return try position >= droppedCount(of: event.process)
    }

    /// The processes in listing order. O(processes · log processes).
    package func listedProcesses() throws(Failure) -> [Int] {
        var ids: [ProcessID] = []
        for process in 0..<processCount { ids.append(try id(of: process)) }
        return ids.indices.sorted { listingOrder(ids[$0], ids[$1]) }
    }

    /// By process, its place in listing order. O(processes · log processes).
    package func listingRanks() throws(Failure) -> [Int] {
        var ranks = [Int](repeating: 0, count: processCount)
        for (rank, process) in try listedProcesses().enumerated() { ranks[process] = rank }
        return ranks
    }

    /// How many events are here. O(processes).
    package func countEvents() throws(Failure) -> Int {
        var count = 0
        for process in 0..<processCount { count += try sequences(of: process).count }
        return count
    }

    /// Every gap, process by process.
    package func allGaps() throws(Failure) -> [Gap] {
        var all: [Gap] = []
        for process in 0..<processCount { all += try gaps(of: process) }
        return all
    }

    /// What the event at a place, or the last one before a number, knows of a process: its own number for its own. O(log n).
    func known(of process: Int, upTo event: EventKey) throws(Failure) -> UInt64 {
        if process == event.process { return event.sequence }
        let floor = try sequences(of: event.process).count(upTo: event.sequence) - 1
        guard floor >= 0 else { return 0 }
        return try known(of: process, at: EventPosition(process: event.process, position: floor))
    }

    /// The position of the first event of `process` that is `event` or has seen it. O(log n).
    package func firstKnower(of event: EventKey, in process: Int) throws(Failure) -> Int? {
        guard process == event.process else {
            return try firstPosition(knowing: event, in: process)
        }
        let sequences = try sequences(of: process)
        let position = event.sequence == 0 ? 0 : sequences.count(upTo: event.sequence - 1)
        return position < sequences.count ? position : nil
    }
}
