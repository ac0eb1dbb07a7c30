import Disks
import Glibc
import Synchronization
import Testing

@Suite("SimulatedDisk: crashes and faults")
struct SimulatedDiskTests {
    /// A disk with a durable file `/a` of 2,000 bytes that are 1.
    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        try file.write([UInt8](repeating: 1, count: 2000), at: 0)
        try file.sync()
        try disk.sync(folder: "/")
        return disk
    }

    private func bytes(_ disk: SimulatedDisk, _ path: String) throws -> [UInt8]? {
        guard try disk.status(path) != nil else { return nil }
        return try disk.open(path, .read).read(at: 0, count: 1 << 20)
    }

    @Test("without a sync nothing is durable; with one all is, the name only with its folder's")
    func strictImage() throws {
        let disk = try disk()
        let file = try disk.open("/a", .write)
        try file.write([2, 2], at: 0)
        let new = try disk.open("/b", .create)
        try new.write([3], at: 0)
        try new.sync()
        _ = try disk.make(oneFolder: "/c", permissions: 0o755)
        #expect(try disk.names("/") == ["a", "b", "c"])
        disk.crashLosingAllUnsynced()
        #expect(try disk.names("/") == ["a"])
        #expect(try bytes(disk, "/a") == [UInt8](repeating: 1, count: 2000))

        try disk.open("/a", .write).truncate(to: 1)
        let again = try disk.open("/a", .write)
        try again.write([4], at: 1)
        try again.sync()
        try disk.rename("/a", to: "/b")
        disk.crashLosingAllUnsynced()
        #expect(try bytes(disk, "/a") == [1, 4])
        try disk.rename("/a", to: "/b")
        try disk.sync(folder: "/")
        disk.crashLosingAllUnsynced()
        #expect(try bytes(disk, "/b") == [1, 4])
        #expect(try disk.names("/") == ["b"])
    }

    @Test("a removed file is there again after a crash, until its folder is synced")
    func removal() throws {
        let disk = try disk()
        try disk.remove(file: "/a")
        disk.crashLosingAllUnsynced()
        #expect(try bytes(disk, "/a")?.count == 2000)
        try disk.remove(file: "/a")
        try disk.sync(folder: "/")
        disk.crashLosingAllUnsynced()
        #expect(try disk.names("/") == [])
    }

    @Test("a folder that is not durable takes what is in it along")
    func folders() throws {
        let disk = SimulatedDisk()
        _ = try disk.make(oneFolder: "/f", permissions: 0o755)
        let file = try disk.open("/f/a", .create)
        try file.sync()
        try disk.sync(folder: "/f")
        disk.crashLosingAllUnsynced()
        #expect(try disk.names("/") == [])
        try disk.make(folder: "/f/g")
        disk.crashLosingAllUnsynced()
        #expect(try disk.isFolder("/f/g"))
    }

    @Test("a torn write leaves each byte old or new, and all kinds of tears come")
    func tearing() throws {
        var found: Set<String> = []
        var random = Counting(state: 1)
        for _ in 0..<400 {
            let disk = try disk()
            let file = try disk.open("/a", .write)
            try file.write([UInt8](repeating: 2, count: 1500), at: 250)
            disk.crash(tearing: &random)
            let bytes = try #require(try bytes(disk, "/a"))
            #expect(bytes.count == 2000)
            #expect(bytes.allSatisfy { $0 == 1 || $0 == 2 })
            #expect(bytes[..<250].allSatisfy { $0 == 1 } && bytes[1750...].allSatisfy { $0 == 1 })
            let written = bytes[250..<1750]
            switch written.count(where: { $0 == 2 }) {
            case 0: found.insert("nothing")
            case 1500: found.insert("all")
            case let count where written.prefix(count).allSatisfy { $0 == 2 }: found.insert("head")
            default: found.insert("sectors")
            }
        }
        #expect(found == ["nothing", "all", "head", "sectors"])
    }

    @Test("what was synced survives every crash, and a name is the old file or the new one")
    func syncedSurvives() throws {
        var kinds: Set<UInt8> = []
        var names: Set<[String]> = []
        var random = Counting(state: 1)
        for _ in 0..<200 {
            let disk = try disk()
            let file = try disk.open("/b", .create)
            try file.write([2], at: 0)
            try file.sync()
            try disk.rename("/b", to: "/a")
            _ = try disk.open("/c", .create)
            disk.crash(tearing: &random)
            let bytes = try #require(try bytes(disk, "/a"))
            #expect(bytes == [2] || bytes == [UInt8](repeating: 1, count: 2000))
            kinds.insert(bytes[0])
            names.insert(try disk.names("/"))
            disk.crashLosingAllUnsynced()
            #expect(try self.bytes(disk, "/a") == bytes)
        }
        #expect(kinds == [1, 2])
        #expect(names.count == 4)
    }

    @Test("the same random numbers leave the same")
    func determinism() throws {
        func image(_ seed: UInt64) throws -> [[UInt8]?] {
            var random = Counting(state: seed)
            let disk = try disk()
            for name in ["b", "c", "d", "e"] {
                let file = try disk.open("/\(name)", .create)
                for part in 0..<20 {
                    try file.write([UInt8](repeating: UInt8(part), count: 700), at: 600 * part)
                }
            }
            disk.crash(tearing: &random)
            return try ["/a", "/b", "/c", "/d", "/e"].map { try bytes(disk, $0) }
        }
        #expect(try image(7) == image(7))
        #expect(try Set((0..<8).map(image)).count > 1)
    }

    @Test("files that were open before a crash are of no use after it, and hold no lock")
    func handles() throws {
        let disk = try disk()
        let file = try disk.open("/a", .write)
        #expect(try file.lock())
        disk.crashLosingAllUnsynced()
        #expect(code { _ = try file.read(at: 0, count: 1) } == EIO)
        #expect(code { try file.write([1], at: 0) } == EIO)
        #expect(code { try file.truncate(to: 0) } == EIO)
        #expect(code { try file.sync() } == EIO)
        #expect(code { _ = try file.status() } == EIO)
        #expect(code { _ = try file.lock() } == EIO)
        #expect(try disk.open("/a", .write).lock())
    }

    @Test("a file that cannot be read is alone in that")
    func unreadable() throws {
        let disk = try disk()
        try disk.open("/b", .create).write([2], at: 0)
        disk.failReads(of: "/a", with: EIO)
        #expect(throws: DiskError(call: "read", path: "/a", code: EIO)) {
            try disk.open("/a", .read).read(at: 0, count: 2)
        }
        #expect(try bytes(disk, "/b") == [2])
        disk.stopFailing()
        #expect(try disk.open("/a", .read).read(at: 0, count: 2) == [1, 1])
    }

    @Test("the call that is to fail fails, and no other")
    func faults() throws {
        let disk = try disk()
        let file = try disk.open("/a", .write)
        let next = disk.counts.calls + 1
        disk.fail(call: next, with: EIO)
        disk.fail(call: next + 2, with: ENOSPC)
        #expect(code { _ = try file.read(at: 0, count: 1) } == EIO)
        #expect(try file.read(at: 0, count: 1) == [1])
        #expect(code { try file.write([5, 6, 7, 8], at: 0) } == ENOSPC)
        #expect(try file.read(at: 0, count: 4) == [5, 6, 1, 1])
        disk.fail(fromCall: disk.counts.calls + 2, with: EIO)
        #expect(try disk.names("/") == ["a"])
        #expect(code { _ = try disk.names("/") } == EIO)
        #expect(code { try disk.remove(file: "/a") } == EIO)
        disk.stopFailing()
        #expect(try disk.names("/") == ["a"])
    }

    @Test("a sync that failed has given up its bytes, and a later one does not bring them back")
    func failedSync() throws {
        let disk = try disk()
        let file = try disk.open("/a", .write)
        try file.write([2, 2], at: 0)
        disk.fail(call: disk.counts.calls + 1, with: EIO)
        #expect(code { try file.sync() } == EIO)
        #expect(try file.read(at: 0, count: 3) == [2, 2, 1])
        try file.write([3], at: 2)
        try file.sync()
        disk.crashLosingAllUnsynced()
        #expect(try bytes(disk, "/a")?.prefix(4) == [1, 1, 3, 1])
    }

    @Test("a full disk takes what fits, and has room again when files are gone")
    func capacity() throws {
        let disk = try disk()
        disk.capacity = 2010
        let file = try disk.open("/b", .create)
        #expect(code { try file.write([UInt8](repeating: 2, count: 20), at: 0) } == ENOSPC)
        #expect(try file.byteCount() == 10)
        try file.write([3], at: 4)
        #expect(code { try file.truncate(to: 11) } == ENOSPC)
        try disk.remove(file: "/a")
        try file.write([UInt8](repeating: 2, count: 2010), at: 0)
        #expect(code { try file.write([1], at: 2010) } == ENOSPC)
        disk.crashLosingAllUnsynced()
        #expect(try disk.names("/") == ["a"])
        #expect(try bytes(disk, "/a")?.count == 2000)
        #expect(code { try disk.open("/a", .write).truncate(to: 2011) } == ENOSPC)
    }

    @Test("what is mapped takes room, and is nothing after a crash")
    func mappings() throws {
        let disk = SimulatedDisk()
        disk.capacity = 10_000
        let mapping = try disk.map(creating: "/a", byteCount: 8_192)
        try disk.sync(folder: "/")
        #expect(throws: DiskError.self) { try disk.map(creating: "/b", byteCount: 4_096) }
        #expect(disk.freeBytes(in: "/") == 10_000 - 8_192)
        mapping.base.storeBytes(of: 1, as: UInt8.self)
        disk.crashLosingAllUnsynced()
        #expect(try disk.status("/a")?.byteCount == 0)
        #expect(disk.freeBytes(in: "/") == 10_000)
        // Whoever had it mapped before writes to nothing.
        mapping.base.storeBytes(of: 2, as: UInt8.self)
        #expect(try disk.open("/a", .read).read(at: 0, count: 9) == [])
    }

    @Test("calls, bytes and syncs are counted")
    func counts() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/a", .create)
        try file.write([1, 2, 3], at: 0)
        _ = try file.read(at: 1, count: 9)
        try file.sync()
        try disk.sync(folder: "/")
        #expect(
            disk.counts
                == SimulatedDisk.Counts(calls: 5, bytesRead: 2, bytesWritten: 3, syncs: 2))
    }

    @Test(
        "whichever call the power fails at, a file that is replaced is the old one or the new one")
    func replaceIsAtomic() throws {
        var random = Counting(state: 1)
        var outcomes: Set<Int> = []
        for number in 1...12 {
            for _ in 0..<20 {
                let disk = try disk()
                disk.fail(fromCall: disk.counts.calls + number, with: EIO)
                let isDone =
                    code {
                        try disk.replace("/a", with: [2, 3, 4], permissions: 0o644)
                    } == nil
                disk.crash(tearing: &random)
                let bytes = try #require(try bytes(disk, "/a"))
                #expect(bytes == [2, 3, 4] || bytes == [UInt8](repeating: 1, count: 2000))
                if isDone { #expect(bytes == [2, 3, 4]) }
                outcomes.insert(bytes.count)
            }
        }
        #expect(outcomes == [3, 2000])
    }
}

/// Numbers that follow from a seed.
private struct Counting: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x1234_5678_9ABC_DEF1
        return state
    }
}

@Suite("SimulatedDisk: what is done to it from outside")
struct SimulatedDiskHandlingTests {
    @Test func aCopyHasWhatIsThereAndKnowsNothingOfWhatComes() throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/a")
        let file = try disk.open("/a/file", .create)
        try file.write([1, 2, 3], at: 0)
        let copy = disk.copied()
        copy.crashLosingAllUnsynced()
        try file.write([9], at: 0)
        #expect(try copy.open("/a/file", .read).read(at: 0, count: 9) == [1, 2, 3])
        disk.restore(from: copy)
        #expect(throws: DiskError.self) { try file.read(at: 0, count: 1) }
        #expect(try disk.open("/a/file", .read).read(at: 0, count: 9) == [1, 2, 3])
    }

    @Test func aTreeIsGoneAtOnceAndStaysSo() throws {
        let disk = SimulatedDisk()
        try disk.make(folder: "/a/b")
        try disk.make(folder: "/c")
        let file = try disk.open("/a/b/file", .create)
        try file.write([1, 2, 3], at: 0)
        try file.sync()
        try disk.sync(folder: "/a/b")
        #expect(disk.files(under: "/a") == ["/a/b/file"])
        disk.remove(tree: "/a")
        #expect(try disk.status("/a") == nil)
        disk.crashLosingAllUnsynced()
        #expect(try disk.status("/a") == nil)
        #expect(try disk.status("/c") != nil)
        #expect(disk.usedBytes == 0)
    }

    /// Whoever made it may have been stopped before it was durable.
    @Test func aFolderThatIsThereIsMadeDurableWhereThatCanBe() throws {
        let disk = SimulatedDisk()
        _ = try disk.make(oneFolder: "/a", permissions: 0o700)
        try disk.make(folder: "/a")
        disk.crashLosingAllUnsynced()
        #expect(try disk.status("/a") != nil)
        for (code, isError) in [(EIO, true), (EINVAL, false), (EROFS, false), (EACCES, false)] {
            disk.fail(call: disk.counts.calls + 2, with: code)
            if isError {
                #expect(throws: DiskError.self) { try disk.make(folder: "/a") }
            } else {
                try disk.make(folder: "/a")
            }
        }
    }

    @Test func bitsThatRotAreOtherOnesAfterACrashToo() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/file", .create)
        try file.write([1, 2, 3], at: 0)
        try file.sync()
        try disk.sync(folder: "/")
        let calls = disk.counts.calls
        disk.rot("/file", at: 1, mask: 4)
        disk.rot("/file", at: 99, mask: 4)
        disk.rot("/nothing", at: 0, mask: 4)
        #expect(disk.counts.calls == calls)
        disk.crashLosingAllUnsynced()
        #expect(try disk.open("/file", .read).read(at: 0, count: 9) == [1, 6, 3])
    }

    @Test func whoWatchesIsToldOfEachCallBeforeItFails() throws {
        let disk = SimulatedDisk()
        let told = Mutex<[String]>([])
        disk.observer = { number, call, path in
            told.withLock { $0.append("\(number) \(call) \(path)") }
        }
        disk.fail(call: 2, with: EIO)
        let file = try disk.open("/file", .create)
        #expect(throws: DiskError.self) { try file.write([1], at: 0) }
        try file.sync()
        try disk.sync(folder: "/")
        #expect(
            told.withLock { $0 } == [
                "1 create /file", "2 write /file", "3 fsync /file", "4 fsync /",
            ])
    }
}
