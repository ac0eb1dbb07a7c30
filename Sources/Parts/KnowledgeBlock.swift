import Causality
import HappensBefore

/// What the events of one process, from one position up to another, know of other processes; where that is a lower bound,
/// and why; and their stamps.
///
///     block = start, process count, (process, floor, step count, (position, value)*)*, stamps, uncertainty
///     stamps = count, (position, stamp u8, [since, reason u8, number])*
///     uncertainty = count, (position, why u8, …)*
///
/// All numbers are varints. Processes ascend, each as the distance from the one before. A floor is what the event before the
/// first one of the block knows; positions and values rise from step to step and are written as the distances, the first
/// position from the block's start. Of stamps and of uncertainty the first is that of the block's first event. Why: 0 exact;
/// 1 an event (process, number), 2 a loss, 3 silence, 4 origin, 5 an event that does not name its sender.
struct KnowledgeBlock: Sendable {
    /// The position of its first event.
    var start = 0
    /// The processes that are known, ascending.
    private(set) var others: [Int] = []
    /// By place in `others`: what is known before the first event of the block.
    private(set) var floors: [UInt64] = []
    /// By place in `others`: where its steps end.
    private(set) var stepEnds: [Int] = []
    private(set) var positions: [Int] = []
    private(set) var values: [UInt64] = []
    private(set) var stamps: [StampRun] = []
    private(set) var uncertainty: [UncertainRun] = []

    /// How much memory it takes, in entries.
    var entryCount: Int {
        others.count + positions.count + stamps.count + uncertainty.count + 1
    }

    /// What the event at `position` knows of another process. O(log entries).
    func known(of process: Int, at position: Int) -> UInt64 {
        let index = partitionPoint(count: others.count) { others[$0] < process }
        guard index < others.count, others[index] == process else { return 0 }
        return known(place: index, at: position)
    }

    private func known(place: Int, at position: Int) -> UInt64 {
        let steps = steps(place)
        let count = partitionPoint(count: steps.count) {
            positions[steps.lowerBound + $0] <= position
        }
        return count == 0 ? floors[place] : values[steps.lowerBound + count - 1]
    }

    private func steps(_ place: Int) -> Range<Int> {
        (place == 0 ? 0 : stepEnds[place - 1])..<stepEnds[place]
    }

    /// Everything that the event at `position` knows, ascending by process. O(known processes · log entries).
    func known(at position: Int) -> [EventKey] {
        others.indices.compactMap { place in
            let value = known(place: place, at: position)
            return value == 0 ? nil : EventKey(process: others[place], sequence: value)
        }
    }

    /// By what knowledge grew at some positions, as far as they are in the block: ascending by position, then process.
    /// O(known processes · log entries + what it grew by).
    func learned(in range: Range<Int>) -> [Arrival] {
        var learned: [Arrival] = []
        for place in others.indices {
            let steps = steps(place)
            var step =
                steps.lowerBound
                + partitionPoint(count: steps.count) {
                    positions[steps.lowerBound + $0] < range.lowerBound
                }
            while step < steps.upperBound, positions[step] < range.upperBound {
                let event = EventKey(process: others[place], sequence: values[step])
                learned.append(Arrival(position: positions[step], event: event))
                step += 1
            }
        }
        return learned.sorted {
            ($0.position, $0.event.process) < ($1.position, $1.event.process)
        }
    }

    /// What is known of a process before the first event of the block. O(log processes).
    func floor(of process: Int) -> UInt64 {
        let index = partitionPoint(count: others.count) { others[$0] < process }
        return index < others.count && others[index] == process ? floors[index] : 0
    }

    /// The first position in the block at which `event` is known, where it is not before. O(log entries).
    func firstPosition(knowing event: EventKey) -> Int? {
        let index = partitionPoint(count: others.count) { others[$0] < event.process }
        guard index < others.count, others[index] == event.process else { return nil }
        let steps = steps(index)
        let step = partitionPoint(count: steps.count) {
            values[steps.lowerBound + $0] < event.sequence
        }
        return step == steps.count ? nil : positions[steps.lowerBound + step]
    }

    func stamp(at position: Int) -> Stamp {
        stamps[partitionPoint(count: stamps.count) { stamps[$0].position <= position } - 1].stamp
    }

    func uncertainty(at position: Int) -> Uncertainty? {
        uncertainty[
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        ].why
    }

    /// The first position from `position` on, in the block, at which knowledge is exact.
    func firstCertain(from position: Int) -> Int? {
        let index =
            partitionPoint(count: uncertainty.count) { uncertainty[$0].position <= position } - 1
        guard uncertainty[index].why != nil else { return position }
        return uncertainty[index...].first { $0.why == nil }?.position
    }
}

// MARK: Bytes

extension KnowledgeBlock {
    /// Reads a block of a process of `eventCount` events.
    init(
        _ reader: inout ByteReader, processCount: Int, eventCount: Int
    ) throws(FormatError) {
        start = try reader.count(eventCount, "start")
        try readKnowledge(&reader, processCount, eventCount)
        try readStamps(&reader, eventCount)
        try readUncertainty(&reader, processCount, eventCount)
        try reader.expectEnd("knowledge")
    }

    private mutating func readKnowledge(
        _ reader: inout ByteReader, _ processCount: Int, _ eventCount: Int
    ) throws(FormatError) {
        let count = try reader.count(reader.remaining / 3, "processes")
        var next = 0
        for _ in 0..<count {
            next += try reader.count(processCount, "process")
            guard next < processCount else {
                throw reader.malformed("process: expected below \(processCount), found \(next)")
            }
            others.append(next)
            next += 1
            var value = try reader.sequence("floor")
            floors.append(value)
            var position = start
            let steps = try reader.count(reader.remaining / 2, "steps")
            for _ in 0..<steps {
                position += try reader.count(eventCount, "position")
                guard position < eventCount else {
                    throw reader.malformed(
                        "position: expected below \(eventCount), found \(position)")
                }
                value += try reader.sequence("value")
                guard value <= Causality.Limits.sequenceMax else {
                    throw reader.malformed("value: \(value) is no sequence number")
                }
                positions.append(position)
                values.append(value)
            }
            stepEnds.append(positions.count)
        }
    }

    private mutating func readStamps(
        _ reader: inout ByteReader, _ eventCount: Int
    ) throws(FormatError) {
        try reader.runs(from: start, below: eventCount, "stamps") {
            (reader, position) throws(FormatError) in
            let number = try reader.byte("stamp")
            guard
                let stamp = try Stamp(
                    rawValue: number, loss: { () throws(FormatError) in try reader.loss() })
            else { throw reader.malformed("stamp: \(number) is none") }
            stamps.append(StampRun(position: position, stamp: stamp))
        }
    }

    private mutating func readUncertainty(
        _ reader: inout ByteReader, _ processCount: Int, _ eventCount: Int
    ) throws(FormatError) {
        try reader.runs(from: start, below: eventCount, "uncertainty") {
            (reader, position) throws(FormatError) in
            let why: Uncertainty? =
                switch try reader.byte("why") {
                case 0: nil
                case 1: .event(try reader.event(processCount))
                case 2: .loss(try reader.loss())
                case 3: .silence
                case 4: .origin
                case 5: .sender(try reader.event(processCount))
                case let other: throw reader.malformed("why: \(other) is none")
                }
            uncertainty.append(UncertainRun(position: position, why: why))
        }
    }
}

extension ByteReader {
    /// A number of at most the highest sequence number.
    mutating func sequence(_ what: String) throws(FormatError) -> UInt64 {
        let value = try varint(what)
        guard value <= Causality.Limits.sequenceMax else {
            throw malformed("\(what): \(value) is no sequence number")
        }
        return value
    }

    /// The number of one of `processCount` processes, of which there may be none.
    mutating func process(of processCount: Int, _ what: String) throws(FormatError) -> Int {
        let process = try count(processCount, what)
        guard process < processCount else {
            throw malformed("\(what): expected below \(processCount), found \(process)")
        }
        return process
    }

    mutating func event(_ processCount: Int) throws(FormatError) -> EventKey {
        let process = try process(of: processCount, "process")
        return EventKey(process: process, sequence: try sequence("event"))
    }

    fileprivate mutating func loss() throws(FormatError) -> Loss {
        let since = try sequence("loss")
        let number = try byte("loss")
        guard let reason = Loss.Reason(rawValue: number) else {
            throw malformed("loss: a reason of \(number) is none")
        }
        return Loss(
            since: since, reason,
            number: UInt32(try count(Int(UInt32.max), "losses")))
    }

    /// One value or more, each from a position on, the first from `start` on.
    fileprivate mutating func runs(
        from start: Int, below end: Int, _ what: String,
        _ value: (inout ByteReader, Int) throws(FormatError) -> Void
    ) throws(FormatError) {
        let count = try count(remaining / 2, what)
        guard count > 0 else { throw malformed("\(what): expected one at least, found none") }
        var position = start
        for index in 0..<count {
            let distance = try self.count(end, what)
            guard index == 0 ? distance == 0 : distance > 0, distance < end - position else {
                throw malformed("\(what): expected a later position below \(end)")
            }
            position += distance
            try value(&self, position)
        }
    }
}

/// Cuts what the events of a process know into blocks.
struct KnowledgeBlocks {
    private let line: ProcessHistory
    /// By the history's index of a process: its number in the file.
    private let numbers: [Int]
    private let others: [(process: Int, steps: StepFunction)]
    /// By place in `others`: how many of its steps are written.
    private var written: [Int]
    private let starts: [Int]

    init(of line: ProcessHistory, _ numbers: [Int]) {
        self.line = line
        self.numbers = numbers
        others = line.known.map { (numbers[$0.key], $0.value) }
            .sorted { $0.process < $1.process }
        written = Array(repeating: 0, count: others.count)
        var positions = others.flatMap { $0.steps.positions.map(Int.init) }
        positions += line.stamps.map(\.position) + line.uncertainty.map(\.position)
        positions.sort()
        // A block repeats what is known before it: it holds as much at least that is new.
        let size = max(Limits.knowledgeEntries, others.count)
        var starts = [0]
        for index in stride(from: size, to: positions.count, by: size)
        where positions[index] > starts.last! { starts.append(positions[index]) }
        self.starts = starts
    }

    /// Calls `body` with the start and the bytes of each block, and the first position of it that is certain.
    mutating func forEach<Failure>(
        _ body: (Int, [UInt8], Int?) throws(Failure) -> Void
    ) throws(Failure) {
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : line.count
            var writer = ByteWriter()
            writer.varint(start)
            writeKnowledge(from: start, to: end, &writer)
            writeRuns(line.stamps, \.position, Stamp.complete, \.stamp, start..<end, &writer) {
                stamp, writer in
                writer.byte(stamp.rawValue)
                if case .lossy(let loss) = stamp { writer.loss(loss) }
            }
            writeRuns(line.uncertainty, \.position, nil, \.why, start..<end, &writer) {
                why, writer in writer.why(why, numbers)
            }
            try body(start, writer.bytes, firstCertain(in: start..<end))
        }
    }

    private mutating func writeKnowledge(from start: Int, to end: Int, _ writer: inout ByteWriter) {
        var entries = ByteWriter()
        var (count, next) = (0, 0)
        for place in others.indices {
            let steps = others[place].steps
            let first = written[place]
            var last = first
            while last < steps.count, Int(steps.positions[last]) < end { last += 1 }
            written[place] = last
            guard last > 0 else { continue }
            count += 1
            entries.varint(others[place].process - next)
            next = others[place].process + 1
            var value = first == 0 ? 0 : steps.values[first - 1]
            entries.varint(value)
            entries.varint(last - first)
            var position = start
            for step in first..<last {
                entries.varint(Int(steps.positions[step]) - position)
                entries.varint(steps.values[step] - value)
                (position, value) = (Int(steps.positions[step]), steps.values[step])
            }
        }
        writer.varint(count)
        writer.bytes(entries.bytes)
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

    private func firstCertain(in range: Range<Int>) -> Int? {
        let runs = line.uncertainty
        let first = partitionPoint(count: runs.count) { runs[$0].position <= range.lowerBound }
        guard first > 0, runs[first - 1].why != nil else { return range.lowerBound }
        return runs[first...].first { $0.why == nil }.map(\.position)
            .flatMap { $0 < range.upperBound ? $0 : nil }
    }
}

extension ByteWriter {
    fileprivate mutating func loss(_ loss: Loss) {
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
        }
    }
}
