import Causality
import Disks
import Foundation
import Glibc
import HappensBefore
import Parts
import Segments
import Testing

@testable import Archiving

/// What follows is kept for as long as it tells of all that is here, and nothing else is believed.
@Suite struct OrderTests {
    private let folder = ArchiveFolder()

    private func order(
        _ archive: Archive, _ execution: String
    ) throws -> OrderFileContents {
        var history = History(execution: execution)
        for (id, place) in try ArchiveTests.places(archive, execution).enumerated() {
            let frame = HistoryFrame(
                id: id, source: place.segment, batch: try archive.read(place).causality())
            _ = history.append(frame)
        }
        history.finish()
        let messages = MessageEdges(history)
        return OrderFileContents(
            history, messages, try HistoryTimes(history, messages) {}, [], tally: DefectTally(),
            nil, places: [:])
    }

    private func orderFiles() throws -> [String] {
        try RealDisk().names(folder.path + "/order")
    }

    /// An archive with a segment but for its end, which comes later.
    private func archive(
        _ name: String
    ) throws -> (archive: Archive, id: Identity128, rest: [UInt8], end: Int) {
        let archive = try Archive(folder.path, .readWrite)
        let (id, pieces) = ArchiveTests.pieces(name)
        let end = try archive.append(Array(pieces[..<2].joined()), to: id, at: 0).end
        return (archive, id, Array(pieces[2...].joined()), end)
    }

    @Test func whatFollowsIsKeptUntilMoreArrives() throws {
        let (archive, id, rest, end) = try archive("a")
        let execution = "run a"
        #expect(try archive.currentOrder(of: execution) == nil)
        let taken = try archive.taken(of: execution)
        #expect(taken == 40)
        try archive.keep(order: try order(archive, execution), taken: taken)
        let name = try #require(try archive.currentOrder(of: execution))
        let file = try #require(archive.openOrder(name))
        #expect(file.execution == execution && file.eventCount == 40)
        // Of another execution nothing is said.
        #expect(try archive.currentOrder(of: "run b") == nil)

        try archive.append(rest, to: id, at: end)
        #expect(try archive.currentOrder(of: execution) == nil)
        try archive.keep(
            order: try order(archive, execution), taken: try archive.taken(of: execution))
        let next = try #require(try archive.currentOrder(of: execution))
        #expect(archive.openOrder(next)?.eventCount == 120)
        // One file, and not the one before.
        #expect(try orderFiles() == ["\(next.name).lcorder"])
        #expect(archive.openOrder(name) == nil)
    }

    @Test func whatIsOutOfDateIsNotKept() throws {
        let (archive, id, rest, end) = try archive("a")
        let taken = try archive.taken(of: "run a")
        let old = try order(archive, "run a")
        // More arrives while it is being found out.
        try archive.append(rest, to: id, at: end)
        try archive.keep(order: old, taken: taken)
        #expect(try archive.currentOrder(of: "run a") == nil)
        #expect(try orderFiles().isEmpty)
    }

    @Test func filesThatNobodyNamesAreRemoved() throws {
        do {
            let (archive, _, _, _) = try archive("a")
            try archive.keep(
                order: try order(archive, "run a"), taken: try archive.taken(of: "run a"))
            // Whoever is killed between the file and its entry leaves this.
            let stray = Identity128(naming: Array("stray".utf8))
            try Data("LCORDER1".utf8).write(
                to: URL(fileURLWithPath: "\(folder.path)/order/\(stray).lcorder"))
            #expect(try orderFiles().count == 2)
        }
        do {
            let archive = try Archive(folder.path, .readWrite)
            _ = try archive.recover()
            let name = try #require(try archive.currentOrder(of: "run a"))
            #expect(try orderFiles() == ["\(name.name).lcorder"])
        }
        let (archive, _) = try Archive.rebuild(folder.path)
        #expect(try orderFiles().isEmpty)
        #expect(try archive.currentOrder(of: "run a") == nil)
    }

    @Test func aFileThatIsNoneIsNotOpened() throws {
        let (archive, _, _, _) = try archive("a")
        try archive.keep(
            order: try order(archive, "run a"), taken: try archive.taken(of: "run a"))
        let name = try #require(try archive.currentOrder(of: "run a"))
        let path = "\(folder.path)/order/\(name.name).lcorder"
        try Data("nothing".utf8).write(to: URL(fileURLWithPath: path))
        #expect(archive.openOrder(name) == nil)
        try RealDisk().remove(file: path)
        #expect(archive.openOrder(name) == nil)
        // What is asked of the events again is written again.
        try archive.keep(
            order: try order(archive, "run a"), taken: try archive.taken(of: "run a"))
        #expect(archive.openOrder(try #require(try archive.currentOrder(of: "run a"))) != nil)
    }

    /// Whichever call of the disk fails, the answer is an error, and nothing is left behind that anybody would believe.
    @Test func aDiskThatFailsKeepsWhatThereWas() throws {
        try RealDisk().make(folder: folder.path)
        let disk = ArchiveDisk()
        try disk.make(folder: folder.path)
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let (id, pieces) = ArchiveTests.pieces("a")
        try archive.append(Array(pieces.joined()), to: id, at: 0)
        let taken = try archive.taken(of: "run a")
        let contents = try order(archive, "run a")
        var failures = 0
        while try archive.currentOrder(of: "run a") == nil {
            failures += 1
            try #require(failures < 100)
            disk.fail(call: disk.counts.calls + failures, with: ENOSPC)
            do {
                try archive.keep(order: contents, taken: taken)
            } catch {
                #expect(try disk.names(folder.path + "/order").isEmpty, "call \(failures)")
            }
            disk.stopFailing()
        }
        #expect(failures > 5)
        let name = try #require(try archive.currentOrder(of: "run a"))
        #expect(archive.openOrder(name)?.eventCount == 120)
    }

    /// Another slice of as many events takes the place of two that lie on each other: while it does not, they are as they were.
    @Test func whatOthersStandOnStaysAsItIs() throws {
        try RealDisk().make(folder: folder.path)
        let disk = ArchiveDisk()
        try disk.make(folder: folder.path)
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let (id, pieces) = ArchiveTests.pieces("a")
        let end = try archive.append(Array(pieces[..<2].joined()), to: id, at: 0).end
        let first = try #require(
            try archive.keep(order: try order(archive, "run a"), taken: 40, isLast: false))
        try archive.append(Array(pieces[2...].joined()), to: id, at: end)
        let all = try order(archive, "run a")
        let second = try #require(
            try archive.keep(order: all, on: [first], taken: 120, isLast: false))
        func bytes() throws -> [[UInt8]] {
            try [first, second].map { slice in
                let file = try disk.open(archive.orderPath(slice), .read)
                return try file.read(at: 0, count: file.byteCount())
            }
        }
        let before = try bytes()
        var failures = 0
        while try archive.orders(of: "run a").slices == [first, second] {
            #expect(try bytes() == before, "call \(failures)")
            #expect(try disk.names(folder.path + "/order").count == 2, "call \(failures)")
            failures += 1
            try #require(failures < 100)
            disk.fail(call: disk.counts.calls + failures, with: ENOSPC)
            _ = try? archive.keep(order: all, taken: 40, isLast: false)
            disk.stopFailing()
        }
        #expect(failures > 5)
        let slice = try #require(try archive.orders(of: "run a").slices.last)
        #expect(archive.openOrder(slice)?.eventCount == 120)
        // Nor where it is of no use, since it lies on what is not there any more.
        let third = try #require(
            try archive.keep(order: all, on: [slice], taken: 120, isLast: false))
        let names = try disk.names(folder.path + "/order")
        #expect(try archive.keep(order: all, on: [first], taken: 120, isLast: false) == nil)
        #expect(archive.openOrder(third)?.eventCount == 120)
        #expect(try disk.names(folder.path + "/order") == names)
    }
}

extension Archive {
    /// The last slice of an execution, where it tells of all that is here.
    func currentOrder(of execution: String) throws -> OrderSlice? {
        let (slices, taken) = try orders(of: execution)
        return slices.last?.taken == taken ? slices.last : nil
    }
}
