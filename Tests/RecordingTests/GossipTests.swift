import Causality
import HappensBefore
import Recording
import SimulatedHistories
import Testing

/// Three hundred processes whose clocks fit no token: what travels is abbreviated, and what is asked is exact all the same.
@Suite struct GossipTests {
    /// What really happened, and what was recorded of it.
    fileprivate struct Run {
        var events: [ProcessID: [Event]]
        var keys: [ProcessID: ProcessKey]
        /// The true clock of every event.
        var clocks: [EventID: VectorClock]
    }

    private static func gossip(processes: Int, steps: Int, seed: UInt64) throws -> Run {
        var random = SeededGenerator(seed: seed)
        let spool = try TemporarySpool()
        let recorders = (0..<processes).map {
            spool.recorder("service-\($0)", chunkByteCount: 16 << 10)
        }
        var clocks = recorders.map { _ in VectorClock() }
        var all: [EventID: VectorClock] = [:]
        func note(_ index: Int, _ id: EventID) {
            clocks[index][id.process] = id.sequence
            all[id] = clocks[index]
        }
        var underWay: [(text: String, clock: VectorClock)] = []
        for _ in 0..<steps {
            let index = Int.random(in: 0..<processes, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4:
                let token = recorders[index].send("gossip")
                note(index, token.event)
                underWay.append((token.text, clocks[index]))
                if underWay.count > 200 { underWay.removeFirst() }
            case 4..<9 where !underWay.isEmpty:
                // A message may reach several.
                let message = underWay.randomElement(using: &random)!
                let id = recorders[index].receive(try Token(message.text), "heard")
                clocks[index].merge(message.clock)
                note(index, id)
            default:
                if let id = recorders[index].record("thought") { note(index, id) }
            }
        }
        let (events, keys, defects) = try spool.readAll()
        #expect(defects == [])
        return Run(events: events, keys: keys, clocks: all)
    }

    private static func history(_ run: Run, without missing: Set<ProcessID> = []) -> History {
        var history = History(execution: "main")
        for (index, (process, events)) in run.events.sorted(by: { $0.key.name < $1.key.name })
            .enumerated()
        where !missing.contains(process) {
            let key = run.keys[process]!
            let frame = HistoryFrame(
                id: index, source: key.identity, batch: EventBatch(events, of: key))
            #expect(history.append(frame) == [])
        }
        history.finish()
        return history
    }

    private static func trueOrder(_ a: EventID, _ b: EventID, _ run: Run) -> CausalOrder {
        if a == b { return .equal }
        if run.clocks[b]!.hasSeen(a) { return .before }
        return run.clocks[a]!.hasSeen(b) ? .after : .concurrent
    }

    @Test(arguments: [1, 2] as [UInt64])
    func orderPastAndFutureAreExactWhereNothingIsMissing(_ seed: UInt64) throws {
        let run = try Self.gossip(processes: 300, steps: 6_000, seed: seed)
        let stamps = run.events.values.flatMap { $0 }.map(\.stamp)
        #expect(
            stamps.count { $0 == .generating } > stamps.count / 3, "many stamps are abbreviated")
        let history = Self.history(run)
        var random = SeededGenerator(seed: seed)
        let ids = run.clocks.keys.sorted {
            ($0.process.name, $0.sequence) < ($1.process.name, $1.sequence)
        }
        for _ in 0..<2_000 {
            let (a, b) = (ids.randomElement(using: &random)!, ids.randomElement(using: &random)!)
            #expect(history.order(a, b) == .known(Self.trueOrder(a, b, run)), "\(a) and \(b)")
        }
        for _ in 0..<30 {
            let id = ids.randomElement(using: &random)!
            let past = try #require(history.past(of: id))
            let future = try #require(history.future(of: id))
            #expect(past.isComplete && future.isComplete)
            for (index, process) in history.processes.enumerated() {
                let seen = run.clocks[id]![process.id] - (process.id == id.process ? 1 : 0)
                #expect(past.ranges[index] == 0..<Int(seen), "the past of \(id) on \(process.id)")
                let first = (run.events[process.id] ?? []).firstIndex {
                    $0.id != id && run.clocks[$0.id]!.hasSeen(id)
                }
                #expect(
                    future.ranges[index].lowerBound == first ?? process.count,
                    "the future of \(id) on \(process.id)")
            }
        }
    }

    @Test func noAnswerIsWrongWhereSomeAreMissing() throws {
        let run = try Self.gossip(processes: 100, steps: 5_000, seed: 3)
        var random = SeededGenerator(seed: 3)
        let names = run.events.keys.sorted { $0.name < $1.name }
        let history = Self.history(run, without: Set(names.prefix(10)))
        let ids = run.clocks.keys.filter { !names.prefix(10).contains($0.process) }
            .sorted { ($0.process.name, $0.sequence) < ($1.process.name, $1.sequence) }
        var unknown = 0
        for _ in 0..<2_000 {
            let (a, b) = (ids.randomElement(using: &random)!, ids.randomElement(using: &random)!)
            switch history.order(a, b) {
            case .known(let order): #expect(order == Self.trueOrder(a, b, run), "\(a) and \(b)")
            case .unknown: unknown += 1
            }
        }
        #expect(unknown > 0, "ten of a hundred processes are missing")
    }

    /// Histories in which what a restart or a receive had seen is not all there: the answer is unknown, never wrong.
    @Test func whatIsNotKnownIsNotGuessed() throws {
        let (a, b) = (ProcessID(name: "h/a"), ProcessID(name: "h/b"))
        let restart = ProcessID(name: "h/a", incarnation: 2)
        // The spool was wiped, and the first event after it is a receive from b, which had seen a:1.
        var wiped = Run()
        wiped.add(a, 1, .send)
        wiped.add(a, 2, .local)
        wiped.add(b, 1, .receive, [a: 1], from: (a, 1))
        wiped.add(b, 2, .send, [a: 1])
        wiped.add(
            restart, 1, .receive, [b: 2, a: 1], from: (b, 2),
            .lossy(Loss(since: 1, .originUnknown)), origin: .unknown)
        let history = Self.history(wiped)
        #expect(history.order(EventID(a, 1), EventID(restart, 1)) == .known(.before))
        #expect(
            history.order(EventID(a, 2), EventID(restart, 1))
                == .unknown(
                    .lacking([.loss(EventID(restart, 1), .originUnknown)]), excluded: [.after]))
        // A receive that could not note its sender.
        let c = ProcessID(name: "h/c")
        var deaf = Run()
        deaf.add(a, 1, .send)
        deaf.add(b, 1, .receive, [c: 1], .lossy(Loss(since: 1, .clockFull)))
        deaf.add(c, 1, .send)
        #expect(
            Self.history(deaf).order(EventID(a, 1), EventID(b, 1))
                == .unknown(.lacking([.loss(EventID(b, 1), .clockFull)]), excluded: [.after]))
    }

    /// After a gap of its own a process knows exactly again what it has heard from beyond it.
    @Test func certaintyComesBackWithTheNextMessage() throws {
        let (a, b, c) = (
            ProcessID(name: "h/a"), ProcessID(name: "h/b"), ProcessID(name: "h/c")
        )
        var run = Run()
        run.add(a, 1, .local, [:], .generating)
        // a:2 is missing: it received c:1, which nothing else tells.
        run.add(a, 3, .local, [c: 1], .generating)
        run.add(b, 1, .send)
        run.add(c, 2, .receive, [b: 1], from: (b, 1), .generating)
        run.add(c, 3, .send, [b: 1], .generating)
        run.add(a, 4, .receive, [c: 3], from: (c, 3), .generating)
        var history = Self.history(run)
        #expect(history.order(EventID(b, 1), EventID(a, 3)).isUnknown)
        #expect(history.order(EventID(b, 1), EventID(a, 4)) == .known(.before))
        #expect(history.isExact(EventID(a, 4)), "though a:2 and c:1 are missing")
        run.add(c, 1, .send)
        history = Self.history(run)
        #expect(history.order(EventID(b, 1), EventID(a, 3)) == .known(.concurrent))
        #expect(history.isExact(EventID(a, 3)) && history.isExact(EventID(a, 4)))
    }
}

extension EventOrder {
    fileprivate var isUnknown: Bool { if case .unknown = self { true } else { false } }
}

extension GossipTests.Run {
    fileprivate init() { self.init(events: [:], keys: [:], clocks: [:]) }

    /// Adds an event of a run that is named after its process.
    fileprivate mutating func add(
        _ process: ProcessID, _ sequence: UInt64, _ kind: EventKind,
        _ seen: [ProcessID: UInt64] = [:], from cause: (ProcessID, UInt64)? = nil,
        _ stamp: Stamp = .complete, origin: Origin = .nothing
    ) {
        func run(_ process: ProcessID) -> Identity128 {
            Identity128(naming: Array("\(process)".utf8))
        }
        func reference(_ process: ProcessID) -> ProcessReference { .run(RunKey(run(process))) }
        var clock = VectorClock()
        for (process, value) in seen { clock[reference(process)] = value }
        clock[reference(process)] = sequence
        keys[process] = ProcessKey(
            execution: "main", host: "h", process: process, run: run(process), origin: origin)
        events[process, default: []].append(
            Event(
                id: EventID(process, sequence), kind: kind,
                causes: cause.map {
                    [Cause(EventReference(reference($0), $1, name: $0), .token)]
                } ?? [], clock: clock,
                stamp: stamp))
        events[process]!.sort { $0.id.sequence < $1.id.sequence }
    }
}
