import Causality
import Segments
import SimulatedHistories
import Testing

@testable import Simulation

@Suite struct ShrinkingTests {
    private func script(_ steps: [Int]) -> Script {
        var script = Script(seed: 1, steps: 100)
        script.faults = steps.map { Fault(step: $0, kind: .agentDies, salt: UInt64($0)) }
        return script
    }

    /// Two of many misfortunes are to blame, and what comes until the second.
    @Test func whatIsLeftOutDoesNotMatter() {
        var shrinking = Shrinking(script(Array(1...20))) { script in
            script.faults.contains { $0.step == 3 } && script.faults.contains { $0.step == 17 }
                && script.steps >= 17
        }
        shrinking.run()
        #expect(shrinking.script.faults.map(\.step) == [3, 17])
        #expect(shrinking.script.steps == 17)
    }

    @Test func nothingIsLeftOutThatMatters() {
        let all = script([1, 2, 3])
        var shrinking = Shrinking(all) { $0 == all }
        shrinking.run()
        #expect(shrinking.script == all)
    }

    @Test func itEndsThoughEverythingBreaks() {
        var lived = 0
        var shrinking = Shrinking(script(Array(1...50)), triesMax: 30) { _ in
            lived += 1
            return true
        }
        shrinking.run()
        #expect(lived <= 30)
        #expect(shrinking.tries == lived)
    }
}

@Suite struct SimulatedCollectorTests {
    /// A segment, and where its first commit ends.
    private let (id, bytes, end): (Identity128, [UInt8], Int)

    init() {
        id = Identity128(naming: Array("segment".utf8))
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)), segment: id,
            created: WallTime(nanoseconds: 1))
        let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "p"))
        var writer = SegmentWriter(header)
        var clock: VectorClock?
        let commits = (1...2 as ClosedRange<UInt64>).map { number in
            var batch = EventBatch()
            let event = Event(
                id: EventID(key.process, number), text: "event \(number)",
                clock: VectorClock([key.reference: number]))
            batch.append(event, of: key, after: &clock)
            return writer.commit(batch, Commit())
        }
        end = header.encoded().count + commits[0].count
        bytes = header.encoded() + commits.joined()
    }

    /// Of an append that fails before the catalogue hears of it all may be there at the next start, also where less than that came again
    /// before it died.
    @Test func whatWasSentBeforeArrivesThoughLessOfItCameLast() throws {
        var arrivedAll = 0
        for call in 1...40 {
            let collector = SimulatedCollector(
                "/simulated-collector/\(call)/", points: CrashPoints(), seed: 1, seconds: { 0 })
            defer { collector.end() }
            collector.start()
            collector.troubles += 1
            collector.fail(call: collector.disk.counts.calls + call, with: 28)
            _ = collector.answer(.append(bytes, id, 0))
            collector.stopFailing()
            // It dies before it changes anything.
            collector.disk.fail(fromCall: collector.disk.counts.calls + 1, with: 5)
            _ = collector.answer(.append(Array(bytes[..<end]), id, 0))
            collector.die(.killed)
            collector.start()
            let count = try collector.archive?.state(of: id)?.byteCount ?? 0
            let isAsSent = bytes[..<count].elementsEqual(collector.arrived[id] ?? [])
            #expect(isAsSent, "call \(call)")
            if count == bytes.count { arrivedAll += 1 }
        }
        #expect(arrivedAll > 0)
    }
}

@Suite struct ScriptTests {
    @Test func aScriptFollowsFromItsSeed() {
        for seed in 1...50 as ClosedRange<UInt64> {
            let script = Script(seed: seed, steps: nil)
            #expect(script == Script(seed: seed, steps: nil))
            #expect(script.faults.allSatisfy { (0..<script.steps).contains($0.step) })
        }
    }

    /// Each kind happens in some worlds, and in some of those that have misfortunes it does not.
    @Test func noKindIsInAllWorldsOrInNone() {
        let scripts = (1...400 as ClosedRange<UInt64>).map { Script(seed: $0, steps: 100) }
            .filter { !$0.faults.isEmpty }
        #expect((200..<400).contains(scripts.count))
        for kind in Fault.Kind.allCases {
            let count = scripts.filter { $0.contains(kind) }.count
            #expect((2..<scripts.count * 3 / 4).contains(count), "\(kind): \(count)")
        }
    }
}

@Suite struct RunLoopTests {
    @Test func whatIsDueFirstIsDoneFirst() {
        let loop = RunLoop()
        let done = loop.run { () -> [Int] in
            await withTaskGroup(of: Int.self, returning: [Int].self) { group in
                for (number, nanoseconds) in [30, 10, 20, 10].enumerated() {
                    group.addTask {
                        await loop.sleep(Int64(nanoseconds))
                        return number
                    }
                }
                var done: [Int] = []
                for await number in group { done.append(number) }
                return done
            }
        }
        #expect(done == [1, 3, 2, 0])
        #expect(loop.now == 30)
    }
}
