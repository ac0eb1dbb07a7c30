import Causality
import HappensBefore

/// When some events of one process happened that follow on one another, in logical and in adjusted time, and how many messages
/// arrived at them from whom.
///
///     block   = start, time, step count, offset, offset count, needed, span count, peer count, bits
///     bits    = [steps], [offsets], spans, [peers]        columns (`BitColumns.swift`), where there are any
///     steps   = positions, jumps
///     offsets = positions, changes (zigzag)
///     spans   = lengths, firsts, lasts
///     peers   = processes, counts, positions, numbers
///
/// Numbers before the bits are varints. The time is the logical one of the event at the start; each later event's is one more
/// than that of the event before it, and at a step more by its jump, which is 1 at least. Positions of steps and offsets are
/// written as distances from the one before, the first from the start.
///
/// The offset is by how many nanoseconds the clock (`AdjustedClock`) is put forward at the start, what is needed that of the
/// clock at the end. The events are told span by span: how many there are, less 1, and the adjusted times of the first and the
/// last, each as a distance from the one before, the first of all from the least that there is, which stands for none.
///
/// Of each process that sent a message: its number, as a distance from the one before, less 1 but for the first; how many
/// messages there are, less 1; and the first of them: its position, as a distance from the start, and the number of the event
/// that sent it.
struct TimesBlock: Sendable {
    let positions: Range<Int>
    /// The first is at the start of the block.
    private(set) var steps: [LogicalStep] = []
    /// What follows: most questions ask for nothing but logical times.
    private let rest: BitReader
    private let offset: Int64
    private let needed: Int64
    private let offsetCount: Int
    private let spanCount: Int
    private let peerCount: Int

    /// What it takes, in bytes, with those that the rest is read from.
    var byteCount: Int { steps.count * MemoryLayout<LogicalStep>.stride + storedByteCount }
    private let storedByteCount: Int

    /// Reads a block of events of a process at some positions.
    init(
        _ reader: inout ByteReader, _ positions: Range<Int>, processCount: Int
    ) throws(FormatError) {
        self.positions = positions
        let start = try reader.count(positions.lowerBound, "start")
        guard start == positions.lowerBound else {
            throw reader.malformed("start: expected \(positions.lowerBound), found \(start)")
        }
        let time = try reader.count(Limits.logicalTimeMax, "time")
        let stepCount = try reader.count(positions.count - 1, "steps")
        offset = try reader.offset()
        offsetCount = try reader.count(positions.count - 1, "offsets")
        needed = try reader.offset()
        spanCount = try reader.count(positions.count, "spans")
        peerCount = try reader.count(processCount, "peers")
        var bits = BitReader(reader)
        steps = [LogicalStep(position: start, time: time)]
        try Self.readSteps(stepCount, &bits, to: positions.upperBound, &steps)
        rest = bits
        storedByteCount = reader.end
        guard steps.time(at: positions.upperBound - 1) <= Limits.logicalTimeMax else {
            throw reader.malformed("time: expected none beyond \(Limits.logicalTimeMax)")
        }
    }

    private static func readSteps(
        _ count: Int, _ bits: inout BitReader, to end: Int, _ steps: inout [LogicalStep]
    ) throws(FormatError) {
        guard count > 0 else { return }
        let distances = try bits.column(count, "position")
        let jumps = try bits.column(count, "jump")
        steps.reserveCapacity(count + 1)
        for (distance, jump) in zip(distances, jumps) {
            let last = steps[steps.count - 1]
            guard distance > 0, distance < UInt64(end - last.position) else {
                throw bits.malformed("position: expected below \(end)")
            }
            guard jump > 0, jump <= UInt64(Limits.logicalTimeMax - last.time) else {
                throw bits.malformed("jump: \(jump) from a time of \(last.time)")
            }
            steps.append(
                LogicalStep(
                    position: last.position + Int(distance),
                    time: last.time + Int(distance) + Int(jump)))
        }
    }

    /// The adjusted times, and the clock at the end. O(spans + changes of the offset).
    func adjusted() throws(FormatError) -> (spans: [AdjustedSpan], clock: AdjustedClock) {
        var bits = rest
        let spans = try adjusted(&bits)
        let clock = AdjustedClock(
            last: spans[spans.count - 1].last,
            offset: spans[spans.count - 1].offsets.last!.nanoseconds, needed: needed)
        return (spans, clock)
    }

    private func adjusted(_ bits: inout BitReader) throws(FormatError) -> [AdjustedSpan] {
        var offsets = [AdjustedSpan.Offset(position: positions.lowerBound, nanoseconds: offset)]
        if offsetCount > 0 {
            let distances = try bits.column(offsetCount, "position")
            let changes = try bits.column(offsetCount, "change")
            for (distance, change) in zip(distances, changes) {
                let last = offsets[offsets.count - 1]
                guard distance > 0, distance < UInt64(positions.upperBound - last.position) else {
                    throw bits.malformed("position: expected below \(positions.upperBound)")
                }
                let (sum, isTooFar) = last.nanoseconds.addingReportingOverflow(unzigzag(change))
                guard !isTooFar, sum >= 0 else { throw bits.malformed("offset: \(sum)") }
                offsets.append(
                    AdjustedSpan.Offset(
                        position: last.position + Int(distance), nanoseconds: sum))
            }
        }
        let lengths = try bits.column(spanCount, "length")
        let firsts = try bits.column(spanCount, "first")
        let lasts = try bits.column(spanCount, "last")
        var spans: [AdjustedSpan] = []
        spans.reserveCapacity(spanCount)
        var (start, time, next) = (positions.lowerBound, EventBatch.noTime, 0)
        func later(_ distance: UInt64) throws(FormatError) -> Int64 {
            let later = Int64(truncatingIfNeeded: UInt64(bitPattern: Int64(time)) &+ distance)
            guard later >= time else {
                throw bits.malformed("time: expected one from \(time) on, found \(later)")
            }
            return later
        }
        for index in 0..<spanCount {
            guard lengths[index] < UInt64(positions.upperBound - start) else {
                throw bits.malformed("span: expected one within \(positions)")
            }
            let range = start..<start + Int(lengths[index]) + 1
            let first = try later(firsts[index])
            time = first
            time = try later(lasts[index])
            var own = [AdjustedSpan.Offset(position: start, nanoseconds: offsets[next].nanoseconds)]
            while next + 1 < offsets.count, offsets[next + 1].position < range.upperBound {
                next += 1
                if offsets[next].position == start { own.removeLast() }
                own.append(offsets[next])
            }
            spans.append(AdjustedSpan(range, first: first, last: time, own))
            start = range.upperBound
        }
        guard start == positions.upperBound else {
            throw bits.malformed("spans: expected them to end at \(positions.upperBound)")
        }
        return spans
    }

    /// The messages that arrived, counted. O(processes that sent some).
    func tally(processCount: Int) throws(FormatError) -> MessageTally {
        var bits = rest
        _ = try adjusted(&bits)
        var tally = MessageTally(positions, time: steps[0].time, [])
        try readPeers(&bits, &tally, processCount)
        try bits.expectEnd("times")
        return tally
    }

    private func readPeers(
        _ bits: inout BitReader, _ tally: inout MessageTally, _ processCount: Int
    ) throws(FormatError) {
        let count = peerCount
        guard count > 0 else { return }
        tally.peers.reserveCapacity(count)
        let processes = try bits.column(count, "process")
        let counts = try bits.column(count, "count")
        let positions = try bits.column(count, "position")
        let numbers = try bits.column(count, "number")
        var next = 0
        for index in 0..<count {
            guard processes[index] < UInt64(processCount - next) else {
                throw bits.malformed("process: expected below \(processCount)")
            }
            let process = next + Int(processes[index])
            guard counts[index] < UInt64(Limits.takenMax),
                positions[index] < UInt64(tally.positions.count),
                (1...Causality.Limits.sequenceMax).contains(numbers[index])
            else { throw bits.malformed("messages of process \(process)") }
            let first = Arrival(
                position: tally.positions.lowerBound + Int(positions[index]),
                event: EventKey(process: process, sequence: numbers[index]))
            tally.peers.append(MessageTally.Peer(first: first, count: Int(counts[index]) + 1))
            next = process + 1
        }
    }

    /// - Parameters:
    ///   - steps: Of the process, ascending: all that lie in the positions of the tally, and the last one before where none is
    ///     at its start.
    ///   - spans: Of these positions.
    ///   - needed: The adjusted clock's, at the end of them.
    ///   - tally: In the file's numbers.
    static func bytes(
        _ steps: [LogicalStep], _ spans: [AdjustedSpan], needed: Int64, _ tally: MessageTally
    ) -> [UInt8] {
        let start = tally.positions.lowerBound
        let within = steps.drop { $0.position <= start }
        var offsets: [AdjustedSpan.Offset] = []
        for offset in spans.flatMap(\.offsets) where offset.nanoseconds != offsets.last?.nanoseconds
        {
            offsets.append(offset)
        }
        var writer = ByteWriter()
        writer.varint(start)
        writer.varint(steps.time(at: start))
        writer.varint(within.count)
        writer.varint(UInt64(offsets[0].nanoseconds))
        writer.varint(offsets.count - 1)
        writer.varint(UInt64(needed))
        writer.varint(spans.count)
        writer.varint(tally.peers.count)
        var bits = BitWriter()
        if !within.isEmpty {
            var (distances, jumps): ([UInt64], [UInt64]) = ([], [])
            var last = LogicalStep(position: start, time: steps.time(at: start))
            for step in within {
                let distance = step.position - last.position
                distances.append(UInt64(distance))
                jumps.append(UInt64(step.time - last.time - distance))
                last = step
            }
            bits.column(distances)
            bits.column(jumps)
        }
        if offsets.count > 1 {
            bits.column(
                zip(offsets, offsets.dropFirst()).map { UInt64($1.position - $0.position) })
            bits.column(
                zip(offsets, offsets.dropFirst()).map { zigzag($1.nanoseconds - $0.nanoseconds) })
        }
        bits.column(spans.map { UInt64($0.positions.count - 1) })
        let lasts = [EventBatch.noTime] + spans.map(\.last)
        bits.column(zip(spans, lasts).map { distance($1, $0.first) })
        bits.column(spans.map { distance($0.first, $0.last) })
        if !tally.peers.isEmpty {
            var next = 0
            bits.column(
                tally.peers.map { peer in
                    defer { next = peer.first.event.process + 1 }
                    return UInt64(peer.first.event.process - next)
                })
            bits.column(tally.peers.map { UInt64($0.count - 1) })
            bits.column(tally.peers.map { UInt64($0.first.position - start) })
            bits.column(tally.peers.map { $0.first.event.sequence })
        }
        bits.finish()
        writer.bytes(bits.bytes)
        return writer.bytes
    }

    private static func distance(_ from: Int64, _ to: Int64) -> UInt64 {
        UInt64(bitPattern: to) &- UInt64(bitPattern: from)
    }
}

extension ByteReader {
    /// By how many nanoseconds a clock is put forward.
    fileprivate mutating func offset() throws(FormatError) -> Int64 {
        let offset = try varint("offset")
        guard let offset = Int64(exactly: offset) else {
            throw malformed("offset: expected one below 2^63, found \(offset)")
        }
        return offset
    }
}
