import Causality
import Disks
import FoundationEssentials
import GRDB

extension Catalogue {
    /// Opens a catalogue to read it. SQLite makes files beside what it reads: where it cannot, since the disk is full or nobody
    /// may write to it, a copy in memory is read, which nobody who writes can change; unless somebody does.
    static func reading(
        _ file: String, in folder: String, _ disk: any Disk
    ) throws(ArchiveError) -> Catalogue {
        do throws(ArchiveError) {
            return try Catalogue(path: file, isReadOnly: true)
        } catch {
            let isFull =
                disk.freeBytes(in: folder).map { $0 < Limits.reserveSpareBytes } ?? false
            guard isFull || !disk.isWritable(folder) else { throw error }
            // Whoever writes has the only lock on this file.
            let lock = try? disk.open(folder + "/lock", .read)
            guard (try? lock?.lock(shared: true)) ?? true else { throw error }
            return try withExtendedLifetime(lock) { () throws(ArchiveError) in
                try Catalogue(copying: file, on: disk)
            }
        }
    }

    /// Reads a copy of a catalogue to which nobody writes, with what its log says. O(its size), in memory.
    private init(copying file: String, on disk: any Disk) throws(ArchiveError) {
        var found = ArchiveError.full("no room to read \(file)")
        for parent in [FileManager.default.temporaryDirectory.path, "/dev/shm"] {
            var random = SystemRandomNumberGenerator()
            let folder = "\(parent)/lightcone-\(Identity128(using: &random))"
            defer {
                for name in ["", "-wal", "-shm"] {
                    try? disk.remove(file: "\(folder)/catalogue.sqlite\(name)")
                }
                _ = try? disk.remove(folder: folder)
            }
            do {
                guard try disk.make(oneFolder: folder, permissions: 0o700) else { continue }
                let copy = folder + "/catalogue.sqlite"
                for name in ["", "-wal"] where try disk.status(file + name) != nil {
                    let bytes = try disk.open(file + name, .read)
                    try disk.open(copy + name, .create)
                        .write(bytes.read(at: 0, count: bytes.byteCount()), at: 0)
                }
                let memory = try DatabaseQueue()
                let source = try DatabaseQueue(path: copy)
                try source.backup(to: memory)
                try source.close()
                try memory.inDatabase { database in
                    try Catalogue.check(database, file, isWhole: false)
                    try database.execute(sql: "PRAGMA query_only = 1")
                }
                self.init(memory, path: file)
                return
            } catch {
                found = Catalogue.failure(error, file)
            }
        }
        throw found
    }
}
