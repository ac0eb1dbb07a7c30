import Causality
import Glibc
import Recording
import Segments
import Testing

@testable import Recording

@Suite struct IncarnationTests {
    @Test func aRestartIsTheNextIncarnationAndHasSeenTheOneBefore() throws {
        let spool = try TemporarySpool()
        let other = spool.recorder("other")
        do {
            let first = spool.recorder("api")
            first.receive(other.send("hello"), "hello")
            first.record("last words")
            #expect(first.process == ProcessID(name: "api"))
        }
        let second = spool.recorder("api")
        #expect(second.process == ProcessID(name: "api", incarnation: 2))
        second.record("back")
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.id.sequence == 1)
        #expect(
            event.clock
                == VectorClock([
                    ProcessID(name: "api"): 2, ProcessID(name: "other"): 1,
                    ProcessID(name: "api", incarnation: 2): 1,
                ]))
        #expect(event.stamp == .complete)
    }

    @Test func anIncarnationThatRecordedNothingHandsOnWhatItHadSeen() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("one") }
        do { _ = spool.recorder("api") }
        let third = spool.recorder("api")
        third.record("three")
        let event = try spool.events(of: "api", 3)[0]
        #expect(event.clock[ProcessID(name: "api")] == 1)
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
        #expect(event.clock == VectorClock([second.process: 1]))
        #expect(event.stamp == .complete)
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
        #expect(event.stamp == .lowerBound, "what the one before had seen is not known")
    }

    @Test func whatTheAgentHasTakenIsKnownAfterTheSpoolWasWiped() throws {
        let spool = try TemporarySpool()
        do { spool.recorder("api").record("one") }
        let incarnations = Incarnations(spool.folder, execution: "main", process: "api")
        let seen = VectorClock([ProcessID(name: "other"): 7])
        let run = try #require(try JournalFolder.all(in: spool.folder.journals).first).run
        try incarnations.note(
            Incarnations.Last(
                incarnation: 1, run: run, sequence: 1, clock: seen, isLowerBound: false),
            in: spool.folder)
        for journal in try JournalFolder.all(in: spool.folder.journals) { try journal.remove() }
        let second = spool.recorder("api")
        second.record("two")
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.stamp == .complete)
        #expect(event.clock[ProcessID(name: "other")] == 7)
        #expect(event.clock[ProcessID(name: "api")] == 1)
    }

    @Test func aTornRecordOfTheLastNumberLeavesTheOneBefore() throws {
        let spool = try TemporarySpool()
        let incarnations = Incarnations(spool.folder, execution: "main", process: "api")
        var random = SystemRandomNumberGenerator()
        for expected: UInt32 in 1...5 {
            let run = Identity128(using: &random)
            #expect(try incarnations.next(for: run, in: spool.folder).given.incarnation == expected)
        }
        let name = try #require(
            try Folder.names(spool.folder.path + "/incarnations").first { !$0.hasSuffix(".last") })
        let path = spool.folder.path + "/incarnations/" + name
        // The number 5 stands in the second slot; its write is torn.
        try File(path, .write).write([9], at: 64 + 8)
        let run = Identity128(using: &random)
        let next = try incarnations.next(for: run, in: spool.folder)
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
                incarnation: 1, run: Identity128(using: &random), sequence: 1 << 50,
                clock: VectorClock(), isLowerBound: false), in: spool.folder)
        #expect(incarnations.last == nil)
    }

    @Test func aProgramThatDiedBeforeTheFirstEventOfAChunkHasItsLastEventInTheOneBefore() throws {
        let spool = try TemporarySpool()
        do {
            let recorder = spool.recorder("api", chunkByteCount: 4096)
            let folder = try #require(try JournalFolder.all(in: spool.folder.journals).first)
            while try Folder.names(folder.path).count < 3 { recorder.record("event") }
            // Its second chunk holds one event; take that away, as if it had died before it.
            let path = folder.path + "/2.chunk"
            let file = try File(path, .write)
            let length = try file.read(at: 64, count: 2)
            try file.write([0, 0, 0, 0], at: 64 + Int(length[0]) + 256 * Int(length[1]))
        }
        let first = try spool.events(of: "api").count
        spool.recorder("api").record("back")
        let event = try spool.events(of: "api", 2)[0]
        #expect(event.clock[ProcessID(name: "api")] == UInt64(first))
    }

    @Test func withoutADurablePlaceANumberIsDrawnThatNobodyElseHas() throws {
        // A file where the folder should be: nothing can be made there.
        let spool = try TemporarySpool()
        let path = spool.folder.path + "/file"
        _ = try File(path, .create)
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: SpoolFolder(path + "/spool"),
            chunkByteCount: 4096, chunksMax: 4)
        #expect(recorder.process.incarnation >= Incarnations.numberMax)
        #expect(recorder.record("lost") != nil)
        #expect(recorder.status.lost == 1)
        #expect(recorder.status.problem != nil)
    }

    @Test func executionsAndNamesHaveNumbersOfTheirOwn() throws {
        let spool = try TemporarySpool()
        #expect(spool.recorder("api").process.incarnation == 1)
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
