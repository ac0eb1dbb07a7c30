import Causality
import HostileInputs
import SimulatedHistories
import Testing

@testable import Segments

@Suite struct HostileFrameTests {
    /// What the reader says of the frame.
    private static func complaint(_ change: (inout RawFrame) -> Void) throws -> String {
        var raw = RawFrame()
        change(&raw)
        return try complaint(raw)
    }

    private static func complaint(_ raw: RawFrame) throws -> String {
        let frame = try raw.stored
        do throws(FormatError) {
            _ = try frame.batch()
            return "none"
        } catch {
            return error.what
        }
    }

    @Test func asItIsMadeItIsAFrame() throws {
        let events = try RawFrame().stored.batch().events()
        let process = ProcessID(name: "p")
        #expect(
            events.map(\.event)
                == [Event(id: EventID(process, 1), clock: VectorClock([process: 1]))])
    }

    @Test func countsThatClaimMoreThanIsThere() throws {
        let much = RawFrame.bytes { $0.varint(200_000_000) }
        let some = RawFrame.bytes { $0.varint(60_000) }
        let changes: [(String, (inout RawFrame, [UInt8]) -> Void)] = [
            ("executions", { $0.executions = $1 }), ("hosts", { $0.hosts = $1 }),
            ("processes", { $0.keys = $1 }), ("further", { $0.further = $1 }),
            ("claimed", { $0.claimed = $1 }), ("counts", { $0.counts = $1 }),
            ("sequences", { $0.sequences = [2] + $1 }), ("wholes", { $0.wholes = $1 }),
            ("changes", { $0.changes = $1 }), ("causes", { $0.causes = $1 }),
            ("rulings", { $0.rulings = $1 }), ("names", { $0.names = $1 }),
            ("text length", { $0.texts = [0] + $1 }), ("dictionary", { $0.texts = [1] + $1 }),
            ("templates", { $0.texts = [2] + $1 }), ("plain", { $0.texts = [3] + $1 }),
            ("keys", { $0.attributeKeys = $1 }), ("shapes", { $0.shapes = $1 }),
            ("attributes", { $0.shapes = [1] + $1 }), ("forms", { $0.formCount = $1 }),
            ("text of a form", { $0.textOf = $1 }),
            ("form of a slot", { $0.texts = [2, 1, 1, 0x11] + $1 }),
            ("length", { $0.texts = [2, 1, 1, 0x11, 0] + $1 }),
        ]
        for (what, change) in changes {
            #expect(try Self.complaint { change(&$0, much) } != "none", "\(what)")
            #expect(try Self.complaint { change(&$0, some) } != "none", "\(what)")
        }
    }

    @Test func whatTheHeaderClaimsIsChecked() throws {
        var raw = RawFrame()
        raw.rows = Limits.frameRowsMax
        #expect(try Self.complaint(raw) == "expected 65536 rows, found 1")
        raw.processes = Limits.frameProcessesMax
        #expect(try Self.complaint(raw).contains("expected \(Limits.frameProcessesMax)"))
        #expect(throws: FormatError.self) {
            var raw = RawFrame()
            raw.rows = Limits.frameRowsMax + 1
            _ = try raw.stored
        }
        // A section that would be larger than it can be, of deflate or not.
        for claim in [Limits.frameExpandedBytesMax, 100_000, 3] {
            let frame = try StoredFrame(
                raw: RawFrame().order, RawFrame().content, rows: 1, processes: 1,
                orderClaim: claim)
            #expect(throws: FormatError.self) { try frame.causality() }
        }
        let long = RawFrame.ofRows(4000)
        let frame = try StoredFrame(
            raw: long.order, long.content, rows: 4000, processes: 1,
            contentClaim: Limits.frameExpandedBytesMax)
        let error = #expect(throws: FormatError.self) { try frame.batch() }
        #expect(error?.what.contains("bytes of deflate cannot hold") == true)
    }

    private static let tooMuch = "expands to more than \(Limits.frameExpandedBytesMax) bytes"

    /// 65,536 rows take a few hundred bytes on the wire: they may be as many, and no text may come of it.
    @Test func manyRowsOfFewBytes() throws {
        var raw = RawFrame.ofRows(Limits.frameRowsMax)
        #expect(try raw.stored.bytes.count < 2_000)
        #expect(try raw.stored.batch().count == Limits.frameRowsMax)
        raw.texts = RawFrame.bytes {
            $0.byte(0)
            $0.string(String(repeating: "x", count: 1_000))
        }
        #expect(try raw.stored.bytes.count < 2_000)
        #expect(try Self.complaint(raw) == "texts: the frame \(Self.tooMuch)")
    }

    /// 10 kB that would become gigabytes: refused before memory is taken for it.
    @Test(arguments: [1, 2] as [UInt8])
    func columnsThatMultiply(mode: UInt8) throws {
        var raw = RawFrame.ofRows(Limits.frameRowsMax)
        let holes = mode == 2 ? String(repeating: "\u{11}", count: 3) : ""
        raw.texts = RawFrame.bytes {
            $0.byte(mode)
            $0.texts([String(repeating: "x", count: 1 << 20) + holes])
            // All slots are empty.
            $0.bytes([UInt8](repeating: 2, count: holes.utf8.count))
        }
        #expect(try raw.stored.bytes.count < 10_000)
        #expect(try Self.complaint(raw) == "texts: the frame \(Self.tooMuch)")
    }

    @Test func attributesThatMultiply() throws {
        var raw = RawFrame.ofRows(Limits.frameRowsMax)
        raw.attributeKeys = [1, 1] + Array("k".utf8)
        raw.shapes =
            RawFrame.bytes { $0.numbers(1, Causality.Limits.attributesMax) }
            + [UInt8](repeating: 0, count: Causality.Limits.attributesMax)
        raw.columns = [0, 1] + Array("v".utf8)
        #expect(try Self.complaint(raw) == "attributes: the frame \(Self.tooMuch)")
        raw.shapes = [1, 1, 0]
        #expect(try raw.stored.batch().attributes.count == Limits.frameRowsMax)
        raw.columns = RawFrame.bytes {
            $0.byte(0)
            $0.string(String(repeating: "x", count: 1_000))
        }
        #expect(try Self.complaint(raw) == "values of an attribute: the frame \(Self.tooMuch)")
    }

    /// 4,000 rows, each of which says that all entries of a clock changed.
    @Test func clocksOfTwoHundredMillionEntries() throws {
        let width = Causality.Limits.clockEntriesMax
        var raw = RawFrame.ofRows(4_000)
        raw.further = RawFrame.bytes { writer in
            writer.varint(width)
            for _ in 0..<width {
                writer.byte(0)
                writer.fixed64(5)
            }
        }
        raw.changes = RawFrame.bytes { writer in
            for _ in 0..<4_000 { writer.varint(width) }
        }
        #expect(try raw.stored.bytes.count < 20_000)
        #expect(try Self.complaint(raw) == "clock changes: the frame \(Self.tooMuch)")
    }

    @Test func namesThatMultiply() throws {
        var raw = RawFrame()
        raw.further = RawFrame.bytes { writer in
            writer.varint(120_000)
            for _ in 0..<120_000 {
                writer.byte(1)
                writer.string(String(repeating: "n", count: 256))
                writer.varint(1)
            }
        }
        #expect(try Self.complaint(raw) == "references: the frame \(Self.tooMuch)")
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let zero = RawFrame.bytes { $0.zigzag(-1) }
        let cases: [(String, (inout RawFrame) -> Void)] = [
            (
                "one is there twice",
                { raw in
                    raw.processes = 2
                    raw.rows = 2
                    raw.keys = [2] + raw.keys.dropFirst() + raw.keys.dropFirst()
                }
            ),
            ("goes on from event", { $0.predecessors = [1] }),
            ("goes on from event", { $0.predecessors = RawFrame.bytes { $0.varint(UInt64.max) } }),
            ("sequence number out of range", { $0.sequences = [0, 1] }),
            (
                "sequence number out of range",
                {
                    $0.sequences = RawFrame.bytes {
                        $0.zigzag(Int64(Causality.Limits.sequenceMax) + 1)
                        $0.varint(1)
                    }
                }
            ),
            (
                "sequence number out of range",
                { raw in
                    raw = .ofRows(2)
                    raw.sequences = RawFrame.bytes {
                        $0.zigzag(Int64(Causality.Limits.sequenceMax))
                        $0.varint(2)
                    }
                }
            ),
            ("a process without rows", { $0.counts = [0] }),
            ("the first row of a process is none of them", { $0.wholes = [1, 0] }),
            ("whole clocks: no such row", { $0.wholes = [1, 1] }),
            (
                "goes on from a later event",
                { raw in
                    raw = .ofRows(2)
                    raw.sequences = [4, 1, 1, 1]
                }
            ),
            ("time unit", { $0.unit = [5] }), ("time unit", { $0.unit = [255] }),
            ("is no event kind", { $0.kinds = [4] }), ("is no event kind", { $0.kinds = [5 << 4] }),
            (
                "no such loss",
                { raw in
                    raw.kinds = [4 << 4]
                    raw.losses = [1, 99, 1, 1]
                }
            ),
            (
                "no such loss",
                { raw in
                    raw.kinds = [4 << 4]
                    raw.losses = [1, 1, 0, 1]
                }
            ),
            (
                "a run too long",
                { raw in
                    raw.kinds = [4 << 4]
                    raw.losses = [2, 1, 1, 1]
                }
            ),
            (
                "out of range",
                { raw in
                    raw.unit = [9]
                    raw.kinds = [128]
                    raw.times = RawFrame.bytes { ClassedNumbers.encode([.max], &$0) }
                }
            ),
            ("clock changes: expected at most 1", { $0.changes = [2, 0, 0, 2, 2] }),
            (
                "no such process",
                { raw in
                    raw.further = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
                    raw.changes = [2, 0, 0, 2, 2]
                }
            ),
            ("is no sequence number", { $0.changes = [1, 0, 129] }),
            ("evidence 9 is unknown", { $0.causes = [1, 0, 0, 2, 9] }),
            ("evidence 0 is unknown", { $0.causes = [1, 0, 0, 2, 0] }),
            ("is no sequence number", { $0.causes = [1, 0, 0, 0, 1] }),
            ("is no sequence number", { $0.causes = [1, 0, 0] + zero + [1] }),
            ("causes: no such row", { $0.causes = [1, 1, 0, 2, 1] }),
            ("two of one row", { $0.rulings = [2, 0, 0, 0, 0, 2, 2] }),
            ("reference", { $0.further = [1, 2, 0] }),
            ("names of runs", { $0.claimed = [1, 0, 2] }),
            (
                "names of runs",
                { raw in
                    raw.further = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
                    raw.claimed = [1, 1, 0]
                }
            ),
            ("names of runs: no such reference", { $0.claimed = [1, 1, 0] }),
            (
                "names of runs: no such reference",
                { raw in
                    raw.further = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
                    raw.claimed = [2, 0, 0, 0, 0]
                }
            ),
            ("incarnation 0 is none", { $0.keys = [1, 0, 0, 0, 0, 1, 112] }),
            ("a form of 6", { $0.keys = [1, 0, 0, 6, 1, 1, 112] }),
            ("a form of 16", { $0.keys = [1, 0, 0, 16, 1, 1, 112] }),
            ("process name", { $0.keys = [1, 0, 0, 0, 1, 0] }),
            ("process name", { $0.keys = [1, 0, 0, 0, 1, 1, 0] }),
            ("UTF-8", { $0.keys = [1, 0, 0, 0, 1, 1, 0xff] }),
            ("UTF-8", { $0.executions = [1, 1, 0xff] }), ("UTF-8", { $0.hosts = [1, 1, 0xff] }),
            ("UTF-8", { $0.further = [1, 1, 1, 0xff, 1] }),
            ("origin", { $0.keys = [1, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 1, 112] }),
            ("order section", { $0.orderRest = [0] }),
            ("name: expected UTF-8", { $0.names = [1, 1, 0xff] }),
            ("name: expected UTF-8", { $0.names = [1, 1, 0xc3] }),
            ("no NUL", { $0.names = [1, 1, 0] }),
            (
                "expected at most 256 bytes",
                {
                    $0.names = RawFrame.bytes {
                        $0.texts([String(repeating: "n", count: 257)])
                    }
                }
            ),
            ("expected at most 0, found 1", { $0.nameOf = [1] }),
            ("shapes: expected at most 0, found 1", { $0.shapeOf = [1] }),
            ("an index of what is not there", { $0.textOf = [2] }),
            ("text of a form", { $0.textOf = [1] }),
            (
                "an index of what is not there",
                { raw in
                    raw.textOf = [2]
                    raw.texts = [3, 0]
                }
            ),
            (
                "an index of what is not there",
                { raw in
                    raw.textOf = [2]
                    raw.texts = [1, 1, 0]
                }
            ),
            ("forms: expected at most 1, found 2", { $0.formCount = [2] }),
            (
                "forms: expected at most 0, found 1",
                { raw in
                    raw.formCount = [1]
                    raw.formOf = [1]
                }
            ),
            ("levels: 8 is none", { $0.levels = [8] }),
            ("texts: expected UTF-8", { $0.texts = [0, 1, 0xff] }),
            ("texts: expected UTF-8", { $0.texts = [3, 1, 0x80] }),
            ("a mode of 0 to 3, found 4", { $0.texts = [4] }),
            (
                "attribute key",
                { raw in
                    raw.attributeKeys = [1, 0]
                    raw.shapes = [1, 1, 0]
                    raw.columns = [0, 0]
                }
            ),
            ("no key is named", { $0.shapes = [1, 1, 0] }),
            (
                "attribute: expected at most 1, found 2",
                { raw in
                    raw.attributeKeys = [1, 1, 112]
                    raw.shapes = [1, 1, 2]
                }
            ),
            (
                "attributes: expected at most 128, found 129",
                { raw in
                    raw.attributeKeys = [1, 1, 112]
                    raw.shapes = RawFrame.bytes { $0.numbers(1, 129) }
                }
            ),
            (
                "texts: expected UTF-8",
                { raw in
                    raw.attributeKeys = [1, 1, 112]
                    raw.shapes = [1, 1, 0]
                    raw.columns = [0, 1, 0xff]
                }
            ),
            ("content section", { $0.contentRest = [0] }),
        ]
        for (index, (expected, change)) in cases.enumerated() {
            let found = try Self.complaint(change)
            #expect(found.contains(expected), "case \(index), expected \(expected): \(found)")
        }
    }

    /// All texts together are UTF-8, and one of them is cut inside a character.
    @Test func textsThatAreCutInsideACharacter() throws {
        var raw = RawFrame.ofRows(2)
        raw.texts = [3, 1, 1, 0xc3, 0xbc]
        #expect(try Self.complaint(raw) == "texts: expected UTF-8")
        raw.texts = [3, 0, 2, 0xc3, 0xbc]
        #expect(try raw.stored.batch().event(1).text == "ü")
        // A variable that ends inside one, which its template would end.
        raw = RawFrame()
        raw.texts = [2, 1, 2, 0x11, 0xbc, 4, 0xc3]
        #expect(try raw.stored.batch().event(0).text == "ü")
        raw.texts = [2, 1, 2, 0x11, 0x41, 4, 0xc3]
        #expect(try Self.complaint(raw) == "texts: expected UTF-8")
    }

    /// A process that is referred to by its name as well is the same one, once.
    @Test func referencesThatAreThereTwice() throws {
        var raw = RawFrame()
        raw.further = RawFrame.bytes { writer in
            writer.varint(2)
            for _ in 0..<2 {
                writer.byte(1)
                writer.string("p")
                writer.varint(1)
            }
        }
        raw.changes = [3, 0, 1, 1, 1, 2, 2, 0b10]
        let batch = try raw.stored.batch()
        #expect(batch.references.count == 1)
        #expect(batch.events().count == 1)
        var writer = SegmentWriter(Sample.header)
        try writer.take(raw.stored)
        _ = writer.commit(batch, Commit())
    }

    /// Sections changed at random: nothing traps, and what is accepted can be written again.
    @Test func mutatedSectionsNeverTrap() throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("HostileFrameTests.mutatedSectionsNeverTrap: seed \(seed)")
        try mutate(seed: seed, rounds: 20_000)
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func mutatedSectionsOfOldSeeds(seed: UInt64) throws {
        try mutate(seed: seed, rounds: 2_000)
    }

    private func mutate(seed: UInt64, rounds: Int) throws {
        var random = SeededGenerator(seed: seed)
        let frames = try Reading(Golden.segment()).frames
        let sections = try frames.map { frame in
            let header = frame.header
            let orderEnd = FrameHeader.byteCount + header.orderByteCount
            let contentEnd = orderEnd + header.contentByteCount
            return (
                header,
                try header.orderCodec.unpack(
                    frame.bytes[FrameHeader.byteCount..<orderEnd], rawCount: header.orderRawCount,
                    "order"),
                try header.contentCodec.unpack(
                    frame.bytes[orderEnd..<contentEnd], rawCount: header.contentRawCount,
                    "content")
            )
        }
        var accepted = 0
        for _ in 0..<rounds {
            var (header, order, content) = sections.randomElement(using: &random)!
            if Bool.random(using: &random) {
                Self.mutate(&order, &random)
            } else {
                Self.mutate(&content, &random)
            }
            let frame = try StoredFrame(
                raw: order, content, rows: header.rowCount, processes: header.processCount)
            header = frame.header
            _ = try? frame.causality()
            guard let batch = try? frame.batch() else { continue }
            accepted += 1
            guard batch.count == header.rowCount else {
                Issue.record("seed \(seed): \(batch.count) rows")
                continue
            }
            _ = batch.events()
            var writer = SegmentWriter(Sample.header)
            try writer.take(frame)
            _ = writer.commit(batch, Commit())
        }
        #expect(accepted > 0 && accepted < rounds, "seed \(seed): \(accepted)")
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            let byte = [
                0, 1, 0x7f, 0x80, 0xff, bytes[at] &+ 1, UInt8.random(in: 0...255, using: &random),
            ]
            .randomElement(using: &random)!
            switch Int.random(in: 0..<8, using: &random) {
            case 0: bytes.remove(at: at)
            case 1: bytes.insert(byte, at: at)
            case 2:
                let end = Int.random(in: at..<bytes.count, using: &random)
                bytes.insert(contentsOf: bytes[at...min(end, at + 12)], at: at)
            default: bytes[at] = byte
            }
        }
    }
}
