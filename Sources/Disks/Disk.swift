import Glibc

/// Files and folders. `RealDisk` is the machine's; `SimulatedDisk` is one in memory that fails and crashes when it is told to.
///
/// What is written is durable when `sync` on the file has returned; a name that was made, changed or removed when `sync` on
/// its folder has. All of it blocks: never call it on the cooperative pool.
package protocol Disk: Sendable {
    /// Opens a file. It is closed when nobody refers to it any more: what must be durable was synced before.
    func open(_ path: String, _ mode: DiskMode) throws(DiskError) -> any DiskFile

    /// Makes a file of so many bytes, all 0, whose room is there, and maps it: what is written to the memory is at once in the file
    /// for whoever reads it, and survives the program; it is not durable. Fails where there is something already.
    func map(creating path: String, byteCount: Int) throws(DiskError) -> any MappedFile

    /// What is at a path now, behind links; nil where there is nothing.
    func status(_ path: String) throws(DiskError) -> DiskStatus?

    /// Whether there is a folder at a path, and not a link to one.
    func isFolder(_ path: String) throws(DiskError) -> Bool

    /// Whether this program may make things in a folder, or write to a file.
    func isWritable(_ path: String) -> Bool

    /// How many bytes this program may still write to the file system of a folder; nil where that is not known.
    func freeBytes(in folder: String) -> Int?

    /// The names in a folder, sorted; none where it does not exist. O(n log n).
    func names(_ folder: String) throws(DiskError) -> [String]

    /// The paths that match a shell pattern (glob(7)), sorted.
    func matching(_ pattern: String) -> [String]

    /// The one spelling of a path, without links and dots; nil where there is nothing.
    func canonical(_ path: String) -> String?

    /// Makes one folder in one that exists; false where something is there already.
    func make(oneFolder path: String, permissions: UInt32) throws(DiskError) -> Bool

    /// Removes a file, or a link; fine where there is none.
    func remove(file path: String) throws(DiskError)

    /// Removes an empty folder. False where it is not empty; fine where there is none.
    @discardableResult
    func remove(folder path: String) throws(DiskError) -> Bool

    /// Gives a file or folder another name, in the place of what has it: at whatever instant this ends, the new name means the
    /// old thing or the new one.
    func rename(_ path: String, to other: String) throws(DiskError)

    /// Returns when the names in a folder are on the device.
    func sync(folder path: String) throws(DiskError)

    /// Who may do what with a file or folder, whatever the program's mask says.
    func set(permissions: UInt32, of path: String) throws(DiskError)

    /// The user and the group that a file or folder belongs to.
    func set(owner: UInt32, group: UInt32, of path: String) throws(DiskError)

    /// A name for a file that nobody else gives one.
    func unusedName() -> String
}

/// The memory that a file is mapped to, as long as somebody refers to this.
package protocol MappedFile: AnyObject {
    var base: UnsafeMutableRawPointer { get }
}

/// An open file.
package protocol DiskFile: AnyObject, Sendable {
    var path: String { get }

    /// What the file system says of it now.
    func status() throws(DiskError) -> DiskStatus

    /// Up to `count` bytes from `offset` on; fewer where the file ends.
    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8]

    /// Writes all of `bytes` at `offset`. Where this throws, some of them may have been written.
    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError)

    /// Cuts it, or adds bytes that are 0.
    func truncate(to byteCount: Int) throws(DiskError)

    /// Returns when what was written is on the device. Where this throws, nobody knows what is, and trying again does not
    /// help: the system may have given up what it could not write.
    func sync() throws(DiskError)

    /// Takes the only lock on the file, or one that others may share, until it is closed; false where somebody else has
    /// the only one.
    func lock(shared: Bool) throws(DiskError) -> Bool

    /// Takes the only lock on the file, until it is closed; throws where that does not come about within a second.
    func lockWaiting() throws(DiskError)

    /// Closes a file that will never be destroyed, in a child that was forked: the parent's lock stays the parent's.
    func abandon()
}

/// How a file is opened.
package enum DiskMode: Hashable, Sendable {
    case read
    /// For reading too. Creates the file where it does not exist.
    case write
    /// Fails where there is something already.
    case create
    /// A file that a stranger may have put there: only a regular one, not through a link, and without waiting.
    case readUntrusted
    /// As `readUntrusted`, to write to as well; it must exist.
    case writeUntrusted
}

/// What the file system says of a file or folder.
package struct DiskStatus: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var byteCount: Int
    package var isRegular: Bool
    /// When the content was changed last, in seconds since 1970.
    package var changedSeconds: Int
    /// The number of the user that it belongs to.
    package var owner: UInt32
    /// Who may do what, as chmod(2) has it.
    package var permissions: UInt32
}

extension DiskFile {
    /// How many bytes it has now.
    package func byteCount() throws(DiskError) -> Int { try status().byteCount }

    /// Takes the only lock on the file, until it is closed; false where somebody else has one.
    package func lock() throws(DiskError) -> Bool { try lock(shared: false) }
}

extension Disk {
    /// Makes a folder and those above it, durably; fine where it exists. With `isPublic`, users of all groups may enter
    /// those that are made, whatever the program's mask says.
    package func make(folder path: String, isPublic: Bool = false) throws(DiskError) {
        let parent = parentFolder(path)
        if let status = try status(path), !status.isRegular {
            // Who made it may not have come to sync its name; those above were synced before it was made.
            guard !parent.isEmpty, parent != path else { return }
            do throws(DiskError) { try sync(folder: parent) } catch {
                // Somebody else's folder, or one of a file system that is not written to or syncs no folders, as below a mount
                // point: nothing that was made here can be lost by that.
                guard [EACCES, EPERM, EINVAL, EROFS, ENOSYS, EOPNOTSUPP].contains(error.code)
                else { throw error }
            }
            return
        }
        if parent != path, !parent.isEmpty { try make(folder: parent, isPublic: isPublic) }
        if try make(oneFolder: path, permissions: isPublic ? 0o755 : 0o750), isPublic {
            // What the mask has taken away. Fails where somebody else has taken the folder over, which is fine.
            try? set(permissions: 0o755, of: path)
        }
        if !parent.isEmpty { try sync(folder: parent) }
    }

    /// Makes sure that bytes that can be read in a file are on the device, and so is its name. They are written again: a sync that
    /// failed, perhaps in a process that has died of it, has given them up, and the next one would not come back to them.
    package func makeDurable(_ path: String, from start: Int, to end: Int) throws(DiskError) {
        let file = try open(path, .write)
        var offset = start
        while offset < end {
            let bytes = try file.read(at: offset, count: min(Limits.copiedBytes, end - offset))
            guard !bytes.isEmpty else { break }
            try file.write(bytes, at: offset)
            offset += bytes.count
        }
        try file.sync()
        try sync(folder: parentFolder(path))
    }

    /// Puts a file with these bytes in the place of what is at a path, durably: at whatever instant this ends, there is the
    /// old one or the new one.
    package func replace(
        _ path: String, with bytes: [UInt8], permissions: UInt32
    ) throws(DiskError) {
        let fresh = "\(path).\(unusedName())"
        do throws(DiskError) {
            let file = try open(fresh, .create)
            try file.write(bytes, at: 0)
            try set(permissions: permissions, of: fresh)
            try file.sync()
            try rename(fresh, to: path)
        } catch {
            try? remove(file: fresh)
            throw error
        }
        try sync(folder: parentFolder(path))
    }
}

/// The folder that a path is in.
package func parentFolder(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
