import Causality
import HappensBefore

/// What an order file is made of.
package struct OrderFileContents: Sendable {
    /// Of the events of the slice; those below it are put away.
    package let history: History
    /// The processes of which the slice or what is below it tells; none where nothing can stand on it.
    let settled: Set<Int>
    /// By number of a process that is settled in the files below: which it is in the history.
    let settledBelow: [Int]
    /// Those that arrived in the slice.
    let messages: MessageEdges
    /// When the events of the slice happened in logical time.
    let times: HistoryTimes
    /// What contradicts itself here and below.
    let tally: DefectTally
    /// What a history keeps that goes on from here; nil where none can.
    package let resumption: Resumption?
    let defects: [Defect]
    /// By what the history calls a frame: where it lies in a segment; none for rows of parts.
    let places: [Int: FrameName]
    /// The frames that have events above the slice.
    let openFrames: Set<Int>
    /// What was dropped, where it is made of nothing else.
    package internal(set) var tombstone: Tombstone?

    /// Of a whole execution, of which nothing is put away: all of it is one slice, from whose end a history can go on, unless
    /// it contradicts itself. Stops where `check` throws. O(events + clock growth · log n).
    package init(
        whole history: History, _ messages: MessageEdges, places: [Int: FrameName],
        check: () throws -> Void
    ) throws {
        let tally = try history.tally(messages, check: check)
        let times = try HistoryTimes(history, messages, check: check)
        var below = history
        var resumption: Resumption?
        var settled: Set<Int> = []
        if case .cut(let cut) = history.frontier(awaiting: { _ in nil }) {
            var above = history
            below = above.cutOff(at: cut)
            resumption = above.resumption()
            settled = above.settledProcesses()
        }
        self.init(
            below, messages, times, history.defects(tally), tally: tally, resumption,
            settled: settled, places: places)
    }

    /// Of the events of a history up to a cut, which are put away in it. Stops where `check` throws, and throws what the files
    /// below do. O(events of the slice + clock growth · log n + processes).
    ///
    /// - Parameters:
    ///   - history: Finished; it goes on above the cut.
    ///   - cut: At or below its frontier, and consistent.
    ///   - floor: What it stands on; nil where nothing of it is put away.
    ///   - places: Where the frames lie that were appended to it.
    package init(
        cutting history: inout History, at cut: Cut, on floor: OrderStack?,
        places: [Int: FrameName], check: () throws -> Void
    ) throws {
        let slice = history.cutOff(at: cut)
        let (resumption, settled) = (history.resumption(), history.settledProcesses())
        let openFrames = history.framesAbove()
        guard let floor else {
            let messages = try MessageEdges(slice, check: check)
            let tally = try slice.tally(messages, check: check)
            self.init(
                slice, messages, try HistoryTimes(slice, messages, check: check),
                slice.defects(tally), tally: tally, resumption, settled: settled, places: places,
                openFrames: openFrames)
            return
        }
        let chronicle = try Chronicle(floor, slice)
        let messages = try MessageEdges(chronicle, check: check)
        let tally = try chronicle.tally(messages, after: floor.tally(), check: check)
        let below = try Self.settled(in: floor, chronicle)
        self.init(
            slice, messages, try HistoryTimes(chronicle, below: floor, messages, check: check),
            try chronicle.defects(tally), tally: tally, resumption, settled: settled,
            settledBelow: below, places: places, openFrames: openFrames)
    }

    /// By number of a process that is settled in some files: which it is in what goes on from them.
    static func settled(
        in floor: OrderStack, _ chronicle: Chronicle<OrderStack>
    ) throws -> [Int] {
        var below: [Int] = []
        var indices: Set<Int> = []
        for process in 0..<floor.settledCount {
            let index = try chronicle.above(process)
            guard indices.insert(index).inserted else {
                throw floor.contradiction(
                    "\(try floor.id(of: process)) is settled, and what goes on lacks it")
            }
            below.append(index)
        }
        return below
    }

    /// A frame of a segment.
    package struct FrameName: Hashable, Sendable {
        let agent: Identity128
        let segment: Identity128
        let offset: Int
        let byteCount: Int

        package init(agent: Identity128, segment: Identity128, offset: Int, byteCount: Int) {
            self.agent = agent
            self.segment = segment
            self.offset = offset
            self.byteCount = byteCount
        }
    }

    /// By segment: up to where all frames that were seen are in the slice or below it.
    func segmentEnds() -> [SegmentName: Int] {
        var ends: [SegmentName: Int] = [:]
        for place in places.values {
            let name = SegmentName(place)
            ends[name] = max(ends[name] ?? 0, place.offset + place.byteCount)
        }
        for frame in openFrames {
            guard let place = places[frame] else { continue }
            let name = SegmentName(place)
            ends[name] = min(ends[name]!, place.offset)
        }
        return ends
    }

    /// - Parameters:
    ///   - history: Of the events of the slice, cut off at its end: those of the whole execution, or what lies on a floor.
    ///   - messages: Those that arrived there.
    ///   - times: When its events happened.
    ///   - defects: All that there are to tell of the execution up to here.
    ///   - tally: What of these later ones add to.
    ///   - resumption: What the history above keeps, in the indexes of this one.
    ///   - openFrames: The frames that have events above the slice.
    ///   - settled: The processes that will not change while what is here and below holds.
    ///   - settledBelow: By number in the files below, which those are that are settled there.
    package init(
        _ history: History, _ messages: MessageEdges, _ times: HistoryTimes, _ defects: [Defect],
        tally: DefectTally, _ resumption: Resumption?, settled: Set<Int> = [],
        settledBelow: [Int] = [],
        places: [Int: FrameName], openFrames: Set<Int> = []
    ) {
        self.history = history
        self.messages = messages
        self.times = times
        self.tally = tally
        self.resumption = resumption
        self.settled = settled
        self.settledBelow = settledBelow
        self.openFrames = openFrames
        self.defects = defects
        self.places = places
    }
}

/// A segment of an agent.
struct SegmentName: Hashable, Comparable, Sendable {
    var agent: Identity128
    var segment: Identity128

    init(agent: Identity128, segment: Identity128) {
        self.agent = agent
        self.segment = segment
    }

    init(_ frame: OrderFileContents.FrameName) {
        self.init(agent: frame.agent, segment: frame.segment)
    }

    static func < (a: SegmentName, b: SegmentName) -> Bool {
        (a.agent.high, a.agent.low, a.segment.high, a.segment.low)
            < (b.agent.high, b.agent.low, b.segment.high, b.segment.low)
    }
}
