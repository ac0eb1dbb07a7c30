import Causality
import HappensBefore
import Recording
import Segments
import SimulatedHistories
import Testing

/// Three hundred processes whose clocks fit no token: what travels is abbreviated, and what is asked is exact all the same.
@Suite struct GossipTests {
    /// What really happened, and what was recorded of it.
    private struct Run {
        var events: [ProcessID: [Event]]
        /// The true clock of every event.
        var clocks: [EventID: VectorClock]
    }

    private static func gossip(processes: Int, steps: Int, seed: UInt64) throws -> Run {
        var random = SeededGenerator(seed: seed)
        let spool = try TemporarySpool()
        let recorders = (0..<processes).map {
            spool.recorder("service-\($0)/worker", chunkByteCount: 16 << 10)
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
        let (events, defects) = try spool.read()
        #expect(defects == [])
        return Run(events: events, clocks: all)
    }

    private static func history(_ run: Run, without missing: Set<ProcessID> = []) -> History {
        var history = History(execution: "main")
        for (index, (process, events)) in run.events.sorted(by: { $0.key.name < $1.key.name })
            .enumerated()
        where !missing.contains(process) {
            let block = HistoryBlock(
                id: index, host: "host", process: process, columns: CausalColumns(events))
            let isAppended = history.append(block)
            #expect(isAppended)
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
            stamps.count { $0 == .lowerBound } > stamps.count / 2, "most stamps are abbreviated")
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
        let (a, b) = (ProcessID(name: "a"), ProcessID(name: "b"))
        let restart = ProcessID(name: "a", incarnation: 2)
        func event(
            _ process: ProcessID, _ sequence: UInt64, _ kind: EventKind,
            _ seen: [ProcessID: UInt64],
            cause: EventID? = nil, stamp: StampQuality
        ) -> Event {
            var clock = VectorClock(seen)
            clock[process] = sequence
            return Event(
                id: EventID(process, sequence), kind: kind, cause: cause, clock: clock, stamp: stamp
            )
        }
        // The spool was wiped, and the first event after it is a receive from b, which had seen a:1.
        let run = Run(
            events: [
                a: [
                    event(a, 1, .send, [:], stamp: .complete),
                    event(a, 2, .local, [:], stamp: .complete),
                ],
                b: [
                    event(b, 1, .receive, [a: 1], cause: EventID(a, 1), stamp: .complete),
                    event(b, 2, .send, [a: 1], stamp: .complete),
                ],
                restart: [
                    event(
                        restart, 1, .receive, [b: 2, a: 1], cause: EventID(b, 2), stamp: .lowerBound
                    )
                ],
            ], clocks: [:])
        let history = Self.history(run)
        #expect(history.order(EventID(a, 1), EventID(restart, 1)) == .known(.before))
        guard case .unknown(.lacking(let lacks)) = history.order(EventID(a, 2), EventID(restart, 1))
        else {
            Issue.record("a:2 may well be before it")
            return
        }
        #expect(lacks == [.origin(restart)])
        // A receive that could not note its sender.
        let deaf = Run(
            events: [
                a: [event(a, 1, .send, [:], stamp: .complete)],
                b: [
                    event(b, 1, .receive, [ProcessID(name: "c"): 1], stamp: .lowerBound)
                ],
                ProcessID(name: "c"): [
                    event(ProcessID(name: "c"), 1, .local, [:], stamp: .complete)
                ],
            ], clocks: [:])
        guard case .unknown = Self.history(deaf).order(EventID(a, 1), EventID(b, 1)) else {
            Issue.record("the message may have come from a")
            return
        }
    }
}
