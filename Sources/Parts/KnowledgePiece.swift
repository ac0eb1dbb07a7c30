import Causality
import HappensBefore

// What the events of one process, from one position up to another, know of some other processes: a piece of a block.
//
//     piece = start, process count, moment count, bits
//     bits  = processes, floors, positions, run counts, passed over, lengths, values      columns (`BitColumns.swift`)
//
// The three numbers are varints. Processes ascend, each as how many lie between it and the one before; a floor is what the
// event before the first one of the block knows. A moment is a position at which something is learned: positions ascend, each
// as how many lie between it and the one before, the first from the start on. At each, the places of the processes of which
// something is learned make runs: their count less 1; of each run how many places it passes over, less 1 but for the first of
// its moment; and its length less 1. Then by how much each value is above the last one of its process, less 1.
//
// A search among the blocks of a process reads what was known at their starts, and expands nothing else.

/// What was known at the start of a block, of the processes of which one of its pieces tells; and the rest of it, as it was
/// read.
struct KnowledgeFloors: Sendable {
    /// The position of the block's first event.
    let start: Int
    /// The processes that are known, ascending.
    private(set) var others: [Int] = []
    /// By place in `others`: what is known before the first event of the block.
    let floors: [UInt64]
    private let momentCount: Int
    private let rest: BitReader
    /// Where the rest begins: what is wrong there is told with its place in the piece.
    let byteCount: Int

    init(_ reader: inout ByteReader, processCount: Int, eventCount: Int) throws(FormatError) {
        byteCount = reader.remaining
        start = try reader.count(eventCount, "start")
        let count = try reader.count(processCount, "processes")
        momentCount = try reader.count(min(eventCount, Limits.knowledgeStepsMax), "moments")
        var bits = BitReader(reader)
        var next = 0
        for passed in try bits.column(count, "processes") {
            guard passed < processCount - next else {
                throw reader.malformed("process: expected below \(processCount)")
            }
            others.append(next + Int(passed))
            next += Int(passed) + 1
        }
        floors = try bits.column(count, "floors")
        guard floors.allSatisfy({ $0 <= Causality.Limits.sequenceMax }) else {
            throw reader.malformed("floor: expected a sequence number")
        }
        rest = bits
    }

    /// The place of a process in `others`; nil where nothing is known of it. O(log processes).
    func place(of process: Int) -> Int? {
        let place = partitionPoint(count: others.count) { others[$0] < process }
        return place < others.count && others[place] == process ? place : nil
    }

    /// What is known of a process before the first event of the block. O(log processes).
    func floor(of process: Int) -> UInt64 { place(of: process).map { floors[$0] } ?? 0 }

    /// The whole piece, of a process of `eventCount` events. O(entries).
    func steps(eventCount: Int) throws(FormatError) -> KnowledgePiece {
        try KnowledgePiece(self, moments(eventCount))
    }

    /// What is known of one process, by place. O(entries), a third of what the whole piece costs.
    func steps(of place: Int, eventCount: Int) throws(FormatError) -> KnownSteps {
        let moments = try moments(eventCount)
        var steps = KnownSteps(floor: floors[place])
        var value = floors[place]
        var (run, rise) = (0, 0)
        for (moment, count) in moments.runCounts.enumerated() {
            for _ in 0...Int(count) {
                let (first, length) = (moments.firsts[run], Int(moments.lengths[run]) + 1)
                if first <= place, place < first + length {
                    value &+= moments.rise(rise + place - first)
                    guard value <= Causality.Limits.sequenceMax else {
                        throw malformed("value: expected a sequence number")
                    }
                    steps.append(moments.positions[moment], value)
                }
                rise += length
                run += 1
            }
        }
        return steps
    }

    private func moments(_ eventCount: Int) throws(FormatError) -> Moments {
        var bits = rest
        let passed = try bits.column(momentCount, "positions")
        let runCounts = try bits.column(momentCount, "runs")
        let runCount = try sum(runCounts, plus: momentCount, "runs")
        let places = try bits.column(runCount, "places")
        let lengths = try bits.column(runCount, "lengths")
        let stepCount = try sum(lengths, plus: runCount, "lengths")
        let values = try bits.column(stepCount, "values")
        try bits.expectEnd("knowledge")
        return Moments(
            positions: try positions(passed, eventCount), runCounts: runCounts,
            firsts: try firsts(runCounts, places, lengths), lengths: lengths, values: values)
    }

    private func sum(
        _ counts: [UInt64], plus more: Int, _ what: String
    ) throws(FormatError) -> Int {
        var sum = UInt64(more)
        for count in counts {
            guard count <= Limits.knowledgeStepsMax else { throw malformed("\(what): too many") }
            sum += count
        }
        guard sum <= Limits.knowledgeStepsMax else { throw malformed("\(what): too many") }
        return Int(sum)
    }

    private func positions(_ passed: [UInt64], _ eventCount: Int) throws(FormatError) -> [UInt32] {
        var next = start
        var positions: [UInt32] = []
        positions.reserveCapacity(passed.count)
        for passed in passed {
            guard passed < UInt64(eventCount - next) else {
                throw malformed("position: expected below \(eventCount)")
            }
            next += Int(passed)
            positions.append(UInt32(next))
            next += 1
        }
        return positions
    }

    /// By run: its first place. Throws where some place is none. O(runs).
    private func firsts(
        _ counts: [UInt64], _ passed: [UInt64], _ lengths: [UInt64]
    ) throws(FormatError) -> [Int] {
        var firsts = [Int](repeating: 0, count: passed.count)
        var run = 0
        for count in counts {
            // Behind the run before it, and one that it does not touch.
            var next = 0
            for _ in 0...Int(count) {
                guard passed[run] < others.count, lengths[run] < others.count,
                    next + Int(passed[run]) + Int(lengths[run]) < others.count
                else { throw malformed("places: expected below \(others.count)") }
                firsts[run] = next + Int(passed[run])
                next = firsts[run] + Int(lengths[run]) + 2
                run += 1
            }
        }
        return firsts
    }

    private func malformed(_ what: String) -> FormatError { FormatError(what: what, offset: 0) }
}

/// At which positions something is learned, and what, run by run.
private struct Moments {
    let positions: [UInt32]
    /// By moment: how many runs, less 1.
    let runCounts: [UInt64]
    /// By run: its first place, and how many it has, less 1.
    let firsts: [Int]
    let lengths: [UInt64]
    /// By run and place: by how much a value is above the last one, less 1.
    let values: [UInt64]

    /// By how much a value is above the last one, but not so much that a sum of three would be small again.
    func rise(_ index: Int) -> UInt64 { min(values[index], Causality.Limits.sequenceMax) &+ 1 }
}

/// What the events of a process, from the first of a block on, know of one other.
struct KnownSteps: Sendable {
    /// What is known before them.
    let floor: UInt64
    private var positions: [UInt32] = []
    private var values: [UInt64] = []

    init(floor: UInt64) { self.floor = floor }

    var stepCount: Int { positions.count }

    mutating func append(_ position: UInt32, _ value: UInt64) {
        positions.append(position)
        values.append(value)
    }

    /// What the event at `position` knows. O(log steps).
    func known(at position: Int) -> UInt64 {
        let count = partitionPoint(count: positions.count) { Int(positions[$0]) <= position }
        return count == 0 ? floor : values[count - 1]
    }

    /// The first position in the block at which `value` is known, where it is not before. O(log steps).
    func firstPosition(reaching value: UInt64) -> Int? {
        let step = partitionPoint(count: values.count) { values[$0] < value }
        return step == values.count ? nil : Int(positions[step])
    }
}

/// A whole piece of knowledge, by process.
struct KnowledgePiece: Sendable {
    let floors: KnowledgeFloors
    /// By place: where its steps end.
    private let stepEnds: [Int]
    private let positions: [UInt32]
    private let values: [UInt64]

    fileprivate init(_ floors: KnowledgeFloors, _ moments: Moments) throws(FormatError) {
        self.floors = floors
        // How many steps each place has: more from the first of a run on, fewer again behind it.
        var changes = [Int](repeating: 0, count: floors.others.count + 1)
        for (run, first) in moments.firsts.enumerated() {
            changes[first] += 1
            changes[first + Int(moments.lengths[run]) + 1] -= 1
        }
        // By place: where its next step goes, and at last where they end.
        var nexts = [Int](repeating: 0, count: floors.others.count)
        var (count, end) = (0, 0)
        for place in nexts.indices {
            nexts[place] = end
            count += changes[place]
            end += count
        }
        var positions = [UInt32](repeating: 0, count: moments.values.count)
        var values = [UInt64](repeating: 0, count: moments.values.count)
        var lasts = floors.floors
        var (run, rise) = (0, 0)
        var highest: UInt64 = 0
        for (moment, runCount) in moments.runCounts.enumerated() {
            let position = moments.positions[moment]
            for _ in 0...Int(runCount) {
                let first = moments.firsts[run]
                for place in first...first + Int(moments.lengths[run]) {
                    let value = lasts[place] &+ moments.rise(rise)
                    highest = max(highest, value)
                    lasts[place] = value
                    let step = nexts[place]
                    positions[step] = position
                    values[step] = value
                    nexts[place] = step + 1
                    rise += 1
                }
                run += 1
            }
        }
        guard highest <= Causality.Limits.sequenceMax else {
            throw FormatError(what: "value: expected a sequence number", offset: 0)
        }
        stepEnds = nexts
        self.positions = positions
        self.values = values
    }

    var stepCount: Int { positions.count }

    /// The last position at which something is learned; nil where nothing is.
    var lastPosition: Int? { positions.max().map(Int.init) }

    private func steps(_ place: Int) -> Range<Int> {
        (place == 0 ? 0 : stepEnds[place - 1])..<stepEnds[place]
    }

    private func known(place: Int, at position: Int) -> UInt64 {
        let steps = steps(place)
        let count = partitionPoint(count: steps.count) {
            Int(positions[steps.lowerBound + $0]) <= position
        }
        return count == 0 ? floors.floors[place] : values[steps.lowerBound + count - 1]
    }

    /// Everything that the event at `position` knows, ascending by process. O(known processes · log entries).
    func known(at position: Int) -> [EventKey] {
        floors.others.indices.compactMap { place in
            let value = known(place: place, at: position)
            return value == 0 ? nil : EventKey(process: floors.others[place], sequence: value)
        }
    }

    /// By what knowledge grew at some positions, as far as they are in the block: process by process, each ascending by
    /// position. O(known processes · log entries + what it grew by).
    func learned(in range: Range<Int>) -> [Arrival] {
        var learned: [Arrival] = []
        for place in floors.others.indices {
            let steps = steps(place)
            var step =
                steps.lowerBound
                + partitionPoint(count: steps.count) {
                    Int(positions[steps.lowerBound + $0]) < range.lowerBound
                }
            while step < steps.upperBound, Int(positions[step]) < range.upperBound {
                let event = EventKey(process: floors.others[place], sequence: values[step])
                learned.append(Arrival(position: Int(positions[step]), event: event))
                step += 1
            }
        }
        return learned
    }
}
