import Causality
import Disks

/// One journal.
package struct JournalFolder: Sendable {
    package let path: String
    package let run: Identity128
    let disk: any Disk
    /// The user whose files count; nil: those of all do, for who reads what is its own.
    package var owner: UInt32?

    package static let lockName = "lock"

    package init(in journals: String, run: Identity128, disk: any Disk = RealDisk()) {
        self.disk = disk
        self.run = run
        path = "\(journals)/\(run)"
    }

    /// The journals in a spool, by the names of their folders.
    package static func all(
        in journals: String, disk: any Disk = RealDisk()
    ) throws(DiskError) -> [JournalFolder] {
        var folders: [JournalFolder] = []
        for name in try disk.names(journals) {
            guard let run = Identity128(hex: name) else { continue }
            let folder = JournalFolder(in: journals, run: run, disk: disk)
            if try disk.isFolder(folder.path) { folders.append(folder) }
        }
        return folders
    }

    /// Whether the program that writes here is alive: it, or a child that it forked, holds the lock. A folder without a
    /// lock file is being made, or removed.
    package func isAlive() throws(DiskError) -> Bool {
        guard let lock = try openLock() else { return false }
        return try !lock.lock(shared: true)
    }

    /// The lock; nil where there is none.
    private func openLock() throws(DiskError) -> (any DiskFile)? {
        do throws(DiskError) {
            return try open(JournalFolder.lockName, .readUntrusted)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Opens a file of the journal, which must be its owner's.
    func open(_ name: String, _ mode: DiskMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open("\(path)/\(name)", mode)
        if let owner, try file.status().owner != owner { throw .otherUser(file.path) }
        return file
    }

    /// The same journal, of which the files of its folder's user alone count. Throws where that is not the user of its lock: whoever
    /// puts another's file or folder there has no journal.
    package func owned() throws(DiskError) -> JournalFolder? {
        guard let status = try lockStatus() else { return nil }
        guard try disk.isFolder(path), try disk.status(path)?.owner == status.owner else {
            throw .otherUser(path)
        }
        var folder = self
        folder.owner = status.owner
        return folder
    }

    /// What the file system says of the lock, which stands for the journal; nil where there is none.
    package func lockStatus() throws(DiskError) -> DiskStatus? {
        try openLock()?.status()
    }

    /// Whether the journal was made more than so many seconds before `wall`.
    package func isOlder(
        thanSeconds seconds: Int, at wall: WallTime
    ) throws(DiskError) -> Bool {
        guard let status = try disk.status("\(path)/\(JournalFolder.lockName)") else { return true }
        let second = Int(wall.nanoseconds / 1_000_000_000)
        let (age, overflows) = second.subtractingReportingOverflow(status.changedSeconds)
        return overflows || age > seconds
    }

    /// The number of the last chunk, 0 where there is none.
    package func lastChunkNumber() throws(DiskError) -> UInt64 {
        var last: UInt64 = 0
        for name in try chunkNames() {
            if let found = try? header(name) {
                last = max(last, found.header.number)
            }
        }
        return last
    }

    /// The names of the chunk files.
    func chunkNames() throws(DiskError) -> [String] {
        Array(
            try disk.names(path).lazy.filter { $0.hasSuffix(".chunk") }
                .prefix(Limits.chunkFilesMax))
    }

    /// Removes the journal, the lock last.
    package func remove() throws(DiskError) {
        // A link to another's may have taken its place.
        if owner != nil, try owned()?.owner != owner { throw .otherUser(path) }
        for name in try chunkNames() { try disk.remove(file: "\(path)/\(name)") }
        try disk.remove(file: "\(path)/\(JournalFolder.lockName)")
        // What else is there is not ours.
        try disk.remove(folder: path)
    }
}
