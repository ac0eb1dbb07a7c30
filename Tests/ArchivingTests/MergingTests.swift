import Causality
import Collector
import Disks
import Exporting
import Foundation
import Glibc
import HappensBefore
import Parts
import Querying
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

@Suite struct MergingTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func answersAreTheSameBeforeAndAfter(seed: UInt64) throws {
        let world = try MergingWorld(seed: seed)
        var archive: Archive? = try world.open()
        // Bits that rotted after they were acknowledged: that segment stays as it is.
        let rotten = world.segments[1]
        let file = try world.disk.open(rotten.path, .write)
        var byte = try file.read(at: rotten.bytes.count / 2, count: 1)
        byte[0] ^= 8
        try file.write(byte, at: rotten.bytes.count / 2)

        var store: ArchiveStore? = ArchiveStore(try #require(archive))
        let before = try MergingWorld.answers(#require(store))
        try archive?.mergeAll()
        #expect(try world.parts().count == 1)
        #expect(try world.files == [rotten.path, world.segments[4].path])
        // The same store, which knows the frames.
        try expectSame(MergingWorld.answers(#require(store)), before)
        try expectSame(world.answers(try #require(archive)), before)
        for segment in world.segments {
            let state = try #require(try archive?.state(of: segment.id))
            #expect(state.byteCount == segment.bytes.count)
            do throws(ArchiveError) {
                _ = try archive?.append(segment.bytes, to: segment.id, at: 0)
                Issue.record("a segment that is here was taken again")
            } catch {
                guard case .wrongOffset(0, segment.bytes.count) = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
        }
        // Merged again with what came later, and made anew from the files alone.
        (archive, store) = (nil, nil)
        do {
            let (rebuilt, problems) = try world.rebuild()
            #expect(problems.count == 1)
            try expectSame(world.answers(rebuilt), before)
        }
        let reopened = try world.open()
        #expect(try reopened.recover() == [])
        try expectSame(world.answers(reopened), before)
    }

    @Test func partsBecomeOne() throws {
        let world = try MergingWorld(seed: 2)
        var archive = try world.open()
        let before = try world.answers(archive)
        for segment in world.segments.prefix(4) {
            let alone = try world.merge(segment.id, in: archive)
            #expect(alone == .merged)
        }
        #expect(try world.parts().count == 4)
        try expectSame(world.answers(archive), before)
        let parts = try archive.catalogue.parts().map(\.name)
        #expect(try archive.merge(parts: parts, now: 0, { false }) == .merged)
        try archive.removeReplaced(now: .max)
        #expect(try world.parts().count == 1)
        try expectSame(world.answers(archive), before)
        archive = try MergingWorld(seed: 1).open()
        let (rebuilt, problems) = try world.rebuild()
        #expect(problems == [])
        try expectSame(world.answers(rebuilt), before)
    }

    /// Everything fails from some call on, as if the process had been killed there: what is found afterwards is the inputs or
    /// the result, and nothing else stays.
    @Test func killedAtEveryCall() throws {
        let world = try MergingWorld(seed: 4)
        let expected = try world.answers(try world.open())
        var call = 1
        while true {
            let world = try MergingWorld(seed: 4)
            var archive: Archive? = try world.open()
            world.disk.fail(fromCall: world.disk.counts.calls + call, with: EIO)
            var failed = false
            do { try archive?.mergeAll() } catch { failed = true }
            archive = nil
            world.disk.stopFailing()
            world.disk.crashLosingAllUnsynced()
            let reopened = try world.open()
            #expect(try reopened.recover() == [], "call \(call)")
            try expectSame(world.answers(reopened), expected)
            let (files, parts) = (try world.files.count, try world.parts())
            #expect(files == 5 && parts.isEmpty || files == 1 && parts.count == 1, "call \(call)")
            try reopened.mergeAll()
            #expect(try world.parts().count == 1)
            try expectSame(world.answers(reopened), expected)
            guard failed else { break }
            call += call < 12 ? 1 : 9
        }
        #expect(call > 12)
    }

    @Test func aFullDiskStopsMergingAndNothingElse() throws {
        let world = try MergingWorld(seed: 3)
        let archive = try world.open()
        let before = try world.answers(archive)
        world.disk.capacity = world.segments.reduce(0) { $0 + $1.bytes.count } + 3_000
        var schedule = MergeSchedule(isFinal: true)
        do throws(ArchiveError) {
            _ = try archive.merge(&schedule, now: 100, isStopped: { false })
            Issue.record("it fitted")
        } catch {
            guard case .full = error else {
                Issue.record("\(error)")
                return
            }
        }
        #expect(try world.parts() == [], "what was begun is removed")
        #expect(try archive.merge(&schedule, now: 110, isStopped: { false }) > 0, "it rests")
        try expectSame(world.answers(archive), before)
        world.disk.capacity = nil
        #expect(try archive.merge(&schedule, now: 200, isStopped: { false }) == 0)
        try expectSame(world.answers(archive), before)
    }

    @Test func aMergeThatIsStoppedLeavesNothing() throws {
        let world = try MergingWorld(seed: 5)
        let archive = try world.open()
        var schedule = MergeSchedule(isFinal: true)
        _ = try archive.merge(&schedule, now: 0, isStopped: { true })
        #expect(try world.parts() == [] && world.files.count == 5)
    }

    /// What questions may still read stays for a while.
    @Test func replacedFilesStayForAWhile() throws {
        let world = try MergingWorld(seed: 6)
        let archive = try world.open()
        var schedule = MergeSchedule(isFinal: true)
        _ = try archive.merge(&schedule, now: 100, isStopped: { false })
        try archive.removeReplaced(now: 100 + Archiving.Limits.replacedSecondsMax - 1)
        #expect(try world.files.count == 5)
        try archive.removeReplaced(now: 100 + Archiving.Limits.replacedSecondsMax)
        #expect(try world.files.count == 1)
    }

    /// Every checksum is right, and the chains say that an event was another one when the segment was sealed.
    @Test func whatItsChainsDenyIsKeptAndReported() throws {
        let world = try MergingWorld(seed: 7)
        let archive = try world.open()
        let header = SegmentHeader(
            agent: Identity128(naming: [1]), segment: Identity128(naming: [2]),
            created: WallTime(nanoseconds: 0))
        let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "forged"))
        func segment(_ text: String) -> (frames: [UInt8], footer: [UInt8]) {
            var writer = SegmentWriter(header)
            var clock = VectorClock()
            clock[key.reference] = 1
            let event = Event(id: EventID(key.process, 1), text: text, clock: clock)
            let frames = header.encoded() + writer.commit(EventBatch([event], of: key), Commit())
            return (frames, writer.footer())
        }
        // The footer names the last frame too, so that both are forged but for the chain.
        let (forged, other) = (segment("a lie"), segment("the truth"))
        let chains = other.footer.count - 16 - 16
        var footer = Array(other.footer[..<chains]) + forged.footer[chains..<chains + 16]
        footer += withUnsafeBytes(of: crc32(footer).littleEndian) { Array($0) }
        footer += forged.footer.suffix(12)
        try archive.append(forged.frames + footer, to: header.segment, at: 0)
        let before = try world.answers(archive)
        try archive.mergeAll()
        let path = "\(world.folder.path)/segments/\(header.agent)/\(header.segment).lcseg"
        #expect(try world.disk.status(path) != nil)
        #expect(try world.parts().count == 1, "the others are merged")
        let defects = try ArchiveStore(archive).sourceDefects(of: "main").map(\.text)
        #expect(defects.count { $0.contains("the chain of run") && $0.contains(path) } == 1)
        let after = try world.answers(archive)
        let isOther = { (answer: String) in !answer.hasPrefix("main defects") }
        expectSame(after.filter(isOther), before.filter(isOther))
    }

    /// A part that an older catalogue does not know, and whose segments are gone, is all that there is of them.
    @Test func anOlderCatalogueTakesPartsIn() throws {
        let world = try MergingWorld(seed: 8)
        var archive: Archive? = try world.open()
        let before = try world.answers(try #require(archive))
        try archive?.mergeAll()
        try archive?.catalogue.forgetAll()
        archive = nil
        let reopened = try world.open()
        #expect(try reopened.recover() == [])
        try expectSame(world.answers(reopened), before)
        #expect(try world.parts().count == 1)
    }
}

extension Catalogue {
    /// As one is that is older than all files.
    fileprivate func forgetAll() throws {
        try write { database in
            for table in [
                "orderFile", "unmatched", "presence", "partPresence", "process", "segment", "part",
            ] {
                try database.execute(sql: "DELETE FROM \(table)")
            }
        }
    }
}
