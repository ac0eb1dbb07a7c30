import Disks

/// The files that a catalogue is, and how a new one takes the place of the old, whatever the old one is and whenever that ends:
///
///     catalogue.sqlite       the catalogue, with SQLite's own -wal and -shm
///     catalogue.sqlite.new   one that is being made: nobody believes it
///     catalogue.sqlite.next  one that is whole and on the device: it counts, and whoever opens the archive to write gives it its
///                            name; by this one nobody opens it, since SQLite keeps its log under the name that it was opened by
///
/// The log that SQLite keeps beside a catalogue would be applied to whatever bears its name: so it goes first, and by then the new
/// one counts already.
struct CatalogueFiles {
    private let disk: any Disk
    private let folder: String
    let path: String
    var new: String { path + ".new" }
    private var next: String { path + ".next" }

    init(in folder: String, on disk: any Disk) {
        self.disk = disk
        self.folder = folder
        path = folder + "/catalogue.sqlite"
    }

    /// The file that counts; nil where there is none.
    func current() throws(DiskError) -> String? {
        if try disk.status(next) != nil { return next }
        return try disk.status(path) != nil ? path : nil
    }

    /// Makes sure that what SQLite's log says is on the device before somebody goes on from it: a sync of it may have failed in a
    /// process that has died since, and SQLite would sync only what comes behind. O(bytes of the log), which has some MB.
    func makeLogDurable() throws(DiskError) {
        let log = path + "-wal"
        guard let status = try disk.status(log) else { return }
        try disk.makeDurable(log, from: 0, to: status.byteCount)
    }

    /// Removes what was begun and not finished.
    func removeNew() throws(DiskError) {
        for suffix in ["", "-journal", "-wal", "-shm"] { try disk.remove(file: new + suffix) }
    }

    /// Puts the new catalogue, which is closed, in the place of the old one.
    func replace() throws(DiskError) {
        try disk.open(new, .write).sync()
        try disk.rename(new, to: next)
        try disk.sync(folder: folder)
        try finishReplacing()
    }

    /// Does what is left to do where a replacement was cut short.
    func finishReplacing() throws(DiskError) {
        guard try disk.status(next) != nil else { return }
        for suffix in ["-wal", "-shm", "-journal"] { try disk.remove(file: path + suffix) }
        try disk.sync(folder: folder)
        try disk.rename(next, to: path)
        try disk.sync(folder: folder)
    }
}
