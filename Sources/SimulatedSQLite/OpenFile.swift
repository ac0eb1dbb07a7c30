import Disks
import GRDBSQLite
import Synchronization

/// A file of a simulated disk that SQLite has open: a database, its journal or its log. One thread at a time uses it.
final class OpenFile {
    private let path: String
    private let files: SimulatedFiles
    private let file: any DiskFile
    /// Of a database: what its connections share, and as which file.
    private let shared: (file: SharedFile, place: SimulatedFiles.Place)?
    private let isReadOnly: Bool
    private var level = SQLITE_LOCK_NONE
    /// Whether the next sync is to make the name durable too: of journals and logs that were perhaps made.
    private var syncsFolder: Bool

    /// Bytes that SQLite takes a device to write as one.
    private static let sectorBytes: Int32 = 4_096
    private static let madeBesideDatabase =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL

    /// - Parameter flags: Those of `xOpen`.
    init(_ path: String, _ files: SimulatedFiles, _ flags: Int32) throws(DiskError) {
        let mode: DiskMode =
            if flags & SQLITE_OPEN_EXCLUSIVE != 0 {
                .create
            } else if flags & SQLITE_OPEN_CREATE != 0 {
                .write
            } else {
                flags & SQLITE_OPEN_READWRITE != 0 ? .writeUntrusted : .readUntrusted
            }
        let crashes = files.disk.crashes
        file = try files.disk.open(path, mode)
        if flags & SQLITE_OPEN_MAIN_DB != 0 {
            let place = SimulatedFiles.Place(inode: try file.status().inode, crashes: crashes)
            shared = (files.join(place), place)
        } else {
            shared = nil
        }
        self.path = path
        self.files = files
        isReadOnly = flags & SQLITE_OPEN_READONLY != 0
        syncsFolder = flags & SQLITE_OPEN_CREATE != 0 && flags & Self.madeBesideDatabase != 0
    }

    deinit {
        guard let shared else { return }
        shared.file.unmap(holder)
        shared.file.unlock(holder, to: SQLITE_LOCK_NONE)
        files.leave(shared.place)
    }

    private var holder: SharedFile.Holder { ObjectIdentifier(self) }

    /// Nil after a crash: who was there before shares nothing with who comes after.
    private var current: SharedFile? {
        guard let shared, shared.place.crashes == files.disk.crashes else { return nil }
        return shared.file
    }
}

// Bytes.
extension OpenFile {
    private func read(
        _ bytes: UnsafeMutableRawPointer, _ count: Int32, at offset: Int64
    ) -> Int32 {
        var found = 0
        let code = ResultCode.of(ResultCode.read) { () throws(DiskError) in
            let read = try file.read(at: Int(offset), count: Int(count))
            bytes.copyMemory(from: read, byteCount: read.count)
            found = read.count
        }
        guard code == SQLITE_OK, found < count else { return code }
        // SQLite counts on what is beyond the end to be 0.
        (bytes + found).initializeMemory(as: UInt8.self, repeating: 0, count: Int(count) - found)
        return ResultCode.shortRead
    }

    private func write(_ bytes: UnsafeRawPointer, _ count: Int32, at offset: Int64) -> Int32 {
        ResultCode.of(ResultCode.write) { () throws(DiskError) in
            let written = UnsafeRawBufferPointer(start: bytes, count: Int(count))
            try file.write(Array(written), at: Int(offset))
        }
    }

    private func truncate(to byteCount: Int64) -> Int32 {
        ResultCode.of(ResultCode.truncate) { () throws(DiskError) in
            try file.truncate(to: Int(byteCount))
        }
    }

    private func sync() -> Int32 {
        let code = ResultCode.of(ResultCode.sync) { () throws(DiskError) in try file.sync() }
        guard code == SQLITE_OK, syncsFolder else { return code }
        return ResultCode.of(ResultCode.folderSync) { () throws(DiskError) in
            try files.disk.sync(folder: parentFolder(path))
            syncsFolder = false
        }
    }

    private func findByteCount(_ answer: UnsafeMutablePointer<Int64>) -> Int32 {
        ResultCode.of(ResultCode.status) { () throws(DiskError) in
            answer.pointee = Int64(try file.status().byteCount)
        }
    }
}

// Locks.
extension OpenFile {
    private func lock(_ wanted: Int32) -> Int32 {
        guard wanted > level else { return SQLITE_OK }
        // As on Unix, where only who may write to a file can lock others out.
        guard let current, !isReadOnly || wanted == SQLITE_LOCK_SHARED else {
            return ResultCode.lock
        }
        level = current.lock(holder, from: level, to: wanted)
        return level == wanted ? SQLITE_OK : refused()
    }

    private func unlock(_ wanted: Int32) -> Int32 {
        guard wanted < level else { return SQLITE_OK }
        level = wanted
        guard let current else { return ResultCode.unlock }
        current.unlock(holder, to: wanted)
        return SQLITE_OK
    }

    private func findReserved(_ answer: UnsafeMutablePointer<Int32>) -> Int32 {
        guard let current else { return ResultCode.reservedLock }
        answer.pointee = current.isReserved ? 1 : 0
        return SQLITE_OK
    }

    private func refused() -> Int32 {
        SimulatedVFS.noteRefusal()
        return SQLITE_BUSY
    }

    private func map(
        _ number: Int32, _ byteCount: Int32, makes: Bool,
        _ answer: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    ) -> Int32 {
        answer.pointee = nil
        guard let current else { return ResultCode.sharedMap }
        answer.pointee = current.region(
            holder, Int(number), byteCount: Int(byteCount), makes: makes)
        return SQLITE_OK
    }

    private func lockIndex(_ first: Int32, _ count: Int32, _ flags: Int32) -> Int32 {
        guard let current else { return ResultCode.sharedLock }
        let slots = Int(first)..<Int(first + count)
        if flags & SQLITE_SHM_UNLOCK != 0 {
            current.unlockIndex(holder, slots)
            return SQLITE_OK
        }
        let isExclusive = flags & SQLITE_SHM_EXCLUSIVE != 0
        return current.lockIndex(holder, slots, isExclusive: isExclusive) ? SQLITE_OK : refused()
    }

    private func unmap() -> Int32 {
        shared?.file.unmap(holder)
        return SQLITE_OK
    }
}

extension OpenFile {
    /// An open file as SQLite keeps it, in memory of its own.
    struct Slot {
        var base: sqlite3_file
        var file: Unmanaged<OpenFile>
    }

    static func put(
        _ file: OpenFile, _ methods: UnsafePointer<sqlite3_io_methods>,
        in memory: UnsafeMutablePointer<sqlite3_file>
    ) {
        UnsafeMutableRawPointer(memory).initializeMemory(
            as: Slot.self,
            to: Slot(base: sqlite3_file(pMethods: methods), file: .passRetained(file)))
    }

    private static func slot(
        _ memory: UnsafeMutablePointer<sqlite3_file>?
    ) -> UnsafeMutablePointer<Slot> {
        UnsafeMutableRawPointer(memory!).assumingMemoryBound(to: Slot.self)
    }

    private static func of(_ memory: UnsafeMutablePointer<sqlite3_file>?) -> OpenFile {
        slot(memory).pointee.file.takeUnretainedValue()
    }

    static var methods: sqlite3_io_methods {
        var methods = sqlite3_io_methods()
        methods.iVersion = 2
        methods.xClose = { memory in
            OpenFile.slot(memory).pointee.file.release()
            return SQLITE_OK
        }
        methods.xRead = { OpenFile.of($0).read($1!, $2, at: $3) }
        methods.xWrite = { OpenFile.of($0).write($1!, $2, at: $3) }
        methods.xTruncate = { OpenFile.of($0).truncate(to: $1) }
        methods.xSync = { memory, _ in OpenFile.of(memory).sync() }
        methods.xFileSize = { OpenFile.of($0).findByteCount($1!) }
        methods.xLock = { OpenFile.of($0).lock($1) }
        methods.xUnlock = { OpenFile.of($0).unlock($1) }
        methods.xCheckReservedLock = { OpenFile.of($0).findReserved($1!) }
        methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
        methods.xSectorSize = { _ in OpenFile.sectorBytes }
        // As on Unix, and as the disk has it: a write that tears leaves alone what lies beside it. No write is atomic.
        methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
        methods.xShmMap = { memory, number, byteCount, makes, answer in
            OpenFile.of(memory).map(number, byteCount, makes: makes != 0, answer!)
        }
        methods.xShmLock = { OpenFile.of($0).lockIndex($1, $2, $3) }
        methods.xShmBarrier = { _ in atomicMemoryFence(ordering: .sequentiallyConsistent) }
        methods.xShmUnmap = { memory, _ in OpenFile.of(memory).unmap() }
        return methods
    }
}
