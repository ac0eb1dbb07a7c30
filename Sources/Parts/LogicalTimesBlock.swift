import Causality
import HappensBefore

/// The logical times of some events of one process that follow on one another, and how many messages arrived at them from whom.
///
///     block = start, time, step count, peer count, bits
///     bits  = [steps], [peers]                    columns (`BitColumns.swift`), where there are any
///     steps = positions, jumps
///     peers = processes, counts, positions, numbers
///
/// Numbers before the bits are varints. The time is that of the event at the start; each later event's is one more than that of
/// the event before it, and at a step more by its jump, which is 1 at least. Positions of steps are written as distances from
/// the one before, the first from the start. Of each process that sent a message: its number, as a distance from the one before,
/// less 1 but for the first; how many messages there are, less 1; and the first of them: its position, as a distance from the
/// start, and the number of the event that sent it.
struct LogicalTimesBlock: Sendable {
    let positions: Range<Int>
    /// The first is at the start of the block.
    private(set) var steps: [LogicalStep] = []
    /// What follows: most questions ask for nothing but times.
    private let rest: BitReader
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

    /// The messages that arrived, counted. O(processes that sent some).
    func tally(processCount: Int) throws(FormatError) -> MessageTally {
        var bits = rest
        var tally = MessageTally(positions, [])
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
    ///   - tally: In the file's numbers.
    static func bytes(_ steps: [LogicalStep], _ tally: MessageTally) -> [UInt8] {
        let start = tally.positions.lowerBound
        let within = steps.drop { $0.position <= start }
        var writer = ByteWriter()
        writer.varint(start)
        writer.varint(steps.time(at: start))
        writer.varint(within.count)
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
}
