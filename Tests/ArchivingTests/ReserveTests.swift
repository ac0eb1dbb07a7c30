import Disks
import Testing

@testable import Archiving

/// What there is of room on a full disk is for dropping, and not for what arrives.
@Suite struct ReserveTests {
    @Test func itGivesRoomToDropAndComesAgain() throws {
        let folder = ArchiveFolder()
        // The catalogue of one on a simulated disk lies on the real one.
        try RealDisk().make(folder: folder.path)
        let disk = ArchiveDisk()
        let archive = try Archive(folder.path, .readWrite, disk: disk)
        let (id, pieces) = ArchiveTests.pieces("a")
        try archive.append(Array(pieces[..<2].joined()), to: id, at: 0)
        let (next, more) = ArchiveTests.pieces("b")
        let reserve = folder.path + "/reserve"
        disk.simulated.capacity = 1 << 30
        let used = (1 << 30) - disk.simulated.freeBytes(in: "/")!
        // Not where it would take what there is.
        disk.simulated.capacity = used + 2 * Limits.reserveBytes - 1
        try archive.keepReserve()
        #expect(try disk.status(reserve) == nil)
        disk.simulated.capacity = used + 2 * Limits.reserveBytes
        try archive.keepReserve()
        #expect(try disk.status(reserve)?.byteCount == Limits.reserveBytes)
        // Nothing fits: what arrives is refused, and something is dropped all the same.
        disk.simulated.capacity = used + Limits.reserveBytes
        #expect(throws: ArchiveError.self) {
            try archive.append(Array(more.joined()), to: next, at: 0)
        }
        #expect(try disk.status(reserve) != nil)
        #expect(try archive.drop("run a") != nil)
        #expect(try disk.status(reserve) == nil)
        // Its room is not for what arrives.
        do {
            try archive.append(Array(more.joined()), to: next, at: 0)
            Issue.record("the room of the reserve was taken")
        } catch {
            #expect("\(error)".contains("kept for dropping"))
        }
        #expect(throws: ArchiveError.self) { try archive.checkWritable() }
        try archive.keepReserve()
        #expect(try disk.status(reserve) == nil)
        disk.simulated.capacity = used + 3 * Limits.reserveBytes
        try archive.keepReserve()
        #expect(try disk.status(reserve)?.byteCount == Limits.reserveBytes)
        try archive.append(Array(more.joined()), to: next, at: 0)
        try archive.checkWritable()
    }
}
