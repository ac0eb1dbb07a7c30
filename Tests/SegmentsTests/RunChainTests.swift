import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct RunChainTests {
    private static let key = ProcessKey(
        execution: "main", host: "h", process: ProcessID(name: "p"), run: Sample.run(1))
    private static let other = ProcessKey(
        execution: "main", host: "h", process: ProcessID(name: "q"))

    /// Events of two processes in turn; `change` makes one of them another.
    private static func events(
        _ count: Int, change: (at: Int, (inout Event) -> Void)? = nil
    ) -> [KeyedEvent] {
        (0..<count).map { index in
            let key = index % 8 == 7 ? other : key
            var clock = VectorClock()
            clock[Self.key.reference] = UInt64(index + 1)
            clock[Self.other.reference] = UInt64(index / 8 + 1)
            let sequence = clock[key.reference]
            var event = Event(
                id: EventID(key.process, sequence), kind: .receive,
                time: WallTime(nanoseconds: Int64(index)), name: "n", text: "event \(index)",
                level: .info, attributes: [Attribute("k", .text("v"))],
                causes: [Cause(EventReference(other.reference, 3), .token)], clock: clock)
            if let change, change.at == index { change.1(&event) }
            return (key, event)
        }
    }

    /// The chains of events in commits of `count`, each of which is framed by `rows`.
    private static func chains(
        _ events: [KeyedEvent], of count: Int, rows: Int = .max
    ) -> [ChainedRun: RunChain] {
        var chains = RunChains(segment: Sample.header.segment)
        for batch in Sample.batches(events, of: count) {
            var before = [UInt64](repeating: 0, count: batch.processes.count)
            for start in stride(from: 0, to: batch.count, by: min(rows, batch.count)) {
                let range = start..<min(batch.count, start + min(rows, batch.count))
                chains.append(batch, FrameRows(batch, range, after: before))
                for row in range { before[Int(batch.slots[row])] = batch.sequences[row] }
            }
        }
        return chains.chains.mapValues { $0.sealed() }
    }

    @Test(arguments: [(1, 1), (4095, 1), (4096, 1), (4097, 2), (8192, 2), (10_000, 3)])
    func aStepEvery4096EventsAndAtTheSeal(count: Int, steps: Int) throws {
        let batch = EventBatch(
            (1...UInt64(count)).map { sequence in
                Event(id: EventID(Self.key.process, sequence), clock: VectorClock())
            }, of: Self.key)
        var chains = RunChains(segment: Sample.header.segment)
        chains.append(
            batch, FrameRows(batch, 0..<count, after: [0]))
        let chain = try #require(chains.chains.values.first)
        #expect(chain.steps.count == count / 4096)
        #expect(chain.sealed().steps.count == steps && chain.sealed().eventCount == count)
        #expect(chain.sealed().sealed() == chain.sealed() || count % 4096 != 0)
        #expect(Array(chain.sealed().steps.prefix(count / 4096)) == chain.steps)
    }

    @Test func itIsTheSameHoweverTheRowsAreFramed() throws {
        let events = Self.events(6_000)
        let whole = Self.chains(events, of: 6_000)
        #expect(whole.count == 2)
        #expect(whole.values.map(\.eventCount).sorted() == [750, 5_250])
        #expect(Self.chains(events, of: 6_000, rows: 100) == whole)
        #expect(Self.chains(events, of: 977) == whole)
        #expect(Self.chains(events, of: 4_096, rows: 61) == whole)
    }

    @Test func whateverIsChangedChangesIt() throws {
        let before = Self.chains(Self.events(200), of: 50)
        let run = ChainedRun(execution: "main", run: Self.key.identity)
        let changes: [(String, (inout Event) -> Void)] = [
            ("text", { $0.text += "." }), ("name", { $0.name = "m" }),
            ("level", { $0.level = .error }), ("no level", { $0.level = nil }),
            ("time", { $0.time = WallTime(nanoseconds: 7_777) }), ("no time", { $0.time = nil }),
            ("kind", { $0.kind = .send }), ("stamp", { $0.stamp = .generating }),
            ("loss", { $0.stamp = .lossy(Loss(since: 1, .clockFull)) }),
            ("clock", { $0.clock[.run(RunKey(bits: 9))] = 1 }),
            ("cause", { $0.causes[0].event.sequence += 1 }),
            ("evidence", { $0.causes[0].evidence = .key }), ("no cause", { $0.causes = [] }),
            ("two causes", { $0.causes += $0.causes }),
            ("ruling", { $0.rulesOut = EventReference(.run(RunKey(bits: 9)), 1) }),
            ("attribute", { $0.attributes[0].value = .text("w") }),
            ("attribute's type", { $0.attributes[0].value = .json("v") }),
            ("attribute's key", { $0.attributes[0].key = "l" }),
            ("where text ends", { ($0.name, $0.text) = ("n" + $0.text, "") }),
        ]
        for (what, change) in changes {
            let after = Self.chains(Self.events(200, change: (60, change)), of: 50)
            #expect(after[run] != before[run], "\(what)")
            #expect(after.count == 2)
        }
        var shifted = RunChains(segment: Identity128(naming: [1]))
        let batch = EventBatch(Self.events(5))
        shifted.append(
            batch,
            FrameRows(batch, 0..<5, after: [UInt64](repeating: 0, count: batch.processes.count)))
        #expect(
            shifted.chains[run]?.sealed() != Self.chains(Self.events(5), of: 5)[run],
            "of another segment")
    }

    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func takingTheFramesRebuildsTheFooter(seed: UInt64) throws {
        let events = Sample.events(seed: seed, count: 200)
        let bytes = Sample.segment(
            Sample.batches(events, of: 23),
            commit: { Commit(checkpoints: Checkpoints.all(offset: UInt64($0))) })
        let read = try Reading(bytes)
        var writer = SegmentWriter(Sample.header)
        for frame in read.frames { try writer.take(frame) }
        #expect(writer.footer() == read.footer)
        #expect(writer.byteCount == bytes.count && writer.frameCount == read.frames.count)
    }

    @Test func takingGoesOnAsIfNothingHadHappened() throws {
        let batches = Sample.batches(Sample.events(seed: 3, count: 200), of: 23)
        func commit(_ index: Int) -> Commit {
            Commit(checkpoints: Checkpoints.all(offset: UInt64(index)))
        }
        let bytes = Sample.segment(batches, commit: commit)
        let read = try Reading(bytes)
        for stop in 0...batches.count {
            var writer = SegmentWriter(Sample.header)
            var found = Sample.header.encoded()
            for frame in read.frames.prefix(stop) {
                try writer.take(frame)
                found += frame.bytes
            }
            for index in stop..<batches.count {
                found += writer.commit(batches[index], commit(index))
            }
            found += writer.footer()
            #expect(found == bytes, "stopped after \(stop)")
        }
    }

    @Test func copiedFramesSayTheSame() throws {
        let bytes = Sample.segment(Sample.batches(Sample.events(seed: 4, count: 100), of: 23))
        let read = try Reading(bytes)
        var writer = SegmentWriter(
            SegmentHeader(
                agent: Sample.run(7), segment: Sample.run(8), created: WallTime(nanoseconds: 1)))
        var copy = writer.header.encoded()
        for frame in read.frames { copy += try writer.copy(frame) }
        copy += writer.footer()
        let again = try Reading(copy)
        #expect(again.damage == [] && again.isSealed)
        let wrong = try difference(again.events(), read.events())
        #expect(wrong == nil)
    }
}
