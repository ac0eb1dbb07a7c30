import Causality
import Disks
import FoundationEssentials
import GRDB
import Glibc

extension Catalogue {
    /// Opens the catalogue that counts, to read it; nil where there is none. One that has not got its name yet is copied, to
    /// memory, while nobody gives it that: its log would go on under another name than the one that was opened.
    static func reading(
        _ files: CatalogueFiles, in folder: String, _ disk: any Disk
    ) throws(ArchiveError) -> Catalogue? {
        for _ in 0..<Limits.catalogueTriesMax {
            do {
                guard let file = try files.current() else { return nil }
                let found = try disk.status(file)
                if file == files.path {
                    let catalogue = try reading(file, in: folder, disk)
                    // Another may have come into its place before it was open: then its log was gone already.
                    if try files.current() == file, try disk.status(file)?.inode == found?.inode {
                        return catalogue
                    }
                    try catalogue.close()
                } else if let copy = try copying(file, in: folder, disk) {
                    return copy
                }
            } catch {
                throw Archive.failure(error)
            }
            // Whoever gives it its name is about to be done.
            usleep(Limits.catalogueTryMicroseconds)
        }
        throw .locked("\(folder) gets another catalogue, and does not get done with it")
    }

    /// Opens a catalogue to read it. SQLite makes files beside what it reads: where it cannot, since the disk is full or nobody
    /// may write to it, a copy in memory is read, which nobody who writes can change; unless somebody does.
    private static func reading(
        _ file: String, in folder: String, _ disk: any Disk
    ) throws(ArchiveError) -> Catalogue {
        do throws(ArchiveError) {
            return try Catalogue(path: file, isReadOnly: true)
        } catch {
            let isFull =
                disk.freeBytes(in: folder).map { $0 < Limits.reserveSpareBytes } ?? false
            guard isFull || !disk.isWritable(folder),
                let copy = try copying(file, in: folder, disk)
            else { throw error }
            return copy
        }
    }

    /// A copy of a catalogue; nil where somebody writes to the archive.
    private static func copying(
        _ file: String, in folder: String, _ disk: any Disk
    ) throws(ArchiveError) -> Catalogue? {
        // Whoever writes has the only lock on this file.
        let lock = try? disk.open(folder + "/lock", .read)
        guard (try? lock?.lock(shared: true)) ?? true else { return nil }
        return try withExtendedLifetime(lock) { () throws(ArchiveError) -> Catalogue? in
            // Its name may have been given before the lock was ours.
            guard (try? disk.status(file)) ?? nil != nil else { return nil }
            return try Catalogue(copying: file, on: disk)
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
