import Causality
import Disks
import Foundation
import Glibc
import Testing

@testable import Archiving
@testable import Segments

/// An archive whose segments lie on a disk that crashes, and whose catalogue lies on a real one (SQLite opens it itself).
private final class CrashingArchive {
    let folder = ArchiveFolder()
    let disk = ArchiveDisk()
    let id = Identity128(naming: Array("segment".utf8))
    private static let key = ProcessKey(
        execution: "main", host: "h", process: ProcessID(name: "p"))
    private let header: SegmentHeader
    private var writer: SegmentWriter
    private var clock: VectorClock?
    private var next: UInt64 = 0

    init() throws {
        header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)), segment: id,
            created: WallTime(nanoseconds: 1))
        writer = SegmentWriter(header)
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
    }

    var path: String { "\(folder.path)/segments/\(header.agent)/\(id).lcseg" }

    func open() throws -> Archive { try Archive(folder.path, .readWrite, disk: disk) }

    /// The next commit, of `count` events.
    func commit(_ count: Int) -> [UInt8] {
        var batch = EventBatch()
        for _ in 0..<count {
            next += 1
            let event = Event(
                id: EventID(Self.key.process, next), text: "event \(next)",
                clock: VectorClock([Self.key.process: next]))
            batch.append(event, of: Self.key, after: &clock)
        }
        let head = writer.frameCount == 0 ? header.encoded() : []
        return head + writer.commit(batch, Commit())
    }

    func copyCatalogue(to other: String) throws {
        try FileManager.default.copyItem(
            atPath: folder.path + "/catalogue.sqlite", toPath: folder.path + "/" + other)
    }

    /// The catalogue as it was when it was copied.
    func restoreCatalogue(from other: String) throws {
        for name in ["catalogue.sqlite", "catalogue.sqlite-wal", "catalogue.sqlite-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/" + name)
        }
        try FileManager.default.copyItem(
            atPath: folder.path + "/" + other, toPath: folder.path + "/catalogue.sqlite")
    }
}

@Suite struct RecoveryTests {
    @Test func theCatalogueSyncsEachCommit() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let level = try archive.catalogue.write { try Int.fetchOne($0, sql: "PRAGMA synchronous") }
        #expect(level == 2)
    }

    /// A catalogue that is older than the segments: restored from a copy, or because its last commits were lost.
    @Test(arguments: [false, true]) func whatTheCatalogueLacksIsTakenFromTheSegments(
        hasCrashed: Bool
    ) throws {
        let world = try CrashingArchive()
        var end = 0
        do {
            let archive = try world.open()
            end = try archive.append(world.commit(50), to: world.id, at: end).end
        }
        try world.copyCatalogue(to: "old.sqlite")
        do {
            let archive = try world.open()
            for _ in 0..<3 {
                end = try archive.append(world.commit(50), to: world.id, at: end).end
            }
            #expect(try archive.processes(of: "main").map(\.last) == [200])
        }
        if hasCrashed { world.disk.crashLosingAllUnsynced() }
        try world.restoreCatalogue(from: "old.sqlite")
        let archive = try world.open()
        #expect(try archive.processes(of: "main").map(\.last) == [50])
        #expect(try archive.recover() == [])
        #expect(try archive.state(of: world.id)?.byteCount == end)
        #expect(try archive.processes(of: "main").map(\.last) == [200])
        #expect(try ArchiveTests.sequences(archive, "main") == Array(1...200))
        #expect(try world.disk.status(world.path)?.byteCount == end, "nothing is cut off")
        // And it goes on from there.
        end = try archive.append(world.commit(10), to: world.id, at: end).end
        #expect(try ArchiveTests.sequences(archive, "main") == Array(1...210))
    }

    @Test func aTornTailIsLeftOutAndOverwrittenByTheNextAppend() throws {
        let world = try CrashingArchive()
        let archive = try world.open()
        let end = try archive.append(world.commit(50), to: world.id, at: 0).end
        let next = world.commit(50)
        let file = try world.disk.open(world.path, .write)
        try file.write(Array(next.prefix(next.count - 7)), at: end)
        #expect(try archive.recover() == [])
        #expect(try archive.state(of: world.id)?.byteCount == end)
        #expect(try ArchiveTests.sequences(archive, "main") == Array(1...50))
        let after = try archive.append(next, to: world.id, at: end).end
        #expect(try ArchiveTests.sequences(archive, "main") == Array(1...100))
        #expect(try world.disk.status(world.path)?.byteCount == after)
        world.disk.crashLosingAllUnsynced()
        #expect(try world.disk.status(world.path)?.byteCount == after)
    }

    /// Whichever call fails while the first bytes of a segment are kept: what is acknowledged later survives a crash.
    /// What is lost and comes again counts once, whether or not it counted before; or nothing could be written of an execution any
    /// more, and each question would read all of it.
    @Test(arguments: ["torn", "cut", "rebuilt", "cut and rebuilt"], [false, true])
    func whatComesAgainCountsOnce(how: String, comesInPieces: Bool) throws {
        let world = try CrashingArchive()
        let commits = [50, 60, 70, 80].map(world.commit)
        let ends = commits.reduce(into: [0]) { $0.append($0.last! + $1.count) }
        let all = commits.flatMap { $0 }
        do {
            let archive = try world.open()
            _ = try archive.append(how == "torn" ? commits[0] : all, to: world.id, at: 0)
        }
        try world.disk.change(world.path) { bytes in
            bytes = all
            if how.hasPrefix("cut") {
                bytes.removeSubrange((ends[2] + 30)...)
            } else {
                bytes[ends[2] + 30] ^= 1
            }
        }
        var archive: Archive
        if how.hasSuffix("rebuilt") {
            archive = try Archive.rebuild(world.folder.path, disk: world.disk).archive
        } else {
            archive = try world.open()
            let problems = try archive.recover()
            // Whether what could not be read was ever acknowledged, a catalogue that may be an earlier one does not tell.
            if how == "torn" {
                let what = "frame header: the checksum is wrong"
                let end = "(byte \(ends[2])): its agent is asked for it again"
                #expect(
                    problems.count == 1 && problems[0].hasPrefix("\(world.path): \(what)")
                        && problems[0].hasSuffix(end), "\(problems)")
            }
        }
        let taken = ["torn": 190, "cut": 260, "rebuilt": 190, "cut and rebuilt": 110]
        #expect(try archive.orders(of: "main").taken == taken[how])
        #expect(try archive.state(of: world.id)?.byteCount == ends[2])
        for piece in comesInPieces ? Array(commits[2...]) : [commits[2] + commits[3]] {
            let end = try #require(try archive.state(of: world.id)?.byteCount)
            _ = try archive.append(piece, to: world.id, at: end)
        }
        #expect(try archive.orders(of: "main").taken == 260)
        #expect(try ArchiveTests.sequences(archive, "main") == Array(1...260))
        // And what comes then is new.
        _ = try archive.append(world.commit(10), to: world.id, at: ends[4])
        #expect(try archive.orders(of: "main").taken == 270)
    }

    @Test func whatCouldNotBeSyncedOnceIsSyncedBeforeItIsAcknowledged() throws {
        var failures = 0
        for call in 1...40 {
            let world = try CrashingArchive()
            let archive = try world.open()
            let bytes = world.commit(50)
            world.disk.fail(call: world.disk.counts.calls + call, with: EIO)
            var end = 0
            do {
                end = try archive.append(bytes, to: world.id, at: 0).end
            } catch {
                failures += 1
                world.disk.stopFailing()
                end = try archive.append(bytes, to: world.id, at: 0).end
            }
            world.disk.crashLosingAllUnsynced()
            #expect(try world.disk.status(world.path)?.byteCount == end, "call \(call)")
        }
        #expect((5..<40).contains(failures))
    }

    /// The folder of an agent is there and its name is not durable: a second try finds it, and syncs the name all the same.
    @Test func aFolderThatCouldNotBeSyncedIsSyncedBeforeTheNextAcknowledgement() throws {
        /// A first append in which one call failed. Nil where the folder was not made, or nothing failed.
        func appendFailing(call: Int) throws -> (CrashingArchive, Archive, bytes: [UInt8])? {
            let world = try CrashingArchive()
            let archive = try world.open()
            let bytes = world.commit(50)
            world.disk.fail(call: world.disk.counts.calls + call, with: EIO)
            guard (try? archive.append(bytes, to: world.id, at: 0)) == nil else { return nil }
            world.disk.stopFailing()
            guard try world.disk.isFolder(parentFolder(world.path)) else { return nil }
            return (world, archive, bytes)
        }
        // The first call after the one that makes the folder is the sync of its name.
        let call = try #require(try (1...40).first { try appendFailing(call: $0) != nil })
        let (lost, _, _) = try #require(try appendFailing(call: call))
        lost.disk.crashLosingAllUnsynced()
        #expect(try !lost.disk.isFolder(parentFolder(lost.path)), "the failed call was the sync")

        let (world, archive, bytes) = try #require(try appendFailing(call: call))
        let end = try archive.append(bytes, to: world.id, at: 0).end
        world.disk.crashLosingAllUnsynced()
        #expect(try world.disk.status(world.path)?.byteCount == end)
    }

    /// Frames of a few kB each that expand to much: all of them together are too much for one body.
    @Test func aBodyThatExpandsBeyondTheLimitIsRefused() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let id = Identity128(naming: [1])
        let header = SegmentHeader(
            agent: Identity128(naming: [2]), segment: id, created: WallTime(nanoseconds: 1))
        var writer = SegmentWriter(header)
        let key = ProcessKey(execution: "main", host: "h", process: ProcessID(name: "p"))
        var batch = EventBatch()
        let slot = batch.slot(of: key)
        let text = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        for sequence in 1...3 as ClosedRange<UInt64> {
            // Texts that no dictionary holds: they are stored whole, and pack well.
            let own = Array(text.dropLast(Int(sequence)))
            batch.appendText(own.span)
            batch.endRow(
                slot: slot, sequence: sequence, kind: .local, stamp: .complete,
                predecessor: sequence - 1)
        }
        var bytes = header.encoded()
        let frame = writer.commit(batch, Commit())
        bytes += frame
        // The same frame again and again, each after the one before.
        var last = frame
        for _ in 0..<Archiving.Limits.appendExpandedBytesMax / (3 << 20) + 2 {
            var head = try FrameHeader(atStartOf: last)
            head.previousDigest = SegmentWriter.digest(last)
            last = head.encoded() + last.dropFirst(FrameHeader.byteCount)
            bytes += last
        }
        #expect(bytes.count <= Archiving.Limits.appendBytesMax)
        do throws(ArchiveError) {
            _ = try archive.append(bytes, to: id, at: 0)
            Issue.record("it was taken")
        } catch {
            guard case .damaged(let text) = error else {
                Issue.record("\(error)")
                return
            }
            #expect(
                text.contains(
                    "expands to more than \(Archiving.Limits.appendExpandedBytesMax) bytes"))
        }
        #expect(try archive.state(of: id) == nil)
        #expect(try archive.append(header.encoded() + frame, to: id, at: 0).end > 0)
    }
}
