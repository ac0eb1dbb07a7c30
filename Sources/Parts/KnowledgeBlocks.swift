import Causality
import HappensBefore

/// Cuts what the events of a process know into blocks, and these into pieces.
struct KnowledgeBlocks {
    private let line: ProcessHistory
    /// By the history's index of a process: its number in the file.
    private let numbers: [Int]
    /// The processes that are known by their numbers in the file, ascending, and their steps.
    private let others: [(process: Int, steps: Range<Int>)]
    /// What is learned, ascending.
    private let steps: [Step]
    /// By place in `others`: its first step that is in no block that is done.
    private var next: [Int]
    private let starts: [Int]

    /// At which position something is learned, and of which of `others`.
    private struct Step: Comparable {
        let bits: UInt64

        init(position: UInt32, place: Int) {
            bits = UInt64(position) << 32 | UInt64(UInt32(place))
        }

        var position: Int { Int(bits >> 32) }
        var place: Int { Int(UInt32(truncatingIfNeeded: bits)) }

        static func < (a: Step, b: Step) -> Bool { a.bits < b.bits }
    }

    /// A block as it is written.
    struct Block {
        let start: Int
        /// The first position of it that is certain.
        let firstCertain: Int?
        /// True where all of it is.
        let isCertain: Bool
        let certainty: [UInt8]
        let pieces: [(first: Int, bytes: [UInt8])]
    }

    init(of line: ProcessHistory, _ numbers: [Int]) {
        self.line = line
        self.numbers = numbers
        let known = line.known
        let others = known.others.indices.map {
            (process: numbers[Int(known.others[$0])], steps: known.steps(at: $0))
        }.sorted { $0.process < $1.process }
        self.others = others
        // What is known at the cut below, it is from before the first block on.
        next = others.map { known.step(after: line.base - 1, among: $0.steps) }
        var steps: [Step] = []
        steps.reserveCapacity(known.positions.count)
        for place in others.indices {
            for step in next[place]..<others[place].steps.upperBound {
                steps.append(Step(position: known.positions[step], place: place))
            }
        }
        steps.sort()
        self.steps = steps
        var positions = steps.map(\.position)
        if line.stamps.count + line.uncertainty.count > 2 {
            positions += (line.stamps.map(\.position) + line.uncertainty.map(\.position))
                .filter { $0 >= line.base }
            positions.sort()
        }
        // A block repeats what is known before it: it holds several times as much that is new.
        let size = max(Limits.knowledgeEntries, Limits.knowledgeStepsOfFloor * others.count)
        var starts = [line.base]
        for index in stride(from: size, to: positions.count, by: size)
        where positions[index] > starts.last! { starts.append(positions[index]) }
        self.starts = starts
    }

    /// Calls `body` with each block.
    mutating func forEach<Failure>(
        _ body: (Block) throws(Failure) -> Void
    ) throws(Failure) {
        var first = 0
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : line.count
            let last =
                first
                + partitionPoint(count: steps.count - first) { steps[first + $0].position < end }
            let range = start..<end
            let (firstCertain, isCertain) = certainty(in: range)
            try body(
                Block(
                    start: start, firstCertain: firstCertain, isCertain: isCertain,
                    certainty: writeCertainty(range), pieces: pieces(from: start, first..<last)))
            for step in steps[first..<last] { next[step.place] += 1 }
            first = last
        }
    }

    /// Some steps, process range by process range.
    private func pieces(
        from start: Int, _ range: Range<Int>
    ) -> [(first: Int, bytes: [UInt8])] {
        var counts = [Int](repeating: 0, count: others.count)
        for step in steps[range] { counts[step.place] += 1 }
        // By place: its piece, and its place there.
        var localPlaces = [(piece: Int, place: Int)](repeating: (0, 0), count: others.count)
        var members: [[Int]] = []
        var size = Limits.knowledgeEntries
        for place in others.indices
        where next[place] > others[place].steps.lowerBound || counts[place] > 0 {
            if size >= Limits.knowledgeEntries {
                members.append([])
                size = 0
            }
            localPlaces[place] = (members.count - 1, members[members.count - 1].count)
            members[members.count - 1].append(place)
            size += 1 + counts[place]
        }
        var parts = [[Step]](repeating: [], count: members.count)
        for step in steps[range] { parts[localPlaces[step.place].piece].append(step) }
        return zip(members, parts).map { members, steps in
            (
                others[members[0]].process,
                piece(from: start, members, steps) { localPlaces[$0].place }
            )
        }
    }

    private func piece(
        from start: Int, _ members: [Int], _ steps: [Step], localPlace: (Int) -> Int
    ) -> [UInt8] {
        var processes: [UInt64] = []
        var least = 0
        for place in members {
            processes.append(UInt64(others[place].process - least))
            least = others[place].process + 1
        }
        let values = line.known.values
        let floors = members.map { place in
            next[place] == others[place].steps.lowerBound ? 0 : values[next[place] - 1]
        }
        var columns = MomentColumns(start: start)
        var lasts = floors
        var unwritten = members.map { next[$0] }
        for step in steps {
            let place = localPlace(step.place)
            let value = values[unwritten[place]]
            columns.append(step.position, place, value - lasts[place])
            unwritten[place] += 1
            lasts[place] = value
        }
        var writer = ByteWriter()
        writer.varint(start)
        writer.varint(members.count)
        writer.varint(columns.momentCount)
        var bits = BitWriter()
        for column in [processes, floors] + columns.all { bits.column(column) }
        bits.finish()
        writer.bytes(bits.bytes)
        return writer.bytes
    }

    /// What is learned, moment by moment.
    private struct MomentColumns {
        private var positions: [UInt64] = []
        private var runCounts: [UInt64] = []
        private var passed: [UInt64] = []
        private var lengths: [UInt64] = []
        private var values: [UInt64] = []
        private var nextPosition: Int
        private var nextPlace = 0

        init(start: Int) { nextPosition = start }

        var momentCount: Int { positions.count }
        var all: [[UInt64]] { [positions, runCounts, passed, lengths, values] }

        mutating func append(_ position: Int, _ place: Int, _ rise: UInt64) {
            values.append(rise - 1)
            if position >= nextPosition {
                positions.append(UInt64(position - nextPosition))
                runCounts.append(0)
                passed.append(UInt64(place))
                lengths.append(0)
                nextPosition = position + 1
            } else if place > nextPlace {
                runCounts[runCounts.count - 1] += 1
                passed.append(UInt64(place - nextPlace - 1))
                lengths.append(0)
            } else {
                lengths[lengths.count - 1] += 1
            }
            nextPlace = place + 1
        }
    }

    // MARK: Certainty

    private func writeCertainty(_ range: Range<Int>) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(range.lowerBound)
        writeRuns(line.stamps, \.position, Stamp.complete, \.stamp, range, &writer) {
            stamp, writer in writer.stamp(stamp)
        }
        writeRuns(line.uncertainty, \.position, nil, \.why, range, &writer) {
            why, writer in writer.why(why, numbers)
        }
        return writer.bytes
    }

    /// Writes the values that hold in a range of positions, each from where it does.
    private func writeRuns<Run, Value>(
        _ runs: [Run], _ position: (Run) -> Int, _ before: Value, _ value: (Run) -> Value,
        _ range: Range<Int>, _ writer: inout ByteWriter,
        _ write: (Value, inout ByteWriter) -> Void
    ) {
        let first = partitionPoint(count: runs.count) { position(runs[$0]) <= range.lowerBound }
        let end = partitionPoint(count: runs.count) { position(runs[$0]) < range.upperBound }
        writer.varint(1 + max(0, end - first))
        writer.varint(0)
        write(first == 0 ? before : value(runs[first - 1]), &writer)
        var last = range.lowerBound
        for run in runs[first..<max(first, end)] {
            writer.varint(position(run) - last)
            last = position(run)
            write(value(run), &writer)
        }
    }

    /// The first position of some that is certain, and whether all are.
    private func certainty(in range: Range<Int>) -> (first: Int?, isAll: Bool) {
        let runs = line.uncertainty
        let first = partitionPoint(count: runs.count) { runs[$0].position <= range.lowerBound }
        let end = partitionPoint(count: runs.count) { runs[$0].position < range.upperBound }
        if first == 0 || runs[first - 1].why == nil {
            return (range.lowerBound, runs[first..<max(first, end)].allSatisfy { $0.why == nil })
        }
        return (runs[first..<max(first, end)].first { $0.why == nil }.map(\.position), false)
    }
}

extension ByteWriter {
    mutating func stamp(_ stamp: Stamp) {
        byte(stamp.rawValue)
        if case .lossy(let loss) = stamp { self.loss(loss) }
    }

    private mutating func loss(_ loss: Loss) {
        varint(loss.since)
        byte(loss.reason.rawValue)
        varint(UInt64(loss.number))
    }

    mutating func event(_ key: EventKey) {
        varint(key.process)
        varint(key.sequence)
    }

    fileprivate mutating func why(_ why: Uncertainty?, _ numbers: [Int]) {
        func numbered(_ key: EventKey) -> EventKey {
            EventKey(process: numbers[key.process], sequence: key.sequence)
        }
        switch why {
        case nil: byte(0)
        case .event(let key):
            byte(1)
            event(numbered(key))
        case .loss(let loss):
            byte(2)
            self.loss(loss)
        case .silence: byte(3)
        case .origin: byte(4)
        case .sender(let key):
            byte(5)
            event(numbered(key))
        case .dropped: byte(6)
        }
    }
}
