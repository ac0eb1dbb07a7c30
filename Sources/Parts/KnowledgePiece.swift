import Causality
import HappensBefore

/// What the events of one process, from one position up to another, know of some other processes.
///
///     piece = start, process count, moment count, bits
///     bits  = processes, floors, positions, run counts, passed over, lengths, values      columns (`BitColumns.swift`)
///
/// The three numbers are varints. Processes ascend, each as how many lie between it and the one before; a floor is what the
/// event before the first one of the block knows. A moment is a position at which something is learned: positions ascend, each
/// as how many lie between it and the one before, the first from the start on. At each, the places of the processes of which
/// something is learned make runs: their count less 1; of each run how many places it passes over, less 1 but for the first of
/// its moment; and its length less 1. Then by how much each value is above the last one of its process, less 1.
///
/// What was known at the start is read without the rest: a search among the blocks of a process needs no more.
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
        momentCount = try reader.count(eventCount, "moments")
        var bits = try reader.bits()
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

    /// How much memory it takes, in entries.
    var entryCount: Int { others.count + byteCount / 16 + 1 }

    /// The place of a process in `others`; nil where nothing is known of it. O(log processes).
    func place(of process: Int) -> Int? {
        let place = partitionPoint(count: others.count) { others[$0] < process }
        return place < others.count && others[place] == process ? place : nil
    }

    /// What is known of a process before the first event of the block. O(log processes).
    func floor(of process: Int) -> UInt64 { place(of: process).map { floors[$0] } ?? 0 }

    /// The whole piece, of a process of `eventCount` events. O(entries).
    func steps(eventCount: Int) throws(FormatError) -> KnowledgePiece {
        var bits = rest
        let moments = try bits.column(momentCount, "positions")
        let runCounts = try bits.column(momentCount, "runs")
        let runCount = try sum(runCounts, plus: momentCount, "runs")
        let passed = try bits.column(runCount, "places")
        let lengths = try bits.column(runCount, "lengths")
        let stepCount = try sum(lengths, plus: runCount, "lengths")
        let values = try bits.column(stepCount, "values")
        try bits.expectEnd("knowledge")
        return try KnowledgePiece(
            self, positions: try positions(moments, eventCount),
            runs: try runs(runCounts, passed, lengths), values)
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

    private func positions(_ passed: [UInt64], _ eventCount: Int) throws(FormatError) -> [Int] {
        var next = start
        var positions: [Int] = []
        positions.reserveCapacity(passed.count)
        for passed in passed {
            guard passed < eventCount - next else {
                throw malformed("position: expected below \(eventCount)")
            }
            positions.append(next + Int(passed))
            next += Int(passed) + 1
        }
        return positions
    }

    /// By moment and run: which places in `others`.
    private func runs(
        _ counts: [UInt64], _ passed: [UInt64], _ lengths: [UInt64]
    ) throws(FormatError) -> [(moment: Int, places: Range<Int>)] {
        var runs: [(moment: Int, places: Range<Int>)] = []
        runs.reserveCapacity(passed.count)
        for (moment, count) in counts.enumerated() {
            var next = 0
            for index in 0...count {
                let run = runs.count
                let more: UInt64 = index == 0 ? 0 : 1
                guard passed[run] < others.count,
                    lengths[run] < others.count,
                    next + Int(passed[run] + more) + Int(lengths[run]) < others.count
                else { throw malformed("places: expected below \(others.count)") }
                let first = next + Int(passed[run] + more)
                next = first + Int(lengths[run]) + 1
                runs.append((moment, first..<next))
            }
        }
        return runs
    }

    private func malformed(_ what: String) -> FormatError { FormatError(what: what, offset: 0) }
}

/// A whole piece of knowledge, by process.
struct KnowledgePiece: Sendable {
    let floors: KnowledgeFloors
    /// By place: where its steps end.
    private var stepEnds: [Int]
    private var positions: [Int]
    private var values: [UInt64]

    fileprivate init(
        _ floors: KnowledgeFloors, positions moments: [Int],
        runs: [(moment: Int, places: Range<Int>)], _ rises: [UInt64]
    ) throws(FormatError) {
        self.floors = floors
        var counts = [Int](repeating: 0, count: floors.others.count)
        for run in runs { for place in run.places { counts[place] += 1 } }
        stepEnds = counts
        var end = 0
        for place in counts.indices {
            // Where its next step goes, for the time being.
            stepEnds[place] = end
            end += counts[place]
        }
        positions = [Int](repeating: 0, count: end)
        values = [UInt64](repeating: 0, count: end)
        var lasts = floors.floors
        var next = 0
        for run in runs {
            for place in run.places {
                let (value, isTooMuch) = lasts[place].addingReportingOverflow(rises[next])
                guard !isTooMuch, value < Causality.Limits.sequenceMax else {
                    throw FormatError(what: "value: expected a sequence number", offset: 0)
                }
                lasts[place] = value + 1
                let step = stepEnds[place]
                (positions[step], values[step]) = (moments[run.moment], value + 1)
                stepEnds[place] = step + 1
                next += 1
            }
        }
    }

    /// How much memory it takes, in entries.
    var entryCount: Int { stepEnds.count + positions.count + 1 }

    private func steps(_ place: Int) -> Range<Int> {
        (place == 0 ? 0 : stepEnds[place - 1])..<stepEnds[place]
    }

    private func known(place: Int, at position: Int) -> UInt64 {
        let steps = steps(place)
        let count = partitionPoint(count: steps.count) {
            positions[steps.lowerBound + $0] <= position
        }
        return count == 0 ? floors.floors[place] : values[steps.lowerBound + count - 1]
    }

    /// What the event at `position` knows of another process. O(log entries).
    func known(of process: Int, at position: Int) -> UInt64 {
        floors.place(of: process).map { known(place: $0, at: position) } ?? 0
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
                    positions[steps.lowerBound + $0] < range.lowerBound
                }
            while step < steps.upperBound, positions[step] < range.upperBound {
                let event = EventKey(process: floors.others[place], sequence: values[step])
                learned.append(Arrival(position: positions[step], event: event))
                step += 1
            }
        }
        return learned
    }

    /// The first position in the block at which `event` is known, where it is not before. O(log entries).
    func firstPosition(knowing event: EventKey) -> Int? {
        guard let place = floors.place(of: event.process) else { return nil }
        let steps = steps(place)
        let step = partitionPoint(count: steps.count) {
            values[steps.lowerBound + $0] < event.sequence
        }
        return step == steps.count ? nil : positions[steps.lowerBound + step]
    }
}

extension ByteReader {
    /// What is left, as bits.
    mutating func bits() throws(FormatError) -> BitReader {
        let range = try range(remaining, "bits")
        return BitReader(source, from: range.lowerBound, to: range.upperBound)
    }
}
