import Glibc

/// What a simulated disk holds: a value, changed by one call after another.
struct DiskImage: Sendable {
    var nodes: [Int: Node]
    var counts = SimulatedDisk.Counts()
    var crashes = 0
    var capacity: Int?
    /// By the number of the call.
    var faults: [Int: Int32] = [:]
    var faultFrom: (call: Int, code: Int32)?
    /// Of the next sync of a file, and whether of all calls after it, too.
    var syncFault: (code: Int32, isLasting: Bool)?
    /// Of all reads of a file.
    var readFault: (path: String, code: Int32)?
    var namesGiven = 0
    var observer: (@Sendable (Int, String, String) -> Void)?
    private let device: UInt64
    private let user: UInt32
    private var nextNode = 2
    private var nextHandle = 1
    /// The handles that are open, and to what: those from before a crash are not.
    private var open: [Handle: Int] = [:]
    /// Bytes of all files that have a name or are open.
    private var byteCount = 0
    var freeBytes: Int? { capacity.map { max(0, $0 - byteCount) } }
    /// True where names were taken away since nodes were last looked through.
    private var hasGarbage = false

    static let root = 1

    typealias Handle = Int

    /// A file or a folder.
    struct Node: Sendable {
        let isFolder: Bool
        var permissions: UInt32
        var owner: UInt32
        var changedSeconds: Int
        var bytes: [UInt8] = []
        /// What a program has mapped: its bytes are there, and not in `bytes`; nothing of it is ever durable.
        var mapping: SimulatedMapping?
        var durableBytes: [UInt8] = []
        /// What was done to the bytes, and is not durable.
        var changes: [FileChange] = []
        var names: [String: Int] = [:]
        var durableNames: [String: Int] = [:]
        var nameChanges: [NameChange] = []
        /// How many names it has, and how many handles.
        var links = 0
        var handles = 0
        var exclusiveLock: Handle?
        var sharedLocks: Set<Handle> = []

        var byteCount: Int { mapping?.byteCount ?? bytes.count }
    }

    enum FileChange: Sendable {
        case write(at: Int, [UInt8])
        case cut(to: Int)
    }

    enum NameChange: Sendable {
        case set(String, Int)
        case remove(String)
        /// Both names change at the same instant.
        case rename(String, to: String, Int)
    }

    init(device: UInt64, user: UInt32) {
        self.device = device
        self.user = user
        nodes = [
            DiskImage.root: Node(
                isFolder: true, permissions: 0o755, owner: user, changedSeconds: 0)
        ]
    }

    /// Counts a call; the code that it is to fail with.
    mutating func enter(_ call: String, _ path: String) -> Int32? {
        counts.calls += 1
        observer?(counts.calls, call, path)
        if let code = faults.removeValue(forKey: counts.calls) { return code }
        if let (call, code) = faultFrom, counts.calls >= call { return code }
        return nil
    }
}

// Paths.
extension DiskImage {
    static func parts(_ path: String) -> [String] {
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return parts
    }

    func find(_ path: String) -> Int? { find(DiskImage.parts(path)) }

    private func find(_ parts: some Sequence<String>) -> Int? {
        var node = DiskImage.root
        for part in parts {
            guard let next = nodes[node]!.names[part] else { return nil }
            node = next
        }
        return node
    }

    func require(_ path: String, _ call: String) throws(DiskError) -> Int {
        guard let node = find(path) else { throw DiskError(call: call, path: path, code: ENOENT) }
        return node
    }

    /// The folder that a path is in, and its name there.
    private func place(_ path: String, _ call: String) throws(DiskError) -> (
        folder: Int, name: String
    ) {
        let parts = DiskImage.parts(path)
        guard let name = parts.last else { throw DiskError(call: call, path: path, code: EEXIST) }
        guard let folder = find(parts.dropLast()) else {
            throw DiskError(call: call, path: path, code: ENOENT)
        }
        guard nodes[folder]!.isFolder else {
            throw DiskError(call: call, path: path, code: ENOTDIR)
        }
        return (folder, name)
    }

    /// As glob(7), for patterns that begin with `/`.
    func matching(_ pattern: String) -> [String] {
        var found: [(path: String, node: Int)] = [("", DiskImage.root)]
        for part in pattern.split(separator: "/") {
            found = found.flatMap { path, node in
                nodes[node]!.names.filter { fnmatch(String(part), $0.key, FNM_PERIOD) == 0 }
                    .map { (path: "\(path)/\($0.key)", node: $0.value) }
            }
        }
        return found.map(\.path).sorted()
    }

    func status(_ node: Int) -> DiskStatus {
        let it = nodes[node]!
        return DiskStatus(
            device: device, inode: UInt64(node), byteCount: it.byteCount,
            isRegular: !it.isFolder, changedSeconds: it.changedSeconds, owner: it.owner,
            permissions: it.permissions)
    }
}

// Names.
extension DiskImage {
    mutating func open(
        _ path: String, _ mode: DiskMode, _ now: Int
    ) throws(DiskError) -> Handle {
        let isUntrusted = mode == .readUntrusted || mode == .writeUntrusted
        let node: Int
        if let found = find(path) {
            if mode == .create { throw DiskError(call: "open", path: path, code: EEXIST) }
            if nodes[found]!.isFolder {
                if isUntrusted { throw .notRegular(path) }
                guard mode == .read else {
                    throw DiskError(call: "open", path: path, code: EISDIR)
                }
            }
            node = found
        } else {
            let (folder, name) = try place(path, "open")
            guard mode == .write || mode == .create else {
                throw DiskError(call: "open", path: path, code: ENOENT)
            }
            node = add(isFolder: false, 0o640, now)
            note(.set(name, node), in: folder)
        }
        defer { nextHandle += 1 }
        open[nextHandle] = node
        nodes[node]!.handles += 1
        return nextHandle
    }

    mutating func map(
        _ path: String, _ size: Int, _ now: Int
    ) throws(DiskError) -> SimulatedMapping {
        if let capacity, byteCount + size > capacity {
            throw DiskError(call: "reserve", path: path, code: ENOSPC)
        }
        let handle = try open(path, .create, now)
        let mapping = SimulatedMapping(byteCount: size)
        nodes[open[handle]!]!.mapping = mapping
        byteCount += size
        close(handle)
        return mapping
    }

    private mutating func add(isFolder: Bool, _ permissions: UInt32, _ now: Int) -> Int {
        defer { nextNode += 1 }
        nodes[nextNode] = Node(
            isFolder: isFolder, permissions: permissions, owner: user, changedSeconds: now)
        return nextNode
    }

    mutating func make(
        folder path: String, _ permissions: UInt32, _ now: Int
    ) throws(DiskError) -> Bool {
        guard find(path) == nil else { return false }
        let (folder, name) = try place(path, "mkdir")
        note(.set(name, add(isFolder: true, permissions, now)), in: folder)
        return true
    }

    mutating func remove(file path: String) throws(DiskError) {
        guard let node = find(path) else { return }
        guard !nodes[node]!.isFolder else {
            throw DiskError(call: "unlink", path: path, code: EISDIR)
        }
        let (folder, name) = try place(path, "unlink")
        note(.remove(name), in: folder)
        releaseUnused(node)
    }

    mutating func remove(folder path: String) throws(DiskError) -> Bool {
        guard let node = find(path) else { return true }
        guard nodes[node]!.isFolder else {
            throw DiskError(call: "rmdir", path: path, code: ENOTDIR)
        }
        guard nodes[node]!.names.isEmpty else { return false }
        let (folder, name) = try place(path, "rmdir")
        note(.remove(name), in: folder)
        return true
    }

    mutating func rename(_ path: String, to other: String) throws(DiskError) {
        let node = try require(path, "rename")
        let (from, old) = try place(path, "rename")
        let (to, new) = try place(other, "rename")
        let replaced = nodes[to]!.names[new]
        if replaced == node { return }
        if let replaced {
            let (moved, there) = (nodes[node]!, nodes[replaced]!)
            guard moved.isFolder == there.isFolder else {
                let code = there.isFolder ? EISDIR : ENOTDIR
                throw DiskError(call: "rename", path: other, code: code)
            }
            guard there.names.isEmpty else {
                throw DiskError(call: "rename", path: other, code: ENOTEMPTY)
            }
        }
        let (inner, outer) = (DiskImage.parts(other), DiskImage.parts(path))
        guard !inner.starts(with: outer) else {
            throw DiskError(call: "rename", path: other, code: EINVAL)
        }
        if from == to {
            note(.rename(old, to: new, node), in: from)
        } else {
            note(.set(new, node), in: to)
            note(.remove(old), in: from)
        }
        if let replaced { releaseUnused(replaced) }
    }

    private mutating func note(_ change: NameChange, in folder: Int) {
        let before = nodes[folder]!.names
        change.apply(to: &nodes[folder]!.names)
        for name in change.changed {
            if let old = before[name] {
                nodes[old]!.links -= 1
                hasGarbage = true
            }
            if let new = nodes[folder]!.names[name] { nodes[new]!.links += 1 }
        }
        nodes[folder]!.nameChanges.append(change)
        if nodes[folder]!.nameChanges.count > Limits.pendingChangesMax {
            nodes[folder]!.nameChanges.removeFirst().apply(to: &nodes[folder]!.durableNames)
        }
    }

    mutating func sync(folder path: String, _ failure: Int32?) throws(DiskError) {
        counts.syncs += 1
        if let failure { throw DiskError(call: "fsync", path: path, code: failure) }
        let folder = try require(path, "open")
        guard nodes[folder]!.isFolder else {
            throw DiskError(call: "open", path: path, code: ENOTDIR)
        }
        nodes[folder]!.durableNames = nodes[folder]!.names
        nodes[folder]!.nameChanges = []
        if hasGarbage { forgetUnreachable() }
    }
}

// Bytes.
extension DiskImage {
    func node(of handle: Handle, _ call: String, _ path: String) throws(DiskError) -> Int {
        guard let node = open[handle] else { throw DiskError(call: call, path: path, code: EIO) }
        return node
    }

    private func file(_ handle: Handle, _ call: String, _ path: String) throws(DiskError) -> Int {
        let node = try node(of: handle, call, path)
        guard !nodes[node]!.isFolder else { throw DiskError(call: call, path: path, code: EISDIR) }
        return node
    }

    mutating func read(
        _ handle: Handle, _ path: String, at offset: Int, count: Int
    ) throws(DiskError) -> [UInt8] {
        let node = try file(handle, "read", path)
        if let readFault, readFault.path == path {
            throw DiskError(call: "read", path: path, code: readFault.code)
        }
        let size = nodes[node]!.byteCount
        let start = min(offset, size)
        let range = start..<min(start + min(count, size), size)
        let bytes = nodes[node]!.mapping?.bytes(range) ?? Array(nodes[node]!.bytes[range])
        counts.bytesRead += bytes.count
        return bytes
    }

    mutating func write(
        _ handle: Handle, _ path: String, _ bytes: [UInt8], at offset: Int, _ now: Int,
        _ failure: Int32?
    ) throws(DiskError) {
        let node = try file(handle, "write", path)
        let size = nodes[node]!.byteCount
        var room = bytes.count
        var code = failure
        if failure != nil { room = bytes.count / 2 }
        if let capacity, byteCount + max(0, offset + room - size) > capacity {
            room = max(0, min(room, capacity - byteCount + size - offset))
            code = code ?? ENOSPC
        }
        if room > 0, let mapping = nodes[node]!.mapping {
            guard offset + room <= size else {
                throw DiskError(call: "write", path: path, code: EINVAL)
            }
            mapping.write(bytes[..<room], at: offset)
        } else if room > 0 {
            note(.write(at: offset, room == bytes.count ? bytes : Array(bytes[..<room])), in: node)
            nodes[node]!.changedSeconds = now
            counts.bytesWritten += room
        }
        if let code { throw DiskError(call: "write", path: path, code: code) }
    }

    mutating func truncate(
        _ handle: Handle, _ path: String, to size: Int, _ now: Int
    ) throws(DiskError) {
        let node = try file(handle, "truncate", path)
        guard size >= 0, nodes[node]!.mapping == nil else {
            throw DiskError(call: "truncate", path: path, code: EINVAL)
        }
        // Bytes that nobody wrote take room here too: few do that, and what is counted is what is held.
        if let capacity, byteCount + size - nodes[node]!.bytes.count > capacity,
            size > nodes[node]!.bytes.count
        {
            throw DiskError(call: "truncate", path: path, code: ENOSPC)
        }
        note(.cut(to: size), in: node)
        nodes[node]!.changedSeconds = now
    }

    private mutating func note(_ change: FileChange, in node: Int) {
        byteCount -= nodes[node]!.bytes.count
        change.apply(to: &nodes[node]!.bytes)
        byteCount += nodes[node]!.bytes.count
        nodes[node]!.changes.append(change)
        if nodes[node]!.changes.count > Limits.pendingChangesMax {
            nodes[node]!.changes.removeFirst().apply(to: &nodes[node]!.durableBytes)
        }
    }

    mutating func sync(_ handle: Handle, _ path: String, _ failure: Int32?) throws(DiskError) {
        let node = try node(of: handle, "fsync", path)
        counts.syncs += 1
        let changes = nodes[node]!.changes
        // Where it fails the pages are clean all the same: no later sync comes back to them.
        nodes[node]!.changes = []
        let failure = failure ?? syncFault?.code
        if let syncFault, syncFault.isLasting { faultFrom = (counts.calls, syncFault.code) }
        syncFault = nil
        if let failure { throw DiskError(call: "fsync", path: path, code: failure) }
        for change in changes { change.apply(to: &nodes[node]!.durableBytes) }
    }

    mutating func lock(
        _ handle: Handle, _ path: String, shared: Bool
    ) throws(DiskError) -> Bool {
        let node = try node(of: handle, "lock", path)
        let it = nodes[node]!
        if let holder = it.exclusiveLock, holder != handle { return false }
        if !shared, !it.sharedLocks.subtracting([handle]).isEmpty { return false }
        nodes[node]!.exclusiveLock = shared ? nil : handle
        if shared {
            nodes[node]!.sharedLocks.insert(handle)
        } else {
            nodes[node]!.sharedLocks.remove(handle)
        }
        return true
    }

    mutating func close(_ handle: Handle) {
        guard let node = open.removeValue(forKey: handle) else { return }
        if nodes[node]!.exclusiveLock == handle { nodes[node]!.exclusiveLock = nil }
        nodes[node]!.sharedLocks.remove(handle)
        nodes[node]!.handles -= 1
        releaseUnused(node)
    }
}

// Crashes.
extension DiskImage {
    /// Everything becomes what survives of it, and that is durable then.
    mutating func crash(
        bytes: ([UInt8], [FileChange]) -> [UInt8],
        names: ([String: Int], [NameChange]) -> [String: Int]
    ) {
        crashes += 1
        open = [:]
        (faults, faultFrom, syncFault, readFault) = ([:], nil, nil, nil)
        // In a fixed order: the same random numbers have the same outcome.
        for number in nodes.keys.sorted() {
            var node = nodes[number]!
            node.mapping = nil
            node.bytes = bytes(node.durableBytes, node.changes)
            node.durableBytes = node.bytes
            node.changes = []
            node.names = names(node.durableNames, node.nameChanges)
            node.durableNames = node.names
            node.nameChanges = []
            node.exclusiveLock = nil
            node.sharedLocks = []
            (node.links, node.handles) = (0, 0)
            nodes[number] = node
        }
        forgetUnreachable()
        byteCount = 0
        for (number, node) in nodes {
            byteCount += node.bytes.count
            for next in node.names.values where next != number { nodes[next]!.links += 1 }
        }
    }

    /// As after a power failure that everything survived, but what programs have mapped. Counts go on from those of `before`, so
    /// that what was open there is of no use here.
    func imaged(after before: DiskImage? = nil) -> DiskImage {
        var image = self
        image.crash { durable, changes in
            changes.reduce(into: durable) { $1.apply(to: &$0) }
        } names: { durable, changes in
            changes.reduce(into: durable) { $1.apply(to: &$0) }
        }
        if let before {
            (image.counts, image.observer) = (before.counts, before.observer)
            image.crashes = before.crashes + 1
            image.nextHandle = before.nextHandle
        }
        return image
    }

    /// Removes a folder and all that is in it, or a file, durably.
    mutating func remove(tree path: String) {
        let parts = DiskImage.parts(path)
        guard let name = parts.last, let folder = find(parts.dropLast()),
            let node = nodes[folder]!.names[name]
        else { return }
        for inner in nodes[node]!.names.keys.sorted() { remove(tree: "\(path)/\(inner)") }
        nodes[folder]!.names[name] = nil
        nodes[folder]!.durableNames[name] = nil
        nodes[folder]!.nameChanges.removeAll { $0.changed.contains(name) }
        nodes[node]!.links -= 1
        hasGarbage = true
        releaseUnused(node)
    }

    var usedBytes: Int { byteCount }

    func files(under folder: String) -> [String] {
        guard let node = find(folder) else { return [] }
        return nodes[node]!.names.sorted { $0.key < $1.key }.flatMap { name, inner in
            nodes[inner]!.isFolder ? files(under: "\(folder)/\(name)") : ["\(folder)/\(name)"]
        }
    }

    /// Changes bytes of a file where they lie: nobody wrote them, and nothing tells of it.
    mutating func rot(_ path: String, at offset: Int, _ mask: UInt8) {
        guard let node = find(path), offset < nodes[node]!.bytes.count else { return }
        nodes[node]!.bytes[offset] ^= mask
        if offset < nodes[node]!.durableBytes.count { nodes[node]!.durableBytes[offset] ^= mask }
    }

    /// A file without a name that nobody has open takes no room; a crash may give it its name again.
    private mutating func releaseUnused(_ node: Int) {
        guard nodes[node]!.links == 0, nodes[node]!.handles == 0 else { return }
        byteCount -= nodes[node]!.byteCount
        nodes[node]!.bytes = []
        nodes[node]!.mapping = nil
    }

    /// Forgets what has no name now, and cannot get one by a crash. O(nodes and names).
    private mutating func forgetUnreachable() {
        var reached: Set<Int> = [DiskImage.root]
        var pending = [DiskImage.root] + open.values
        while let number = pending.popLast() {
            reached.insert(number)
            guard let node = nodes[number] else { continue }
            let changed = node.nameChanges.compactMap(\.node)
            for next in Array(node.names.values) + Array(node.durableNames.values) + changed
            where !reached.contains(next) {
                pending.append(next)
            }
        }
        nodes = nodes.filter { reached.contains($0.key) }
        hasGarbage = false
    }
}

extension DiskImage.FileChange {
    func apply(to bytes: inout [UInt8]) {
        switch self {
        case .write(let offset, let content):
            if bytes.count < offset + content.count {
                bytes += [UInt8](repeating: 0, count: offset + content.count - bytes.count)
            }
            bytes.replaceSubrange(offset..<offset + content.count, with: content)
        case .cut(let size):
            if bytes.count > size {
                bytes.removeLast(bytes.count - size)
            } else {
                bytes += [UInt8](repeating: 0, count: size - bytes.count)
            }
        }
    }
}

extension DiskImage.NameChange {
    func apply(to names: inout [String: Int]) {
        switch self {
        case .set(let name, let node): names[name] = node
        case .remove(let name): names[name] = nil
        case .rename(let old, let new, let node):
            if names[old] == node { names[old] = nil }
            names[new] = node
        }
    }

    var changed: [String] {
        switch self {
        case .set(let name, _), .remove(let name): [name]
        case .rename(let old, let new, _): [old, new]
        }
    }

    var node: Int? {
        switch self {
        case .set(_, let node), .rename(_, _, let node): node
        case .remove: nil
        }
    }
}
