import Causality
import Foundation
import SimulatedHistories
import Testing

@testable import Segments

/// A fixed segment that has every feature of the format.
enum Golden {
    static let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden/v4.lcseg")

    static let keys: [ProcessKey] = {
        let (first, second, third) = (Sample.run(1), Sample.run(2), Sample.run(3))
        let restart = ProcessID(name: "web-1/api", incarnation: 2)
        func key(
            _ execution: String, _ host: String, _ process: ProcessID, _ run: Identity128?,
            _ origin: Origin = .nothing
        ) -> ProcessKey {
            ProcessKey(
                execution: execution, host: host, process: process, run: run, origin: origin)
        }
        return [
            key("main", "web-1", ProcessID(name: "web-1/api"), first),
            key("main", "web-1", restart, second, .event(RunKey(first), 6)),
            key("main", "web-2", restart, third, .unknown),
            key("run 2", "h", ProcessID(name: "\u{e9}"), nil),
            key("run 2", "h", ProcessID(name: "e\u{301}"), nil),
        ]
    }()

    /// The events of each commit; each is in an order in which it may have been read.
    static func commits() -> [[KeyedEvent]] {
        var clocks = [VectorClock](repeating: VectorClock(), count: keys.count)
        var commits: [[KeyedEvent]] = []
        for commit in 0..<3 {
            var events: [KeyedEvent] = []
            for step in 0..<15 {
                let number = (step + commit) % keys.count
                let key = keys[number]
                var sequence = clocks[number][key.reference] + 1
                // A gap, and numbers that come again.
                if step == 7 { sequence += 3 }
                if commit == 1, step == 13 { sequence = max(1, sequence - 2) }
                clocks[number][key.reference] = sequence
                if step % 4 == 1 {
                    clocks[number][keys[(number + 1) % keys.count].reference] =
                        UInt64(commit * 100 + step)
                }
                if step % 6 == 2 { clocks[number][.run(RunKey(bits: UInt64(step)))] = 1 << 40 }
                if commit == 2, step == 9 { clocks[number][.run(RunKey(bits: 2))] = 0 }
                events.append(
                    (key, event(EventID(key.process, sequence), 15 * commit + step, clocks[number]))
                )
            }
            commits.append(events)
        }
        return commits
    }

    private static func event(_ id: EventID, _ number: Int, _ clock: VectorClock) -> Event {
        var event = Event(
            id: id, kind: EventKind(rawValue: UInt8(number % 4))!,
            text: [
                "GET /\(number) took \(number * 7) ms for u\(number % 3)", "ready",
                "tab\t\u{11}ü“”", "",
            ][
                number < 15 ? 0 : number % 4], level: Level(rawValue: UInt8(number % 8)),
            clock: clock)
        event.name = ["", "order placed", "ü"][number % 3]
        if number % 5 != 0 {
            event.time = WallTime(
                nanoseconds: 1_700_000_000_000_000_000 + Int64(number)
                    * (number < 30 ? 1_000_000 : 1))
        }
        event.attributes =
            [
                [], [Attribute("attempt", .json("\(number)"))],
                [
                    Attribute("user", .text("alice")), Attribute("attempt", .json("[1,null]")),
                    Attribute("user", .text("")),
                ],
            ][number % 3]
        event.stamp =
            [
                .complete, .generating, .chained, .silent,
                .lossy(Loss(since: id.sequence, .clockFull, number: 2)),
                .lossy(Loss(since: 1, .frameMissing)), .complete,
            ][number % 7]
        if number % 4 == 2 {
            event.causes = Evidence.allCases.prefix(number % 5).map { evidence in
                let sender = keys[Int(evidence.rawValue)]
                return Cause(
                    EventReference(
                        sender.reference, UInt64(number) + 1,
                        name: sender.run == nil
                            ? nil : evidence == .clock ? ProcessID(name: "renamed") : sender.process
                    ),
                    evidence)
            }
        }
        if number % 11 == 10 {
            event.rulesOut = EventReference(.named(ProcessID(name: "gone", incarnation: 4)), 8)
        }
        return event
    }

    static func commit(_ index: Int) -> Commit {
        guard index > 0 else { return Commit() }
        return Commit(
            host: "web-1", readUpTo: WallTime(nanoseconds: 1_700_000_000_000_000_000),
            checkpoints: Checkpoints.all(offset: UInt64(index), hasUnmatched: index == 2))
    }

    /// The batches, their tables filled in the order of the events or in another one.
    static func batches(isTurned: Bool) -> [EventBatch] {
        var clocks: [ProcessKey: VectorClock] = [:]
        return commits().map { events in
            var batch = EventBatch()
            var events = events
            if isTurned {
                fillTables(&batch, events.reversed())
                // The processes the other way round, each in its order.
                events = keys.reversed().flatMap { key in events.filter { $0.key == key } }
            }
            for (key, event) in events { batch.append(event, of: key, after: &clocks[key]) }
            return batch
        }
    }

    private static func fillTables(_ batch: inout EventBatch, _ events: [KeyedEvent]) {
        for (key, event) in events {
            _ = batch.slot(of: key)
            _ = batch.name(Array(event.name.utf8).span)
            for process in event.clock.entries.keys.sorted(by: { ProcessReference.isBefore($1, $0) }
            ) {
                _ = batch.reference(process)
            }
        }
    }

    static func segment(isTurned: Bool = false) -> [UInt8] {
        Sample.segment(batches(isTurned: isTurned), commit: commit)
    }
}

@Suite struct GoldenTests {
    /// Version 2 as it was first written: it must be readable for ever, and written the same.
    @Test func version4() throws {
        let bytes = Golden.segment()
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Data(bytes).write(to: Golden.url)
            Issue.record("the golden segment was recorded anew: run again without RECORD_GOLDEN")
        }
        let golden = [UInt8](try Data(contentsOf: Golden.url))
        #expect(golden == bytes, "an encoder's bytes follow from its input alone")
        let read = try Reading(golden)
        #expect(read.damage == [] && read.isSealed)
        let commits = try read.commits()
        #expect(commits == (0..<3).map { Golden.commit($0) })
        let found = try read.events()
        let expected = Golden.commits().flatMap { $0 }
        #expect(difference(found, expected) == nil)
    }

    @Test func theOrderInWhichTablesWereFilledIsNotInTheBytes() throws {
        #expect(Golden.segment(isTurned: true) == Golden.segment())
    }

    /// As above, for runs that only their origins or the spelling of their executions tell apart.
    @Test func whatOnlyJustDiffersHasAnOrderToo() throws {
        let process = ProcessID(name: "p")
        let keys = [
            Origin.unknown, .nothing, .event(RunKey(bits: 1), 2), .event(RunKey(bits: 1), 1),
        ]
        .flatMap { origin in
            ["\u{e9}", "e\u{301}"].map {
                ProcessKey(
                    execution: $0, host: "h", process: process, run: Sample.run(1),
                    origin: origin)
            }
        }
        func bytes(_ keys: [ProcessKey]) -> [UInt8] {
            Sample.segment([
                EventBatch(
                    keys.map { key in
                        var clock = VectorClock()
                        clock[key.reference] = 1
                        return (
                            key, Event(id: EventID(process, 1), text: key.execution, clock: clock)
                        )
                    })
            ])
        }
        #expect(bytes(keys) == bytes(keys.reversed()))
    }
}

@Suite struct SegmentDamageTests {
    private static let golden = Golden.segment()

    @Test func cutAtEveryByte() throws {
        let bytes = Self.golden
        let whole = try Reading(bytes)
        let ends = whole.frames.map { $0.offset + $0.bytes.count }
        #expect(ends.count == 3)
        for cut in 0..<bytes.count {
            let read = try Reading(Array(bytes[..<cut]))
            let count = ends.count { $0 <= cut }
            #expect(read.frameBytes == Array(whole.frameBytes.prefix(count)), "cut at \(cut)")
            #expect(!read.isSealed)
            let isAtEnd = ends.contains(cut) || cut == SegmentHeader.byteCount
            #expect(read.damage.count == (isAtEnd ? 0 : 1), "cut at \(cut)")
            let isTail = read.damage.allSatisfy { $0.isTail }
            #expect(isTail, "cut at \(cut): \(read.damage)")
        }
    }

    /// What is accepted is byte for byte a frame that was written, and no other frame is lost.
    @Test func flippedAtEveryBit() throws {
        let whole = try Reading(Self.golden)
        var damaged = Self.golden
        for byte in damaged.indices {
            let hit = whole.frames.firstIndex {
                ($0.offset..<$0.offset + $0.bytes.count).contains(byte)
            }
            let expected = whole.frameBytes.enumerated().filter { $0.offset != hit }.map(\.element)
            for bit in 0..<8 {
                damaged[byte] ^= 1 << UInt8(bit)
                let read = try Reading(damaged)
                #expect(!read.damage.isEmpty, "byte \(byte) bit \(bit) went unnoticed")
                #expect(read.frameBytes == expected, "byte \(byte) bit \(bit)")
                damaged[byte] ^= 1 << UInt8(bit)
            }
        }
    }

    @Test func aMissingFrameIsNoticed() throws {
        let whole = try Reading(Self.golden)
        let frame = whole.frames[1]
        let without = Array(
            Self.golden[..<frame.offset] + Self.golden[(frame.offset + frame.bytes.count)...])
        let read = try Reading(without)
        #expect(read.frameBytes == [whole.frameBytes[0], whole.frameBytes[2]])
        #expect(read.damage.first?.text.contains("taken out or replaced") == true)
    }

    @Test func framesInAnotherOrderAreNoticed() throws {
        let whole = try Reading(Self.golden)
        let (first, second) = (whole.frames[0], whole.frames[1])
        let turned = Self.golden[..<first.offset] + second.bytes + first.bytes
        let read = try Reading(Array(turned))
        let expected = [second.bytes, first.bytes]
        #expect(read.frameBytes == expected)
        #expect(read.damage.count == 2)
    }

    /// Every 32-bit number of every frame header at its extremes, with the checksum made right again.
    @Test func numbersOfHeadersAtTheirExtremes() throws {
        let whole = try Reading(Self.golden)
        for frame in whole.frames {
            for field in stride(from: 8, to: 36, by: 4) {
                for value: UInt32 in [0, 1, 67, 68, 65_536, 65_537, 0x7fff_ffff, .max] {
                    var damaged = Self.golden
                    Self.set(value, &damaged, at: frame.offset + field)
                    Self.fixHeader(&damaged, at: frame.offset)
                    let read = try Reading(damaged)
                    for found in read.frames where !whole.frameBytes.contains(found.bytes) {
                        // A header of other numbers: its sections say that they do not agree.
                        #expect((try? found.batch()) == nil, "field \(field) = \(value)")
                    }
                }
            }
        }
    }

    private static func set(_ value: UInt32, _ bytes: inout [UInt8], at offset: Int) {
        for index in 0..<4 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))
        }
    }

    private static func fixHeader(_ bytes: inout [UInt8], at offset: Int) {
        let end = offset + FrameHeader.byteCount - 4
        set(checksum(bytes[offset..<end]), &bytes, at: end)
    }

    @Test(arguments: [0, 1, 55, 56, 57, 1000])
    func garbageIsReported(count: Int) throws {
        let read = try Reading((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) })
        #expect(read.frames.isEmpty)
        #expect(read.damage.count == 1)
    }
}
