import Causality
import SimulatedHistories
import Testing

@testable import HappensBefore

/// A run as several sources recorded it, each in its own order and in frames that go on from each other.
private struct Recording {
    private(set) var frames: [HistoryFrame] = []
    /// Events whose clocks are whole.
    private(set) var wholes: Set<EventID> = []
    /// The event of the process that each other event's clock goes on from.
    private(set) var predecessors: [EventID: EventID] = [:]

    /// - Parameter movePerMille: Of 1,000 events, before how many their process moves to another source, as it does when an
    ///   agent begins a new segment.
    init(
        _ events: [Event], sources: Int = 2, wholePerMille: Int = 50, movePerMille: Int = 0,
        framePercent: Int = 15, seed: UInt64
    ) {
        var random = SeededGenerator(seed: seed ^ 0xF4A3E)
        var sourceOf: [ProcessID: Int] = [:]
        var waiting = [[Event]](repeating: [], count: sources)
        var clocks: [ProcessID: VectorClock] = [:]
        func flush(_ source: Int) {
            guard !waiting[source].isEmpty else { return }
            var batch = EventBatch()
            // A frame has its rows by process.
            let order = Dictionary(grouping: waiting[source], by: \.id.process)
                .sorted { listingOrder($0.key, $1.key) }
            for (process, rows) in order {
                for event in rows {
                    if Int.random(in: 0..<1000, using: &random) < wholePerMille {
                        clocks[process] = nil
                    }
                    if let before = clocks[process] {
                        predecessors[event.id] = EventID(process, before[process])
                    } else {
                        wholes.insert(event.id)
                    }
                    batch.append(event, of: makeKey(process), after: &clocks[process])
                }
            }
            frames.append(
                HistoryFrame(
                    id: frames.count, source: Identity128(high: 7, low: UInt64(source)),
                    batch: batch))
            waiting[source] = []
        }
        for event in events {
            let process = event.id.process
            if let old = sourceOf[process],
                Int.random(in: 0..<1000, using: &random) < movePerMille
            {
                flush(old)
                sourceOf[process] = Int.random(in: 0..<sources, using: &random)
                if sourceOf[process] != old { clocks[process] = nil }
            }
            let source = sourceOf[process] ?? Int.random(in: 0..<sources, using: &random)
            sourceOf[process] = source
            waiting[source].append(event)
            if Int.random(in: 0..<100, using: &random) < framePercent { flush(source) }
        }
        for source in 0..<sources { flush(source) }
    }

    /// The frames, each source's in its order, the sources mixed at random.
    func mixed(_ random: inout SeededGenerator) -> [HistoryFrame] {
        var queues = Dictionary(grouping: frames, by: \.source)
            .sorted { $0.key.low < $1.key.low }.map { $0.value[...] }
        var result: [HistoryFrame] = []
        while let index = queues.indices.filter({ !queues[$0].isEmpty })
            .randomElement(using: &random)
        { result.append(queues[index].removeFirst()) }
        return result
    }
}

/// A history that grows as a store's does: what does not fit behind what is here is put in order again.
private struct Growing {
    private(set) var history = History(execution: "main")
    private(set) var frames: [HistoryFrame] = []
    private(set) var rebuilt = 0

    mutating func add(_ arrived: [HistoryFrame]) {
        var left: Set<Identity128> = []
        for frame in arrived { left.formUnion(history.append(frame, except: left)) }
        frames = (frames + arrived).sorted { $0.id < $1.id }
        for run in left { history.rebuild(run, from: frames) }
        rebuilt += left.count
        history.finish()
    }

    init(_ arrived: [HistoryFrame]) { add(arrived) }
}

/// All that answers follow from, by names: equal for equal histories, whatever came first.
private struct Evidence: Equatable {
    var seen: [EventID: [ProcessID: UInt64]] = [:]
    var stamps: [EventID: Stamp] = [:]
    var gaps: Set<Gap>
    var listing: [EventID]
    var edges: Set<[EventID]> = []

    init(_ history: History) {
        gaps = Set(history.allGaps())
        listing = LinearExtension(history).map { history.id($0) }
        for process in history.processes {
            for position in 0..<process.count {
                let id = EventID(process.id, process.sequence(at: position))
                let known = zip(history.processes.map(\.id), history.seen(by: id) ?? [])
                seen[id] = Dictionary(uniqueKeysWithValues: known.filter { $0.1 > 0 })
                stamps[id] = process.stamp(at: position)
            }
        }
        MessageEdges(history).forEach(in: history) { edges.insert([$0.from, $0.to]) }
    }
}

@Suite struct FrameTests {
    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func clocksThatGoOnSayWhatWholeClocksSay(seed: UInt64) {
        let events = HistoryLaws.damaged(HistoryLaws.simulated(seed), seed: seed)
        let expected = Evidence(makeHistory(events))
        let recording = Recording(events, sources: 3, seed: seed)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            let grown = Growing(recording.mixed(&random))
            #expect(grown.rebuilt == 0, "seed \(seed): each source's frames came in order")
            #expect(Evidence(grown.history) == expected, "seed \(seed)")
        }
    }

    @Test(arguments: 1...30 as ClosedRange<UInt64>)
    func framesMayComeInAnyOrderAndBetweenQuestions(seed: UInt64) {
        let events = HistoryLaws.damaged(HistoryLaws.simulated(seed), seed: seed)
        let expected = Evidence(makeHistory(events))
        let recording = Recording(events, sources: 3, movePerMille: 60, seed: seed)
        var random = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            var waiting = recording.frames.shuffled(using: &random)[...]
            var grown = Growing([])
            while !waiting.isEmpty {
                let count = Int.random(in: 1...waiting.count, using: &random)
                grown.add(Array(waiting.prefix(count)))
                waiting = waiting.dropFirst(count)
            }
            #expect(Evidence(grown.history) == expected, "seed \(seed)")
            for (index, process) in grown.history.processes.enumerated() {
                for position in 0..<process.count {
                    let place = EventPosition(process: index, position: position)
                    let rows = grown.history.rows(at: place)
                    let (frame, row) = (
                        rows.frame, rows.row + position - rows.positions.lowerBound
                    )
                    let batch = recording.frames[frame].batch
                    #expect(batch.event(row).id.sequence == process.sequence(at: position))
                    #expect(batch.processes[Int(batch.slots[row])].process == process.id)
                }
            }
        }
    }

    /// What goes on from a frame that is not here is known to lack something, until a clock is whole again.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func aMissingFrameMakesLossyUntilTheNextWholeClock(seed: UInt64) throws {
        let truth = HistoryLaws.simulated(seed, events: 90)
        let recording = Recording(truth, seed: seed)
        var random = SeededGenerator(seed: seed)
        let missing = try #require(recording.frames.randomElement(using: &random))
        let lost = Set(missing.batch.events().map(\.event.id))
        let here = recording.frames.filter { $0.id != missing.id }.shuffled(using: &random)
        var grown = Growing(here)
        let history = grown.history
        let model = SlowModel(truth.filter { !lost.contains($0.id) })
        var broken: Set<EventID> = []
        for event in truth.sorted(by: { $0.id.sequence < $1.id.sequence }) {
            if let before = recording.predecessors[event.id],
                lost.contains(before) || broken.contains(before)
            {
                broken.insert(event.id)
            }
            guard let place = history.position(of: event.id) else {
                #expect(lost.contains(event.id))
                continue
            }
            let stamp = history.processes[place.process].stamp(at: place.position)
            if broken.contains(event.id) {
                guard case .lossy(let loss) = stamp else {
                    Issue.record("seed \(seed): \(event.id) is \(stamp)")
                    continue
                }
                #expect(loss.reason == .frameMissing, "seed \(seed): \(event.id)")
                #expect(broken.contains(EventID(event.id.process, loss.since)), "seed \(seed)")
            } else {
                #expect(stamp == .complete, "seed \(seed): \(event.id)")
            }
        }
        for a in truth where history.index(of: a.id.process) != nil {
            for b in truth where history.index(of: b.id.process) != nil {
                let order = history.order(a.id, b.id)
                let isExact = [a, b].allSatisfy {
                    !lost.contains($0.id) && !broken.contains($0.id)
                }
                if let known = order.known {
                    #expect(
                        known == a.clock.order(relativeTo: b.clock),
                        "seed \(seed): \(a.id) \(b.id)")
                    #expect(model.order(a.id, b.id) == known, "seed \(seed): \(a.id) \(b.id)")
                } else {
                    #expect(!isExact, "seed \(seed): \(a.id) \(b.id)")
                }
            }
        }
        grown.add([missing])
        #expect(Evidence(grown.history) == Evidence(makeHistory(truth)), "seed \(seed)")
    }

    /// A frame of one source goes on from no frame of another, whatever the numbers.
    @Test func sourcesDoNotGoOnFromEachOther() throws {
        let (a, b) = (ProcessID(name: "a"), ProcessID(name: "b"))
        func event(_ sequence: UInt64, _ seen: UInt64) -> Event {
            Event(id: EventID(a, sequence), clock: VectorClock([a: sequence, b: seen]))
        }
        var clock: VectorClock?
        func frame(_ id: Int, _ source: UInt64, _ event: Event) -> HistoryFrame {
            var batch = EventBatch()
            batch.append(event, of: makeKey(a), after: &clock)
            return HistoryFrame(id: id, source: Identity128(high: 0, low: source), batch: batch)
        }
        let first = frame(0, 1, event(1, 3))
        let second = frame(1, 2, event(2, 3))
        let grown = Growing([first, second])
        let place = try #require(grown.history.position(of: EventID(a, 2)))
        let stamp = grown.history.processes[place.process].stamp(at: place.position)
        #expect(stamp == .lossy(Loss(since: 2, .frameMissing)))
        #expect(Growing([second, first]).history.allGaps() == grown.history.allGaps())
    }

    /// Where a frame is missing, what the first whole clock after it has more than the row before it was not brought by its message.
    @Test func aWholeClockAfterAMissingFrameTellsNothingOfItsMessage() throws {
        let (a, b, c) = (ProcessID(name: "a"), ProcessID(name: "b"), ProcessID(name: "c"))
        var clock: VectorClock?
        func frame(_ id: Int, _ event: Event) -> HistoryFrame {
            var batch = EventBatch()
            batch.append(event, of: makeKey(event.id.process), after: &clock)
            return HistoryFrame(id: id, source: oneSource, batch: batch)
        }
        let learns = frame(
            0, Event(id: EventID(a, 1), kind: .receive, clock: VectorClock([a: 1, b: 1])))
        let goesOn = frame(1, Event(id: EventID(a, 2), clock: VectorClock([a: 2, b: 1])))
        clock = nil
        let receives = frame(
            2,
            Event(
                id: EventID(a, 3), kind: .receive,
                causes: [Cause(EventReference(EventID(c, 1)), .token)],
                clock: VectorClock([a: 3, b: 1, c: 1])))
        clock = nil
        let other = frame(3, Event(id: EventID(b, 1), clock: VectorClock([b: 1])))
        for isThere in [false, true] {
            let history = Growing((isThere ? [learns] : []) + [goesOn, receives, other]).history
            guard case .unknown = history.order(EventID(b, 1), EventID(c, 1)) else {
                Issue.record("nothing tells whether c had seen b, with a:1 \(isThere)")
                continue
            }
        }
    }
}

@Suite struct WideClockTests {
    static let width = 60_000

    private static func wide(byRun: Bool) -> (key: ProcessKey, event: Event, others: [ProcessKey]) {
        let others = (0..<width).map { index in
            ProcessKey(
                execution: "main", host: "h", process: ProcessID(name: "p\(index)"),
                run: byRun ? Identity128(high: UInt64(index) + 2, low: 0) : nil)
        }
        let key = ProcessKey(
            execution: "main", host: "h", process: ProcessID(name: "wide"),
            run: byRun ? Identity128(high: 1, low: 0) : nil)
        var clock = VectorClock([key.reference: 1])
        for other in others { clock[other.reference] = 1 }
        return (key, Event(id: EventID(key.process, 1), kind: .receive, clock: clock), others)
    }

    /// As wide a clock as there may be is no reason to wait.
    @Test(arguments: [(false, false), (true, false), (false, true)])
    func oneEventHasSeenSixtyThousandProcesses(byRun: Bool, areHere: Bool) throws {
        let (key, event, others) = Self.wide(byRun: byRun)
        var events = [(key: key, event: event)]
        if areHere {
            for other in others {
                let clock = VectorClock([other.reference: 1])
                events.append(
                    (other, Event(id: EventID(other.process, 1), kind: .send, clock: clock)))
            }
        }
        var history = History(execution: "main")
        let left = history.append(
            HistoryFrame(id: 0, source: oneSource, batch: EventBatch(events)))
        #expect(left.isEmpty)
        history.finish()
        let edges = MessageEdges(history)
        #expect(edges.count == (areHere ? Self.width : 0))
        #expect(edges.ghostCount == (areHere ? 0 : Self.width))
        let past = try #require(history.past(of: event.id))
        #expect(past.count == (areHere ? Self.width : 0) && past.isComplete == areHere)
        for other in history.processes.map(\.id).filter({ $0 != key.process }).prefix(20) {
            #expect(history.order(EventID(other, 1), event.id) == .known(.before))
        }
    }
}
