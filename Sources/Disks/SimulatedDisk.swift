import Glibc
import Synchronization

/// A disk in memory that keeps what is volatile apart from what is durable, crashes, and fails when it is told to.
///
/// Everybody sees the volatile image. `sync` on a file makes its bytes and its length durable, `sync` on a folder the names
/// in it: one that was made, removed or given to another file is otherwise there or not after a crash, whatever became of
/// the file. That is what POSIX promises, and less than most file systems give. There are no links, and any program may
/// do anything. The same calls with the same random numbers have the same outcome.
///
/// Every call of `Disk` and `DiskFile` counts 1, also one that fails; `replace` and `make(folder:)` are several.
package final class SimulatedDisk: Disk {
    private let image: Mutex<DiskImage>
    private let seconds: @Sendable () -> Int

    /// An empty disk: one folder, `/`.
    ///
    /// - Parameters:
    ///   - device: Its number, which tells its files from those of other disks.
    ///   - user: To whom everything belongs that is made.
    ///   - seconds: The time since 1970, as the disk's host has it.
    package init(
        device: UInt64 = 1, user: UInt32 = 0, seconds: @escaping @Sendable () -> Int = { 0 }
    ) {
        image = Mutex(DiskImage(device: device, user: user))
        self.seconds = seconds
    }

    /// What was done so far.
    package struct Counts: Hashable, Sendable {
        package var calls = 0
        package var bytesRead = 0
        package var bytesWritten = 0
        /// Of files and of folders.
        package var syncs = 0

        package init(calls: Int = 0, bytesRead: Int = 0, bytesWritten: Int = 0, syncs: Int = 0) {
            self.calls = calls
            self.bytesRead = bytesRead
            self.bytesWritten = bytesWritten
            self.syncs = syncs
        }
    }

    package var counts: Counts { image.withLock { $0.counts } }

    /// How many times it has crashed: what was opened when there were fewer is of no use any more.
    package var crashes: Int { image.withLock { $0.crashes } }

    /// Bytes that all files may have; a write beyond writes what fits, and fails with ENOSPC. nil: no limit.
    package var capacity: Int? {
        get { image.withLock { $0.capacity } }
        set { image.withLock { $0.capacity = newValue } }
    }

    /// Bytes of all files.
    package var usedBytes: Int { image.withLock { $0.usedBytes } }

    /// The paths of all files below a folder, sorted: no call, and nothing fails.
    package func files(under folder: String) -> [String] {
        image.withLock { $0.files(under: folder) }
    }

    package func freeBytes(in folder: String) -> Int? { image.withLock { $0.freeBytes } }

    /// Lets the call fail that is the `number`th from the beginning (`counts.calls + 1` is the next).
    ///
    /// A write that fails has written half of its bytes. A `sync` that fails gives up what it was to write: the bytes can be
    /// read until the next crash, and never become durable, unless somebody writes them again (as Linux does it).
    package func fail(call number: Int, with code: Int32) {
        image.withLock { $0.faults[number] = code }
    }

    /// Lets all calls fail from the `number`th on, until the next crash: the device is gone.
    package func fail(fromCall number: Int, with code: Int32) {
        image.withLock { $0.faultFrom = (number, code) }
    }

    /// Lets the next sync of a file fail, whichever call that is.
    ///
    /// - Parameter isLasting: All calls after it fail, too: the device is gone.
    package func failNextSync(with code: Int32, isLasting: Bool = false) {
        image.withLock { $0.syncFault = (code, isLasting) }
    }

    /// Lets all reads of a file fail, until the next crash: sectors of it cannot be read.
    package func failReads(of path: String, with code: Int32) {
        image.withLock { $0.readFault = (path, code) }
    }

    /// Undoes `fail`, for what has not failed yet.
    package func stopFailing() {
        image.withLock {
            ($0.faults, $0.faultFrom, $0.syncFault, $0.readFault) = ([:], nil, nil, nil)
        }
    }

    /// The power fails, and comes back. Of what was not synced, each write survives as a whole, up to any byte, in some of its
    /// sectors, or not at all; each name that changed, and each cut, as a whole or not at all. Open files are closed: all
    /// their calls fail with EIO. Locks are gone, and so are faults that were asked for.
    package func crash(tearing random: inout some RandomNumberGenerator) {
        let seed = random.next()
        image.withLock {
            var random = SimulatedDice(state: seed)
            $0.crash { durable, changes in
                DiskImage.torn(durable, changes, &random)
            } names: { durable, changes in
                DiskImage.torn(durable, changes, &random)
            }
        }
    }

    /// As `crash(tearing:)`, but nothing survives that was not synced.
    package func crashLosingAllUnsynced() {
        image.withLock {
            $0.crash { durable, _ in
                durable
            } names: { durable, _ in
                durable
            }
        }
    }

    /// A disk that has what this one has now, all of it durable, but what programs have mapped: nothing is open on it.
    package func copied() -> SimulatedDisk {
        let copy = SimulatedDisk(seconds: seconds)
        let image = image.withLock { $0.imaged() }
        copy.image.withLock { $0 = image }
        copy.observer = nil
        return copy
    }

    /// Sets it back to what another has: as after a power failure, nothing that was open can be used any more.
    package func restore(from other: SimulatedDisk) {
        let image = other.image.withLock { $0 }
        self.image.withLock { $0 = image.imaged(after: $0) }
    }

    /// Removes a folder and all that is in it, as a file system in memory loses it: no call, and nothing fails.
    package func remove(tree path: String) { image.withLock { $0.remove(tree: path) } }

    /// Flips bits of a byte at rest: no call, and nothing tells of it.
    ///
    /// - Parameter mask: The bits.
    package func rot(_ path: String, at offset: Int, mask: UInt8) {
        image.withLock { $0.rot(path, at: offset, mask) }
    }

    /// Told of each call before it is done or fails: its number, what is to be done, as `DiskError` names it, and the path. It must
    /// not use the disk.
    package var observer: (@Sendable (Int, String, String) -> Void)? {
        get { image.withLock { $0.observer } }
        set { image.withLock { $0.observer = newValue } }
    }

    /// Does one call, unless that is to fail.
    fileprivate func perform<Result: Sendable>(
        _ call: String, _ path: String, _ body: (inout DiskImage) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try image.withLock { (image: inout sending DiskImage) throws(DiskError) -> Result in
            if let code = image.enter(call, path) {
                throw DiskError(call: call, path: path, code: code)
            }
            return try body(&image)
        }
    }

    /// Does one call that has its own way to fail: `body` gets the code, where it is to.
    fileprivate func perform<Result: Sendable>(
        failing call: String, _ path: String,
        _ body: (inout DiskImage, Int32?) throws(DiskError) -> Result
    ) throws(DiskError) -> Result {
        try image.withLock { (image: inout sending DiskImage) throws(DiskError) -> Result in
            let code = image.enter(call, path)
            return try body(&image, code)
        }
    }

    fileprivate func close(_ handle: DiskImage.Handle) { image.withLock { $0.close(handle) } }
}

extension SimulatedDisk {
    package func open(_ path: String, _ mode: DiskMode) throws(DiskError) -> any DiskFile {
        let now = seconds()
        let call = mode == .create ? "create" : "open"
        let handle = try perform(call, path) { image throws(DiskError) in
            try image.open(path, mode, now)
        }
        return SimulatedFile(self, path, handle, seconds)
    }

    package func map(
        creating path: String, byteCount: Int
    ) throws(DiskError) -> any MappedFile {
        let now = seconds()
        return try perform("map", path) { image throws(DiskError) in
            try image.map(path, byteCount, now)
        }
    }

    package func unusedName() -> String {
        image.withLock { image in
            image.namesGiven += 1
            return "unused-\(image.namesGiven)"
        }
    }

    package func status(_ path: String) throws(DiskError) -> DiskStatus? {
        try perform("stat", path) { image throws(DiskError) in
            image.find(path).map { image.status($0) }
        }
    }

    package func isFolder(_ path: String) throws(DiskError) -> Bool {
        try perform("stat", path) { image throws(DiskError) in
            image.find(path).map { image.nodes[$0]!.isFolder } ?? false
        }
    }

    package func isWritable(_ path: String) -> Bool {
        let found = try? perform("access", path) { image throws(DiskError) in image.find(path) }
        return found.flatMap { $0 } != nil
    }

    package func names(_ folder: String) throws(DiskError) -> [String] {
        try perform("opendir", folder) { image throws(DiskError) in
            guard let node = image.find(folder) else { return [] }
            guard image.nodes[node]!.isFolder else {
                throw DiskError(call: "opendir", path: folder, code: ENOTDIR)
            }
            return image.nodes[node]!.names.keys.sorted()
        }
    }

    package func matching(_ pattern: String) -> [String] {
        (try? perform("glob", pattern) { image throws(DiskError) in image.matching(pattern) }) ?? []
    }

    package func canonical(_ path: String) -> String? {
        let found = try? perform("find", path) { image throws(DiskError) in
            image.find(path) == nil ? nil : "/" + DiskImage.parts(path).joined(separator: "/")
        }
        return found.flatMap { $0 }
    }

    package func make(oneFolder path: String, permissions: UInt32) throws(DiskError) -> Bool {
        let now = seconds()
        return try perform("mkdir", path) { image throws(DiskError) in
            try image.make(folder: path, permissions, now)
        }
    }

    package func remove(file path: String) throws(DiskError) {
        try perform("unlink", path) { image throws(DiskError) in try image.remove(file: path) }
    }

    @discardableResult
    package func remove(folder path: String) throws(DiskError) -> Bool {
        try perform("rmdir", path) { image throws(DiskError) in try image.remove(folder: path) }
    }

    package func rename(_ path: String, to other: String) throws(DiskError) {
        try perform("rename", other) { image throws(DiskError) in
            try image.rename(path, to: other)
        }
    }

    package func sync(folder path: String) throws(DiskError) {
        try perform(failing: "fsync", path) { image, code throws(DiskError) in
            try image.sync(folder: path, code)
        }
    }

    package func set(permissions: UInt32, of path: String) throws(DiskError) {
        try perform("chmod", path) { image throws(DiskError) in
            let node = try image.require(path, "chmod")
            image.nodes[node]!.permissions = permissions
        }
    }

    package func set(owner: UInt32, group: UInt32, of path: String) throws(DiskError) {
        try perform("chown", path) { image throws(DiskError) in
            let node = try image.require(path, "chown")
            image.nodes[node]!.owner = owner
        }
    }
}

/// An open file of a simulated disk.
private final class SimulatedFile: DiskFile {
    let path: String
    private let disk: SimulatedDisk
    private let handle: DiskImage.Handle
    private let seconds: @Sendable () -> Int

    init(
        _ disk: SimulatedDisk, _ path: String, _ handle: DiskImage.Handle,
        _ seconds: @escaping @Sendable () -> Int
    ) {
        self.disk = disk
        self.path = path
        self.handle = handle
        self.seconds = seconds
    }

    deinit { disk.close(handle) }

    func status() throws(DiskError) -> DiskStatus {
        try disk.perform("fstat", path) { image throws(DiskError) in
            try image.status(image.node(of: handle, "fstat", path))
        }
    }

    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        try disk.perform("read", path) { image throws(DiskError) in
            try image.read(handle, path, at: offset, count: count)
        }
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        let now = seconds()
        try disk.perform(failing: "write", path) { image, code throws(DiskError) in
            try image.write(handle, path, bytes, at: offset, now, code)
        }
    }

    func truncate(to byteCount: Int) throws(DiskError) {
        let now = seconds()
        try disk.perform("truncate", path) { image throws(DiskError) in
            try image.truncate(handle, path, to: byteCount, now)
        }
    }

    func sync() throws(DiskError) {
        try disk.perform(failing: "fsync", path) { image, code throws(DiskError) in
            try image.sync(handle, path, code)
        }
    }

    func lock(shared: Bool) throws(DiskError) -> Bool {
        try disk.perform("lock", path) { image throws(DiskError) in
            try image.lock(handle, path, shared: shared)
        }
    }

    /// Whoever has the lock does not give it up while this waits: nothing else runs in a simulation meanwhile.
    func lockWaiting() throws(DiskError) {
        guard try lock() else { throw DiskError(call: "lock", path: path, code: EWOULDBLOCK) }
    }

    func abandon() { disk.close(handle) }
}
