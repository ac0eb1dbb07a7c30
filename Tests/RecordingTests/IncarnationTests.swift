import Causality
import Disks
import Glibc
import Journals
import Recording
import Testing

@testable import Recording

@Suite struct IncarnationTests {
    @Test func aRestartIsTheNextIncarnationAndHasSeenTheOneBefore() throws {
        let spool = try TemporarySpool()
        let other = spool.recorder("other")
        var before: RunKey?
        do {
            let first = spool.recorder("api")
            first.receive(other.send("hello"), "hello")
            first.record("last words")
            #expect(first.process == TemporarySpool.id("api"))
            before = RunKey(first.run)
        }
        let second = spool.recorder("api")
        #expect(second.process == TemporarySpool.id("api", 2))
        second.record("back")
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.id.sequence == 1)
        // What it goes on from needs no entry.
        #expect(event.clock == VectorClock([other.reference: 1, second.reference: 1]))
        #expect(try spool.origin(of: "api", 2) == .event(try #require(before), 2))
        #expect(event.stamp == .complete)
    }

    @Test func anIncarnationThatRecordedNothingHandsOnWhatItHadSeen() throws {
        let spool = try TemporarySpool()
        let before = {
            let first = spool.recorder("api")
            first.record("one")
            return RunKey(first.run)
        }()
        do { _ = spool.recorder("api") }
        let third = spool.recorder("api")
        third.record("three")
        let event = try spool.events(of: "api", 3)[0]
        #expect(try spool.origin(of: "api", 3) == .event(before, 1))
        #expect(event.stamp == .complete)
    }

    @Test func twoProgramsOfOneNameAreTwoProcessesThatHaveSeenNothingOfEachOther() throws {
        let spool = try TemporarySpool()
        let first = spool.recorder("api")
        first.record("one")
        let second = spool.recorder("api")
        second.record("two")
        first.record("one again")
        #expect(second.process.incarnation == 2)
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.clock == VectorClock([second.reference: 1]))
        #expect(event.stamp == .complete)
        #expect(try spool.origin(of: "api", 2) == .nothing)
        #expect(try spool.events(of: "api").count == 2)
    }

    @Test func numbersGoOnWhereTheSpoolWasWipedAndWhatIsLostIsSaid() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("one") }
        for journal in try JournalFolder.all(in: spool.folder.journals) { try journal.remove() }
        let second = spool.recorder("api")
        second.record("two")
        #expect(second.process.incarnation == 2)
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.stamp == .lossy(Loss(since: 1, .originUnknown)))
        #expect(try spool.origin(of: "api", 2) == .unknown)
    }

    @Test func whatTheAgentHasTakenIsKnownAfterTheSpoolWasWiped() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("one") }
        let incarnations = Incarnations(spool.folder, execution: "main", process: "api")
        let other = RunKey(bits: 11)
        let run = try #require(try JournalFolder.all(in: spool.folder.journals).first).run
        try incarnations.note(
            Incarnations.Last(
                incarnation: 1, run: run, origin: .nothing, sequence: 1, clock: [other: 7],
                isComplete: true, isEndKnown: true),
            in: spool.folder)
        for journal in try JournalFolder.all(in: spool.folder.journals) { try journal.remove() }
        let second = spool.recorder("api")
        second.record("two")
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.stamp == .complete)
        #expect(event.clock == VectorClock([.run(other): 7, second.reference: 1]))
        #expect(try spool.origin(of: "api", 2) == .event(RunKey(run), 1))
    }

    @Test func aTornRecordOfTheLastNumberLeavesTheOneBefore() throws {
        let spool = try TemporarySpool()
        let incarnations = Incarnations(spool.folder, execution: "main", process: "api")
        var random = SystemRandomNumberGenerator()
        for expected: UInt32 in 1...5 {
            let run = Identity128(using: &random)
            #expect(
                try incarnations.next(for: run, isKeptByName: false, in: spool.folder).given
                    .incarnation == expected)
        }
        let name = try #require(
            try RealDisk().names(spool.folder.path + "/incarnations").first {
                !$0.hasSuffix(".last")
            })
        let path = spool.folder.path + "/incarnations/" + name
        // The number 5 stands in the second slot; its write is torn.
        try RealDisk().open(path, .write).write([9], at: 64 + 8)
        let run = Identity128(using: &random)
        let next = try incarnations.next(for: run, isKeptByName: false, in: spool.folder)
        #expect(next.before?.incarnation == 4)
        // Without the record of 5 nobody had got that number: it was not synced yet.
        #expect(next.given.incarnation == 5)
    }

    @Test func oneSpoolHasOneNameHoweverItIsSpelled() throws {
        let spool = try TemporarySpool()
        let path = spool.folder.path
        #expect(SpoolFolder(path + "/").path == spool.folder.path)
        #expect(SpoolFolder(path + "/.").path == path)
        #expect(SpoolFolder(path + "/../" + path.split(separator: "/").last!).path == path)
        #expect(SpoolFolder("/tmp/no/such//folder/").path == "/tmp/no/such/folder")
    }

    @Test func nobodyCanSayForAnotherWhereItEnded() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("one") }
        let incarnations = Incarnations(spool.folder, execution: "main", process: "api")
        var random = SystemRandomNumberGenerator()
        // A journal that claims to be api, with a run that was never given that number.
        try incarnations.note(
            Incarnations.Last(
                incarnation: 1, run: Identity128(using: &random), origin: .nothing,
                sequence: 1 << 50, clock: [:], isComplete: true, isEndKnown: true),
            in: spool.folder)
        #expect(incarnations.last == nil)
    }

    @Test func aProgramThatDiedBeforeTheFirstEventOfAChunkHasItsLastEventInTheOneBefore() throws {
        let spool = try TemporarySpool()
        var run: RunKey?
        do {
            let recorder = spool.recorder("api", chunkByteCount: 4096)
            run = RunKey(recorder.run)
            let folder = try #require(try JournalFolder.all(in: spool.folder.journals).first)
            while try RealDisk().names(folder.path).count < 3 { recorder.record("event") }
            // Its second chunk holds one event; take that away, as if it had died before it.
            let path = folder.path + "/2.chunk"
            let file = try RealDisk().open(path, .write)
            let length = try file.read(at: 64, count: 2)
            try file.write([0, 0, 0, 0], at: 64 + Int(length[0]) + 256 * Int(length[1]))
        }
        let first = try spool.events(of: "api").count
        spool.recorder("api").record("back")
        #expect(try spool.origin(of: "api", 2) == .event(try #require(run), UInt64(first)))
    }

    @Test func aHostThatWasRenamedGoesOnWithItsNumbers() throws {
        let spool = try TemporarySpool()
        let before = {
            let first = spool.recorder("api", host: "old")
            first.record("one")
            return RunKey(first.run)
        }()
        let second = spool.recorder("api", host: "new")
        second.record("two")
        #expect(second.process == ProcessID(name: "new/api", incarnation: 2))
        let key = try #require(try spool.readAll().keys[second.process])
        #expect(key.origin == .event(before, 1))
        #expect(key.host == "new")
    }

    @Test func whatIsKeptByNameAndAProgramDoNotGoOnFromEachOther() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("a program's") }
        let kept = Recorder(
            process: "api", host: "host", execution: "main", spool: spool.folder,
            isKeptByName: true, chunkByteCount: 4096, chunksMax: 10)
        kept.record("whoever records under the name")
        #expect(kept.process == TemporarySpool.id("api", 2))
        #expect(try spool.origin(of: "api", 2) == .unknown)
    }

    @Test func aClockIsAsWideAsThePrograms() throws {
        func isAsWide() throws -> Bool {
            let spool = try TemporarySpool()
            let (b, c) = (spool.recorder("b"), spool.recorder("c"))
            var last: ProcessReference?
            for _ in 1...20 {
                let a = spool.recorder("a")
                b.receive(a.send("hello"), "hello")
                last = a.reference
            }
            c.receive(b.send("hello"), "hello")
            let event = try spool.events(of: "c")[0]
            let wide = VectorClock([try #require(last): 1, b.reference: 21, c.reference: 1])
            return event.clock == wide && event.stamp == .complete
        }
        // A child that another test forks holds all locks until it runs its program: meanwhile a run that has ended seems to live.
        #expect(try (0..<5).contains { _ in try isAsWide() })
    }

    @Test func aCloneGoesOnAsTheSameRun() throws {
        let (spool, elsewhere) = (try TemporarySpool(), try TemporarySpool())
        let original = spool.recorder("api")
        original.record("one")
        let clone = Recorder(cloning: original, into: elsewhere.folder)
        original.record("two here")
        clone.record("two there")
        #expect(clone.run == original.run && clone.process == original.process)
        #expect(try spool.events(of: "api").map(\.text) == ["", ""])
        #expect(try elsewhere.events(of: "api").map(\.id.sequence) == [2])
    }

    /// A copy's message tells of what this program has not done: what the copy had seen before is not known by that.
    @Test func whatACopySendsFromAheadLeavesTheRestUnknown() throws {
        let (spool, elsewhere) = (try TemporarySpool(), try TemporarySpool())
        let original = spool.recorder("api")
        original.receive([original.send("to itself")], "from itself")
        let copy = Recorder(cloning: original, into: elsewhere.folder)
        copy.record("there")
        original.receive([copy.send("to the original")], "from the copy")
        original.record("later")
        let (events, defects) = try spool.read()
        #expect(defects == [])
        let stamps = try #require(events[TemporarySpool.id("api")]).map(\.stamp)
        let loss = Stamp.lossy(Loss(since: 3, .unreadableToken))
        #expect(stamps == [.complete, .complete, loss, loss])
    }

    /// Where a sync failed, a number may stand there whose run has another one since.
    @Test func aLivingRunWithAnotherNumberIsNotTheOneBefore() throws {
        let spool = try TemporarySpool()
        let first = spool.recorder("api")
        first.record("one")
        _ = try Incarnations(spool.folder, execution: "main", process: "api")
            .next(for: first.run, isKeptByName: false, in: spool.folder)
        let third = spool.recorder("api")
        third.record("three")
        #expect(third.process.incarnation == 3)
        #expect(try spool.origin(of: "api", 3) == .unknown)
        #expect(
            try spool.events(of: "api", 3)[0].stamp == .lossy(Loss(since: 1, .originUnknown)))
    }

    @Test func withoutADurablePlaceANumberIsDrawnThatNobodyElseHas() throws {
        // A file where the folder should be: nothing can be made there.
        let spool = try TemporarySpool()
        let path = spool.folder.path + "/file"
        _ = try RealDisk().open(path, .create)
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: SpoolFolder(path + "/spool"),
            chunkByteCount: 4096, chunksMax: 4)
        #expect(recorder.process.incarnation >= Incarnations.numberMax)
        #expect(recorder.numberProblem?.contains("Not a directory") == true)
        #expect(recorder.record("lost") != nil)
        #expect(recorder.status.lost == 1)
        #expect(recorder.status.problem != nil)
    }

    @Test func executionsAndNamesHaveNumbersOfTheirOwn() throws {
        let spool = try TemporarySpool()
        #expect(spool.recorder("api").process.incarnation == 1)
        #expect(spool.recorder("other").numberProblem == nil)
        #expect(spool.recorder("api", execution: "test").process.incarnation == 1)
        #expect(spool.recorder("db").process.incarnation == 1)
    }

    @Test func foldersAboveASharedOneCanBeEnteredByEverybody() throws {
        let spool = try TemporarySpool()
        try SpoolFolder(spool.folder.path + "/deep/er/spool").make()
        func mode(_ path: String) -> mode_t {
            var status = stat()
            stat(spool.folder.path + path, &status)
            return status.st_mode & 0o7777
        }
        #expect(mode("/deep") == 0o755 && mode("/deep/er") == 0o755)
        #expect(mode("/deep/er/spool") == 0o1777 && mode("/deep/er/spool/journals") == 0o1777)
    }

    @Test func aSpoolInMemoryKeepsItsNumbersOnDisk() {
        let folder = SpoolFolder("/dev/shm/lightcone-no-such-folder")
        #expect(!folder.durableFolders.isEmpty)
        for durable in folder.durableFolders { #expect(!durable.hasPrefix("/dev/shm")) }
        #expect(SpoolFolder("/var/tmp/x").durableFolders == ["/var/tmp/x"])
    }
}
