import Causality
import Disks
import SimulatedHistories
import Testing

@testable import HappensBefore
@testable import Parts

/// What a history goes on from, in a file whose checksums are right, with numbers that are not: it is refused, or does not hold
/// any more, or asking goes on as if; nothing traps.
@Suite struct CraftedResumptionTests {
    private let frames: [HistoryFrame]

    init() {
        let events = SimulatedHistory(
            .init(processes: 5, events: 400, crashPerMille: 5), seed: 3
        ).events.filter { $0.id.sequence % 31 != 0 }
        frames = Dictionary(grouping: events, by: \.id.process)
            .sorted { listingOrder($0.key, $1.key) }.enumerated().map { number, rows in
                let key = ProcessKey(execution: "main", host: "h", process: rows.key)
                return HistoryFrame(
                    id: number, source: Identity128(high: 0, low: UInt64(number)),
                    batch: EventBatch(rows.value, of: key))
            }
    }

    private func history() -> History {
        var history = History(execution: "main")
        for frame in frames { _ = history.append(frame) }
        history.finish()
        return history
    }

    /// Of the first half of everything.
    private func contents() throws -> OrderFileContents {
        var history = history()
        guard case .cut(var cut) = history.frontier(awaiting: { _ in nil }) else {
            preconditionFailure("no frontier")
        }
        for process in cut.sequences.indices { cut.sequences[process] /= 2 }
        return try OrderFileContents(
            cutting: &history, at: history.greatestConsistent(inside: cut), on: nil, places: [:]
        ) {}
    }

    /// One number of it is another one.
    private static func crafted(
        _ whole: Resumption, _ random: inout SeededGenerator
    ) -> Resumption {
        var crafted = whole
        let numbers: [UInt64] = [0, 1, 7, 1 << 20, 1 << 40, Causality.Limits.sequenceMax]
        let number = numbers.randomElement(using: &random)!
        let position = Int([0, 1, 7, 1 << 20, 1 << 31].randomElement(using: &random)!)
        let index = Int.random(in: 0..<whole.processes.count, using: &random)
        let other = whole.processes.randomElement(using: &random)!.process
        var line = whole.processes[index]
        let citation = Int.random(in: 0..<whole.citations.count, using: &random)
        switch Int.random(in: 0..<14, using: &random) {
        case 0: line.cited = number
        case 1: line.sealed = number
        case 2: line.expected = number
        case 3: line.ruled = number == 0 ? [] : [number]
        case 4:
            line.rulings = [
                Resumption.Ruling(position: position, citation: citation, sequence: number)
            ]
        case 5: line.holes = [number...number + number]
        case 6: line.stamps = [StampRun(position: position, stamp: .complete)]
        case 7: line.stamps = []
        case 8:
            line.stamp = IndexedClock()
            line.stamp.append(citation, number)
        case 9: line.open = [EventKey(process: other, sequence: number)]
        case 10: line.covered = [EventKey(process: other, sequence: number)]
        case 11: crafted.citations[citation].target = other
        case 12: (line.isExact, line.isAllCovered) = (!line.isExact, !line.isAllCovered)
        default: crafted.citations.swapAt(citation, 0)
        }
        crafted.processes[index] = line
        if Int.random(in: 0..<8, using: &random) == 0 { crafted.processes.remove(at: index) }
        return crafted
    }

    /// What is answered of some events above everything that is in a file; nil where nothing can go on from it.
    private func answers(_ contents: OrderFileContents) throws -> [String]? {
        let file = try SimulatedDisk().open("/order", .create)
        try OrderFileWriter.write(contents, to: file)
        let floor = OrderStack([try OrderFile(file)]) { (_, _) throws(PartError) in
            EventBatch.noTime
        }
        guard let resumption = try floor.resumption(),
            var tail = try History(resuming: resumption, on: floor)
        else { return nil }
        for frame in frames {
            guard tail.append(frame, skipsPutAway: true).isEmpty else { return nil }
        }
        guard tail.breach == nil else { return nil }
        try tail.finish(over: floor)
        guard tail.breach == nil else { return nil }
        let chronicle = try Chronicle(floor, tail)
        let events = history().processes.filter { $0.count > 0 }
            .flatMap { line in [1, line.count / 2, line.count - 1].map { (line, $0) } }
            .map { EventID($0.0.id, $0.0.sequence(at: $0.1)) }
        var told: [String] = []
        for a in events {
            for b in events { told.append("\(try chronicle.order(a, b))") }
            told.append("\(try chronicle.past(of: a)?.count ?? 0)")
            told.append("\(try chronicle.future(of: a)?.count ?? 0)")
            told.append("\(try chronicle.inexactness(of: a))")
        }
        let edges = try MessageEdges(chronicle) {}
        told += try chronicle.defects(chronicle.tally(edges, after: floor.tally()) {})
            .map { "\($0)" }
        return told
    }

    @Test func nothingTraps() throws {
        let whole = try contents()
        let expected = try #require(try answers(whole))
        var random = SeededGenerator(seed: 1)
        var (refused, same) = (0, 0)
        for _ in 0..<300 {
            let crafted = OrderFileContents(
                whole.history, whole.messages, whole.times, whole.defects, tally: whole.tally,
                Self.crafted(try #require(whole.resumption), &random), settled: whole.settled,
                places: [:])
            do {
                guard let found = try answers(crafted) else {
                    refused += 1
                    continue
                }
                if found == expected { same += 1 }
            } catch is PartError {
                refused += 1
            }
        }
        #expect(refused > 50 && same > 50, "\(refused) \(same)")
    }
}
