import Causality
import Collector
import Disks
import Foundation
import Glibc
import Parts
import Segments
import Synchronization
import Testing

@testable import Archiving

/// Three executions in files that they share or have for themselves.
private final class DropWorld {
    let folder = ArchiveFolder()
    let disk = ArchiveDisk()
    let archive: Archive
    private(set) var segments: [String: (id: Identity128, pieces: [[UInt8]])] = [:]

    init() throws {
        try RealDisk().make(folder: folder.path)
        try disk.make(folder: folder.path)
        archive = try Archive(folder.path, .readWrite, disk: disk)
        try add("alone", of: ["test"], isSealed: true)
        try add("shared", of: ["test", "main"], isSealed: true)
        try add("open", of: ["test", "main"], isSealed: false)
        try add("other", of: ["main"], isSealed: true)
    }

    static func key(_ execution: String, _ name: String = "p") -> ProcessKey {
        ProcessKey(
            execution: execution, host: "h", process: ProcessID(name: "\(name) of \(execution)"))
    }

    /// A segment of three commits, of five events of each execution each, and a footer; where it is not to be sealed, the last two
    /// are not sent.
    func add(_ name: String, of executions: [String], isSealed: Bool) throws {
        try add(name, byCommit: Array(repeating: executions, count: 3), isSealed: isSealed)
    }

    func add(_ name: String, byCommit commits: [[String]], isSealed: Bool) throws {
        let id = Identity128(naming: Array(name.utf8))
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)), segment: id,
            created: WallTime(nanoseconds: Int64(segments.count)))
        var writer = SegmentWriter(header)
        var pieces = [header.encoded()]
        var clocks: [String: VectorClock] = [:]
        for (part, executions) in commits.enumerated() {
            var batch = EventBatch()
            for execution in executions {
                let key = Self.key(execution, name)
                for number in 1...5 {
                    let sequence = UInt64(part * 5 + number)
                    let event = Event(
                        id: EventID(key.process, sequence), text: "\(name) \(sequence)",
                        clock: VectorClock([key.reference: sequence]))
                    batch.append(event, of: key, after: &clocks[execution])
                }
            }
            pieces.append(writer.commit(batch, Commit(host: "h")))
        }
        pieces.append(writer.footer())
        segments[name] = (id, pieces)
        let sent = isSealed ? pieces : Array(pieces[..<3])
        try archive.append(Array(sent.joined()), to: id, at: 0)
    }

    func path(_ name: String) -> String {
        "\(folder.path)/segments/\(Identity128(naming: Array("agent".utf8)))/\(segments[name]!.id).lcseg"
    }

    /// What the archive says of an execution: events with their texts.
    static func events(_ archive: Archive, _ execution: String) throws -> [String] {
        let store = ArchiveStore(archive)
        return try store.frames(of: execution).flatMap { summary in
            let batch = try store.events(of: summary.id)
            return (0..<batch.count).filter { row in
                batch.processes[Int(batch.slots[row])].execution == execution
            }.map { "\(batch.event($0).id) \(batch.event($0).text)" }
        }.sorted()
    }

    static func expectDropped(
        _ archive: Archive, _ main: [String], _ note: Comment? = nil,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(try archive.executions() == ["main"], note, sourceLocation: location)
        #expect(try events(archive, "test") == [], note, sourceLocation: location)
        #expect(try events(archive, "main") == main, note, sourceLocation: location)
    }
}

@Suite struct DropTests {
    @Test(arguments: [false, true]) func whatIsDroppedIsGone(isMerged: Bool) throws {
        let world = try DropWorld()
        if isMerged { try world.archive.mergeAll() }
        let main = try DropWorld.events(world.archive, "main")
        #expect(try DropWorld.events(world.archive, "test").count == 15 + 15 + 10)
        let store = ArchiveStore(world.archive)
        _ = try store.graph(of: "test")
        #expect(try world.archive.drop("nothing") == nil)
        let dropped = try #require(try world.archive.drop("test"))
        #expect(dropped.processCount == 3 && dropped.eventCount == 40)
        #expect((dropped.freedByteCount > 0) == !isMerged)
        #expect(dropped.sharedFileCount == 2, "a part or segment, and the one that is open")
        try DropWorld.expectDropped(world.archive, main)
        #expect(try store.graph(of: "test").history.countEvents() == 0, "the same store forgets it")
        #expect(try world.archive.drop("test") == nil)
        #expect(try world.disk.status(world.path("alone")) == nil)

        // HEAD says that everything is here, and what is sent again is refused.
        for name in ["alone", "shared", "other"] {
            let (id, pieces) = world.segments[name]!
            let byteCount = pieces.reduce(0) { $0 + $1.count }
            #expect(try world.archive.state(of: id)?.byteCount == byteCount)
            #expect(throws: ArchiveError.self) {
                try world.archive.append(Array(pieces.joined()), to: id, at: 0)
            }
        }
        _ = try world.archive.recover()
        try DropWorld.expectDropped(world.archive, main)
        // The bytes go with the next merge, and nothing that is checked afterwards misses them.
        try world.archive.mergeAll()
        try DropWorld.expectDropped(world.archive, main)
    }

    /// What is recorded afterwards is shown, in the segment that was open and in new ones.
    @Test func whatComesLaterIsShown() throws {
        let world = try DropWorld()
        let main = try DropWorld.events(world.archive, "main")
        _ = try world.archive.drop("test")
        let (id, pieces) = world.segments["open"]!
        let end = try #require(try world.archive.state(of: id)).byteCount
        try world.archive.append(Array(pieces[3...].joined()), to: id, at: end)
        try world.add("new", of: ["test"], isSealed: true)
        let later = try DropWorld.events(world.archive, "test")
        #expect(later.count == 5 + 15)
        #expect(try DropWorld.events(world.archive, "main").count == main.count + 5)
        #expect(try world.archive.processes(of: "test").map(\.events) == [5, 15])
        let answers = try MergingWorld.answers(ArchiveStore(world.archive))
        try world.archive.mergeAll()
        #expect(try DropWorld.events(world.archive, "test") == later)
        // What the rows knew that came before them is not known any more, in a part no more than in a segment.
        try expectSame(MergingWorld.answers(ArchiveStore(world.archive)), answers)
        for part in try world.archive.catalogue.parts() {
            let file = try PartFile(world.archive.partPath(part.name), on: world.disk)
            #expect(try PartVerification(file).damage() == [])
            #expect(try PartVerification(file).brokenChains() == [])
            #expect(
                try file.runs(of: "test").reduce(0) { $0 + $1.taken } == 20, "the others are gone")
        }
        // Dropped once more, with all of it in parts.
        #expect(try world.archive.drop("test")?.eventCount == 20)
        try DropWorld.expectDropped(world.archive, try DropWorld.events(world.archive, "main"))
    }

    /// In parts that are merged again the rows go, and those that came afterwards stay.
    @Test func partsThatAreMergedLoseTheRows() throws {
        let world = try DropWorld()
        try world.archive.mergeAll()
        _ = try world.archive.drop("test")
        try world.add("new", of: ["test", "main"], isSealed: true)
        let (test, main) = (
            try DropWorld.events(world.archive, "test"), try DropWorld.events(world.archive, "main")
        )
        try world.archive.mergeAll()
        let parts = try world.archive.catalogue.parts().map(\.name)
        #expect(parts.count == 2)
        #expect(try world.archive.merge(parts: parts, now: 0, { false }) == .merged)
        try world.archive.removeReplaced(now: .max)
        #expect(try DropWorld.events(world.archive, "test") == test)
        #expect(try DropWorld.events(world.archive, "main") == main)
        let part = try #require(try world.archive.catalogue.parts().first)
        let file = try PartFile(world.archive.partPath(part.name), on: world.disk)
        #expect(try file.runs(of: "test").map(\.key.process.name) == ["new of test"])
        #expect(try PartVerification(file).brokenChains() == [])
    }

    /// A part that nothing is merged with is written anew once much of it was dropped.
    @Test func spaceIsGivenBack() throws {
        let world = try DropWorld()
        try world.archive.mergeAll()
        let before = try #require(try world.archive.catalogue.parts().first)
        _ = try world.archive.drop("test")
        let dropped = try #require(try world.archive.catalogue.parts().first)
        #expect(dropped.name == before.name && dropped.droppedByteCount > 0)
        let answers = try MergingWorld.answers(ArchiveStore(world.archive))
        // However little it is: the index takes most of so small a part.
        var schedule = MergeSchedule(isFinal: true)
        #expect(try world.archive.merge(&schedule, now: 0, isStopped: { false }) == 0)
        try world.archive.removeReplaced(now: .max)
        let after = try #require(try world.archive.catalogue.parts().first)
        #expect(after.byteCount < before.byteCount && after.droppedByteCount == 0)
        #expect(try world.disk.names(world.folder.path + "/parts").count == 1)
        #expect(try world.archive.merge(&schedule, now: 0, isStopped: { false }) > 0, "once")
        try expectSame(MergingWorld.answers(ArchiveStore(world.archive)), answers)
        try expectSame(
            MergingWorld.answers(ArchiveStore(try rebuilt(world))), answers)
    }

    /// Of a little that was dropped of a large part, nothing is written anew.
    @Test func aLittleIsNotWorthWritingTheRest() {
        let name = Identity128(naming: [1])
        func next(_ dropped: Int, isFinal: Bool = false) -> MergeSchedule.Action {
            MergeSchedule(isFinal: isFinal).next(
                segments: [],
                parts: [Mergeable(name, byteCount: 1000, droppedByteCount: dropped)], now: 0)
        }
        #expect(next(249) == .wait(seconds: Limits.mergeSeconds))
        #expect(next(250) == .mergeParts([name]))
        #expect(next(1, isFinal: true) == .mergeParts([name]))
        #expect(next(0, isFinal: true) == .wait(seconds: Limits.mergeSeconds))
    }

    private func rebuilt(_ world: DropWorld) throws -> Archive {
        // The world has the lock.
        let files = CatalogueFiles(in: world.folder.path, on: world.disk)
        let lock = try world.disk.open(world.folder.path + "/lock", .write)
        #expect(try Archive.rebuild(world.folder.path, world.disk, lock) == [])
        return try Archive(
            world.folder.path, world.disk, Catalogue(path: files.path, isReadOnly: false), lock)
    }

    /// As many events of that name come again: what followed from the others is not what follows from these.
    @Test func anOrderFileOfWhatWasDroppedIsNotUsed() throws {
        let world = try DropWorld()
        let store = ArchiveStore(world.archive)
        let taken = try world.archive.taken(of: "test")
        let revision = world.archive.revision
        func order() throws -> OrderFileContents {
            let graph = try store.graph(of: "test")
            return try OrderFileContents(whole: graph.history, graph.edges(), places: [:]) {}
        }
        let old = try order()
        try world.archive.keep(order: old, taken: taken, revision: revision)
        let name = try #require(try world.archive.currentOrder(of: "test"))
        #expect(world.archive.openOrder(name) != nil)
        _ = try world.archive.drop("test")
        #expect(try world.archive.currentOrder(of: "test") == nil)
        #expect(world.archive.openOrder(name) == nil, "its file is gone")
        var count = 0
        while try world.archive.taken(of: "test") < taken {
            count += 1
            let events = min(taken - (try world.archive.taken(of: "test")), 15)
            try world.add("again \(count)", of: ["test"], isSealed: events == 15)
        }
        #expect(try world.archive.taken(of: "test") == taken)
        // Somebody who had begun before the drop ends now.
        try world.archive.keep(order: old, taken: taken, revision: revision)
        #expect(try world.archive.currentOrder(of: "test") == nil)
        try world.archive.keep(
            order: order(), taken: taken, revision: world.archive.revision)
        #expect(
            try world.archive.currentOrder(of: "test") != name, "nobody takes one for the other")
    }

    /// What is appended meanwhile is dropped or not, and a rebuild agrees about that.
    @Test func whatIsAppendedMeanwhileIsDroppedOrShown() throws {
        let world = try DropWorld()
        let header = SegmentHeader(
            agent: Identity128(naming: [1]), segment: Identity128(naming: [2]),
            created: WallTime(nanoseconds: 99))
        var writer = SegmentWriter(header)
        var pieces = [header.encoded()]
        var clock: VectorClock?
        let key = DropWorld.key("test", "busy")
        for sequence in 1...200 as ClosedRange<UInt64> {
            var batch = EventBatch()
            let event = Event(
                id: EventID(key.process, sequence), clock: VectorClock([key.reference: sequence]))
            batch.append(event, of: key, after: &clock)
            pieces.append(writer.commit(batch, Commit(host: "h")))
        }
        pieces[1] = pieces[0] + pieces[1]
        let archive = world.archive
        let failures = Counter()
        let isDone = DispatchSemaphore(value: 0)
        let dropping = Thread {
            do {
                for _ in 0..<20 { _ = try archive.drop("test") }
            } catch {
                _ = failures.next()
            }
            isDone.signal()
        }
        var end = 0
        for (index, piece) in pieces.dropFirst().enumerated() {
            end = try archive.append(piece, to: header.segment, at: end).end
            if index == 5 {
                dropping.start()
                while archive.revision == 0 { sched_yield() }
            }
        }
        isDone.wait()
        #expect(failures.next() == 1)
        let answers = try MergingWorld.answers(ArchiveStore(archive))
        let taken = try archive.taken(of: "test")
        #expect(taken == (try DropWorld.events(archive, "test")).count)
        let again = try rebuilt(world)
        #expect(try again.taken(of: "test") == taken)
        try expectSame(MergingWorld.answers(ArchiveStore(again)), answers)
    }

    /// A segment in a damaged part, of which its agent has sent a piece again that has nothing else: it is not taken for all of it.
    @Test func whatIsAskedAgainIsNotForgotten() throws {
        let world = try DropWorld()
        try world.add("mixed", byCommit: [["test"], ["main"], ["main"]], isSealed: true)
        let main = try DropWorld.events(world.archive, "main")
        try world.archive.mergeAll()
        let part = try #require(try world.archive.catalogue.parts().first).name
        try world.archive.catalogue.markDamaged(part, "it is changed")
        let (id, pieces) = world.segments["mixed"]!
        let end = try world.archive.append(pieces[0] + pieces[1], to: id, at: 0).end
        _ = try world.archive.drop("test")
        let state = try #require(try world.archive.state(of: id))
        #expect(state.byteCount == end && !state.isSealed, "it is still asked for")
        try DropWorld.expectDropped(world.archive, main)
        // All of it comes again.
        for name in ["alone", "shared", "other", "mixed"] {
            let (id, pieces) = world.segments[name]!
            let sent = try world.archive.state(of: id)?.byteCount ?? 0
            try world.archive.append(Array(pieces.joined().dropFirst(sent)), to: id, at: sent)
        }
        #expect(try world.archive.catalogue.parts() == [])
        try DropWorld.expectDropped(world.archive, main)
        try world.archive.mergeAll()
        try DropWorld.expectDropped(world.archive, main)
    }

    /// Neither a rebuild brings it back, nor one without an old catalogue, nor what is sent again after the files were lost.
    @Test(arguments: [false, true], [false, true])
    func itStaysDropped(isMerged: Bool, hasCatalogue: Bool) throws {
        var world: DropWorld? = try DropWorld()
        if isMerged { try world!.archive.mergeAll() }
        let main = try DropWorld.events(world!.archive, "main")
        _ = try world!.archive.drop("test")
        let (folder, disk, segments) = (world!.folder, world!.disk, world!.segments)
        world = nil
        if !hasCatalogue { try RealDisk().remove(file: folder.path + "/catalogue.sqlite") }
        var problems: [String]
        do {
            let archive: Archive
            (archive, problems) = try Archive.rebuild(folder.path, disk: disk)
            #expect(problems == [])
            try DropWorld.expectDropped(archive, main)
            let alone = segments["alone"]!
            #expect(
                try archive.state(of: alone.id)?.byteCount
                    == alone.pieces.reduce(0) { $0 + $1.count })
        }
        // All files of events are lost; agents send everything again.
        for name in try disk.names(folder.path + "/parts") {
            try disk.remove(file: "\(folder.path)/parts/\(name)")
        }
        for agent in try disk.names(folder.path + "/segments") {
            for name in try disk.names("\(folder.path)/segments/\(agent)") {
                try disk.remove(file: "\(folder.path)/segments/\(agent)/\(name)")
            }
        }
        let archive: Archive
        (archive, problems) = try Archive.rebuild(folder.path, disk: disk)
        #expect(!problems.isEmpty)
        for (name, segment) in segments where name != "alone" || isMerged {
            let pieces = name == "open" ? Array(segment.pieces[..<3]) : segment.pieces
            #expect(try archive.state(of: segment.id) == nil)
            try archive.append(Array(pieces.joined()), to: segment.id, at: 0)
        }
        try DropWorld.expectDropped(archive, main)
        try archive.mergeAll()
        try DropWorld.expectDropped(archive, main)
    }

    /// Everything fails from some call on, as if the process had been killed there, and what was not synced is lost.
    @Test(arguments: [false, true], [false, true])
    func killedAtEveryCall(isMerged: Bool, isRebuilt: Bool) throws {
        var call = 1
        while true {
            var world: DropWorld? = try DropWorld()
            if isMerged { try world!.archive.mergeAll() }
            let before = try ["main", "test"].map { try DropWorld.events(world!.archive, $0) }
            let (folder, disk) = (world!.folder, world!.disk)
            disk.fail(fromCall: disk.counts.calls + call, with: EIO)
            var failed = false
            do { _ = try world!.archive.drop("test") } catch { failed = true }
            world = nil
            disk.stopFailing()
            disk.crashLosingAllUnsynced()
            var archive: Archive
            if isRebuilt {
                let problems: [String]
                (archive, problems) = try Archive.rebuild(folder.path, disk: disk)
                #expect(problems == [], "call \(call)")
            } else {
                archive = try Archive(folder.path, .readWrite, disk: disk)
            }
            #expect(try archive.recover() == [], "call \(call)")
            let isThere = try archive.executions() == ["main", "test"]
            if isThere {
                #expect(failed, "call \(call)")
                let after = try ["main", "test"].map { try DropWorld.events(archive, $0) }
                #expect(after == before, "call \(call)")
            } else {
                try DropWorld.expectDropped(archive, before[0], "call \(call)")
            }
            try archive.mergeAll()
            #expect(try DropWorld.events(archive, "main") == before[0], "call \(call)")
            // Once it is there, or not, it stays so.
            archive = try DropWorld().archive
            archive = try Archive.rebuild(folder.path, disk: disk).archive
            #expect(try archive.executions().contains("test") == isThere, "call \(call)")
            guard failed else { break }
            call += 1
        }
        #expect(call > 10)
    }

    /// Killed when it was on the device, and the catalogue had not come to it.
    @Test func aDropThatWasCutShortIsFinished() throws {
        let world = try DropWorld()
        let main = try DropWorld.events(world.archive, "main")
        let drop = try world.archive.catalogue.read {
            try Catalogue.plan(drop: "test", [:], $0)
        }
        try world.disk.replace(
            Drop.path(in: world.folder.path), with: Drop.encode([drop]), permissions: 0o640)
        #expect(try world.archive.executions() == ["main", "test"])
        #expect(try world.archive.recover() == [])
        try DropWorld.expectDropped(world.archive, main)
        #expect(try world.disk.status(world.path("alone")) == nil)
        #expect(try world.archive.recover() == [])
    }

    /// What an earlier catalogue, which is put back, does not know of a segment yet is not there for that, if it was dropped.
    @Test func anEarlierCatalogueCountsNothingThatWasDropped() throws {
        var world: DropWorld? = try DropWorld()
        let (folder, disk) = (world!.folder, world!.disk)
        let files = ["", "-wal", "-shm"].map { folder.path + "/catalogue.sqlite" + $0 }
        let earlier = files.map { FileManager.default.contents(atPath: $0) }
        let (id, pieces) = world!.segments["open"]!
        try world!.archive.append(pieces[3], to: id, at: pieces[..<3].joined().count)
        let main = try DropWorld.events(world!.archive, "main")
        _ = try world!.archive.drop("test")
        world = nil
        for (file, bytes) in zip(files, earlier) {
            try FileManager.default.removeItem(atPath: file, ifThere: true)
            try bytes?.write(to: URL(fileURLWithPath: file))
        }
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        #expect(try archive.recover() == [])
        try DropWorld.expectDropped(archive, main)
        #expect(try archive.taken(of: "main") == main.count)
    }

    /// A record costs what it says, and the catalogue knows it too.
    @Test func aDamagedFileOfDropsIsNamed() throws {
        var world: DropWorld? = try DropWorld()
        try world!.add("another", of: ["more"], isSealed: true)
        let main = try DropWorld.events(world!.archive, "main")
        _ = try world!.archive.drop("test")
        _ = try world!.archive.drop("more")
        let (folder, disk) = (world!.folder, world!.disk)
        world = nil
        let path = Drop.path(in: folder.path)
        let whole = try disk.open(path, .read).read(at: 0, count: 1 << 20)
        for byte in stride(from: 0, to: whole.count, by: 7) {
            var bytes = whole
            bytes[byte] ^= 4
            try disk.change(path) { $0 = bytes }
            let (drops, problems) = try Drop.read(path, on: disk)
            #expect(drops.count == 1 && problems.count == 1, "byte \(byte)")
        }
        try disk.change(path) { $0 = Array(whole.dropFirst(3)) }
        let (archive, problems) = try Archive.rebuild(folder.path, disk: disk)
        #expect(problems.count == 1 && problems[0].hasPrefix(path))
        try DropWorld.expectDropped(archive, main)
        #expect(try Drop.read(path, on: disk).drops.count == 2, "it is mended")
        try disk.remove(file: path)
        let warnings = try archive.recover()
        #expect(warnings.count == 1 && warnings[0].hasPrefix(path))
        #expect(try archive.recover() == [])
        try DropWorld.expectDropped(archive, main)
    }

    /// A part that was made of what was dropped meanwhile is not taken.
    @Test func aMergeThatADropOvertakesIsGivenUp() throws {
        let world = try DropWorld()
        let main = try DropWorld.events(world.archive, "main")
        let archive = world.archive
        let asked = Counter()
        var schedule = MergeSchedule(isFinal: true)
        _ = try archive.merge(&schedule, now: 0) {
            // In the middle of it.
            if asked.next() == 3 { _ = try? archive.drop("test") }
            return false
        }
        #expect(asked.next() > 3)
        #expect(
            try archive.catalogue.parts().isEmpty
                && world.disk.names(world.folder.path + "/parts").isEmpty)
        try DropWorld.expectDropped(archive, main)
        try archive.mergeAll()
        try DropWorld.expectDropped(archive, main)
    }
}

private final class Counter: Sendable {
    private let count = Atomic(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
