import Disks
import GRDB

extension Archive {
    /// Does what an append needs the disk for: a file beside the segments, synced, and a transaction of the catalogue.
    /// Nothing of it stays. Throws what an append would throw. Costs two syncs.
    package func checkWritable() throws(ArchiveError) {
        try checkRoom()
        let probe = path + "/segments/.writable"
        do {
            try disk.make(folder: path + "/segments")
            let file = try disk.open(probe, .write)
            // A full disk may still take an empty file.
            try file.write([UInt8](repeating: 1, count: Limits.probeBytes), at: 0)
            try file.sync()
            try disk.remove(file: probe)
        } catch {
            try? disk.remove(file: probe)
            throw Archive.failure(error)
        }
        try catalogue.write { database in
            let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
            try database.execute(sql: "PRAGMA user_version = \(version)")
        }
    }
}
