import Causality
import Disks
import Glibc
import Journals
import Recording
import Testing

@Suite struct LossTests {
    /// Reads what is there, and gives the chunks back as an agent does.
    private func drain(_ reader: inout JournalReader) throws -> [Event] {
        let events = try reader.events { Issue.record("\($0)") }.map(\.event)
        try reader.folder.free(chunksBelow: reader.chunkNumber)
        return events
    }

    @Test func aFullSpoolLosesEventsCountsThemAndSaysSo() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 2)
        for number in 1...1000 { recorder.record("event", "\(number)") }
        let status = recorder.status
        #expect(status.events == 1000)
        #expect(status.lost > 0)
        #expect(status.problem != nil)
        var reader = JournalReader(
            try #require(try JournalFolder.all(in: spool.folder.journals).first))
        let before = try drain(&reader)
        #expect(before.count == 1000 - Int(status.lost))
        #expect(before.map(\.id.sequence) == Array(1...UInt64(before.count)))
        // The next try is due after a while: the clock of the events decides, not a sleep.
        var after: [Event] = []
        while after.isEmpty {
            recorder.record("event", "again")
            after = try drain(&reader)
        }
        let marker = after[0]
        #expect(marker.name == LossMarker.name && marker.kind == LossMarker.kind)
        #expect(marker.level == LossMarker.level)
        let said = LossMarker(
            lost: UInt64(before.count) + 1...marker.id.sequence - 1,
            reason: try #require(status.problem))
        #expect(marker.text == said.text && marker.attributes == said.attributes)
        #expect(after[1].text == "again")
        #expect(after[1].id.sequence == marker.id.sequence + 1)
        #expect(recorder.status.problem == nil)
    }

    @Test func messagesThatWereLostAreStillSeenByWhatComesAfter() throws {
        let spool = try TemporarySpool()
        let other = spool.recorder("other")
        let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 2)
        while recorder.status.lost == 0 { recorder.record("event") }
        recorder.receive(other.send("late"), "late")
        var reader = JournalReader(
            try #require(
                try JournalFolder.all(in: spool.folder.journals).first { folder in
                    var reader = JournalReader(folder)
                    var batch = EventBatch()
                    _ = try reader.read(bytesMax: 1, into: &batch) { _ in }
                    return reader.key?.process.name == "host/api"
                }))
        _ = try drain(&reader)
        var after: [Event] = []
        while after.isEmpty {
            recorder.record("event")
            after = try drain(&reader)
        }
        #expect(after[0].clock[other.reference] == 1)
        #expect(after[0].stamp == .complete)
    }

    @Test func whatIsLostAtTheEndIsKnown() throws {
        let spool = try TemporarySpool()
        var given: UInt64 = 0
        var run: RunKey?
        do {
            let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 1)
            for _ in 1...500 { recorder.record("event") }
            run = RunKey(recorder.run)
            given = recorder.status.events
        }
        var reader = JournalReader(
            try #require(try JournalFolder.all(in: spool.folder.journals).first))
        let events = try drain(&reader)
        let isFinished = try reader.isFinished()
        #expect(isFinished)
        #expect(reader.lostAtEnd == UInt64(events.count + 1)...given)
        // The next incarnation goes on from the last one that was lost, and cannot tell what that had seen.
        spool.recorder("api").record("next")
        let next = try spool.events(of: "api", 2)[0]
        #expect(try spool.origin(of: "api", 2) == .event(try #require(run), given))
        #expect(next.stamp == .generating)
    }

    @Test func whatIsLostAtTheEndIsKnownToAReaderThatWasThere() throws {
        let spool = try TemporarySpool()
        var reader: JournalReader?
        var given: UInt64 = 0
        do {
            let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 1)
            recorder.record("event")
            reader = JournalReader(
                try #require(try JournalFolder.all(in: spool.folder.journals).first))
            _ = try drain(&reader!)
            for _ in 1...500 { recorder.record("event") }
            given = recorder.status.events
        }
        _ = try drain(&reader!)
        let isFinished = try reader!.isFinished()
        #expect(isFinished)
        #expect(reader!.lostAtEnd?.upperBound == given)
    }

    @Test func whatAClientLostIsAGapAndWhatFollowsIsLossy() throws {
        let spool = try TemporarySpool()
        let (recorder, other) = (spool.recorder("api"), spool.recorder("other"))
        recorder.record("one")
        recorder.note(lost: 2)
        recorder.note(lost: 0)
        recorder.receive(other.send("hello"), "four")
        recorder.record("five")
        recorder.note(lost: 1)
        recorder.note(lost: 1)
        other.receive(recorder.send("eight"), "from a lossy one")
        let events = try spool.events(of: "api")
        #expect(events.map(\.id.sequence) == [1, 4, 5, 8])
        let (first, second) = (Loss(since: 4, .eventsLost), Loss(since: 8, .eventsLost, number: 2))
        #expect(events.map(\.stamp) == [.complete, .lossy(first), .lossy(first), .lossy(second)])
        #expect(recorder.status.events == 8)
        // Whoever hears from it has its sender, and may lack the rest.
        #expect(try spool.events(of: "other").last?.stamp == .generating)
    }

    @Test func aLossIsStillSaidInTheNextChunk() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096)
        recorder.note(lost: 1)
        for _ in 1...200 { recorder.record("event") }
        let events = try spool.events(of: "api")
        #expect(events.map(\.id.sequence) == Array(2...201))
        #expect(events.allSatisfy { $0.stamp == .lossy(Loss(since: 2, .eventsLost)) })
    }

    @Test func howManyEventsAClientMayLoseIsLimited() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        for _ in 1...3 { recorder.note(lost: .max) }
        recorder.record("event")
        #expect(try spool.events(of: "api").map(\.id.sequence) == [3 * (1 << 40) + 1])
    }

    @Test func aMessageThatCannotBeReadIsAReceiveAndALoss() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        recorder.record("one")
        #expect(recorder.receiveUnreadable("token refused", "why").sequence == 2)
        recorder.record("three")
        let events = try spool.events(of: "api")
        let loss = Stamp.lossy(Loss(since: 2, .unreadableToken))
        #expect(events.map(\.stamp) == [.complete, loss, loss])
        #expect(events.map(\.kind) == [.local, .receive, .local])
        #expect(events[1].causes == [] && events[1].level == .warning && events[1].text == "why")
    }

    @Test func aClockThatHasNoRoomForASenderIsLossyFromThereOn() throws {
        let spool = try TemporarySpool()
        let others = (1...4).map { spool.recorder("other-\($0)") }
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: spool.folder,
            chunkByteCount: 64 << 10, chunksMax: 10, clockEntriesMax: 2)
        for other in others { recorder.receive(other.send("hello"), "hello") }
        let events = try spool.events(of: "api")
        #expect(events[1].stamp == .complete)
        #expect(events[2].stamp == .lossy(Loss(since: 3, .clockFull)))
        #expect(events[3].stamp == .lossy(Loss(since: 4, .clockFull, number: 2)))
    }

    /// A message of the process itself, as far as its token tells, may be one of a copy of it: its sender is named, or it is a loss.
    @Test(arguments: [2, 3]) func aSenderThatIsCalledLikeTheReceiverIsNamed(room: Int) throws {
        let spool = try TemporarySpool()
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: spool.folder,
            chunkByteCount: 64 << 10, chunksMax: 10, clockEntriesMax: room)
        let sent = recorder.send("hello")
        for other in 1...2 {
            recorder.receive(spool.recorder("other-\(other)").send("hello"), "hello")
        }
        recorder.receive(sent, "hello")
        let events = try spool.events(of: "api")
        let isFull = room == 2
        #expect(events[3].causes.map(\.event.sequence) == (isFull ? [] : [1]))
        #expect(events[3].stamp == (isFull ? .lossy(Loss(since: 4, .clockFull)) : .complete))
    }

    @Test func aSpoolThatAppearsLaterIsUsed() throws {
        let spool = try TemporarySpool()
        let path = spool.folder.path + "/later"
        _ = try RealDisk().open(path, .create)
        let folder = SpoolFolder(path + "/spool")
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: folder, chunkByteCount: 4096,
            chunksMax: 10)
        recorder.record("lost")
        try RealDisk().remove(file: path)
        while recorder.status.problem != nil { recorder.record("event") }
        var reader = JournalReader(try #require(try JournalFolder.all(in: folder.journals).first))
        let events = try drain(&reader)
        #expect(events[0].name == LossMarker.name)
        #expect(events[0].text.contains("could not be recorded"))
        #expect(events[1].name == "event")
    }

    @Test func aSpoolThatIsRemovedIsMadeAgain() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096)
        recorder.record("event")
        for journal in try JournalFolder.all(in: spool.folder.journals) { try journal.remove() }
        rmdir(spool.folder.journals)
        var events: [Event] = []
        while events.isEmpty {
            recorder.record("event")
            events = try spool.read().events[TemporarySpool.id("api")] ?? []
        }
        #expect(events[0].name == LossMarker.name)
        #expect(events[0].id.sequence > recorder.status.lost)
    }

    /// Whether a journal is still there may not be found out where its disk fails: then it is, and goes on, whatever call failed.
    @Test(arguments: 1...6) func aJournalThatCannotBeLookedAtGoesOn(call: Int) throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/data")
        let folder = SpoolFolder("/spool", durable: "/data/durable", disk: disk)
        let recorder = Recorder(
            process: "api", host: "host", execution: "main", spool: folder, chunkByteCount: 4096,
            chunksMax: 10)
        recorder.record("event")
        disk.capacity = disk.usedBytes
        disk.fail(call: disk.counts.calls + call, with: EIO)
        while recorder.status.lost == 0 { recorder.record("event") }
        disk.capacity = nil
        disk.stopFailing()
        while recorder.status.problem != nil { recorder.record("event") }
        recorder.record("last")
        var reader = JournalReader(
            try #require(try JournalFolder.all(in: folder.journals, disk: disk).first))
        let events = try drain(&reader)
        #expect(events.last?.name == "last")
        #expect(UInt64(events.count) == recorder.status.events - recorder.status.lost)
    }

    @Test func anEventLargerThanAChunkGetsAChunkOfItsSize() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api", chunkByteCount: 4096, chunksMax: 10)
        let long = String(repeating: "é", count: 100_000)
        recorder.record("long", long)
        recorder.record("short")
        let events = try spool.events(of: "api")
        #expect(events.map(\.text) == [long, ""])
    }

    @Test func whatExceedsALimitIsCutAndSaysSo() throws {
        let spool = try TemporarySpool()
        let recorder = spool.recorder("api")
        recorder.record(
            EventName(String(repeating: "n", count: 300)), String(repeating: "é", count: 600_000))
        var many = Attributes()
        for number in 0..<200 { many.add("key \(number)", .integer(Int64(number))) }
        recorder.record("many", attributes: many)
        var wide = Attributes()
        wide.add(String(repeating: "k", count: 300), "v")
        wide.add("json", .json(String(repeating: "1", count: 2_000_000)))
        recorder.record("wide", attributes: wide)
        let events = try spool.events(of: "api")
        #expect(events[0].name.utf8.count == 256)
        #expect(events[0].text.utf8.count == 1 << 20)
        #expect(events[0].attributes[0].key == "lightcone.truncated")
        #expect(events[1].attributes.count == 128)
        #expect(events[1].attributes.last?.key == "lightcone.truncated")
        #expect(events[2].attributes.map(\.key.utf8.count) == [256, 4, 19])
        if case .json = events[2].attributes[1].value { Issue.record("half a number is no JSON") }
    }
}
