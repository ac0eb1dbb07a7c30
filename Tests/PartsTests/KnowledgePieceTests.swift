import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore
@testable import Parts

@Suite struct KnowledgePieceTests {
    /// By process of the history: its number in the file.
    private static let numbers = (0..<1_000).map { 999 - $0 }

    /// A process whose events learn of some of the others, of all of them now and then.
    private static func line(seed: UInt64, others: Int, events: Int) -> ProcessHistory {
        var random = SeededGenerator(seed: seed)
        let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "p"))
        var line = ProcessHistory(
            key: key, identity: LineIdentity(run: Identity128(high: 0, low: 1)))
        line.stamps = [StampRun(position: 0, stamp: .complete)]
        line.uncertainty = [
            UncertainRun(position: events / 3, why: .silence),
            UncertainRun(position: events / 2, why: nil),
        ]
        var values = [UInt64](repeating: 0, count: others)
        var known = KnowledgeLog()
        for position in 0..<events {
            line.runs.append(UInt64(position + 1))
            let isAll = Int.random(in: 0..<50, using: &random) == 0
            for other in 0..<others where isAll || Int.random(in: 0..<20, using: &random) == 0 {
                values[other] += UInt64.random(in: 1...90, using: &random)
                known.rise(2 * other, to: values[other], at: position)
            }
        }
        line.known = KnowledgeTable(known)
        return line
    }

    private static func blocks(of line: ProcessHistory) -> [KnowledgeBlocks.Block] {
        var blocks: [KnowledgeBlocks.Block] = []
        var cut = KnowledgeBlocks(of: line, numbers)
        cut.forEach { blocks.append($0) }
        return blocks
    }

    private static func floors(
        _ bytes: [UInt8], _ line: ProcessHistory
    ) throws(FormatError) -> KnowledgeFloors {
        var reader = ByteReader(bytes)
        return try KnowledgeFloors(
            &reader, processCount: numbers.count, eventCount: line.count)
    }

    @Test(arguments: [(1, 5, 6_000), (2, 200, 400), (3, 40, 1_500)] as [(UInt64, Int, Int)])
    func piecesTellWhatIsKnown(seed: UInt64, others: Int, events: Int) throws {
        let line = Self.line(seed: seed, others: others, events: events)
        let blocks = Self.blocks(of: line)
        let steps = line.known.positions.count
        // What a block repeats is a fraction of it.
        #expect(blocks.count > 1)
        #expect(blocks.count <= 1 + steps / max(Limits.knowledgeEntries, 16 * others))
        var found: [Arrival] = []
        for (block, end) in zip(blocks, blocks.dropFirst().map(\.start) + [line.count]) {
            var next = 0
            for (first, bytes) in block.pieces {
                let floors = try Self.floors(bytes, line)
                #expect(floors.start == block.start && floors.others.first == first)
                #expect(first >= next)
                next = floors.others.last! + 1
                let piece = try floors.steps(eventCount: line.count)
                // All of them once, and then some of one process.
                #expect(
                    piece.floors.others.count + piece.stepCount < 2 * Limits.knowledgeEntries
                        + events)
                for (place, other) in floors.others.enumerated() {
                    let known = Self.numbers[other]
                    let floor = line.known.value(of: known, at: block.start - 1)
                    #expect(floors.floors[place] == floor && floors.floor(of: other) == floor)
                    let steps = try floors.steps(of: place, eventCount: line.count)
                    for position in stride(from: block.start, to: end, by: 17) {
                        #expect(
                            steps.known(at: position)
                                == line.known.value(of: known, at: position))
                    }
                    for value in stride(from: floor + 1, to: floor + 300, by: 31) {
                        let first = line.known.firstPosition(of: known, reaching: value)
                        #expect(
                            steps.firstPosition(reaching: value)
                                == first.flatMap { $0 < end ? $0 : nil })
                    }
                }
                let all = floors.others.map {
                    EventKey(
                        process: $0,
                        sequence: line.known.value(of: Self.numbers[$0], at: end - 1))
                }
                #expect(piece.known(at: end - 1) == all.filter { $0.sequence > 0 })
                #expect(floors.place(of: floors.others[0] + 1) == nil)
                found += piece.learned(in: block.start..<end)
            }
        }
        #expect(found.count == steps)
        for place in line.known.others.indices {
            let other = Self.numbers[Int(line.known.others[place])]
            let learned = found.filter { $0.event.process == other }
            let steps = line.known.steps(at: place)
            #expect(learned.map { UInt32($0.position) } == Array(line.known.positions[steps]))
            #expect(learned.map(\.event.sequence) == steps.map { line.known.values[$0] })
        }
    }

    @Test func aBlockSaysWhatOfItIsCertain() throws {
        let line = Self.line(seed: 4, others: 40, events: 1_500)
        let blocks = Self.blocks(of: line)
        for (block, end) in zip(blocks, blocks.dropFirst().map(\.start) + [line.count]) {
            let certain = (block.start..<end).filter { !line.isUncertain(at: $0) }
            #expect(block.firstCertain == certain.first)
            #expect(block.isCertain == (certain.count == end - block.start))
            var reader = ByteReader(block.certainty)
            let read = try CertaintyBlock(
                &reader, processCount: Self.numbers.count, eventCount: line.count)
            for position in block.start..<end {
                #expect(read.uncertainty(at: position) == line.uncertainty(at: position))
                #expect(read.stamp(at: position) == .complete)
            }
        }
        #expect(Set(blocks.map(\.isCertain)) == [true, false])
    }

    /// Most of what is learned takes the bits that it has: 90 numbers 6.5, and which process it is of.
    @Test func whatIsLearnedTakesFewBytes() {
        let line = Self.line(seed: 5, others: 60, events: 900)
        let steps = line.known.positions.count
        let bytes = Self.blocks(of: line).reduce(0) {
            $0 + $1.pieces.reduce(0) { $0 + $1.bytes.count }
        }
        #expect(Double(bytes) / Double(steps) < 1.75)
    }

    /// Behind checksums that are right: whatever it says, it is refused or within bounds.
    @Test func anyBytesArePiecesOrAnError() throws {
        let line = Self.line(seed: 6, others: 12, events: 300)
        let bytes = try #require(Self.blocks(of: line).first?.pieces.first?.bytes)
        var refused = 0
        for index in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[index / 8] ^= 1 << UInt8(index % 8)
            do throws(FormatError) {
                let floors = try Self.floors(flipped, line)
                for place in floors.others.indices {
                    let steps = try? floors.steps(of: place, eventCount: line.count)
                    let known = steps?.known(at: line.count - 1) ?? 0
                    #expect(known <= Causality.Limits.sequenceMax)
                }
                let piece = try floors.steps(eventCount: line.count)
                #expect(piece.floors.others.count + piece.stepCount <= flipped.count * 8 * 2)
                for arrival in piece.learned(in: 0..<line.count) {
                    #expect(
                        arrival.event.process < Self.numbers.count
                            && arrival.event.sequence <= Causality.Limits.sequenceMax)
                }
            } catch {
                refused += 1
            }
        }
        #expect(refused > bytes.count)
    }
}
