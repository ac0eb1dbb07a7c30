import Disks

/// A disk in memory that crashes, but for the catalogue of an archive: that lies on the real one, since SQLite opens it itself.
/// Each call on it is one of the simulated disk too, and fails when that does.
final class ArchiveDisk: Disk {
    let simulated = SimulatedDisk()
    private let real = RealDisk()

    private static func isOfCatalogue(_ path: String) -> Bool {
        path.contains("/catalogue.sqlite")
    }

    /// The disk that a path lies on.
    private func disk(_ path: String) throws(DiskError) -> any Disk {
        guard Self.isOfCatalogue(path) else { return simulated }
        _ = try simulated.status("/")
        return real
    }

    func open(_ path: String, _ mode: DiskMode) throws(DiskError) -> any DiskFile {
        let file = try disk(path).open(path, mode)
        return Self.isOfCatalogue(path) ? CatalogueFile(file, simulated) : file
    }
    func map(creating path: String, byteCount: Int) throws(DiskError) -> any MappedFile {
        try simulated.map(creating: path, byteCount: byteCount)
    }
    func unusedName() -> String { simulated.unusedName() }
    func status(_ path: String) throws(DiskError) -> DiskStatus? { try disk(path).status(path) }
    func isFolder(_ path: String) throws(DiskError) -> Bool { try simulated.isFolder(path) }
    func isWritable(_ path: String) -> Bool { simulated.isWritable(path) }
    func freeBytes(in folder: String) -> Int? { simulated.freeBytes(in: folder) }
    func names(_ folder: String) throws(DiskError) -> [String] { try simulated.names(folder) }
    func matching(_ pattern: String) -> [String] { simulated.matching(pattern) }
    func canonical(_ path: String) -> String? { simulated.canonical(path) }
    func make(oneFolder path: String, permissions: UInt32) throws(DiskError) -> Bool {
        try simulated.make(oneFolder: path, permissions: permissions)
    }
    func remove(file path: String) throws(DiskError) { try disk(path).remove(file: path) }
    func remove(folder path: String) throws(DiskError) -> Bool {
        try simulated.remove(folder: path)
    }
    func rename(_ path: String, to other: String) throws(DiskError) {
        try disk(path).rename(path, to: other)
    }
    func sync(folder path: String) throws(DiskError) { try simulated.sync(folder: path) }
    func set(permissions: UInt32, of path: String) throws(DiskError) {
        try simulated.set(permissions: permissions, of: path)
    }
    func set(owner: UInt32, group: UInt32, of path: String) throws(DiskError) {
        try simulated.set(owner: owner, group: group, of: path)
    }
}

extension ArchiveDisk {
    var counts: SimulatedDisk.Counts { simulated.counts }
    var capacity: Int? {
        get { simulated.capacity }
        set { simulated.capacity = newValue }
    }
    func fail(call number: Int, with code: Int32) { simulated.fail(call: number, with: code) }
    func fail(fromCall number: Int, with code: Int32) {
        simulated.fail(fromCall: number, with: code)
    }
    func stopFailing() { simulated.stopFailing() }
    func crashLosingAllUnsynced() { simulated.crashLosingAllUnsynced() }

    /// Changes bytes of a file.
    func change(_ path: String, _ body: (inout [UInt8]) -> Void) throws {
        let file = try open(path, .write)
        var bytes = try file.read(at: 0, count: file.byteCount())
        body(&bytes)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.sync()
        try sync(folder: parentFolder(path))
    }
}

private final class CatalogueFile: DiskFile {
    private let file: any DiskFile
    private let simulated: SimulatedDisk

    init(_ file: any DiskFile, _ simulated: SimulatedDisk) {
        self.file = file
        self.simulated = simulated
    }

    var path: String { file.path }
    func status() throws(DiskError) -> DiskStatus { try file.status() }
    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        try file.read(at: offset, count: count)
    }
    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        try file.write(bytes, at: offset)
    }
    func truncate(to byteCount: Int) throws(DiskError) { try file.truncate(to: byteCount) }
    func sync() throws(DiskError) {
        _ = try simulated.status("/")
        try file.sync()
    }
    func lock(shared: Bool) throws(DiskError) -> Bool { try file.lock(shared: shared) }
    func lockWaiting() throws(DiskError) { try file.lockWaiting() }
    func abandon() { file.abandon() }
}
