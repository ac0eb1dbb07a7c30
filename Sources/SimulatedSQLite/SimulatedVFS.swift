import Disks
import GRDBSQLite
import Glibc
import Synchronization

/// Lets SQLite keep databases on simulated disks: a database whose path begins with a registered prefix lies on the disk of that
/// prefix, whoever opens it.
///
/// This is SQLite's default VFS from the first `register` on, for the whole process; paths of no prefix, and temporary files,
/// which have no path, go to the one that was the default before. It does what SQLite's own VFS for Unix does, but for this:
/// locks, and the index of a write-ahead log (there the file `-shm`), are in memory, never on the disk; a sync of a folder that
/// fails is an error, and is tried again at the next sync.
///
/// After a crash of the disk all calls on what was open fail, and it can be closed; what is opened then finds what was durable,
/// without locks, and SQLite recovers from it.
package enum SimulatedVFS {
    private static let registry = Mutex(Registry())

    private struct Registry {
        var disks: [String: SimulatedFiles] = [:]
        var isInstalled = false
        var dice: SimulatedDice?
        /// The threads whose last try to lock a simulated file was in vain: they are about to wait for it.
        var refused: Set<pthread_t> = []
    }

    /// Puts the paths that begin with a prefix on a disk. It sees them whole, so their folder must be made there.
    ///
    /// Call it before a database of that prefix is opened. Traps where the prefix is not of that form, or begins with one that is
    /// registered, or one of these with it.
    ///
    /// - Parameter prefix: Begins and ends with `/`, such as `/sim-7/host-2/`.
    package static func register(prefix: String, disk: SimulatedDisk) {
        precondition(
            prefix.hasPrefix("/") && prefix.hasSuffix("/"),
            "expected a path from / to /, found \(prefix)")
        registry.withLock { registry in
            precondition(
                !registry.disks.keys.contains { $0.hasPrefix(prefix) || prefix.hasPrefix($0) },
                "\(prefix) overlaps a prefix that is registered")
            install(&registry)
            registry.disks[prefix] = SimulatedFiles(disk)
        }
    }

    /// Forgets a prefix. What is open stays on its disk.
    package static func unregister(prefix: String) {
        registry.withLock { $0.disks[prefix] = nil }
    }

    /// Lets what SQLite draws from now on follow from a seed: the salts of logs and the nonces of journals. It draws for all
    /// databases of the process from one generator, so the same bytes come again where nothing else uses SQLite meanwhile.
    package static func seed(_ seed: UInt64) {
        registry.withLock { registry in
            install(&registry)
            registry.dice = SimulatedDice(state: seed)
        }
        // It draws its own seed anew.
        sqlite3_randomness(0, nil)
    }

    private static func files(_ path: UnsafePointer<CChar>?) -> (SimulatedFiles, String)? {
        guard let path else { return nil }
        let text = String(cString: path)
        return registry.withLock { registry in
            registry.disks.first { text.hasPrefix($0.key) }.map { ($0.value, text) }
        }
    }

    /// This thread could not lock a simulated file.
    static func noteRefusal() {
        _ = registry.withLock { $0.refused.insert(pthread_self()) }
    }

    /// Whether this thread waits for a simulated file: in a simulation nobody unlocks it meanwhile.
    private static func takeRefusal() -> Bool {
        registry.withLock { $0.refused.remove(pthread_self()) != nil }
    }

    private static func draw(_ count: Int, _ bytes: UnsafeMutablePointer<CChar>) -> Bool {
        registry.withLock { registry in
            guard registry.dice != nil else { return false }
            for index in 0..<count {
                bytes[index] = CChar(truncatingIfNeeded: registry.dice!.next())
            }
            return true
        }
    }
}

/// What the VFS needs, and never changes.
private struct Installation {
    let before: UnsafeMutablePointer<sqlite3_vfs>
    let methods: UnsafePointer<sqlite3_io_methods>

    init(_ vfs: UnsafeMutablePointer<sqlite3_vfs>?) {
        self = vfs!.pointee.pAppData.assumingMemoryBound(to: Installation.self).pointee
    }

    init(
        before: UnsafeMutablePointer<sqlite3_vfs>, methods: UnsafePointer<sqlite3_io_methods>
    ) {
        self.before = before
        self.methods = methods
    }
}

extension SimulatedVFS {
    /// Makes this the default. Its memory is never given back: SQLite may come to it as long as the process lives.
    private static func install(_ registry: inout Registry) {
        guard !registry.isInstalled else { return }
        registry.isInstalled = true
        guard let before = sqlite3_vfs_find(nil) else {
            preconditionFailure("SQLite has no VFS")
        }
        let methods = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        methods.initialize(to: OpenFile.methods)
        let installation = UnsafeMutablePointer<Installation>.allocate(capacity: 1)
        installation.initialize(to: Installation(before: before, methods: methods))
        let vfs = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        // Time, and what else is told no path, stays as it is: nothing that is stored depends on it.
        vfs.initialize(to: before.pointee)
        vfs.pointee.iVersion = 2
        vfs.pointee.szOsFile = max(
            before.pointee.szOsFile, Int32(MemoryLayout<OpenFile.Slot>.stride))
        vfs.pointee.zName = UnsafePointer(strdup("lightcone-simulated"))
        vfs.pointee.pAppData = UnsafeMutableRawPointer(installation)
        setFileCalls(of: vfs)
        setOtherCalls(of: vfs)
        let code = sqlite3_vfs_register(vfs, 1)
        precondition(code == SQLITE_OK, "SQLite takes no VFS: code \(code)")
    }

    private static func setFileCalls(of vfs: UnsafeMutablePointer<sqlite3_vfs>) {
        vfs.pointee.xOpen = { vfs, path, file, flags, found in
            let it = Installation(vfs)
            guard let (files, path) = SimulatedVFS.files(path) else {
                return it.before.pointee.xOpen(it.before, path, file, flags, found)
            }
            // Without methods it is not closed where this fails.
            file!.pointee.pMethods = nil
            return ResultCode.of(SQLITE_CANTOPEN) { () throws(DiskError) in
                let opened = try OpenFile(path, files, flags)
                OpenFile.put(opened, it.methods, in: file!)
                found?.pointee = flags
            }
        }
        vfs.pointee.xDelete = { vfs, path, syncsFolder in
            let it = Installation(vfs)
            guard let (files, path) = SimulatedVFS.files(path) else {
                return it.before.pointee.xDelete(it.before, path, syncsFolder)
            }
            let code = ResultCode.of(ResultCode.delete) { () throws(DiskError) in
                try files.disk.remove(file: path)
            }
            guard code == SQLITE_OK, syncsFolder != 0 else { return code }
            return ResultCode.of(ResultCode.folderSync) { () throws(DiskError) in
                try files.disk.sync(folder: parentFolder(path))
            }
        }
        vfs.pointee.xAccess = { vfs, path, what, answer in
            let it = Installation(vfs)
            guard let (files, path) = SimulatedVFS.files(path) else {
                return it.before.pointee.xAccess(it.before, path, what, answer)
            }
            guard what == SQLITE_ACCESS_EXISTS else {
                answer!.pointee = files.disk.isWritable(path) ? 1 : 0
                return SQLITE_OK
            }
            return ResultCode.of(ResultCode.access) { () throws(DiskError) in
                // An empty file counts as none, as it does on Unix: a journal without bytes is none.
                let status = try files.disk.status(path)
                answer!.pointee =
                    status.map { !$0.isRegular || $0.byteCount > 0 } == true ? 1 : 0
            }
        }
        vfs.pointee.xFullPathname = { vfs, path, room, full in
            let it = Installation(vfs)
            guard SimulatedVFS.files(path) != nil else {
                return it.before.pointee.xFullPathname(it.before, path, room, full)
            }
            guard strlen(path!) < Int(room) else { return SQLITE_CANTOPEN }
            strcpy(full!, path!)
            return SQLITE_OK
        }
    }

    private static func setOtherCalls(of vfs: UnsafeMutablePointer<sqlite3_vfs>) {
        vfs.pointee.xRandomness = { vfs, count, bytes in
            if SimulatedVFS.draw(Int(count), bytes!) { return count }
            let it = Installation(vfs)
            return it.before.pointee.xRandomness(it.before, count, bytes)
        }
        vfs.pointee.xSleep = { vfs, microseconds in
            if SimulatedVFS.takeRefusal() {
                sched_yield()
                return microseconds
            }
            let it = Installation(vfs)
            return it.before.pointee.xSleep(it.before, microseconds)
        }
    }
}

/// What SQLite is told where a call fails.
enum ResultCode {
    static let read = SQLITE_IOERR | 1 << 8
    static let shortRead = SQLITE_IOERR | 2 << 8
    static let write = SQLITE_IOERR | 3 << 8
    static let sync = SQLITE_IOERR | 4 << 8
    static let folderSync = SQLITE_IOERR | 5 << 8
    static let truncate = SQLITE_IOERR | 6 << 8
    static let status = SQLITE_IOERR | 7 << 8
    static let unlock = SQLITE_IOERR | 8 << 8
    static let delete = SQLITE_IOERR | 10 << 8
    static let access = SQLITE_IOERR | 13 << 8
    static let reservedLock = SQLITE_IOERR | 14 << 8
    static let lock = SQLITE_IOERR | 15 << 8
    static let sharedLock = SQLITE_IOERR | 20 << 8
    static let sharedMap = SQLITE_IOERR | 21 << 8

    /// Does what may fail.
    ///
    /// - Parameter failure: What it is where it does; SQLITE_FULL instead where bytes are written that have no room.
    static func of(_ failure: Int32, _ body: () throws(DiskError) -> Void) -> Int32 {
        do throws(DiskError) {
            try body()
            return SQLITE_OK
        } catch {
            let isOfBytes = failure == write || failure == truncate
            return isOfBytes && error.isDiskFull ? SQLITE_FULL : failure
        }
    }
}
