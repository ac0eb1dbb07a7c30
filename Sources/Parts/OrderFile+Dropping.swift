import Causality
import HappensBefore
import Segments

// What is kept of what was dropped: a tombstone in the place of the lowest files of a stack. Of each process it has the last
// event that was dropped, what that knew, and nothing of those before it, which are *buried*: what they knew of others may be
// anything up to that.

extension OrderFileContents {
    /// What is kept of the order of events that are dropped. Nil where they contradict themselves, so that no history can go on
    /// from them. Stops where `check` throws, and throws what the files do. O(what processes know at the last cut).
    ///
    /// - Parameters:
    ///   - tombstone: What there is to say of it.
    ///   - floor: The files of the slices that are dropped, from the lowest one on.
    package init?(
        _ tombstone: Tombstone, of floor: OrderStack, check: () throws -> Void
    ) throws {
        guard let saved = try floor.resumption(),
            var history = try History(resuming: saved, on: floor)
        else { return nil }
        history.keepNames()
        try history.finish(over: floor, check: check)
        guard history.breach == nil, let resumption = history.resumption() else { return nil }
        let (lasts, tally) = try history.lastPutAway(on: floor, floor.tally())
        let messages = MessageEdges(
            noneOf: lasts.processCount, areAllKnown: floor.areAllKnown)
        let chronicle = try Chronicle(floor, history)
        var times: [(step: LogicalStep, clock: AdjustedClock)?] = []
        for process in 0..<history.processCount {
            let last = chronicle.base(of: process) - 1
            guard last >= 0,
                let there = chronicle.below(EventPosition(process: process, position: last))
            else {
                times.append(nil)
                continue
            }
            times.append(
                (
                    LogicalStep(position: last, time: try floor.logicalTime(at: there)),
                    try floor.adjustedClock(of: there.process)
                ))
        }
        self.init(
            lasts, messages, HistoryTimes(lasts: times), try floor.defects(), tally: tally,
            resumption,
            settled: history.settledProcesses(),
            settledBelow: try Self.settled(in: floor, chronicle), places: [:])
        self.tombstone = tombstone
    }
}

extension OrderFileContents {
    /// What is kept of dropped events that contradict themselves, or others of their execution: up to which number, and nothing
    /// of their order.
    ///
    /// - Parameter lasts: Of each run that has some the last one.
    package init(
        _ tombstone: Tombstone, of execution: String,
        upTo lasts: [(process: ProcessKey, last: UInt64)]
    ) {
        let history = History(execution: execution, ofDropped: lasts)
        let times = history.processes.map {
            $0.count > 0 ? (LogicalStep(position: 0, time: 1), AdjustedClock()) : nil
        }
        self.init(
            history, MessageEdges(noneOf: history.processCount, areAllKnown: false),
            HistoryTimes(lasts: times), [], tally: DefectTally(), nil, places: [:])
        self.tombstone = tombstone
    }
}

extension OrderFile {
    /// True where other files, or a history, can stand on it.
    package var canBeStoodOn: Bool { !footer.resumption.isEmpty }

    /// What was dropped, where the file is a tombstone.
    package var tombstone: Tombstone? { footer.tombstone }

    package var path: String { file.path }

    /// The wall time of the only event of a process, in nanoseconds; `EventBatch.noTime` where it has none.
    func timeOfLast(_ process: Int) throws(PartError) -> Int64 {
        guard try !directory(process).facts.isEmpty else { return EventBatch.noTime }
        return try facts(process, 0).times.first??.lowerBound ?? EventBatch.noTime
    }

    /// The earliest and the latest wall time of the events of the slice, in nanoseconds, as far as they are not after a limit;
    /// nil where none has such a time. O(blocks of facts).
    package func times(upTo limit: Int64) throws(PartError) -> ClosedRange<Int64>? {
        var found: ClosedRange<Int64>?
        for process in 0..<processCount {
            for number in try directory(process).facts.indices {
                for case let span? in try facts(process, number).times
                where span.lowerBound <= limit {
                    // Of some events one is after it, and the others may be of any time before.
                    let span = span.lowerBound...min(span.upperBound, limit)
                    let (least, most) = (found?.lowerBound ?? .max, found?.upperBound ?? .min)
                    found = min(span.lowerBound, least)...max(span.upperBound, most)
                }
            }
        }
        return found
    }
}

extension OrderStack {
    /// What was dropped of what it tells of; nil where nothing was.
    package var tombstone: Tombstone? { files[0].tombstone }

    /// How many of its events were dropped.
    package var droppedEventCount: Int { tombstone == nil ? 0 : files[0].eventCount }

    /// How many of the first events of a process were dropped.
    package func droppedCount(of process: Int) throws(PartError) -> Int {
        guard tombstone != nil, process < processCount(of: 0) else { return 0 }
        return try files[0].sequences(of: process).count
    }

    /// Whether an event was dropped, and others of its process after it: nothing is known of what it knew.
    func isBuried(_ place: EventPosition) throws(PartError) -> Bool {
        guard tombstone != nil, place.process < processCount(of: 0) else { return false }
        return try place.position < files[0].base(of: place.process)
    }
}

extension ByteWriter {
    mutating func tombstone(_ tombstone: Tombstone) {
        zigzag(tombstone.time.nanoseconds)
        varint(tombstone.eventCount)
        byte(tombstone.newest == nil ? 0 : 1)
        if let newest = tombstone.newest { zigzag(newest.nanoseconds) }
        precondition(tombstone.rule.utf8.count <= Limits.ruleBytesMax, "a rule of many words")
        string(tombstone.rule)
    }
}

extension ByteReader {
    mutating func tombstone() throws(FormatError) -> Tombstone {
        let time = WallTime(nanoseconds: try zigzag("time"))
        let eventCount = try count(Int(Causality.Limits.sequenceMax), "dropped events")
        let hasNewest = try byte("has a newest") != 0
        return Tombstone(
            time: time, eventCount: eventCount,
            newest: hasNewest ? WallTime(nanoseconds: try zigzag("newest")) : nil,
            rule: try string(Limits.ruleBytesMax, "rule"))
    }
}
