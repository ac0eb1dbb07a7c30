import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

@Suite struct HistoryLaws {
    static func simulated(_ seed: UInt64, events: Int = 120) -> [Event] {
        SimulatedHistory(
            .init(
                processes: 5, events: events, sendPercent: 30, crashPerMille: 20,
                messagesPerReceiveMax: seed.isMultiple(of: 2) ? 3 : 1),
            seed: seed
        ).events
    }

    /// What is left of a run after some ranges and some tails of processes were lost.
    static func damaged(_ events: [Event], seed: UInt64) -> [Event] {
        var random = SeededGenerator(seed: seed ^ 0xDEAD)
        var lost: Set<EventID> = []
        for process in Set(events.map(\.id.process)).sorted(by: { $0.description < $1.description })
        {
            let count = UInt64(events.count { $0.id.process == process })
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let first = UInt64.random(in: 1...count, using: &random)
                let last = min(count, first + UInt64.random(in: 0...4, using: &random))
                for sequence in first...last { lost.insert(EventID(process, sequence)) }
            }
        }
        return events.filter { !lost.contains($0.id) }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func orderIsTheTruthWhereNothingIsLost(seed: UInt64) {
        let events = Self.simulated(seed)
        let history = makeHistory(events)
        for a in events {
            for b in events {
                #expect(
                    history.order(a.id, b.id) == .known(a.clock.order(relativeTo: b.clock)),
                    "seed \(seed): \(a.id) \(b.id)")
            }
        }
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func orderWithGapsIsTrueOrUnknownAndAsSharpAsTheModel(seed: UInt64) {
        let truth = Self.simulated(seed, events: 80)
        let events = Self.damaged(truth, seed: seed)
        let history = makeHistory(events)
        let model = SlowModel(events)
        for a in truth {
            for b in truth {
                guard history.index(of: a.id.process) != nil, history.index(of: b.id.process) != nil
                else { continue }
                let order = history.order(a.id, b.id)
                #expect(order.known == model.order(a.id, b.id), "seed \(seed): \(a.id) \(b.id)")
                switch order {
                case .known(let known):
                    #expect(
                        known == a.clock.order(relativeTo: b.clock), "seed \(seed): \(a.id) \(b.id)"
                    )
                case .unknown(let reason, let excluded):
                    #expect(
                        !excluded.contains(a.clock.order(relativeTo: b.clock)),
                        "seed \(seed): \(a.id) \(b.id)")
                    guard case .lacking(let lacks) = reason else {
                        Issue.record("seed \(seed): \(reason)")
                        continue
                    }
                    #expect(!lacks.isEmpty, "seed \(seed): an unknown order names its gap")
                }
            }
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func slicesAreWhatTheOrderSays(seed: UInt64) throws {
        let events = Self.damaged(Self.simulated(seed), seed: seed)
        let history = makeHistory(events)
        for event in events {
            var expected: [CausalOrder: Set<EventID>] = [:]
            for other in events {
                expected[other.clock.order(relativeTo: event.clock), default: []].insert(other.id)
            }
            func ids(_ slice: Slice?) throws -> Set<EventID> {
                let slice = try #require(slice)
                let listed = LinearExtension(history, in: slice.ranges).map { history.id($0) }
                #expect(listed.count == slice.count)
                return Set(listed)
            }
            #expect(try ids(history.past(of: event.id)) == expected[.before] ?? [])
            #expect(try ids(history.future(of: event.id)) == expected[.after] ?? [])
            #expect(try ids(history.concurrent(with: event.id)) == expected[.concurrent] ?? [])
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func aSliceIsCompleteWhereNothingOfItWasLost(seed: UInt64) throws {
        let truth = Self.simulated(seed)
        let events = Self.damaged(truth, seed: seed)
        let history = makeHistory(events)
        for event in events {
            let past = try #require(history.past(of: event.id))
            let lost = truth.contains { lost in
                lost.id != event.id && event.clock.hasSeen(lost.id)
                    && history.position(of: lost.id) == nil
            }
            #expect(past.isComplete == !lost, "seed \(seed): past of \(event.id)")
            let future = try #require(history.future(of: event.id))
            if future.isComplete {
                for later in truth where later.clock.hasSeen(event.id) && later.id != event.id {
                    // Of what was lost without a trace nobody can know.
                    let line = history.index(of: later.id.process).map { history.processes[$0] }
                    let known = line.map { max($0.last, $0.citedMax) } ?? 0
                    let isHere = history.position(of: later.id) != nil
                    #expect(
                        isHere || later.id.sequence > known,
                        "seed \(seed): \(later.id) is in the future of \(event.id), missing and cited"
                    )
                }
            }
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func edgesAreTheTransitiveReduction(seed: UInt64) {
        let events = Self.simulated(seed).map { event in
            var event = event
            event.causes = []
            return event
        }
        let history = makeHistory(events)
        var edges: Set<[EventID]> = []
        let all = MessageEdges(history)
        all.forEach(in: history) { edges.insert([$0.from, $0.to]) }
        let expected = SlowModel(events).edges().filter { edge in
            // The reduction of the model also drops what an earlier event of the same process knows.
            !events.contains {
                $0.id.process == edge[1].process && $0.id.sequence < edge[1].sequence
                    && $0.clock.hasSeen(edge[0])
            }
        }
        #expect(edges == expected, "seed \(seed)")
        #expect(all.count == edges.count)
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func everyRecordedCauseIsAnEdge(seed: UInt64) {
        let events = Self.damaged(Self.simulated(seed), seed: seed)
        let history = makeHistory(events)
        var edges: Set<[EventID]> = []
        MessageEdges(history).forEach(in: history) { edges.insert([$0.from, $0.to]) }
        for event in events {
            for cause in event.causes {
                guard case .named(let process) = cause.event.process else { continue }
                #expect(
                    edges.contains([EventID(process, cause.event.sequence), event.id]),
                    "seed \(seed): \(event.id)")
            }
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func aListingIsALinearExtension(seed: UInt64) {
        let events = Self.damaged(Self.simulated(seed), seed: seed)
        let history = makeHistory(events)
        var extent = LinearExtension(history)
        var seen: Set<EventID> = []
        let clocks = Dictionary(uniqueKeysWithValues: events.map { ($0.id, $0.clock) })
        while let place = extent.next() {
            let id = history.id(place)
            for earlier in events where earlier.id != id && clocks[id]!.hasSeen(earlier.id) {
                #expect(seen.contains(earlier.id), "seed \(seed): \(earlier.id) before \(id)")
            }
            seen.insert(id)
        }
        #expect(seen.count == events.count)
        #expect(extent.cycles.isEmpty)
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func framesInAnyOrderGiveTheSameHistory(seed: UInt64) throws {
        let events = Self.damaged(Self.simulated(seed), seed: seed)
        let plain = makeHistory(events)
        var random = SeededGenerator(seed: seed)
        var scattered = History(execution: "main")
        for (process, all) in Dictionary(grouping: events, by: \.id.process) {
            // Rows dealt at random to frames: their ranges interleave.
            var hands: [[Event]] = [[], [], []]
            for event in all { hands[Int.random(in: 0..<3, using: &random)].append(event) }
            let frames = hands.enumerated().filter { !$0.element.isEmpty }.map { index, rows in
                HistoryFrame(
                    id: index, source: oneSource,
                    batch: EventBatch(
                        rows.sorted { $0.id.sequence < $1.id.sequence }, of: makeKey(process)))
            }
            scattered.rebuild(makeKey(process).identity, from: frames)
        }
        scattered.finish()
        for a in events {
            #expect(
                scattered.seen(by: a.id).map { named($0, scattered) }
                    == plain.seen(by: a.id).map { named($0, plain) })
        }
        #expect(Set(scattered.allGaps()) == Set(plain.allGaps()))
        #expect(
            LinearExtension(scattered).map { (place: EventPosition) in scattered.id(place) }
                == LinearExtension(plain).map { (place: EventPosition) in plain.id(place) })
    }

    private func named(_ seen: [UInt64], _ history: History) -> [ProcessID: UInt64] {
        Dictionary(uniqueKeysWithValues: zip(history.processes.map(\.id), seen)).filter {
            $0.value > 0
        }
    }

    /// What a source without clocks says of an event: its cause, and of a restart where it goes on from.
    static func withoutStamp(_ event: Event) -> Event {
        var event = event
        var clock = VectorClock([event.id.process: event.id.sequence])
        if event.id.sequence == 1, event.id.process.incarnation > 1 {
            var before = event.id.process
            before.incarnation -= 1
            clock[before] = event.clock[before]
        }
        event.clock = clock
        event.stamp = .chained
        return event
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func causesAloneGiveTheSameOrder(seed: UInt64) {
        let truth = Self.simulated(seed)
        let history = makeHistory(truth.map(Self.withoutStamp))
        for a in truth {
            for b in truth {
                #expect(
                    history.order(a.id, b.id) == .known(a.clock.order(relativeTo: b.clock)),
                    "seed \(seed): \(a.id) \(b.id)")
            }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func causesAloneWithGapsNeverLie(seed: UInt64) {
        let truth = Self.simulated(seed)
        let history = makeHistory(Self.damaged(truth, seed: seed).map(Self.withoutStamp))
        for a in truth where history.index(of: a.id.process) != nil {
            for b in truth where history.index(of: b.id.process) != nil {
                if case .known(let order) = history.order(a.id, b.id) {
                    #expect(
                        order == a.clock.order(relativeTo: b.clock), "seed \(seed): \(a.id) \(b.id)"
                    )
                }
            }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func aPathIsAShortestChain(seed: UInt64) throws {
        let events = Self.simulated(seed)
        let history = makeHistory(events)
        let edges = MessageEdges(history)
        for a in events.prefix(30) {
            // Slow: rounds of one more message each.
            var reached: Set<EventID> = Set(
                events.filter { $0.id.process == a.id.process && $0.id.sequence >= a.id.sequence }
                    .map(\.id))
            var rounds: [EventID: Int] = Dictionary(uniqueKeysWithValues: reached.map { ($0, 0) })
            for round in 1...events.count {
                var arrived: Set<EventID> = []
                edges.forEach(in: history) {
                    if reached.contains($0.from) { arrived.insert($0.to) }
                }
                let fresh = events.map(\.id).filter { id in
                    rounds[id] == nil
                        && arrived.contains {
                            $0.process == id.process && $0.sequence <= id.sequence
                        }
                }
                if fresh.isEmpty { break }
                for id in fresh { rounds[id] = round }
                reached.formUnion(fresh)
            }
            for b in events {
                let path = try history.path(from: a.id, to: b.id, by: edges) {}
                #expect(path?.count == rounds[b.id], "seed \(seed): \(a.id) → \(b.id)")
                var at = a.id
                for step in path ?? [] {
                    #expect(step.from.process == at.process && step.from.sequence >= at.sequence)
                    at = step.to
                }
            }
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func theGreatestConsistentCut(seed: UInt64) throws {
        let events = Self.simulated(seed)
        let history = makeHistory(events)
        for time in stride(from: 0, to: events.count, by: 9) {
            // Skew every process's clock by asking at another time for each.
            let time = WallTime(nanoseconds: Int64(time) * 1_000_000)
            var cut = Cut(
                sequences: history.processes.indices.map { process in
                    history.lastPosition(in: process, by: time)
                        .map { history.processes[process].sequence(at: $0) } ?? 0
                })
            #expect(
                history.violations(of: cut).isEmpty, "one clock for all: each moment is consistent")
            for index in cut.sequences.indices where index % 2 == 0 {
                cut.sequences[index] = min(cut.sequences[index] + 4, history.processes[index].last)
            }
            let greatest = history.greatestConsistent(inside: cut)
            #expect(history.violations(of: greatest).isEmpty)
            let isConsistent = history.violations(of: cut).isEmpty
            #expect(isConsistent == (greatest == cut))
            // Nothing more fits: each next event inside the cut has seen something outside the greatest.
            for index in cut.sequences.indices
            where greatest.sequences[index] < cut.sequences[index] {
                let next = EventID(history.processes[index].id, greatest.sequences[index] + 1)
                let seen = try #require(history.seen(by: next))
                #expect(seen.indices.contains { $0 != index && seen[$0] > greatest.sequences[$0] })
            }
        }
    }
}

@Suite struct DefectTests {
    static func event(
        _ process: String, _ sequence: UInt64, _ clock: [String: UInt64] = [:], time: Int64? = nil
    ) -> Event {
        var entries = Dictionary(
            uniqueKeysWithValues: clock.map { (ProcessID(name: $0.key), $0.value) })
        entries[ProcessID(name: process)] = sequence
        return Event(
            id: EventID(ProcessID(name: process), sequence), kind: .unsaid,
            time: time.map { WallTime(nanoseconds: $0) },
            clock: VectorClock(entries))
    }

    static func defects(_ events: [Event]) -> [Defect] {
        let history = makeHistory(events)
        return history.defects(MessageEdges(history))
    }

    @Test func aSoundHistoryHasNone() {
        #expect(
            Self.defects(SimulatedHistory(.init(processes: 4, events: 200), seed: 1).events) == [])
    }

    @Test func cycle() {
        let events =
            (1...3).map { Self.event("a", $0, $0 >= 2 ? ["b": 7] : [:]) }
            + (1...7).map { Self.event("b", $0, $0 == 7 ? ["a": 3] : [:]) }
        let cycles = Self.defects(events).filter { $0.kind == .cycle }
        #expect(cycles.first?.events.map(\.description) == ["a:2", "b:7", "a:3"])
        let history = makeHistory(events)
        let (a, b) = (EventID(text: "a:2")!, EventID(text: "b:7")!)
        #expect(history.order(a, b) == .unknown(.contradiction, excluded: []))
        #expect(Array(LinearExtension(history)).count == events.count)
    }

    @Test func backwards() {
        let found = Self.defects([
            Self.event("a", 1), Self.event("a", 2, ["b": 1]), Self.event("a", 3),
            Self.event("b", 1),
        ])
        #expect(found.map(\.kind) == [.clockBackwards])
        #expect(found[0].events.map(\.description) == ["a:3", "a:2"])
    }

    @Test func jumpAndGhost() {
        let found = Self.defects([
            Self.event("a", 1), Self.event("a", 2), Self.event("a", 5, ["b": 3]),
        ])
        #expect(found.map(\.kind) == [.clockJump, .ghost])
        #expect(found[0].events.map(\.description) == ["a:5", "a:2"])
        #expect(found[0].text.contains("a 3–4 are missing"))
        #expect(found[1].events.map(\.description) == ["b:3", "a:5"])
    }

    /// Two lines of a log that are swapped, and of which one has arrived: it may still come, and says so.
    @Test func aJumpIsToldOfWhatHasArrived() {
        var history = History(execution: "main")
        let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "a"))
        let source = Identity128(high: 0, low: 1)
        var frames: [HistoryFrame] = []
        var texts: [[String]] = []
        for (id, numbers) in ([[1, 2, 3, 5], [4, 6]] as [[UInt64]]).enumerated() {
            let batch = EventBatch(numbers.map { Self.event("a", $0) }, of: key)
            frames.append(HistoryFrame(id: id, source: source, batch: batch))
            for run in history.append(frames[id]) { history.rebuild(run, from: frames) }
            history.finish()
            texts.append(history.defects(MessageEdges(history)).map(\.text))
        }
        let jump =
            "the log of a jumps from 3 to 5: a 4 is missing in the source itself, "
            + "as far as that has arrived"
        #expect(texts == [[jump], []])
        #expect(history.gaps(of: history.index(of: ProcessID(name: "a"))!).isEmpty)
    }

    @Test func knowledgeLost() {
        let found = Self.defects([
            Self.event("a", 1), Self.event("b", 1, ["a": 1]), Self.event("c", 1, ["b": 1]),
        ])
        #expect(found.map(\.kind) == [.knowledgeLost])
        #expect(found[0].events.map(\.description) == ["c:1", "b:1"])
    }

    @Test func receiveBeforeSend() {
        var receive = Self.event("a", 1, ["b": 1])
        receive.causes = [Cause(EventReference(EventID(ProcessID(name: "b"), 1)), .token)]
        #expect(
            Self.defects([receive, Self.event("b", 1, ["a": 1])]).map(\.kind) == [
                .cycle, .receiveBeforeSend,
            ])
    }

    @Test func wallClocksAreNotedOnly() {
        let found = Self.defects([
            Self.event("a", 1, time: 100), Self.event("a", 2, time: 50),
            Self.event("b", 1, ["a": 1], time: 10),
        ])
        #expect(found.map(\.kind) == [.wallClockBackwards, .wallClockDisagrees])
        #expect(found.allSatisfy { $0.kind.isNote })
    }

    @Test func clocksFromHell() {
        let huge = UInt64(1) << 62
        let history = makeHistory([Self.event("a", huge, ["b": huge])])
        let (a, b) = (EventID(ProcessID(name: "a"), huge), EventID(ProcessID(name: "b"), huge))
        #expect(history.order(b, a) == .known(.before))
        #expect(history.past(of: a)?.count == 0)
        #expect(history.past(of: a)?.isComplete == false)
        #expect(history.allGaps().count == 2)
    }
}

@Suite struct SilentLogTests {
    @Test func aLogThatSaysNothingOfMessagesIsOrderedWithItselfOnly() {
        var events = (1...3).map { DefectTests.event("notes", $0) }
        for index in events.indices { events[index].stamp = .silent }
        events += [DefectTests.event("a", 1), DefectTests.event("a", 2)]
        let history = makeHistory(events)
        let notes = ProcessID(name: "notes")
        #expect(history.order(EventID(notes, 1), EventID(notes, 3)) == .known(.before))
        #expect(
            history.order(EventID(notes, 1), EventID(text: "a:1")!)
                == .unknown(.lacking([.clocks(notes)]), excluded: [.before]))
        #expect(history.concurrent(with: EventID(text: "a:1")!)?.count == 0)
        #expect(history.concurrent(with: EventID(text: "a:1")!)?.lacks == [.clocks(notes)])
        #expect(history.past(of: EventID(notes, 3))?.count == 2)
        #expect(history.past(of: EventID(notes, 3))?.isComplete == false)
        #expect(history.future(of: EventID(text: "a:1")!)?.isComplete == false)
    }
}
