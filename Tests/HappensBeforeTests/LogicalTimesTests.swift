import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

/// Where events lie on the axis of logical time.
@Suite struct LogicalTimesTests {
    private static let source = Identity128(high: 0, low: 1)

    /// Some events as a history.
    private static func history(_ events: [Event]) -> History {
        var history = History(execution: "main")
        let byProcess = Dictionary(grouping: events, by: \.id.process)
            .sorted { listingOrder($0.key, $1.key) }
        for (frame, (process, rows)) in byProcess.enumerated() {
            let key = ProcessKey(execution: "main", host: "h", process: process)
            _ = history.append(
                HistoryFrame(id: frame, source: source, batch: EventBatch(rows, of: key)))
        }
        history.finish()
        return history
    }

    /// Every event's time, found from those of the events before it, again and again until none changes.
    private static func slow(_ history: History, _ messages: MessageEdges) -> [[Int]] {
        var times = history.processes.map { Array(repeating: 1, count: $0.count) }
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for (process, line) in history.processes.enumerated() {
                for position in 0..<line.count {
                    var time = position == 0 ? 1 : times[process][position - 1] + 1
                    for arrival in messages.arrivals(at: process, in: position..<position + 1) {
                        let sender = arrival.event
                        guard
                            let there = history.processes[sender.process]
                                .position(of: sender.sequence)
                        else { continue }
                        time = max(time, times[sender.process][there] + 1)
                    }
                    if times[process][position] != time {
                        times[process][position] = time
                        hasChanged = true
                    }
                }
            }
        }
        return times
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func theyAreThoseOfTheSlowModel(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let all = SimulatedHistory(
            .init(processes: 6, events: 400, crashPerMille: 5), seed: seed
        ).events
        let here = all.filter { _ in Int.random(in: 0..<20, using: &random) > 0 }
        let history = Self.history(here)
        let messages = MessageEdges(history)
        let expected = Self.slow(history, messages)
        let times = try LogicalSteps(history, messages) {}
        for (process, line) in history.processes.enumerated() where line.count > 0 {
            #expect(
                (0..<line.count).map {
                    times.logicalTime(at: EventPosition(process: process, position: $0))
                } == expected[process], "\(line.id)")
            let range = line.count / 3..<max(line.count / 3 + 1, line.count / 2)
            let steps = times.steps(of: process, in: range)
            #expect(steps.first?.position == range.lowerBound)
            #expect(range.map { steps.time(at: $0) } == range.map { expected[process][$0] })
            let asked = Array(stride(from: 0, through: (expected[process].last ?? 0) + 2, by: 3))
            #expect(
                times.firstPositions(of: process, from: asked)
                    == asked.map { time in
                        expected[process].firstIndex { $0 >= time } ?? line.count
                    })
        }
    }

    /// Every message points forward, along which the times of a chronicle go on from those below its cut.
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func aChronicleHasThoseOfTheWhole(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let all = SimulatedHistory(
            .init(processes: 5, events: 400, crashPerMille: 3), seed: seed
        ).events
        let here = all.filter { _ in Int.random(in: 0..<40, using: &random) > 0 }
        let whole = Self.history(here)
        let messages = MessageEdges(whole)
        let expected = try LogicalSteps(whole, messages) {}
        var above = whole
        let share = Double.random(in: 0.2..<0.9, using: &random)
        let cut = whole.greatestConsistent(
            inside: Cut(
                sequences: whole.processes.map { line in
                    line.count == 0
                        ? 0
                        : line.sequence(at: min(line.count - 1, Int(share * Double(line.count))))
                }))
        let below = above.cutOff(at: cut)
        try above.finish(over: below) {}
        let lower = try LogicalSteps(below, MessageEdges(below)) {}
        let chronicle = Chronicle(below, above)
        let edges = try MessageEdges(chronicle) {}
        let upper = try LogicalSteps(
            above, edges,
            below: { lower.logicalTime(at: chronicle.below($0)!) }, check: {})
        let times = ChronicleTimes(chronicle, below: lower, above: upper)
        var putAway = 0
        for (process, line) in whole.processes.enumerated() where line.count > 0 {
            let there = try #require(chronicle.index(of: line.id))
            putAway += chronicle.base(of: there)
            let all = 0..<line.count
            let (steps, known) = (
                times.steps(of: there, in: all), expected.steps(of: process, in: all)
            )
            #expect(all.map { steps.time(at: $0) } == all.map { known.time(at: $0) }, "\(line.id)")
            let asked = Array(stride(from: 1, through: known.time(at: line.count - 1) + 2, by: 5))
            #expect(
                times.firstPositions(of: there, from: asked)
                    == expected.firstPositions(of: process, from: asked))
            func counts(_ tallies: [MessageTally], _ index: some CausalIndex) throws -> [String] {
                var counts: [String: Int] = [:]
                for tally in tallies {
                    for peer in tally.peers {
                        let name = "\(try index.id(of: peer.first.event.process))"
                        counts[name, default: 0] += peer.count
                    }
                }
                return counts.map { "\($0.key) \($0.value)" }.sorted()
            }
            #expect(
                try counts(times.tallies(at: there, in: all), chronicle)
                    == counts(expected.tallies(at: process, in: all), whole))
            for arrival in edges.arrivals(at: there, in: all) {
                let sender = arrival.event
                guard
                    let position = chronicle.sequences(of: sender.process)
                        .position(of: sender.sequence)
                else { continue }
                #expect(
                    times.logicalTime(
                        at: EventPosition(process: sender.process, position: position))
                        < steps.time(at: arrival.position))
            }
        }
        #expect(putAway > 10)
    }

    /// Two processes whose messages go round: each event has a time all the same, and one message moves nothing.
    @Test func eventsThatHaveSeenEachOtherHaveTimes() throws {
        let (a, b) = (ProcessID(name: "a"), ProcessID(name: "b"))
        let events = [
            Event(id: EventID(a, 1), kind: .receive, clock: VectorClock([a: 1, b: 2])),
            Event(id: EventID(a, 2), kind: .send, clock: VectorClock([a: 2, b: 2])),
            Event(id: EventID(b, 1), kind: .receive, clock: VectorClock([b: 1, a: 2])),
            Event(id: EventID(b, 2), kind: .send, clock: VectorClock([b: 2, a: 2])),
        ]
        let history = Self.history(events)
        let times = try LogicalSteps(history, MessageEdges(history)) {}
        let found = [a, b].map { process in
            let index = history.index(of: process)!
            return (0..<2).map {
                times.logicalTime(at: EventPosition(process: index, position: $0))
            }
        }
        #expect(found == [[1, 2], [3, 4]])
    }

    @Test func stretchesEndWhereEventsDo() {
        let arrivals = (0..<3_000).map { index in
            // Of one event 1,500 messages.
            Arrival(
                position: index < 1_000 ? index : index < 2_500 ? 1_000 : index - 1_499,
                event: EventKey(process: index % 3, sequence: UInt64(index + 1)))
        }
        let tallies = MessageTally.stretches(of: arrivals, in: 0..<2_000)
        #expect(tallies.first?.positions.lowerBound == 0)
        #expect(tallies.last?.positions.upperBound == 2_000)
        #expect(
            zip(tallies, tallies.dropFirst()).allSatisfy {
                $0.positions.upperBound == $1.positions.lowerBound
            })
        #expect(tallies.map { $0.peers.reduce(0) { $0 + $1.count } } == [2_500, 500])
        let firsts = tallies[1].peers.map(\.first.event.sequence)
        #expect(firsts == [2_503, 2_501, 2_502])
    }
}
