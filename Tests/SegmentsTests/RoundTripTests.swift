import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct RoundTripTests {
    @Test(arguments: 1...24 as ClosedRange<UInt64>)
    func decodeOfEncodeIsTheSame(seed: UInt64) throws {
        let events = Sample.events(seed: seed, count: 300, crashPerMille: 20)
        let batches = Sample.batches(events, of: [300, 77, 10, 1][Int(seed % 4)])
        let read = try Reading(Sample.segment(batches))
        #expect(read.damage == [] && read.isSealed, "seed \(seed)")
        #expect(read.frames.count == batches.count)
        #expect(read.frames.allSatisfy { $0.header.endsCommit })
        let found = try read.events()
        #expect(found.count == events.count)
        let wrong = difference(found, events)
        #expect(wrong == nil, "seed \(seed)")
        for (frame, batch) in zip(read.frames, batches) { try check(frame, batch) }
    }

    /// A frame has its rows by process, and what order needs is there without the content.
    private func check(_ frame: StoredFrame, _ batch: EventBatch) throws {
        let found = try frame.batch()
        #expect(frame.header.rowCount == batch.count)
        #expect(frame.header.processCount == Set(batch.slots).count)
        #expect(found.slots == found.slots.sorted(), "rows by process")
        #expect(
            zip(found.processes, found.processes.dropFirst()).allSatisfy {
                ProcessKey.listedBefore($0, $1)
            })
        let order = try frame.causality()
        let bare = found.events().map { key, event in
            Event(
                id: event.id, kind: event.kind, time: event.time, causes: event.causes,
                clock: event.clock, stamp: event.stamp, rulesOut: event.rulesOut)
        }
        #expect(order.events().map(\.event) == bare)
        #expect(order.processes == found.processes && order.predecessors == found.predecessors)
    }

    /// What was decoded is encoded to the same bytes again.
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func encodeOfDecodeIsTheSame(seed: UInt64) throws {
        let bytes = Sample.segment(Sample.batches(Sample.events(seed: seed, count: 200), of: 64))
        let again = try Reading(bytes).frames.map { try $0.batch() }
        #expect(Sample.segment(again) == bytes)
    }

    @Test func spellingsOfOneCharacterStayApart() throws {
        let (one, two) = (ProcessID(name: "\u{e9}"), ProcessID(name: "e\u{301}"))
        let texts = ["\u{e9}", "e\u{301}", "\u{e9}", "x"]
        let events: [KeyedEvent] = (1...40 as ClosedRange<UInt64>).map { sequence in
            let process = sequence % 2 == 0 ? one : two
            let event = Event(
                id: EventID(process, sequence), name: texts[Int(sequence + 1) % 4],
                text: texts[Int(sequence / 2) % 4],
                attributes: [Attribute("e\u{301}", .text("1")), Attribute("\u{e9}", .text("2"))],
                clock: VectorClock([one: sequence, two: sequence]))
            return (
                ProcessKey(execution: texts[Int(sequence % 2)], host: "h", process: process), event
            )
        }
        let read = try Reading(Sample.segment([EventBatch(events)])).events()
        func bytes(_ events: [KeyedEvent], _ process: ProcessID) -> [[UInt8]] {
            events.filter { $0.key.process == process }.map { key, event in
                let texts =
                    [key.execution, event.name, event.text]
                    + event.attributes.flatMap { [$0.key, $0.value.text] }
                return texts.flatMap { Array($0.utf8) + [0] }
            }
        }
        for process in [one, two] { #expect(bytes(read, process) == bytes(events, process)) }
        #expect(difference(read, events) == nil)
    }

    @Test(arguments: [
        Origin.nothing, .unknown, .event(RunKey(bits: .max), Causality.Limits.sequenceMax),
    ])
    func aFrameSaysWhoseEventsItHolds(origin: Origin) throws {
        let processes = [
            ProcessID(name: "web-1/api", incarnation: 7), ProcessID(name: "web-1/"),
            ProcessID(name: "web-1"), ProcessID(name: "web-1//"),
        ]
        for process in processes {
            for run in [Identity128(high: 1, low: .max), nil] {
                let key = ProcessKey(
                    execution: "prod", host: "web-1", process: process, run: run, origin: origin)
                var clock = VectorClock()
                clock[key.reference] = 1
                let event = Event(id: EventID(process, 1), clock: clock)
                let read = try Reading(Sample.segment([EventBatch([event], of: key)]))
                #expect(try read.frames[0].batch().processes == [key])
                #expect(try read.events().map(\.event) == [event])
            }
        }
    }

    @Test func extremeValues() throws {
        let process = ProcessID(name: "p", incarnation: Causality.Limits.incarnationMax)
        let other = ProcessID(name: String(repeating: "ü", count: 128))
        let most = Causality.Limits.sequenceMax
        let events = [
            Event(
                id: EventID(process, 1), time: WallTime(nanoseconds: .max),
                clock: VectorClock([process: 1, other: most])),
            Event(
                id: EventID(process, 2), time: WallTime(nanoseconds: .min + 1),
                clock: VectorClock([process: 2])),
            Event(
                id: EventID(process, most - 1), time: WallTime(nanoseconds: 0),
                causes: [Cause(EventReference(EventID(other, most)), .clock)],
                clock: VectorClock([process: most - 1, other: 1]),
                stamp: .lossy(Loss(since: most, .exported, number: .max))),
            Event(
                id: EventID(process, most),
                attributes: (0..<Causality.Limits.attributesMax).map { _ in
                    Attribute(String(repeating: "k", count: 256), .json("1"))
                }, clock: VectorClock([process: most, other: 1])),
        ]
        let key = ProcessKey(execution: "main", host: "h", process: process)
        let read = try Reading(Sample.segment([EventBatch(events, of: key)]))
        #expect(try read.events().map(\.event) == events)
    }

    @Test func logsAreCompressedWell() throws {
        let process = ProcessID(name: "p")
        let events = (1...8192 as ClosedRange<UInt64>).map { sequence in
            Event(
                id: EventID(process, sequence),
                time: WallTime(nanoseconds: Int64(sequence) * 1_000_000),
                text: "GET /user/\(sequence % 97) took \(sequence * 7 % 300) ms",
                clock: VectorClock([process: sequence]))
        }
        let key = ProcessKey(execution: "main", host: "h", process: process)
        let raw = events.reduce(0) { $0 + $1.text.utf8.count + 24 }
        let bytes = Sample.segment([EventBatch(events, of: key)])
        #expect(bytes.count * 12 < raw, "\(raw) bytes became \(bytes.count)")
    }

    @Test func aCommitOfNothingSaysHowFarEverythingWasRead() throws {
        let commit = Commit(host: "web-1", readUpTo: WallTime(nanoseconds: -5))
        let read = try Reading(
            Sample.segment([EventBatch(), EventBatch()], commit: { _ in commit }))
        #expect(try read.commits() == [commit, commit])
        #expect(try read.events().isEmpty && read.damage == [] && read.isSealed)
    }
}
