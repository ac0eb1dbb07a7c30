import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

/// When events happened in logical and in adjusted time.
@Suite struct CausalTimesTests {
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
        let times = try HistoryTimes(history, messages) {}
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
        let expected = try HistoryTimes(whole, messages) {}
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
        let lower = try HistoryTimes(below, MessageEdges(below)) {}
        let chronicle = Chronicle(below, above)
        let edges = try MessageEdges(chronicle) {}
        let upper = try HistoryTimes(chronicle, below: lower, edges) {}
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

    /// What hosts whose clocks differ by up to a second, and jump at times, say of some events; of some they say nothing.
    private static func skewed(
        _ events: [Event], _ random: inout SeededGenerator
    ) -> [Event] {
        var skews: [ProcessID: Int64] = [:]
        return events.map { event in
            var event = event
            if skews[event.id.process] == nil || Int.random(in: 0..<200, using: &random) == 0 {
                skews[event.id.process] = .random(
                    in: -1_000_000_000...1_000_000_000, using: &random)
            }
            event.time = event.time.map {
                WallTime(nanoseconds: $0.nanoseconds + skews[event.id.process]!)
            }
            if Int.random(in: 0..<50, using: &random) == 0 { event.time = nil }
            return event
        }
    }

    /// Adjusted times ascend along processes and messages, and are not before what the host's clock said; and they are the same
    /// read from stretches, and of a chronicle.
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func adjustedTimesPointForward(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let all = SimulatedHistory(
            .init(processes: 5, events: 4_000, crashPerMille: 1), seed: seed
        ).events
        let here = Self.skewed(all, &random).filter { _ in
            Int.random(in: 0..<40, using: &random) > 0
        }
        let whole = Self.history(here)
        let messages = MessageEdges(whole)
        let expected = try HistoryTimes(whole, messages) {}
        func read(
            _ times: some CausalTimes, _ process: Int, _ line: ProcessHistory,
            in range: Range<Int>
        ) throws -> [Int64] {
            try times.adjustedSpans(of: process, in: range).flatMap { span in
                #expect(span.positions.count <= TimeSpan.eventsMax)
                let found = span.times(wall: line.times[span.positions])
                #expect(found.last == span.last)
                return zip(span.positions, found).filter { range.contains($0.0) }.map(\.1)
            }
        }
        let adjusted = try whole.processes.enumerated().map { process, line in
            try read(expected, process, line, in: 0..<line.count)
        }
        var forced = 0
        for (process, line) in whole.processes.enumerated() where line.count > 0 {
            let clock = expected.adjustedClock(of: process)
            #expect(clock.last == adjusted[process].last)
            for (position, time) in adjusted[process].enumerated() where time != EventBatch.noTime {
                let wall = line.times[position]
                #expect(wall == EventBatch.noTime || wall <= time)
                if wall < time { forced += 1 }
                if position > 0 { #expect(adjusted[process][position - 1] < time) }
            }
            for arrival in messages.arrivals(at: process, in: 0..<line.count) {
                let sender = arrival.event
                guard
                    let there = whole.processes[sender.process].position(of: sender.sequence),
                    adjusted[process][arrival.position] != EventBatch.noTime
                else { continue }
                #expect(adjusted[sender.process][there] < adjusted[process][arrival.position])
            }
        }
        #expect(forced > 100)

        var above = whole
        let cut = whole.greatestConsistent(
            inside: Cut(
                sequences: whole.processes.map { line in
                    line.count == 0 ? 0 : line.sequence(at: line.count * 2 / 3)
                }))
        let below = above.cutOff(at: cut)
        try above.finish(over: below) {}
        let lower = try HistoryTimes(below, MessageEdges(below)) {}
        let chronicle = Chronicle(below, above)
        let upper = try HistoryTimes(
            chronicle, below: lower, MessageEdges(chronicle) {}
        ) {}
        let times = ChronicleTimes(chronicle, below: lower, above: upper)
        for (process, line) in whole.processes.enumerated() where line.count > 0 {
            let there = try #require(chronicle.index(of: line.id))
            let read = try read(times, there, line, in: 0..<line.count)
            #expect(read == adjusted[process])
            #expect(times.adjustedClock(of: there) == expected.adjustedClock(of: process))
        }
    }

    /// Where no message arrives before it was sent, clocks say what they said; where one does, those after it keep their distance
    /// from it, until no message asks for that any more.
    @Test func aClockIsPutForwardForAsLongAsMessagesAskForIt() throws {
        let (a, b) = (ProcessID(name: "a"), ProcessID(name: "b"))
        var events = [
            Event(
                id: EventID(a, 1), kind: .send, time: WallTime(nanoseconds: 1_000_000),
                clock: VectorClock([a: 1])),
            Event(
                id: EventID(b, 1), kind: .receive, time: WallTime(nanoseconds: 400_000),
                clock: VectorClock([b: 1, a: 1])),
        ]
        for number in 2...4_000 as ClosedRange<UInt64> {
            let time = WallTime(nanoseconds: 400_000 + Int64(number - 1) * 1_000)
            events.append(
                Event(
                    id: EventID(b, number), kind: .local, time: time,
                    clock: VectorClock([b: number, a: 1])))
        }
        let history = Self.history(events)
        let times = try HistoryTimes(history, MessageEdges(history)) {}
        let (sender, receiver) = (history.index(of: a)!, history.index(of: b)!)
        #expect(times.adjustedClock(of: sender).last == 1_000_000)
        let found = times.adjustedSpans(of: receiver, in: 0..<4_000).flatMap {
            $0.times(wall: history.processes[receiver].times[$0.positions])
        }
        for position in 0..<2_048 {
            #expect(found[position] == 1_000_001 + Int64(position) * 1_000)
        }
        // What was put forward is waited for, and then the clock is right again.
        #expect(found[2_048] == found[2_047] + 1)
        #expect(found[3_999] == 400_000 + 3_999 * 1_000)
        #expect(
            times.adjustedClock(of: receiver)
                == AdjustedClock(last: found[3_999], offset: 0, needed: 0))
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
        let times = try HistoryTimes(history, MessageEdges(history)) {}
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
        let tallies = MessageTally.stretches(
            of: arrivals, in: 0..<2_000, [LogicalStep(position: 0, time: 1)])
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
