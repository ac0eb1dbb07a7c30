import Causality
import Collector
import Disks
import Foundation
import GRDB
import Glibc
import Querying
import Segments
import Testing

@testable import Archiving

/// A catalogue is made anew whatever the old one is, and a damaged file costs what it held.
@Suite struct RebuildTests {
    private let world: MergingWorld
    private let before: [String]
    private let lasts: [String]
    private let taken: [Int]
    private var cataloguePath: String { world.folder.path + "/catalogue.sqlite" }

    init() throws {
        world = try MergingWorld(seed: 2)
        let archive = try world.open()
        before = try world.answers(archive)
        lasts = try RebuildTests.lasts(archive)
        taken = try RebuildTests.taken(archive)
    }

    /// How far each process has come.
    private static func lasts(_ archive: Archive) throws -> [String] {
        try archive.executions().flatMap { try archive.processes(of: $0) }.map {
            "\($0.process) \($0.last)"
        }.sorted()
    }

    private func expectWhole(_ archive: Archive, _ location: SourceLocation = #_sourceLocation)
        throws
    {
        try expectSame(world.answers(archive), before, location)
        for segment in world.segments {
            let state = try archive.state(of: segment.id)
            #expect(state?.byteCount == segment.bytes.count, sourceLocation: location)
        }
        #expect(
            try RebuildTests.taken(archive) == taken, "each counts once", sourceLocation: location)
    }

    /// How many events count as taken.
    private static func taken(_ archive: Archive) throws -> [Int] {
        try archive.executions().map { try archive.orders(of: $0).taken }
    }

    /// As an agent does that still has a segment: it asks how much is here, and sends the rest.
    private func ship(_ archive: Archive) throws {
        for segment in world.segments {
            var end = try archive.state(of: segment.id)?.byteCount ?? 0
            while end < segment.bytes.count {
                let source = BytesInMemory(segment.bytes)
                var next = max(end, SegmentHeader.byteCount)
                let frame = try SegmentLayout.frame(source, at: next, end: segment.bytes.count)
                next = frame.map { next + $0.frameByteCount } ?? segment.bytes.count
                end = try archive.append(
                    Array(segment.bytes[end..<next]), to: segment.id, at: end
                ).end
            }
        }
    }

    /// The events of the timeline, without what it says of gaps.
    private func events(_ answers: [String]) -> [Substring]? {
        let timeline = answers.first { $0.hasPrefix("main timeline") }
        return timeline?.split(separator: "\n").dropFirst().map { $0 }
    }

    private func defects(_ archive: Archive) throws -> [String] {
        let store = ArchiveStore(archive)
        return try store.executions().flatMap { execution in
            try store.graph(of: execution).defects(.never).filter { $0.kind == .damagedFrame }.map(
                \.text)
        }
    }

    /// Garbage, nothing, half of it, another version: none of it opens, and all of it is replaced.
    @Test(arguments: ["garbage", "empty", "half", "version", "page"])
    func aDamagedCatalogueIsReplaced(how: String) throws {
        try FileManager.default.removeItem(atPath: world.folder.path + "/none", ifThere: true)
        let whole = try Data(contentsOf: URL(fileURLWithPath: cataloguePath))
        var bytes = whole
        switch how {
        case "garbage": bytes = Data(whole.map { $0 ^ 0x5a })
        case "empty": bytes = Data()
        case "half": bytes = whole.prefix(whole.count / 2)
        case "version": bytes.replaceSubrange(60..<64, with: [0, 0, 0, 99])
        default: for index in 4096..<8192 { bytes[index] ^= 0x11 }
        }
        try bytes.write(to: URL(fileURLWithPath: cataloguePath))
        for access in [Archive.Access.readWrite, .readOnly] {
            do {
                let archive = try Archive(world.folder.path, access, disk: world.disk)
                #expect(access == .readOnly && ["half", "page"].contains(how))
                _ = try world.answers(archive)
            } catch let error as ArchiveError {
                #expect(
                    "\(error)".contains("lightcone catalogue rebuild --data \(world.folder.path)"),
                    "\(error)")
            }
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: cataloguePath)) == bytes,
            "it is left as it is")
        let (archive, problems) = try world.rebuild()
        // What another version says can be read.
        #expect(problems.isEmpty == (how == "version"), "\(problems)")
        #expect(problems.allSatisfy { $0.contains(cataloguePath) }, "\(problems)")
        try expectWhole(archive)
    }

    /// An earlier catalogue that was put back takes events to be in segments that a part has replaced since. It is made anew, so
    /// that nothing is counted twice, and nothing is taken for lost.
    @Test func anEarlierCatalogueIsMadeAnewWhereAPartHasReplacedWhatItKnows() throws {
        func taken(_ archive: Archive) throws -> [String] {
            try archive.executions().map { "\($0) \(try archive.orders(of: $0).taken)" }
        }
        let files = ["", "-wal", "-shm"].map { cataloguePath + $0 }
        var copy: [String: Data] = [:]
        let merged: [String]
        do {
            let archive = try world.open()
            _ = try archive.recover()
            merged = try taken(archive)
            for file in files { copy[file] = FileManager.default.contents(atPath: file) }
            try archive.mergeAll()
            try archive.removeReplaced(now: .max)
            #expect(!(try archive.partFiles().parts.isEmpty))
        }
        for file in files { try FileManager.default.removeItem(atPath: file, ifThere: true) }
        for (file, bytes) in copy { try bytes.write(to: URL(fileURLWithPath: file)) }
        let archive = try world.open()
        let problems = try archive.recover()
        #expect(problems.count == 1 && problems[0].contains("is older than"), "\(problems)")
        try expectWhole(archive)
        #expect(try taken(archive) == merged)
        #expect(try defects(archive).isEmpty)
    }

    /// What earlier versions knew is taken over, a loss too.
    @Test(arguments: [3, 4]) func anOlderCatalogueIsTakenOver(version: Int) throws {
        let lost = world.segments[0]
        try world.disk.remove(file: lost.path)
        do {
            let database = try DatabaseQueue(path: cataloguePath)
            try database.write {
                try $0.execute(
                    sql: """
                        ALTER TABLE segment DROP COLUMN acknowledged;
                        ALTER TABLE segment DROP COLUMN isRemoved;
                        ALTER TABLE part DROP COLUMN damage;
                        DROP TABLE dropped; DROP TABLE droppedPart;
                        PRAGMA user_version = \(version)
                        """)
                guard version < 4 else { return }
                try $0.execute(
                    sql: """
                        DROP INDEX segmentByPart;
                        ALTER TABLE segment DROP COLUMN part;
                        ALTER TABLE segment DROP COLUMN kept;
                        ALTER TABLE segment DROP COLUMN isChainBroken;
                        DROP TABLE partPresence; DROP TABLE orderFile; DROP TABLE part
                        """)
            }
            try database.close()
        }
        #expect(throws: ArchiveError.self) { try world.open() }
        let (archive, problems) = try world.rebuild()
        #expect(problems.count == 1 && problems[0].hasPrefix(lost.path), "\(problems)")
        #expect(try RebuildTests.lasts(archive) == lasts)
        try ship(archive)
        try expectWhole(archive)
    }

    /// Where there is no catalogue one is made; what was wrong is told by whoever opens the archive.
    @Test func withoutACatalogueTheArchiveOpens() throws {
        try RealDisk().remove(file: cataloguePath)
        try world.disk.change(world.segments[1].path) { $0[$0.count / 2] ^= 1 }
        let archive = try world.open()
        let warnings = try archive.recover()
        #expect(warnings.count == 1 && warnings[0].hasPrefix(world.segments[1].path), "\(warnings)")
        try ship(archive)
        try expectWhole(archive)
    }

    @Test func whatIsNoArchiveIsNotMadeOne() throws {
        let folder = world.folder.path + "/elsewhere"
        #expect(throws: ArchiveError.self) { try Archive.rebuild(folder, disk: world.disk) }
        #expect(try world.disk.status(folder) == nil && !world.disk.isFolder(folder))
    }

    /// Everything fails from some call on, as if the process had been killed there. What is lost is known from the old catalogue
    /// alone, of which the last commits are in its log: nobody may apply that to the new one.
    @Test func killedAtEveryCall() throws {
        var old: [String: Data] = [:]
        do {
            let archive = try world.open()
            try archive.checkWritable()
            for suffix in ["", "-wal"] {
                let path = cataloguePath + suffix
                old[path] = try Data(contentsOf: URL(fileURLWithPath: path))
            }
            #expect(old[cataloguePath + "-wal"]!.count > 4096)
        }
        try world.disk.remove(file: world.segments[0].path)
        try world.disk.sync(folder: parentFolder(world.segments[0].path))
        func expectLoss(_ archive: Archive, _ call: Int) throws {
            #expect(try archive.recover().count == 1, "call \(call)")
            #expect(try archive.state(of: world.segments[0].id) == nil, "call \(call)")
            let found = try defects(archive)
            #expect(found.contains { $0.contains("acknowledged data was lost") }, "call \(call)")
        }
        var call = 1
        while true {
            for suffix in ["", "-wal", "-shm", ".new", ".next"] {
                try FileManager.default.removeItem(atPath: cataloguePath + suffix, ifThere: true)
            }
            for (path, bytes) in old { try bytes.write(to: URL(fileURLWithPath: path)) }
            world.disk.fail(fromCall: world.disk.counts.calls + call, with: EIO)
            var failed = false
            do { _ = try world.rebuild() } catch { failed = true }
            world.disk.stopFailing()
            try expectLoss(world.open(), call)
            guard failed else { break }
            call += 1
        }
        #expect(call > 12)
    }

    /// Cut, emptied, gone or changed: what it held is lost and said to be, everything else answers, and the agent's copy mends it.
    @Test(arguments: ["cut", "empty", "gone", "header", "middle", "end"], [false, true])
    func aDamagedSegmentIsNamedAndMended(how: String, isRebuilt: Bool) throws {
        let damaged = world.segments[3]
        var text = how
        try world.disk.change(damaged.path) { bytes in
            switch how {
            case "cut": bytes.removeLast(bytes.count / 2)
            case "empty": bytes = []
            case "header": bytes[20] ^= 1
            case "middle": bytes[bytes.count / 2] ^= 1
            case "end": bytes[bytes.count - 9] ^= 1
            default: break
            }
        }
        if how == "gone" { try world.disk.remove(file: damaged.path) }
        // What is changed without a change of length is found by whoever reads all of it.
        let isSeen = isRebuilt || ["cut", "empty", "gone"].contains(how)
        let (archive, problems) = try isRebuilt ? world.rebuild() : recovered()
        #expect(isSeen == !problems.isEmpty, "\(problems)")
        #expect(problems.allSatisfy { $0.contains(damaged.path) }, "\(problems)")
        guard isSeen else { return }
        let here = try archive.state(of: damaged.id)?.byteCount ?? 0
        switch how {
        case "empty", "gone", "header": #expect(here == 0)
        default: #expect((1..<damaged.bytes.count).contains(here))
        }
        let isLost = !["header", "end"].contains(how)
        text = try defects(archive).joined(separator: "\n")
        #expect(isLost == text.contains("\(damaged.id)"), "\(text)")
        #expect(
            text.contains("acknowledged data was lost") == ["cut", "empty", "gone"].contains(how))
        if isLost {
            let gaps = try world.answers(archive).first { $0.hasPrefix("main gaps") }
            #expect(gaps != before.first { $0.hasPrefix("main gaps") }, "a loss leaves a gap")
        }
        #expect(try RebuildTests.lasts(archive) == lasts, "what was acknowledged is known")
        if how == "middle" {
            let next = try SegmentLayout.frame(
                BytesInMemory(damaged.bytes), at: here, end: damaged.bytes.count)
            let bytes = damaged.bytes[here..<here + (try #require(next)).frameByteCount]
            try archive.append(Array(bytes), to: damaged.id, at: here)
            let size = try world.disk.status(damaged.path)?.byteCount
            #expect(size == damaged.bytes.count, "what follows stays until it comes again")
        }
        // One store, which has listed what there was: it sees what comes again.
        let store = ArchiveStore(archive)
        _ = try MergingWorld.answers(store)
        try ship(archive)
        try expectSame(MergingWorld.answers(store), before)
        try expectWhole(archive)
        try archive.mergeAll()
        #expect(try world.files == [world.segments[4].path], "nothing keeps it from being merged")
        try expectWhole(archive)
    }

    private func recovered() throws -> (archive: Archive, problems: [String]) {
        let archive = try world.open()
        return (archive, try archive.recover())
    }

    /// What an older rebuild knew of a loss, the next one knows too.
    @Test func aLossIsNotForgotten() throws {
        try world.disk.remove(file: world.segments[0].path)
        var problems: [[String]] = []
        for _ in 0..<3 { problems.append(try world.rebuild().problems) }
        #expect(problems[0].count == 1 && Set(problems).count == 1, "\(problems)")
        problems.append(try recovered().problems)
        #expect(problems[3].count == 1)
    }

    @Test func strangersAndCopiesAreNamedAndCostNothing() throws {
        let one = world.segments[0]
        let bytes = try world.disk.open(one.path, .read).read(at: 0, count: 1 << 20)
        let agents = world.folder.path + "/segments"
        let other = Identity128(naming: Array("other".utf8))
        try world.disk.make(folder: "\(agents)/\(other)")
        try world.disk.make(folder: "\(agents)/notes")
        let copies = [
            "\(parentFolder(one.path))/\(other).lcseg", "\(agents)/\(other)/\(one.id).lcseg",
        ]
        let strangers = [
            "\(parentFolder(one.path))/copy of a.lcseg", "\(agents)/notes",
            "\(world.folder.path)/parts/notes.txt", "\(agents)/README",
        ]
        for path in copies + strangers where !path.hasSuffix("/notes") {
            let file = try world.disk.open(path, .create)
            try file.write(bytes, at: 0)
        }
        // A folder where a file should be.
        try world.disk.make(folder: "\(agents)/\(other)/\(other).lcseg")
        let (archive, problems) = try world.rebuild()
        for path in copies + strangers {
            #expect(problems.count { $0.hasPrefix(path) } == 1, "\(path): \(problems)")
        }
        #expect(problems.count == copies.count + strangers.count + 1, "\(problems)")
        try expectWhole(archive)
        _ = try archive.recover()
        #expect(try world.disk.status(world.folder.path + "/parts/notes.txt") != nil)
        try expectWhole(archive)
    }

    /// A folder that is named like a part, and what is none, are named, stay, and keep nobody from starting.
    @Test func strangersAmongPartsAreNamedAtTheStart() throws {
        let name = "\(world.folder.path)/parts/\(Identity128(naming: [7])).lcpart"
        let other = "\(world.folder.path)/parts/\(Identity128(naming: [8])).lcpart"
        try world.disk.make(folder: name)
        _ = try world.disk.open(other, .create)
        func expectNamed(_ found: [String]) throws {
            for path in [name, other] {
                #expect(found.count { $0.hasPrefix(path) } == 1, "\(found)")
                #expect(try world.disk.isFolder(path) || world.disk.status(path) != nil)
            }
            #expect(found.count == 2, "\(found)")
        }
        do {
            let archive = try world.open()
            try expectNamed(archive.recover())
            try expectWhole(archive)
        }
        let (archive, problems) = try world.rebuild()
        try expectNamed(problems)
        try expectWhole(archive)
    }

    /// A part that is changed or gone: its segments are asked again, and what is intact in it answers meanwhile.
    @Test(arguments: ["header", "footer", "cut", "gone", "index", "block"], [false, true])
    func aDamagedPartIsNamedAndMended(how: String, isRebuilt: Bool) throws {
        try world.open().mergeAll()
        let name = try #require(try world.parts().first)
        let path = "\(world.folder.path)/parts/\(name)"
        try world.disk.change(path) { bytes in
            switch how {
            case "header": bytes[9] ^= 1
            case "footer": bytes[bytes.count - 20] ^= 1
            case "cut": bytes.removeLast(bytes.count * 2 / 3)
            case "block": bytes[200] ^= 1
            case "index": bytes[bytes.count - 64 - 4096] ^= 1
            default: break
            }
        }
        if how == "gone" { try world.disk.remove(file: path) }
        let (archive, problems) = try isRebuilt ? world.rebuild() : recovered()
        // What is inside is found by whoever reads it.
        let isSeen = isRebuilt || !["header", "index", "block"].contains(how)
        #expect(isSeen == !problems.isEmpty, "\(problems)")
        #expect(problems.allSatisfy { $0.contains(path) }, "\(problems)")
        if how == "header" { return try expectWhole(archive) }
        guard isSeen else { return }
        for segment in world.segments.prefix(4) {
            #expect(try archive.state(of: segment.id) == nil)
        }
        // The page that is damaged tells of segments, and every event can be read.
        #expect(try defects(archive).isEmpty == (how == "index"))
        if how == "footer" || how == "index" {
            #expect(try events(world.answers(archive)) == events(before), "its blocks are intact")
        }
        // The others go on being merged.
        #expect(try archive.catalogue.parts().allSatisfy { $0.damage != nil })
        try ship(archive)
        try expectWhole(archive)
        #expect(try world.disk.status(path) == nil, "nobody needs it any more")
        try archive.mergeAll()
        try expectWhole(archive)
    }

    /// Files that a part replaced stay for a minute: what comes again meanwhile is not removed with them, nor is a part that is
    /// made of it and bears the name of the damaged one.
    @Test func whatComesAgainIsNotRemoved() throws {
        let archive = try world.open()
        func merge() throws {
            var schedule = MergeSchedule(isFinal: true)
            while try archive.merge(&schedule, now: 0, isStopped: { false }) == 0 {}
        }
        try merge()
        let parts = try archive.catalogue.parts().map(\.name)
        try archive.catalogue.markDamaged(try #require(parts.first), "it is changed")
        try ship(archive)
        try archive.removeReplaced(now: .max)
        #expect(try world.files == world.segments.map(\.path))
        try expectWhole(archive)
        try merge()
        #expect(try archive.catalogue.parts().map(\.name) == parts)
        try archive.removeReplaced(now: .max)
        try expectWhole(archive)
    }

    /// A damaged part whose file was just about to be removed when one of its name was to take its place goes with the next merge.
    @Test func aDamagedPartGoesLater() throws {
        let archive = try world.open()
        try archive.mergeAll()
        let part = try #require(try archive.catalogue.parts().first)
        try archive.catalogue.markDamaged(part.name, "it is changed")
        #expect(archive.beginChange())
        try ship(archive)
        #expect(try archive.catalogue.parts().map(\.name) == [part.name])
        try expectWhole(archive)
        archive.endChange()
        try archive.mergeAll()
        try expectWhole(archive)
    }

    /// Nothing may trap, whatever is changed in the catalogue.
    @Test func aCatalogueChangedAnywhereNeverTraps() throws {
        let whole = try Data(contentsOf: URL(fileURLWithPath: cataloguePath))
        for index in stride(from: 0, to: whole.count, by: 211) {
            var bytes = whole
            bytes[index] ^= UInt8(1 << (index % 8))
            try bytes.write(to: URL(fileURLWithPath: cataloguePath))
            for suffix in ["-wal", "-shm"] {
                try FileManager.default.removeItem(atPath: cataloguePath + suffix, ifThere: true)
            }
            do {
                let archive = try Archive(world.folder.path, .readOnly, disk: world.disk)
                for execution in try archive.executions() {
                    _ = try archive.processes(of: execution)
                    _ = try archive.sources(of: execution)
                    _ = try archive.unmatchedLines(of: execution)
                }
                _ = try archive.readUpTo()
            } catch {}
            guard index % 15 == 0 else { continue }
            let archive = try world.rebuild().archive
            try expectSame(
                world.answers(archive).filter { $0.contains(" timeline ") },
                before.filter { $0.contains(" timeline ") })
        }
    }
}

extension FileManager {
    func removeItem(atPath path: String, ifThere: Bool) throws {
        if fileExists(atPath: path) { try removeItem(atPath: path) }
    }
}
