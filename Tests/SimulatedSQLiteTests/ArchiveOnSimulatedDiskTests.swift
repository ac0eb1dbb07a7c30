import Archiving
import Causality
import Disks
import Glibc
import Segments
import SimulatedSQLite
import Testing

/// An archive that lies on a simulated disk as a whole, with its catalogue.
private final class SimulatedArchive {
    let disk = SimulatedDisk()
    private let prefix: String
    private var folder: String { prefix + "archive" }
    let id = Identity128(naming: Array("segment".utf8))
    private static let key = ProcessKey(
        execution: "main", host: "h", process: ProcessID(name: "p"))
    /// The header and a commit of ten events, and two more such commits.
    let pieces: [[UInt8]]

    init(_ name: String) {
        prefix = "/simulated-archive/\(name)/"
        let header = SegmentHeader(
            agent: Identity128(naming: Array("agent".utf8)), segment: id,
            created: WallTime(nanoseconds: 1))
        var writer = SegmentWriter(header)
        var clock: VectorClock?
        pieces = (0..<3 as Range<UInt64>).map { piece in
            var batch = EventBatch()
            for number in 10 * piece + 1...10 * piece + 10 {
                let event = Event(
                    id: EventID(Self.key.process, number), text: "event \(number)",
                    clock: VectorClock([Self.key.process: number]))
                batch.append(event, of: Self.key, after: &clock)
            }
            return (piece == 0 ? header.encoded() : []) + writer.commit(batch, Commit())
        }
        SimulatedVFS.register(prefix: prefix, disk: disk)
    }

    deinit { SimulatedVFS.unregister(prefix: prefix) }

    func open() throws -> Archive { try Archive(folder, .readWrite, disk: disk) }

    /// Where the pieces end that the first `count` are.
    func end(_ count: Int) -> Int { pieces[..<count].reduce(0) { $0 + $1.count } }

    /// Opens, and appends pieces from one on until that fails; how many are appended then.
    func append(from first: Int, on archive: Archive? = nil) -> Int {
        guard let archive = try? archive ?? open() else { return first }
        for piece in first..<pieces.count {
            guard (try? archive.append(pieces[piece], to: id, at: end(piece))) != nil
            else { return piece }
        }
        return pieces.count
    }

    /// Expects what was acknowledged, and perhaps the piece after it, with all of its events; and that it goes on from there.
    func expectKept(_ count: Int, _ what: Comment) throws {
        let archive = try open()
        let found = try archive.state(of: id)?.byteCount ?? 0
        let piece = try #require((0...pieces.count).first { end($0) == found }, what)
        #expect(piece == count || piece == count + 1, "\(what): \(piece) of \(count)")
        try expectEvents(10 * piece, archive, what)
        #expect(try archive.recover() == [], what)
        let recovered = try archive.state(of: id)?.byteCount ?? 0
        let next = try #require((piece...pieces.count).first { end($0) == recovered }, what)
        #expect(append(from: next, on: archive) == pieces.count, what)
        try expectEvents(30, archive, what)
    }

    private func expectEvents(_ count: Int, _ archive: Archive, _ what: Comment) throws {
        let read = try archive.segments(of: "main").flatMap {
            archive.frames(
                agent: $0.header.agent, segment: $0.header.segment, from: 0, to: $0.byteCount)
        }.flatMap { try archive.read($0).batch().sequences }
        #expect(read == Array(0..<UInt64(count)).map { $0 + 1 }, what)
        #expect(
            try archive.processes(of: "main").map(\.last) == (count == 0 ? [] : [UInt64(count)]),
            what)
    }
}

@Suite struct ArchiveOnSimulatedDiskTests {
    /// The power fails at one call after the other: while an archive is made, appended to and closed.
    @Test(arguments: ["nothing unsynced survives", "some of it survives"])
    func whatWasAcknowledgedIsThereWheneverThePowerFails(how: String) throws {
        var random = Rolled(state: 1)
        var reached: Set<Int> = []
        var call = 0
        var isOver = false
        while !isOver {
            call += 1
            let world = SimulatedArchive("\(how) \(call)")
            world.disk.fail(fromCall: call, with: EIO)
            let count = world.append(from: 0)
            isOver = world.disk.counts.calls < call
            reached.insert(count)
            if how.hasPrefix("nothing") {
                world.disk.crashLosingAllUnsynced()
            } else {
                world.disk.crash(tearing: &random)
            }
            try world.expectKept(count, "call \(call)")
        }
        #expect(reached == [0, 1, 2, 3])
    }

    /// One call fails and the power stays: the archive goes on, and what it acknowledges survives.
    @Test(arguments: [EIO, ENOSPC]) func whateverFailsOnceWhatIsAcknowledgedAfterItStays(
        code: Int32
    ) throws {
        var failures = 0
        // All that are made, and some beyond.
        let calls = Array(1...60) + Array(stride(from: 64, through: 124, by: 5))
        for call in calls {
            let world = SimulatedArchive("once \(code) \(call)")
            let archive = try world.open()
            world.disk.fail(call: world.disk.counts.calls + call, with: code)
            var count = world.append(from: 0, on: archive)
            if count < 3 { failures += 1 }
            world.disk.stopFailing()
            count = world.append(from: count, on: archive)
            #expect(count == 3, "call \(call)")
            world.disk.crashLosingAllUnsynced()
            try world.expectKept(count, "call \(call)")
        }
        #expect((10..<calls.count).contains(failures))
    }

    /// One call fails, and the program dies of it: what its successor acknowledges survives, with what it goes on from.
    @Test func whateverFailedBeforeWhatASuccessorAcknowledgesStays() throws {
        var failures = 0
        // All that are made, and some beyond.
        let calls = Array(1...125)
        for call in calls {
            let world = SimulatedArchive("successor \(call)")
            var archive: Archive? = try world.open()
            world.disk.fail(call: world.disk.counts.calls + call, with: EIO)
            if world.append(from: 0, on: archive) < 3 { failures += 1 }
            // Nothing that it would do from here on comes about.
            world.disk.fail(fromCall: world.disk.counts.calls + 1, with: EIO)
            archive = nil
            world.disk.stopFailing()
            let successor = try world.open()
            #expect(try successor.recover() == [], "call \(call)")
            let found = try successor.state(of: world.id)?.byteCount ?? 0
            let next = try #require((0...3).first { world.end($0) == found }, "call \(call)")
            #expect(world.append(from: next, on: successor) == 3, "call \(call)")
            world.disk.crashLosingAllUnsynced()
            try world.expectKept(3, "call \(call)")
        }
        #expect((10..<calls.count).contains(failures))
    }
}
