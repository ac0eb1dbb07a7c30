import Causality
import Disks
import Foundation
import Journals
import Recording
import SimulatedHistories
import Testing

@Suite struct JournalTests {
    private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Golden/v3.chunk")

    /// A journal with something of everything. Its chunk file.
    private static func sample() throws -> Data {
        let spool = try TemporarySpool()
        do {
            let other = spool.recorder("other", host: "web-2", chunkByteCount: 4096)
            let recorder = spool.recorder("api", host: "web-1", chunkByteCount: 4096)
            recorder.record("started")
            recorder.record(
                "order placed", "4711 für x", level: .warning, attributes: ["n": 1, "who": "y"])
            let third = spool.recorder("third", host: "web-3", chunkByteCount: 4096)
            recorder.receive([other.send("hello"), third.send("hello")], "hello", "from other")
            _ = recorder.send("bye", attributes: ["list": .json("[1,2]")])
        }
        for journal in try JournalFolder.all(in: spool.folder.journals) {
            var reader = JournalReader(journal)
            var batch = EventBatch()
            _ = try reader.read(bytesMax: 1, into: &batch) { _ in }
            if reader.key?.process.name == "web-1/api" {
                return try Data(contentsOf: URL(fileURLWithPath: journal.path + "/1.chunk"))
            }
        }
        throw FormatError(what: "no journal was written", offset: 0)
    }

    /// Reads chunk bytes as the journal of a program that has ended.
    private static func read(_ bytes: Data, in spool: TemporarySpool) throws -> (
        events: [Event], defects: [String], isFinished: Bool
    ) {
        try spool.folder.make()
        let run = try #require(
            Identity128(
                hex: (0..<16).map { String(format: "%02x", bytes.count > 48 ? bytes[32 + $0] : 0) }
                    .joined()))
        let folder = JournalFolder(in: spool.folder.journals, run: run)
        try RealDisk().make(folder: folder.path)
        defer { try? folder.remove() }
        try Data().write(to: URL(fileURLWithPath: folder.path + "/lock"))
        try bytes.write(to: URL(fileURLWithPath: folder.path + "/1.chunk"))
        var reader = JournalReader(folder)
        var defects: [String] = []
        let events = try reader.events { defects.append($0) }.map(\.event)
        return (events, defects, try reader.isFinished())
    }

    private static func check(_ events: [Event]) {
        let (me, other) = (ProcessID(name: "web-1/api"), ProcessID(name: "web-2/other"))
        #expect(events.map(\.id) == (1...4).map { EventID(me, $0) })
        #expect(events.map(\.kind) == [.local, .local, .receive, .send])
        #expect(events.map(\.name) == ["started", "order placed", "hello", "bye"])
        #expect(events.map(\.text) == ["", "4711 für x", "from other", ""])
        #expect(events.map(\.level) == [.info, .warning, .info, .info])
        #expect(
            events.map(\.attributes) == [
                [], [Attribute("n", .json("1")), Attribute("who", .text("y"))], [],
                [Attribute("list", .json("[1,2]"))],
            ])
        #expect(events.map { $0.causes.map(\.event.sequence) } == [[], [], [1, 1], []])
        guard events.count == 4, let cause = events[2].causes.first?.event else { return }
        #expect(events[2].causes.allSatisfy { $0.evidence == .token })
        #expect(cause.name == other)
        #expect(events.map { $0.clock[cause.process] } == [0, 0, 1, 1])
        #expect(events.map(\.clock.entries.count) == [1, 1, 3, 3])
        #expect(events.allSatisfy { $0.time != nil && $0.stamp == .complete })
    }

    @Test func whatIsWrittenNowIsReadNow() throws {
        let (events, defects, isFinished) = try Self.read(Self.sample(), in: TemporarySpool())
        #expect(defects == [])
        #expect(isFinished)
        Self.check(events)
    }

    @Test func version3IsReadForEver() throws {
        if ProcessInfo.processInfo.environment["RECORD_GOLDEN"] == "1" {
            try Self.sample().write(to: Self.golden)
            Issue.record("the golden journal was written anew")
        }
        let bytes = try Data(contentsOf: Self.golden)
        let (events, defects, _) = try Self.read(bytes, in: TemporarySpool())
        #expect(defects == [])
        Self.check(events)
    }

    @Test func aJournalThatWasCutAnywhereGivesWhatIsWhole() throws {
        let bytes = try Data(contentsOf: Self.golden)
        let spool = try TemporarySpool()
        var counts: Set<Int> = []
        for count in 0...800 {
            let (events, _, isFinished) = try Self.read(bytes.prefix(count), in: spool)
            counts.insert(events.count)
            #expect(isFinished)
            #expect(events.map(\.id.sequence) == Array(1..<UInt64(events.count + 1)))
        }
        #expect(counts == [0, 1, 2, 3, 4])
    }

    @Test func aFlippedBitHarmsNothingElse() throws {
        let bytes = try Data(contentsOf: Self.golden)
        let spool = try TemporarySpool()
        for bit in 0..<800 * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << (bit % 8)
            let (events, _, _) = try Self.read(flipped, in: spool)
            #expect(events.count <= 4)
            for (before, after) in zip(events, events.dropFirst()) {
                #expect(before.id.sequence < after.id.sequence)
            }
        }
    }

    @Test(arguments: 1...20) func rubbishIsRefused(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var bytes = try Data(contentsOf: Self.golden)
        let spool = try TemporarySpool()
        for _ in 0..<200 {
            let start = Int.random(in: 64..<700, using: &random)
            for index in start..<start + Int.random(in: 1...40, using: &random) {
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            let (events, defects, _) = try Self.read(bytes, in: spool)
            for (before, after) in zip(events, events.dropFirst()) {
                #expect(before.id.sequence < after.id.sequence)
            }
            // What was not read is said.
            #expect(events.count == 4 || !defects.isEmpty)
        }
    }

    @Test func anotherVersionIsRefusedByName() throws {
        var bytes = try Data(contentsOf: Self.golden)
        bytes[7] = 2
        let (events, defects, _) = try Self.read(bytes, in: TemporarySpool())
        #expect(events == [])
        #expect(defects.count == 1)
        #expect(defects.first?.contains("expected 3, found 2") == true)
    }

    @Test func aReaderGoesOnWhereAnotherLeftOff() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096)
        for number in 1...300 { recorder.record("event", "\(number)") }
        let folder = try #require(try JournalFolder.all(in: spool.folder.journals).first)
        var first = JournalReader(folder)
        var seen: [UInt64] = []
        for _ in 0..<3 {
            var batch = EventBatch()
            _ = try first.read(bytesMax: 500, into: &batch) { Issue.record("\($0)") }
            seen += batch.sequences
        }
        #expect(!seen.isEmpty && seen.count < 300)
        var second = JournalReader(
            folder, afterSequence: first.sequence, inChunk: first.chunkNumber)
        seen += try second.events { Issue.record("\($0)") }.map(\.event.id.sequence)
        #expect(seen == Array(1...300))
        let isFinished = try second.isFinished()
        #expect(!isFinished, "its program lives")
    }

    @Test func chunksThatWereGivenBackAreUsedAgain() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 3)
        let folder = try #require(try JournalFolder.all(in: spool.folder.journals).first)
        var reader = JournalReader(folder)
        var seen: [UInt64] = []
        for number in 1...2_000 {
            recorder.record("event", "\(number)")
            guard number % 20 == 0 else { continue }
            seen += try reader.events { Issue.record("\($0)") }.map(\.event.id.sequence)
            try folder.free(chunksBelow: reader.chunkNumber)
        }
        #expect(seen == Array(1...2_000))
        #expect(recorder.status.lost == 0)
        #expect(try RealDisk().names(folder.path).count <= 4)
    }
}
