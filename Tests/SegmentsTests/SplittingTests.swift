import Causality
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct SplittingTests {
    private static func key(_ name: String) -> ProcessKey {
        ProcessKey(execution: "main", host: "h", process: ProcessID(name: name))
    }

    @Test func manyRowsBecomeSeveralFramesOfOneCommit() throws {
        var batch = EventBatch()
        let slots = [batch.slot(of: Self.key("a")), batch.slot(of: Self.key("b"))]
        let peer = batch.reference(.run(RunKey(bits: 5)))
        let count = 2 * Limits.frameRowsMax + 1000
        for row in 0..<count {
            let sequence = UInt64(row / 2 + 1)
            batch.appendChange(peer, UInt64(row + 1))
            batch.endRow(
                slot: slots[row % 2], sequence: sequence, kind: .local, stamp: .complete,
                predecessor: sequence - 1)
        }
        var writer = SegmentWriter(Sample.header)
        let commit = Commit(host: "h", checkpoints: Checkpoints.all(offset: 1))
        let bytes = Sample.header.encoded() + writer.commit(batch, commit)
        let read = try Reading(bytes)
        #expect(read.damage == [])
        #expect(read.frames.map(\.header.endsCommit).dropLast().allSatisfy { !$0 })
        #expect(read.frames.last?.header.endsCommit == true)
        #expect(read.frames.allSatisfy { $0.header.rowCount <= Limits.frameRowsMax })
        #expect(try read.commits() == [commit])
        var lasts: [UInt64] = [0, 0]
        for frame in read.frames {
            let part = try frame.causality()
            #expect(part.cost <= Limits.frameCostMax + 1024)
            #expect(part.processes == [Self.key("a"), Self.key("b")])
            #expect(part.predecessors == lasts, "each goes on where the frame before it ended")
            for row in 0..<part.count {
                let slot = Int(part.slots[row])
                lasts[slot] += 1
                guard part.sequences[row] == lasts[slot], part.changes(row).count == 1,
                    part.changes(row).first?.value == 2 * lasts[slot] - (slot == 0 ? 1 : 0)
                else {
                    Issue.record("row \(row) of the frame at \(frame.offset)")
                    return
                }
            }
        }
        #expect(lasts == [UInt64(count / 2), UInt64(count / 2)])
    }

    @Test func muchTextBecomesSeveralFrames() throws {
        let key = Self.key("p")
        func events(_ count: Int, textBytes: Int) -> [Event] {
            (1...UInt64(count)).map {
                Event(
                    id: EventID(key.process, $0), text: String(repeating: "x", count: textBytes),
                    clock: VectorClock([key.process: $0]))
            }
        }
        func counts(_ events: [Event]) -> [Int] {
            EventBatch(events, of: key).framed().map(\.count)
        }
        #expect(counts(events(10, textBytes: 1 << 20)) == [3, 3, 3, 1])
        #expect(counts(events(1, textBytes: 1 << 20)) == [1])
        #expect(counts([]) == [])
        let many = events(10, textBytes: 1 << 20)
        let read = try Reading(Sample.segment([EventBatch(many, of: key)]))
        #expect(try read.events().map(\.event) == many)
        #expect(read.frames.map(\.header.endsCommit) == [false, false, false, true])
    }

    @Test func tablesCountToo() throws {
        // A new name of 256 bytes, and a new reference, for every event: the rows alone would fit one frame.
        let key = Self.key("p")
        let events = (1...30_000 as ClosedRange<UInt64>).map { sequence in
            let name = String(repeating: "n", count: 250) + "\(sequence)"
            return Event(
                id: EventID(key.process, sequence),
                name: String(name.suffix(256)),
                clock: VectorClock([.named(key.process): sequence]))
        }
        let batch = EventBatch(events, of: key)
        #expect(batch.cost < Limits.frameCostMax)
        let frames = batch.framed()
        #expect(frames.count >= 2 && frames.map(\.count).reduce(0, +) == events.count)
    }

    /// A text of 1 MiB, 128 attributes and a clock of 65,535 processes with long names.
    @Test func anEventAtItsLimitsFitsAFrameOfItsOwn() throws {
        let key = Self.key("p")
        let padding = String(repeating: "n", count: 250)
        var clock = VectorClock()
        for number in 1..<Causality.Limits.clockEntriesMax {
            clock[.named(ProcessID(name: "\(100_000 + number)\(padding)"))] =
                Causality.Limits.sequenceMax - UInt64(number)
        }
        let events = (1...2 as ClosedRange<UInt64>).map { sequence in
            clock[.named(key.process)] = sequence
            return Event(
                id: EventID(key.process, sequence),
                text: String(repeating: "é", count: Causality.Limits.eventBytesMax / 2),
                attributes: (0..<Causality.Limits.attributesMax).map {
                    Attribute("\($0)", .text(""))
                }, clock: clock)
        }
        #expect(clock.entries.count == Causality.Limits.clockEntriesMax)
        // Two whole clocks, so neither leaves room for the other.
        let batch = EventBatch(events.map { ($0.id.sequence == 1 ? key : Self.key("q"), $0) })
        let read = try Reading(Sample.segment([batch]))
        #expect(read.damage == [] && read.frames.count == 2)
        let found = try read.events()
        #expect(found.map(\.event.text) == events.map(\.text))
        #expect(found.first?.event.clock == events[0].clock)
        #expect(found.first?.event.attributes == events[0].attributes)
    }
}
