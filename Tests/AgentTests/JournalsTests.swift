import Causality
import Disks
import Journals
import Logging
import Testing

@testable import Agent

/// Journals on a disk in memory, without programs.
private struct FakeJournals {
    let disk = SimulatedDisk()
    let spool: SpoolFolder

    init() throws {
        spool = SpoolFolder("/spool", disk: disk)
        try disk.make(folder: spool.journals)
    }

    /// A journal whose program has made its lock, and written nothing.
    @discardableResult
    func make(_ number: UInt64, owner: UInt32 = 0) throws -> JournalFolder {
        let folder = JournalFolder(
            in: spool.journals, run: Identity128(high: number, low: 1), disk: disk)
        try disk.make(folder: folder.path)
        let lock = "\(folder.path)/\(JournalFolder.lockName)"
        _ = try disk.open(lock, .create)
        for path in [folder.path, lock] { try disk.set(owner: owner, group: owner, of: path) }
        return folder
    }

    /// As its program leaves it that lives and has written nothing but who it is: one open chunk with a snapshot.
    func makeWithChunk(_ number: UInt64) throws -> JournalFolder {
        let folder = try make(number)
        let header = ChunkHeader(
            number: 1, firstSequence: 1, chunkByteCount: 4096, run: folder.run)
        var bytes = header.encoded()
        bytes[ChunkHeader.stateOffset] = UInt8(ChunkState.open.rawValue)
        try disk.open("\(folder.path)/1.chunk", .create).write(
            bytes + Self.record(kind: JournalFormat.snapshotKind, sequence: 1, Self.snapshot),
            at: 0)
        return folder
    }

    /// Appends an event to the chunk. `offset` is where it goes; returns where the next one does.
    func append(_ sequence: UInt64, at offset: Int, to folder: JournalFolder) throws -> Int {
        let record = Self.record(kind: 0, sequence: sequence, [])
        try disk.open("\(folder.path)/1.chunk", .write).write(record, at: offset)
        return offset + record.count
    }

    /// Where the first event goes, after the header and the snapshot.
    static var firstEventOffset: Int {
        ChunkHeader.byteCount
            + record(kind: JournalFormat.snapshotKind, sequence: 1, snapshot).count
    }

    private static var snapshot: [UInt8] {
        var writer = ByteWriter()
        writer.fixed32(1)
        for name in ["main", "h", "h/a"] {
            writer.fixed16(UInt16(name.utf8.count))
            writer.bytes(name.utf8)
        }
        writer.byte(0)
        for _ in 0..<3 { writer.fixed64(0) }
        writer.fixed32(0)
        writer.fixed32(0)
        return writer.bytes
    }

    /// A record without name and text.
    private static func record(kind: UInt8, sequence: UInt64, _ rest: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.fixed32(UInt32((JournalFormat.recordHeadByteCount + rest.count + 7) / 8 * 8))
        for byte in [kind, 0, 0, 0] { writer.byte(byte) }
        writer.fixed64(sequence)
        for _ in 0..<2 { writer.fixed64(0) }
        writer.bytes(rest)
        while writer.count % 8 != 0 { writer.byte(0) }
        return writer.bytes
    }

    func recorder() throws -> SourceRecorder {
        var configuration = AgentConfiguration(
            collector: "http://127.0.0.1:9", host: "h", spool: spool.path, follow: [], disk: disk)
        configuration.data = "/data"
        return try SourceRecorder(configuration, logger: Logger(label: "test"))
    }

    func follow(_ folder: JournalFolder) throws -> FollowedJournal {
        try #require(try FollowedJournal(folder) { _ in (1, nil) })
    }

    /// The calls of the disk that a look takes.
    func calls(_ journal: FollowedJournal, _ now: Double) throws -> (count: Int, events: Int) {
        guard journal.isDue(now) else { return (0, 0) }
        let before = disk.counts.calls
        var batch = EventBatch()
        while try journal.read(now, into: &batch) {}
        return (disk.counts.calls - before, batch.count)
    }
}

extension SourceRecorder {
    /// The journals that are followed, by the user they belong to.
    fileprivate var journalCounts: [UInt32: Int] {
        journals.values.reduce(into: [:]) { $0[$1.owner, default: 0] += 1 }
    }

    /// Looks at their folder, whatever it says.
    fileprivate func lookForJournals(_ now: Double, _ wall: WallTime) {
        journalsLooked = nil
        discoverJournals(now, wall)
    }

    fileprivate var openJournalFiles: Int { journals.values.count { $0.isFileOpen } }
}

@Suite struct JournalsTests {
    @Test func oneUsersJournalsDoNotTakeTheRoomOfAnothers() async throws {
        let fake = try FakeJournals()
        let many = Limits.journalsOfUserMax + 20
        for number in 1...many { try fake.make(UInt64(number), owner: 7) }
        // The last by name, so that it is found after all the others.
        try fake.make(.max, owner: 8)
        let recorder = try fake.recorder()
        let wall = WallTime(nanoseconds: 0)
        _ = await recorder.tick(0, wall: wall)
        #expect(await recorder.journalCounts == [7: Limits.journalsOfUserMax, 8: 1])
        // What was not taken costs nothing for a while: only their folder is listed, and the file of names looked at.
        let folders = many + 1
        let before = fake.disk.counts.calls
        await recorder.lookForJournals(1, wall)
        let taken = Limits.journalsOfUserMax + 1
        #expect(fake.disk.counts.calls - before <= 3 + folders + 3 * taken)
    }

    @Test func aJournalWithoutEventsIsLookedAtLessAndLessOften() throws {
        let fake = try FakeJournals()
        let journal = try fake.follow(try fake.make(1))
        var looks: [Double] = []
        for tick in 0..<4_000 {
            let now = Double(tick) / 20
            if try fake.calls(journal, now).count > 0 { looks.append(now) }
        }
        let gaps = zip(looks, looks.dropFirst()).map { $1 - $0 }
        #expect(looks.count < 30, "of 4,000 ticks in 200 s")
        #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $0 <= $1 + 0.06 })
        #expect(gaps.last! >= Limits.hopelessSecondsMax)
        #expect(gaps.allSatisfy { $0 < Limits.hopelessSecondsMax + 0.1 })
    }

    @Test func aQuietJournalIsLookedAtTwiceASecondWithTwoCalls() throws {
        let fake = try FakeJournals()
        let folder = try fake.makeWithChunk(1)
        let journal = try fake.follow(folder)
        var looks: [Double] = []
        for tick in 0..<600 {
            let now = Double(tick) / 20
            let calls = try fake.calls(journal, now).count
            guard calls > 0 else { continue }
            if now > 0 { #expect(calls == 2, "one for the next record, one for the chunk's state") }
            looks.append(now)
        }
        #expect(looks.prefix(20).last! < 1, "at first at each tick")
        let late = looks.filter { $0 >= 6 }
        #expect(zip(late, late.dropFirst()).allSatisfy { (0.3...0.5).contains($1 - $0) })
        // An event is found within half a second, and from then on it is looked at each time again.
        let next = try fake.append(1, at: FakeJournals.firstEventOffset, to: folder)
        var found: Double?
        for tick in 600..<620 where found == nil {
            let now = Double(tick) / 20
            if try fake.calls(journal, now).events == 1 { found = now }
        }
        let now = try #require(found)
        #expect(now <= 30.5)
        _ = try fake.append(2, at: next, to: folder)
        #expect(try fake.calls(journal, now + 0.05).events == 1)
    }

    @Test func aChunkIsOpenedAgainWhereItWasClosed() throws {
        let fake = try FakeJournals()
        let folder = try fake.makeWithChunk(1)
        let journal = try fake.follow(folder)
        #expect(try fake.calls(journal, 0).events == 0)
        #expect(journal.isFileOpen)
        journal.closeFile()
        let next = try fake.append(1, at: FakeJournals.firstEventOffset, to: folder)
        #expect(try fake.calls(journal, 1).events == 1)
        #expect(journal.isFileOpen)
        // The disk fails once, and the file is opened anew.
        _ = try fake.append(2, at: next, to: folder)
        fake.disk.fail(call: fake.disk.counts.calls + 1, with: 5)
        #expect(throws: (any Error).self) { try fake.calls(journal, 2) }
        #expect(!journal.isFileOpen)
        #expect(try fake.calls(journal, 3).events == 1)
    }

    @Test func filesOfManyJournalsAreNotAllKeptOpen() async throws {
        let fake = try FakeJournals()
        let many = Limits.journalFilesOpenMax + 10
        var folders: [JournalFolder] = []
        // Locked, as by programs that live.
        var locks: [any DiskFile] = []
        for number in 1...many {
            let folder = try fake.makeWithChunk(UInt64(number))
            let lock = try fake.disk.open("\(folder.path)/\(JournalFolder.lockName)", .write)
            #expect(try lock.lock())
            locks.append(lock)
            folders.append(folder)
        }
        let recorder = try fake.recorder()
        let wall = WallTime(nanoseconds: 0)
        while await recorder.tick(0, wall: wall) {}
        #expect(await recorder.openJournalFiles == Limits.journalFilesOpenMax)
        // Whether a file is kept open or not, nothing is missed.
        for folder in folders {
            _ = try fake.append(1, at: FakeJournals.firstEventOffset, to: folder)
        }
        _ = await recorder.tick(0.05, wall: wall)
        #expect(await recorder.sink.batch.count == many)
        #expect(await recorder.openJournalFiles == Limits.journalFilesOpenMax)
        withExtendedLifetime(locks) {}
    }

    @Test func anEmptyJournalWhoseProgramIsGoneEndsByTheWallTimeItIsTold() throws {
        let fake = try FakeJournals()
        let journal = try fake.follow(try fake.make(1))
        var batch = EventBatch()
        for (now, seconds, isEnded) in [(0.0, 60, false), (100, 60, false), (200, 61, true)] {
            let wall = WallTime(nanoseconds: Int64(seconds) * 1_000_000_000)
            #expect(try journal.finishIfEnded(now, wall: wall, into: &batch) == isEnded)
        }
        #expect(batch.isEmpty)
    }
}
