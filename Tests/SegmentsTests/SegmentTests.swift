import Causality
import Foundation
import SimulatedHistories
import Testing

@testable import Segments

/// A small segment of every feature: runs and processes of logs, causes, stamps, odd texts, attributes, checkpoints.
enum Sample {
    static func events(seed: UInt64, count: Int) -> [Event] {
        var random = SeededGenerator(seed: seed)
        return SimulatedHistory(.init(processes: 3, events: count, crashPerMille: 10), seed: seed)
            .events.map { event in
                var event = event
                event.name = ["", "placed", "order placed"].randomElement(using: &random)!
                event.text = [
                    "GET /timeline uid=\(event.id.sequence) took \(Int.random(in: 0..<900, using: &random)) ms",
                    "",
                    "line one\nline two \u{11} \u{0} ü“Breakfast”", "ok",
                ].randomElement(using: &random)!
                event.level = [nil, .info, .error].randomElement(using: &random)!
                if Bool.random(using: &random) {
                    event.attributes = [
                        Attribute("attempt", .json("\(Int.random(in: 0..<5, using: &random))")),
                        Attribute("user", .text("alice")), Attribute("attempt", .text("again")),
                    ]
                }
                if Int.random(in: 0..<4, using: &random) == 0 { event.time = nil }
                if Int.random(in: 0..<9, using: &random) == 0 {
                    event.stamp = [
                        .generating, .chained, .silent,
                        .lossy(
                            Loss(
                                since: event.id.sequence,
                                Loss.Reason.allCases.randomElement(using: &random)!)),
                    ].randomElement(using: &random)!
                }
                if Int.random(in: 0..<9, using: &random) == 0 { event.kind = .unsaid }
                event.clock = VectorClock(
                    Dictionary(
                        uniqueKeysWithValues: event.clock.entries.map {
                            (recorded($0.key), $0.value)
                        }
                    ))
                event.cause = event.cause.map {
                    EventReference(recorded($0.process), $0.sequence, name: name(of: $0.process))
                }
                if Int.random(in: 0..<20, using: &random) == 0 {
                    event.rulesOut = EventReference(.run(RunKey(bits: 7)), 8)
                }
                return event
            }
    }

    /// The processes called p1 are recorded, the others are of logs.
    static func key(_ process: ProcessID) -> ProcessKey {
        guard process.name == "p1" else {
            return ProcessKey(execution: "main", host: "web-1", process: process)
        }
        return ProcessKey(
            execution: "main", host: "web-1", process: process,
            run: run(process.incarnation),
            origin: process.incarnation == 1
                ? .nothing : .event(RunKey(run(process.incarnation - 1)), 9))
    }

    private static func run(_ incarnation: UInt32) -> Identity128 {
        Identity128(naming: [UInt8(truncatingIfNeeded: incarnation)])
    }

    private static func recorded(_ reference: ProcessReference) -> ProcessReference {
        guard case .named(let process) = reference else { return reference }
        return key(process).reference
    }

    private static func name(of reference: ProcessReference) -> ProcessID? {
        guard case .named(let process) = reference, process.name == "p1" else { return nil }
        return process
    }

    static let header = SegmentHeader(
        host: Identity128(naming: Array("host".utf8)),
        segment: Identity128(naming: Array("segment".utf8)),
        created: WallTime(nanoseconds: 1_700_000_000_000_000_000))

    static let commit = Commit(
        host: "web-1", readUpTo: WallTime(nanoseconds: 1_700_000_000_000_000_001),
        checkpoints: [checkpoint])

    private static let checkpoint = SourceCheckpoint(
        path: "/var/log/a.log", device: 1, inode: 2, offset: 3, line: 4,
        contentHash: SHA256().stored(),
        readerState: [1, 2, 3], isFinished: false, unmatchedCount: 1,
        unmatched: [UnmatchedLine(line: 3, execution: "main", reason: "no match", text: "???")])

    /// The segment, and the events of each of its blocks.
    static func segment(_ events: [Event], isSealed: Bool = true) -> (
        bytes: [UInt8], blocks: [[Event]]
    ) {
        var writer = SegmentWriter(header)
        var bytes = header.encoded()
        var blocks: [[Event]] = []
        let byProcess = Dictionary(grouping: events, by: \.id.process).sorted {
            $0.key.description < $1.key.description
        }
        for (process, all) in byProcess {
            for run in SegmentWriter.split(all.sorted { $0.id.sequence < $1.id.sequence }) {
                blocks.append(Array(run))
                bytes += writer.block(Array(run), of: key(process))
            }
        }
        bytes += writer.block(commit)
        if isSealed { bytes += writer.footer() }
        return (bytes, blocks)
    }

    /// What a reader gets: events of each block, commits, damage.
    static func read(_ bytes: [UInt8]) throws -> (
        blocks: [[Event]], commits: [Commit], damage: [SegmentDamage], isSealed: Bool
    ) {
        var scanner = SegmentScanner(BytesInMemory(bytes))
        var blocks: [[Event]] = []
        var commits: [Commit] = []
        var damage: [SegmentDamage] = []
        while let item = try scanner.next() {
            switch item {
            case .damage(let found): damage.append(found)
            case .block(let block):
                switch block.header.kind {
                case .events: blocks.append(try block.events())
                case .sources: commits.append(try block.commit())
                }
            }
        }
        return (blocks, commits, damage, scanner.isSealed)
    }
}

@Suite struct SegmentRoundTrip {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func decodeOfEncodeIsTheSame(seed: UInt64) throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: seed, count: 300))
        let read = try Sample.read(bytes)
        #expect(read.blocks == blocks)
        #expect(read.commits == [Sample.commit])
        #expect(read.damage == [])
        #expect(read.isSealed)
    }

    @Test func spellingsOfOneCharacterStayApart() throws {
        let (one, two) = (ProcessID(name: "\u{e9}"), ProcessID(name: "e\u{301}"))
        #expect(one != two && Set([one, two]).count == 2)
        let texts = ["\u{e9}", "e\u{301}", "\u{e9}", "x"]
        let events = (1...40 as ClosedRange<UInt64>).map { sequence in
            let text = texts[Int(sequence) % texts.count]
            return Event(
                id: EventID(one, sequence), text: text,
                attributes: [Attribute("e\u{301}", .text("1")), Attribute("\u{e9}", .text("2"))],
                clock: VectorClock([one: sequence, two: sequence]))
        }
        let read = try Sample.read(Sample.segment(events).bytes).blocks.flatMap { $0 }
        func bytes(_ events: [Event]) -> [[UInt8]] {
            events.map { event in
                Array(event.text.utf8)
                    + event.attributes.flatMap { Array($0.key.utf8) + Array($0.value.text.utf8) }
            }
        }
        #expect(bytes(read) == bytes(events))
        #expect(read.map(\.clock) == events.map(\.clock))
    }

    @Test(arguments: [
        Origin.nothing, .unknown, .event(RunKey(bits: .max), Causality.Limits.sequenceMax),
    ])
    func aBlockSaysWhoseEventsItHolds(origin: Origin) throws {
        let process = ProcessID(name: "web-1/api", incarnation: 7)
        var run: Identity128? = Identity128(high: 1, low: .max)
        for _ in 0..<2 {
            let key = ProcessKey(
                execution: "prod", host: "web-1", process: process, run: run, origin: origin)
            var clock = VectorClock()
            clock[key.reference] = 1
            let event = Event(id: EventID(process, 1), clock: clock)
            var writer = SegmentWriter(Sample.header)
            let bytes = Sample.header.encoded() + writer.block([event], of: key)
            var scanner = SegmentScanner(BytesInMemory(bytes))
            guard case .block(let block) = try scanner.next() else {
                Issue.record("no block")
                return
            }
            #expect(block.header.events?.key == key)
            #expect(try block.events() == [event])
            run = nil
        }
    }

    @Test func aNameWithANULByteIsDamageAndNotSkipped() throws {
        let process = ProcessID(name: "a\0b")
        let (bytes, _) = Sample.segment([
            Event(id: EventID(process, 1), clock: VectorClock([process: 1]))
        ])
        let read = try Sample.read(bytes)
        #expect(read.blocks.isEmpty)
        #expect(read.damage.first?.text.contains("NUL") == true, "\(read.damage)")
    }

    @Test func largeBlocksAreSplit() throws {
        let process = ProcessID(name: "p")
        func events(_ count: Int, textBytes: Int) -> [Event] {
            (1...UInt64(count)).map {
                Event(
                    id: EventID(process, $0), text: String(repeating: "x", count: textBytes),
                    clock: VectorClock([process: $0]))
            }
        }
        #expect(
            SegmentWriter.split(events(20_000, textBytes: 1)).map(\.count) == [8192, 8192, 3616])
        #expect(SegmentWriter.split(events(10, textBytes: 1 << 20)).map(\.count) == [3, 3, 3, 1])
        let (bytes, blocks) = Sample.segment(events(10, textBytes: 1 << 20))
        #expect(try Sample.read(bytes).blocks == blocks)
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
                id: EventID(process, most), time: WallTime(nanoseconds: 0),
                cause: EventReference(EventID(other, most)),
                clock: VectorClock([process: most, other: 1])),
        ]
        let (bytes, blocks) = Sample.segment(events)
        #expect(try Sample.read(bytes).blocks == blocks)
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
        let raw = events.reduce(0) { $0 + SegmentWriter.byteEstimate($1) }
        let (bytes, _) = Sample.segment(events)
        #expect(bytes.count * 12 < raw, "\(raw) bytes became \(bytes.count)")
    }
}

@Suite struct SegmentDamageTests {
    /// A block that is read from damaged bytes must be one of the blocks that were written.
    static func check(_ bytes: [UInt8], _ blocks: [[Event]], _ what: String) throws {
        let read = try Sample.read(bytes)
        var next = 0
        for block in read.blocks {
            let found = blocks[next...].firstIndex(of: block)
            #expect(found != nil, "\(what): an event that was never written")
            next = (found ?? next - 1) + 1
        }
    }

    @Test func cutAtEveryByte() throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: 1, count: 30))
        var ends: [Int] = []
        var scanner = SegmentScanner(BytesInMemory(bytes))
        while let item = try scanner.next() {
            if case .block(let block) = item, block.header.kind == .events {
                ends.append(block.offset + block.bytes.count)
            }
        }
        for cut in 0..<bytes.count {
            let read = try Sample.read(Array(bytes[..<cut]))
            #expect(read.blocks == Array(blocks.prefix(ends.count { $0 <= cut })), "cut at \(cut)")
            #expect(!read.isSealed)
            #expect(
                read.damage.allSatisfy(\.isTail) && read.damage.count <= 1,
                "cut at \(cut): \(read.damage)")
        }
    }

    @Test func flippedAtEveryBit() throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: 2, count: 30))
        var damaged = bytes
        for byte in bytes.indices {
            for bit in 0..<8 {
                damaged[byte] ^= 1 << UInt8(bit)
                let read = try Sample.read(damaged)
                #expect(!read.damage.isEmpty, "byte \(byte) bit \(bit) went unnoticed")
                let missing = blocks.count - read.blocks.count
                #expect(missing <= 1, "byte \(byte) bit \(bit): one block at most is lost")
                #expect(read.blocks.allSatisfy { blocks.contains($0) }, "byte \(byte) bit \(bit)")
                damaged[byte] = bytes[byte]
            }
        }
    }

    @Test func aMissingBlockIsNoticed() throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: 3, count: 60))
        var scanner = SegmentScanner(BytesInMemory(bytes))
        var ranges: [Range<Int>] = []
        while let item = try scanner.next() {
            if case .block(let block) = item {
                ranges.append(block.offset..<block.offset + block.bytes.count)
            }
        }
        let without = Array(bytes[..<ranges[1].lowerBound] + bytes[ranges[1].upperBound...])
        let read = try Sample.read(without)
        #expect(read.blocks == [blocks[0]] + blocks[2...])
        #expect(read.damage.first?.text.contains("taken out or replaced") == true)
    }

    /// Every 32-bit length of every block header at its extremes, with the checksums made right again.
    @Test func lengthFieldsAtTheirExtremes() throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: 4, count: 30))
        var scanner = SegmentScanner(BytesInMemory(bytes))
        while let item = try scanner.next() {
            guard case .block(let block) = item else { continue }
            let headerCount = block.bytes.count - block.header.bodyByteCount
            for field in [4, 8] {
                for value: UInt32 in [0, 1, 12, 36, 37, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff] {
                    var damaged = bytes
                    for index in 0..<4 {
                        damaged[block.offset + field + index] = UInt8(
                            truncatingIfNeeded: value >> (8 * UInt32(index)))
                    }
                    Self.fixHeader(&damaged, at: block.offset, headerCount)
                    try Self.check(damaged, blocks, "field \(field) = \(value)")
                }
            }
        }
    }

    static func fixHeader(_ bytes: inout [UInt8], at offset: Int, _ headerCount: Int) {
        let sum = crc32(Array(bytes[offset..<offset + headerCount - 4]))
        for index in 0..<4 {
            bytes[offset + headerCount - 4 + index] = UInt8(
                truncatingIfNeeded: sum >> (8 * UInt32(index)))
        }
    }

    /// Bytes of headers and bodies changed at random, checksums made right: whatever a hostile agent could send.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func hostileBytesNeverTrap(seed: UInt64) throws {
        let (bytes, _) = Sample.segment(Sample.events(seed: 5, count: 40))
        var offsets: [(offset: Int, header: Int, total: Int)] = []
        var scanner = SegmentScanner(BytesInMemory(bytes))
        while let item = try scanner.next() {
            if case .block(let block) = item {
                offsets.append(
                    (
                        block.offset, block.bytes.count - block.header.bodyByteCount,
                        block.bytes.count
                    ))
            }
        }
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var damaged = bytes
            let block = offsets.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let at = block.offset + Int.random(in: 12..<block.total, using: &random)
                damaged[at] = [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &random)]
                    .randomElement(using: &random)!
            }
            let sum = crc32(
                Array(damaged[(block.offset + block.header)..<(block.offset + block.total)]))
            for index in 0..<4 {
                damaged[block.offset + 12 + 17 + index] = UInt8(
                    truncatingIfNeeded: sum >> (8 * UInt32(index)))
            }
            Self.fixHeader(&damaged, at: block.offset, block.header)
            var hostile = SegmentScanner(BytesInMemory(damaged))
            while let item = try hostile.next() {
                if case .block(let block) = item { try? block.verify() }
            }
        }
    }

    /// Columns that are stored, not packed, are within reach of single bytes: each byte at each extreme.
    @Test func everyColumnByteAtItsExtremes() throws {
        let events = Sample.events(seed: 6, count: 40).filter {
            $0.id.process.name == "p1" && $0.id.process.incarnation == 1
        }
        let key = Sample.key(events[0].id.process)
        let causal = CausalColumns(events, of: key.reference)
        let processCount = causal.processes.count
        let (shape, attributes) = EventColumns.attributes(events)
        let columns: [(Column, [UInt8])] =
            [
                (.sequence, EventColumns.sequence(causal)), (.kind, EventColumns.kind(causal)),
                (.time, EventColumns.time(causal)), (.processes, EventColumns.processes(causal)),
                (.cause, EventColumns.cause(causal.causes, processes: processCount)),
                (.rulings, EventColumns.cause(causal.rulings, processes: processCount)),
                (.loss, EventColumns.loss(causal)), (.stamp, EventColumns.stamp(causal)),
                (.name, EventColumns.strings(events.map(\.name))),
                (.text, EventColumns.strings(events.map(\.text))),
                (.level, EventColumns.level(events)), (.shape, shape),
            ] + attributes.map { (.attribute, $0) }
        for (index, column) in columns.enumerated() {
            for byte in column.1.indices {
                for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff, column.1[byte] &+ 1] {
                    var damaged = columns
                    damaged[index].1[byte] = value
                    var writer = ByteWriter()
                    writer.varint(damaged.count)
                    for (column, raw) in damaged {
                        writer.byte(column.rawValue)
                        writer.byte(Codec.stored.rawValue)
                        writer.varint(raw.count)
                        writer.varint(raw.count)
                    }
                    for (_, raw) in damaged { writer.bytes(raw) }
                    let body = try BlockBody(writer.bytes, count: events.count)
                    _ = try? body.events(of: key)
                }
            }
        }
    }

    @Test(arguments: [0, 1, 55, 56, 57, 1000])
    func garbageIsReported(count: Int) throws {
        var random = SeededGenerator(seed: 9)
        let read = try Sample.read(
            (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(read.blocks.isEmpty)
        #expect(read.damage.count == 1)
    }
}

@Suite struct GoldenSegments {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden")

    /// Version 1 as it was first written: it must be readable for ever.
    @Test func version1() throws {
        let (bytes, blocks) = Sample.segment(Sample.events(seed: 42, count: 200))
        let url = Self.folder.appendingPathComponent("v1.lcseg")
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Data(bytes).write(to: url)
            Issue.record("the golden segment was recorded anew: run again without RECORD_GOLDEN")
        }
        let golden = [UInt8](try Data(contentsOf: url))
        let read = try Sample.read(golden)
        #expect(read.blocks == blocks)
        #expect(read.commits == [Sample.commit])
        #expect(read.damage == [] && read.isSealed)
    }
}

@Suite struct SHA256Tests {
    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// FIPS 180-4 and NIST's example vectors.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func vectors(text: String, digest: String) {
        #expect(Self.hex(SHA256.digest(Array(text.utf8))) == digest)
    }

    @Test func aMillionTimesA() {
        let digest = SHA256.digest([UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        #expect(
            Self.hex(digest) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test func pieceByPieceAndStored() throws {
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for piece in [1, 7, 63, 64, 65, 200] {
            var hash = SHA256()
            for start in stride(from: 0, to: bytes.count, by: piece) {
                hash.update(bytes[start..<min(start + piece, bytes.count)])
                hash = try SHA256(restoring: hash.stored())
            }
            #expect(hash.finish() == SHA256.digest(bytes))
        }
    }
}
