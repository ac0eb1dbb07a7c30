import Causality
import Disks
import Foundation
import Parts
import Segments
import SimulatedHistories
import Testing

@testable import Archiving

/// A folder that goes when the test does.
final class ArchiveFolder {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(
        "lightcone-archive-\(UUID().uuidString)"
    ).path
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

@Suite struct ArchiveTests {
    /// A sealed segment in the pieces in which it is written: header and commits, footer last.
    static func pieces(_ name: String, seed: UInt64 = 1) -> (id: Identity128, pieces: [[UInt8]]) {
        let id = Identity128(naming: Array(name.utf8))
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)), segment: id,
            created: WallTime(nanoseconds: Int64(seed)))
        var writer = SegmentWriter(header)
        var pieces = [header.encoded()]
        let events = SimulatedHistory(.init(processes: 3, events: 120), seed: seed).events
        var clocks: [ProcessID: VectorClock] = [:]
        for start in stride(from: 0, to: events.count, by: 40) {
            var batch = EventBatch()
            for event in events[start..<start + 40] {
                let key = ProcessKey(
                    execution: "run \(name)", host: "h", process: event.id.process)
                batch.append(event, of: key, after: &clocks[event.id.process])
            }
            pieces.append(writer.commit(batch, Commit()))
        }
        let checkpoint = SourceCheckpoint(
            number: 1, .imported(ImportProgress(path: "/x", offset: 1)), isFinished: false,
            unmatchedCount: 1,
            unmatched: [
                UnmatchedLine(line: 9, execution: "run \(name)", reason: "why", text: "what")
            ])
        pieces.append(writer.commit(EventBatch(), Commit(checkpoints: [checkpoint])))
        pieces.append(writer.footer())
        return (id, pieces)
    }

    static func places(_ archive: Archive, _ execution: String) throws -> [FramePlace] {
        try archive.segments(of: execution).flatMap {
            archive.frames(
                agent: $0.header.agent, segment: $0.header.segment, from: 0, to: $0.byteCount)
        }
    }

    /// The sequence numbers of all events of an execution, sorted.
    static func sequences(_ archive: Archive, _ execution: String) throws -> [UInt64] {
        try places(archive, execution).flatMap { try archive.read($0).batch().sequences }.sorted()
    }

    static func listing(_ archive: Archive) throws -> [String] {
        try archive.executions().flatMap { execution in
            try places(archive, execution).map {
                "\($0.segment) \($0.offset) \($0.byteCount) \($0.damage ?? "")"
            }
                + archive.processes(of: execution).map { "\($0.process) \($0.last)" }
                + archive.unmatchedLines(of: execution).map { "\($0.path) \($0.line)" }
        }
    }

    @Test func whetherItCanBeWrittenIsFoundOutByWriting() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        try archive.checkWritable()
        let segments = folder.path + "/segments"
        #expect(try FileManager.default.contentsOfDirectory(atPath: segments) == [])
        #expect(throws: ArchiveError.self) {
            try Archive(folder.path, .readOnly).checkWritable()
        }
        try FileManager.default.removeItem(atPath: segments)
        try Data().write(to: URL(fileURLWithPath: segments))
        #expect(throws: ArchiveError.self) { try archive.checkWritable() }
    }

    @Test func piecesWholesAndRebuildsGiveTheSame() throws {
        let (one, two) = (ArchiveFolder(), ArchiveFolder())
        let (id, pieces) = Self.pieces("a")
        var first = try Archive(one.path, .readWrite)
        var offset = 0
        for (index, piece) in pieces.enumerated() {
            // The header travels with the first commit.
            if index == 0 { continue }
            let bytes = index == 1 ? pieces[0] + piece : piece
            offset = try first.append(bytes, to: id, at: offset).end
        }
        #expect(offset == pieces.reduce(0) { $0 + $1.count })
        let second = try Archive(two.path, .readWrite)
        _ = try second.append(pieces.flatMap { $0 }, to: id, at: 0)
        #expect(try Self.listing(first) == Self.listing(second))
        #expect(try first.state(of: id)?.isSealed == true)
        let before = try Self.listing(first)
        #expect(before.count == 4 + 3 + 1, "frames, processes, an unmatched line")
        // It is replaced while somebody reads the old one.
        let reader = try Archive(one.path, .readOnly)
        first = try Archive(two.path + "-none", .readWrite)
        let (rebuilt, problems) = try Archive.rebuild(one.path)
        #expect(problems == [])
        #expect(try Self.listing(rebuilt) == before)
        #expect(try Self.listing(reader) == before)
        #expect(try Self.sequences(rebuilt, "run a").count == 120)
        try FileManager.default.removeItem(atPath: two.path + "-none")
    }

    @Test func wrongOffsetsAndDamageChangeNothing() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let (id, pieces) = Self.pieces("a")
        let start = pieces[0] + pieces[1]
        let end = try archive.append(start, to: id, at: 0).end
        let before = try Self.listing(archive)
        func refused(_ bytes: [UInt8], at offset: Int) -> ArchiveError? {
            do throws(ArchiveError) {
                _ = try archive.append(bytes, to: id, at: offset)
                return nil
            } catch {
                return error
            }
        }
        for offset in [0, 1, end - 1, end + 1] {
            guard case .wrongOffset(_, end) = refused(pieces[2], at: offset) else {
                Issue.record("offset \(offset)")
                continue
            }
        }
        for at in stride(from: 0, to: pieces[2].count, by: 7) {
            var damaged = pieces[2]
            damaged[at] ^= 0x10
            guard case .damaged = refused(damaged, at: end) else {
                Issue.record("byte \(at)")
                continue
            }
        }
        guard case .notContinuation = refused(pieces[3], at: end) else {
            Issue.record("a frame was left out, or of another segment of this name")
            return
        }
        guard case .damaged = refused(pieces[2] + pieces[3] + pieces[5], at: end) else {
            Issue.record("a footer that does not follow on the frames")
            return
        }
        #expect(try Self.listing(archive) == before)
        #expect(try archive.append(Array(pieces[2...].joined()), to: id, at: end).end > end)
    }

    @Test func aTornTailIsLeftOutAndOverwritten() throws {
        let folder = ArchiveFolder()
        let (id, pieces) = Self.pieces("a")
        var archive: Archive? = try Archive(folder.path, .readWrite)
        let end = try #require(try archive?.append(pieces[0] + pieces[1], to: id, at: 0)).end
        archive = nil
        // A crash between the write and the catalogue: bytes that nobody was told of.
        let files =
            FileManager.default.enumerator(atPath: folder.path)?.allObjects as? [String] ?? []
        let path = folder.path + "/" + (try #require(files.first { $0.hasSuffix(".lcseg") }))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(pieces[2].prefix(50)))
        try handle.close()
        let reopened = try Archive(folder.path, .readWrite)
        #expect(try reopened.recover() == [])
        #expect(try RealDisk().status(path)?.byteCount == end + 50, "nothing is cut off")
        #expect(try reopened.state(of: id)?.byteCount == end)
        #expect(try reopened.append(Array(pieces[2...].joined()), to: id, at: end).end > end)
        // The catalogue is gone: made anew from the segments.
        let before = try Self.listing(reopened)
        try FileManager.default.removeItem(atPath: folder.path + "/catalogue.sqlite")
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: folder.path + "/catalogue.sqlite" + suffix)
        }
        withExtendedLifetime(reopened) {}
        let copy = ArchiveFolder()
        try FileManager.default.copyItem(atPath: folder.path, toPath: copy.path)
        #expect(try Self.listing(Archive(copy.path, .readWrite)) == before)
    }

    @Test func aRebuildThatWasCutShortIsMadeAgain() throws {
        let folder = ArchiveFolder()
        let (id, pieces) = Self.pieces("a")
        var archive: Archive? = try Archive(folder.path, .readWrite)
        _ = try archive?.append(pieces.flatMap { $0 }, to: id, at: 0)
        let before = try Self.listing(#require(archive))
        archive = nil
        // One that was begun, and one that is whole and has not got its name: beside it the log of the old one.
        let files = CatalogueFiles(in: folder.path, on: RealDisk())
        for name in [files.new, files.path + "-wal", files.path + "-shm"] {
            try Data("begun".utf8).write(to: URL(fileURLWithPath: name))
        }
        try RealDisk().remove(file: files.path + "-wal")
        #expect(try Self.listing(Archive(folder.path, .readWrite)) == before)
        try FileManager.default.moveItem(atPath: files.path, toPath: files.path + ".next")
        try Data("old".utf8).write(to: URL(fileURLWithPath: files.path))
        try Data("old".utf8).write(to: URL(fileURLWithPath: files.path + "-wal"))
        #expect(try Self.listing(Archive(folder.path, .readOnly)) == before)
        #expect(try Self.listing(Archive(folder.path, .readWrite)) == before)
        #expect(try RealDisk().status(files.path + ".next") == nil)
    }

    /// An archive whose catalogue is about to get its name, and what it lists.
    private static func unnamed() throws -> (
        folder: ArchiveFolder, files: CatalogueFiles, before: [String]
    ) {
        let folder = ArchiveFolder()
        let (id, pieces) = Self.pieces("a")
        let files = CatalogueFiles(in: folder.path, on: RealDisk())
        var archive: Archive? = try Archive(folder.path, .readWrite)
        _ = try archive?.append(pieces.flatMap { $0 }, to: id, at: 0)
        let before = try Self.listing(#require(archive))
        archive = nil
        try FileManager.default.moveItem(atPath: files.path, toPath: files.path + ".next")
        return (folder, files, before)
    }

    /// SQLite keeps a log under the name by which a catalogue was opened: so nobody opens one that is about to get another.
    @Test func whoReadsACatalogueWithoutItsNameReadsOnWhenItGetsIt() throws {
        let (folder, _, before) = try Self.unnamed()
        let reader = try Archive(folder.path, .readOnly)
        #expect(try Self.listing(reader) == before)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: folder.path)
                .filter { $0.hasPrefix("catalogue.sqlite") } == ["catalogue.sqlite.next"])
        var writer: Archive? = try Archive(folder.path, .readWrite)
        let (other, more) = Self.pieces("b", seed: 2)
        _ = try writer?.append(more.flatMap { $0 }, to: other, at: 0)
        let after = try Self.listing(#require(writer))
        #expect(after != before)
        #expect(try Self.listing(reader) == before)
        writer = nil
        #expect(try Self.listing(reader) == before)
        #expect(try Self.listing(Archive(folder.path, .readOnly)) == after)
    }

    /// While somebody is about to give it its name, readers wait for that.
    @Test func whoReadsWaitsForACatalogueThatGetsItsName() async throws {
        let (folder, files, before) = try Self.unnamed()
        let lock = try RealDisk().open(folder.path + "/lock", .write)
        #expect(try lock.lock())
        let path = folder.path
        async let found = Self.listing(Archive(path, .readOnly))
        try files.finishReplacing()
        #expect(try await found == before)
        withExtendedLifetime(lock) {}
    }

    /// However many requests a segment comes in, as many of its lines that were no events are kept as if it came at once.
    @Test(arguments: [0, 60_000])
    func linesThatWereNoEventsAreBoundedForEachSegment(reasonBytes: Int) throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let header = SegmentHeader(
            agent: Identity128(naming: [1]), segment: Identity128(naming: [2]),
            created: WallTime(nanoseconds: 1))
        var writer = SegmentWriter(header)
        var (offset, number): (Int, UInt64) = (0, 0)
        func append(_ counts: [Int]) throws -> [UInt64] {
            var bytes = offset == 0 ? header.encoded() : []
            for count in counts {
                let lines = (0..<count).map { _ -> UnmatchedLine in
                    number += 1
                    return UnmatchedLine(
                        line: number, execution: "e",
                        reason: String(repeating: "x", count: reasonBytes), text: "")
                }
                let source = SourceCheckpoint(
                    number: 1, .imported(ImportProgress(path: "/x", offset: 1)), isFinished: false,
                    unmatchedCount: UInt64(count), unmatched: lines)
                bytes += writer.commit(EventBatch(), Commit(checkpoints: [source]))
            }
            offset = try archive.append(bytes, to: header.segment, at: offset).end
            return try archive.unmatchedLines(of: "e").map(\.line.line).sorted()
        }
        let cost = UnmatchedRoom.lineByteCount + 2 + 1 + reasonBytes
        let most = min(
            Parts.Limits.unmatchedOfSegmentMax,
            Parts.Limits.unmatchedBytesOfSegmentMax / cost)
        // One less than there is room for, in two requests; one more; and one too many.
        let first = Array(repeating: 100, count: (most - 1) / 200)
        let second = most - 1 - first.reduce(0, +)
        #expect(try append(first + [0]).count == first.reduce(0, +))
        #expect(
            try append(Array(repeating: 100, count: second / 100) + [second % 100])
                == Array(1...UInt64(most - 1)))
        #expect(try append([1]) == Array(1...UInt64(most)))
        #expect(try append([1, 1]) == Array(1...UInt64(most)))
        // Another segment has room of its own.
        let (id, pieces) = Self.pieces("a")
        _ = try archive.append(pieces.flatMap { $0 }, to: id, at: 0)
        #expect(try archive.unmatchedLines(of: "run a").count == 1)
    }

    /// Two machines that record as one process: the second one hears of it, once.
    @Test func whoBearsTheNameOfAnotherIsToldOnce() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        func append(_ agent: String, _ segment: String, _ sequence: UInt64, run: String?) throws
            -> [ProcessKey]
        {
            let id = Identity128(naming: Array(segment.utf8))
            let header = SegmentHeader(
                agent: Identity128(naming: Array(agent.utf8)), segment: id,
                created: WallTime(nanoseconds: 1))
            let process = ProcessID(name: "web-1/api")
            let key = ProcessKey(
                execution: "main", host: "web-1", process: process,
                run: run.map { Identity128(naming: Array($0.utf8)) })
            var clock = VectorClock()
            clock[key.reference] = sequence
            var writer = SegmentWriter(header)
            let event = Event(id: EventID(process, sequence), clock: clock)
            let bytes =
                header.encoded() + writer.commit(EventBatch([event], of: key), Commit())
            return try archive.append(bytes, to: id, at: 0).namesakes
        }
        #expect(try append("one", "1", 1, run: "first") == [])
        #expect(try append("one", "2", 2, run: "first") == [])
        #expect(try append("two", "3", 1, run: "second").map(\.process.name) == ["web-1/api"])
        #expect(try append("two", "4", 2, run: "second") == [])
        #expect(try Self.places(archive, "main").count == 4, "both are kept")
    }

    /// What a clone of an agent appends where the original has gone on is no continuation.
    @Test func otherBytesOfASegmentAreRefusedByName() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let (id, pieces) = Self.pieces("a")
        let end = try archive.append(pieces[0] + pieces[1], to: id, at: 0).end
        // Of the same length, so that the offset alone does not tell.
        let (_, others) = Self.pieces("a", seed: 2)
        do throws(ArchiveError) {
            _ = try archive.append(others[2], to: id, at: end)
            Issue.record("it was taken")
        } catch {
            guard case .notContinuation = error else {
                Issue.record("\(error)")
                return
            }
        }
        #expect(try archive.state(of: id)?.byteCount == end)
    }

    /// An agent has so many executions, and no more, until some are dropped; what is of those that are here is taken.
    @Test func ofOneAgentSoManyExecutionsAreTaken() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let most = Archiving.Limits.executionsOfAgentMax
        func append(
            _ executions: [Int], named name: String, of agent: String = "agent"
        ) throws -> ArchiveError? {
            let id = Identity128(naming: Array(name.utf8))
            let header = SegmentHeader(
                agent: Identity128(naming: Array(agent.utf8)), segment: id,
                created: WallTime(nanoseconds: 1))
            var writer = SegmentWriter(header)
            var batch = EventBatch()
            for execution in executions {
                let key = ProcessKey(
                    execution: "run \(execution)", host: "h", process: ProcessID(name: name))
                var clock: VectorClock?
                batch.append(
                    Event(id: EventID(key.process, 1), clock: VectorClock([key.reference: 1])),
                    of: key, after: &clock)
            }
            let bytes = header.encoded() + writer.commit(batch, Commit())
            do throws(ArchiveError) {
                try archive.append(bytes, to: id, at: 0)
                return nil
            } catch {
                guard case .tooMuch = error else { throw error }
                #expect(try archive.state(of: id) == nil)
                return error
            }
        }
        #expect(try append(Array(1..<most), named: "many") == nil)
        let refusal = try append([most, most + 1], named: "two more")
        #expect(refusal?.description.contains("10000") == true, "\(String(describing: refusal))")
        #expect(try append([most], named: "one more") == nil)
        #expect(try append([1, 2], named: "known") == nil)
        #expect(try append([most + 1], named: "above") != nil)
        #expect(try append([most + 2], named: "other", of: "another agent") == nil)
        _ = try archive.drop("run 7")
        #expect(try append([most + 1], named: "with room") == nil)
    }

    @Test func onlyOneWrites() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        #expect(throws: ArchiveError.self) { try Archive(folder.path, .readWrite) }
        #expect(try Archive(folder.path, .readOnly).executions() == archive.executions())
        #expect(throws: ArchiveError.self) { try Archive(folder.path + "/nothing", .readOnly) }
    }

    @Test func aFileThatLostItsEndIsReported() throws {
        let folder = ArchiveFolder()
        let archive = try Archive(folder.path, .readWrite)
        let (id, pieces) = Self.pieces("a")
        _ = try archive.append(pieces.flatMap { $0 }, to: id, at: 0)
        let place = try #require(try Self.places(archive, "run a").last)
        let path = "\(folder.path)/segments/\(place.agent)/\(id).lcseg"
        try RealDisk().open(path, .write).truncate(to: place.offset + 10)
        #expect(try archive.recover().count == 1)
        #expect(throws: ArchiveError.self) { try archive.read(place) }
    }
}
