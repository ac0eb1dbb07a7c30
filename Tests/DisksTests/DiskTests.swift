import Disks
import Glibc
import Testing

/// A disk, and a folder on it that is nobody else's.
enum Kind: String, CaseIterable, CustomTestStringConvertible {
    case real, simulated

    var testDescription: String { rawValue }

    func use(_ body: (any Disk, String) throws -> Void) throws {
        switch self {
        case .simulated:
            let disk = SimulatedDisk()
            try disk.make(folder: "/tmp/test")
            try body(disk, "/tmp/test")
        case .real:
            let disk = RealDisk()
            var template = Array("/tmp/lightcone-disks-XXXXXX".utf8CString)
            let made = template.withUnsafeMutableBufferPointer { buffer in
                mkdtemp(buffer.baseAddress!).map { String(cString: $0) }
            }
            let folder = try #require(made)
            defer { Kind.removeAll(disk, folder) }
            try body(disk, folder)
        }
    }

    private static func removeAll(_ disk: RealDisk, _ path: String) {
        if (try? disk.isFolder(path)) == true {
            for name in (try? disk.names(path)) ?? [] { removeAll(disk, "\(path)/\(name)") }
            _ = try? disk.remove(folder: path)
        } else {
            try? disk.remove(file: path)
        }
    }
}

@Suite("Disk: what all disks do", .serialized)
struct DiskTests {
    @Test("bytes are read where they were written", arguments: Kind.allCases)
    func bytes(kind: Kind) throws {
        try kind.use { disk, folder in
            let file = try disk.open("\(folder)/a", .write)
            #expect(try file.byteCount() == 0)
            try file.write([1, 2, 3], at: 0)
            try file.write([9], at: 5)
            #expect(try file.read(at: 0, count: 100) == [1, 2, 3, 0, 0, 9])
            #expect(try file.read(at: 2, count: 2) == [3, 0])
            #expect(try file.read(at: 6, count: 2) == [])
            #expect(try file.read(at: 100, count: 2) == [])
            try file.truncate(to: 2)
            try file.truncate(to: 3)
            try file.sync()
            #expect(try disk.open("\(folder)/a", .read).read(at: 0, count: 9) == [1, 2, 0])
            let status = try #require(try disk.status("\(folder)/a"))
            #expect(status.byteCount == 3)
            #expect(status.isRegular)
            #expect(try file.status() == status)
        }
    }

    @Test(
        "what is written to mapped memory is in the file, and the other way round",
        arguments: Kind.allCases)
    func mappings(kind: Kind) throws {
        try kind.use { disk, folder in
            let path = "\(folder)/a"
            var mapping: (any MappedFile)? = try disk.map(creating: path, byteCount: 8192)
            #expect(try disk.status(path)?.byteCount == 8192)
            let file = try disk.open(path, .write)
            #expect(try file.read(at: 8000, count: 9999) == Array(repeating: 0, count: 192))
            mapping!.base.storeBytes(of: 7, toByteOffset: 4100, as: UInt8.self)
            #expect(try file.read(at: 4099, count: 3) == [0, 7, 0])
            try file.write([1, 2], at: 4100)
            #expect(mapping!.base.load(fromByteOffset: 4101, as: UInt8.self) == 2)
            #expect(throws: DiskError.self) { try disk.map(creating: path, byteCount: 4096) }
            // Whoever wrote to it has ended: what is there stays.
            mapping = nil
            #expect(try disk.open(path, .read).read(at: 4100, count: 2) == [1, 2])
            try disk.remove(file: path)
            #expect(try file.read(at: 4100, count: 2) == [1, 2])
        }
    }

    @Test("a mode says what may be there", arguments: Kind.allCases)
    func modes(kind: Kind) throws {
        try kind.use { disk, folder in
            #expect(code { _ = try disk.open("\(folder)/a", .read) } == ENOENT)
            #expect(code { _ = try disk.open("\(folder)/a", .readUntrusted) } == ENOENT)
            #expect(code { _ = try disk.open("\(folder)/a", .writeUntrusted) } == ENOENT)
            #expect(code { _ = try disk.open("\(folder)/no/a", .write) } == ENOENT)
            _ = try disk.open("\(folder)/a", .create)
            #expect(code { _ = try disk.open("\(folder)/a", .create) } == EEXIST)
            try disk.open("\(folder)/a", .writeUntrusted).write([1], at: 0)
            #expect(try disk.open("\(folder)/a", .readUntrusted).byteCount() == 1)
            #expect(code { _ = try disk.open(folder, .write) } == EISDIR)
            #expect(throws: DiskError.notRegular(folder)) {
                try disk.open(folder, .readUntrusted)
            }
            #expect(try !disk.open(folder, .read).status().isRegular)
        }
    }

    @Test(
        "folders are made with those above them, and only empty ones go", arguments: Kind.allCases)
    func folders(kind: Kind) throws {
        try kind.use { disk, folder in
            try disk.make(folder: "\(folder)/a/b/c")
            try disk.make(folder: "\(folder)/a/b/c", isPublic: true)
            #expect(try disk.isFolder("\(folder)/a/b"))
            #expect(disk.isWritable("\(folder)/a/b"))
            #expect(try !disk.isFolder("\(folder)/x"))
            #expect(!disk.isWritable("\(folder)/x"))
            #expect(try disk.make(oneFolder: "\(folder)/d", permissions: 0o700))
            #expect(try !disk.make(oneFolder: "\(folder)/d", permissions: 0o700))
            #expect(try disk.status("\(folder)/d")?.permissions == 0o700)
            _ = try disk.open("\(folder)/a/f", .write)
            #expect(try disk.names("\(folder)/a") == ["b", "f"])
            #expect(try disk.names("\(folder)/none") == [])
            #expect(try !disk.remove(folder: "\(folder)/a/b"))
            #expect(try disk.remove(folder: "\(folder)/a/b/c"))
            #expect(try disk.remove(folder: "\(folder)/a/b/c"))
            try disk.remove(file: "\(folder)/a/f")
            try disk.remove(file: "\(folder)/a/f")
            #expect(code { try disk.remove(file: "\(folder)/a/b") } == EISDIR)
            #expect(try disk.names("\(folder)/a") == ["b"])
            try disk.sync(folder: folder)
            #expect(code { try disk.sync(folder: "\(folder)/none") } == ENOENT)
            #expect(disk.canonical("\(folder)/a/../a/./b") == disk.canonical("\(folder)/a/b"))
            #expect(disk.canonical("\(folder)/none") == nil)
        }
    }

    @Test("a name means another file at once", arguments: Kind.allCases)
    func renaming(kind: Kind) throws {
        try kind.use { disk, folder in
            try disk.make(folder: "\(folder)/sub")
            let old = try disk.open("\(folder)/b", .write)
            try old.write([1], at: 0)
            try disk.open("\(folder)/a", .write).write([2], at: 0)
            try disk.rename("\(folder)/a", to: "\(folder)/b")
            #expect(try disk.names(folder) == ["b", "sub"])
            #expect(try disk.open("\(folder)/b", .read).read(at: 0, count: 9) == [2])
            #expect(try old.read(at: 0, count: 9) == [1])
            try disk.rename("\(folder)/b", to: "\(folder)/sub/c")
            #expect(try disk.names("\(folder)/sub") == ["c"])
            #expect(code { try disk.rename("\(folder)/b", to: "\(folder)/d") } == ENOENT)
            #expect(code { try disk.rename("\(folder)/sub/c", to: "\(folder)/sub") } != nil)
            #expect(code { try disk.rename("\(folder)/sub", to: "\(folder)/sub/in") } == EINVAL)
            try disk.rename("\(folder)/sub", to: "\(folder)/moved")
            #expect(try disk.names("\(folder)/moved") == ["c"])
        }
    }

    @Test(
        "a file that is replaced has the new bytes, and nothing is left over",
        arguments: Kind.allCases)
    func replacing(kind: Kind) throws {
        try kind.use { disk, folder in
            try disk.replace("\(folder)/a", with: [1, 2], permissions: 0o644)
            try disk.replace("\(folder)/a", with: [3], permissions: 0o600)
            #expect(try disk.open("\(folder)/a", .read).read(at: 0, count: 9) == [3])
            #expect(try disk.status("\(folder)/a")?.permissions == 0o600)
            #expect(try disk.names(folder) == ["a"])
            #expect(throws: DiskError.self) {
                try disk.replace("\(folder)/none/a", with: [1], permissions: 0o644)
            }
        }
    }

    @Test("a file that was removed can be read on by who has it open", arguments: Kind.allCases)
    func removedWhileOpen(kind: Kind) throws {
        try kind.use { disk, folder in
            let file = try disk.open("\(folder)/a", .write)
            try file.write([1, 2, 3], at: 0)
            try disk.remove(file: "\(folder)/a")
            try disk.sync(folder: folder)
            #expect(try disk.status("\(folder)/a") == nil)
            #expect(try file.read(at: 0, count: 9) == [1, 2, 3])
            try disk.open("\(folder)/a", .create).write([4], at: 0)
            #expect(try file.read(at: 0, count: 9) == [1, 2, 3])
            #expect(try disk.status("\(folder)/a")?.inode != file.status().inode)
        }
    }

    @Test("one holds the only lock, or many hold one together", arguments: Kind.allCases)
    func locking(kind: Kind) throws {
        try kind.use { disk, folder in
            var first: (any DiskFile)? = try disk.open("\(folder)/a", .write)
            let second = try disk.open("\(folder)/a", .write)
            let third = try disk.open("\(folder)/a", .read)
            #expect(try first!.lock())
            #expect(try first!.lock())
            #expect(try !second.lock())
            #expect(try !second.lock(shared: true))
            first = nil
            #expect(try second.lock(shared: true))
            #expect(try third.lock(shared: true))
            #expect(try !second.lock())
            #expect(try third.lock(shared: true))
            let other = try disk.open("\(folder)/b", .write)
            try other.lockWaiting()
            #expect(try !disk.open("\(folder)/b", .write).lock())
        }
    }

    @Test("patterns match as in a shell", arguments: Kind.allCases)
    func matching(kind: Kind) throws {
        try kind.use { disk, folder in
            for name in ["x", "y"] {
                try disk.make(folder: "\(folder)/\(name)")
                for file in ["1.log", "2.log", ".3.log", "4.txt"] {
                    _ = try disk.open("\(folder)/\(name)/\(file)", .write)
                }
            }
            #expect(
                disk.matching("\(folder)/*/*.log")
                    == ["x/1.log", "x/2.log", "y/1.log", "y/2.log"].map { "\(folder)/\($0)" })
            #expect(disk.matching("\(folder)/[y]/4.???") == ["\(folder)/y/4.txt"])
            #expect(disk.matching("\(folder)/none*") == [])
        }
    }

    @Test("an error says what was to be done, with what, and why not")
    func errors() {
        let full = DiskError(call: "write", path: "/a", code: ENOSPC)
        #expect(full.description == "cannot write /a: No space left on device")
        #expect(full.isDiskFull)
        #expect(!DiskError(call: "write", path: "/a", code: EIO).isDiskFull)
        #expect(DiskError.notRegular("/a").description == "/a: expected a regular file")
    }
}

/// The code that a call fails with.
func code(_ body: () throws -> Void) -> Int32? {
    do {
        try body()
        return nil
    } catch {
        return (error as? DiskError)?.code
    }
}
