import Causality
import Disks
import Glibc

/// Where the journals of a host are, and what of a spool outlives it.
///
///     SPOOL/journals/<run>/     a journal each; SPOOL/agent.sock: the agent's local interface
///     SPOOL/host, DURABLE/host  what the agent calls this machine
///     …/token-keys              what programs seal the tokens of messages with, where the host was enrolled (see `TokenKeys`)
///     DURABLE/incarnations/     the last incarnation of each process, and its last event
///
/// DURABLE is the spool itself; where that lies on a memory file system, which a restart of the machine empties, a folder
/// named after it in `/var/lib/lightcone` (or, where that may not be written, the user's state folder, or `/var/tmp`).
package struct SpoolFolder: Sendable {
    package let path: String
    /// DURABLE, where somebody has chosen it.
    private let chosenDurable: String?
    package let disk: any Disk

    /// `LIGHTCONE_SPOOL`; else `/dev/shm/lightcone`, a memory file system; else `/var/tmp/lightcone`.
    ///
    /// - Parameter durable: A folder to use for what outlives the spool, and no other.
    package init(
        _ path: String? = nil, durable: String? = nil, disk: any Disk = RealDisk()
    ) {
        self.disk = disk
        chosenDurable = durable
        if let path = path ?? SpoolFolder.environment("LIGHTCONE_SPOOL") {
            self.path = SpoolFolder.canonical(path, disk)
        } else {
            let hasMemory = (try? disk.status("/dev/shm")).flatMap { $0 } != nil
            self.path = hasMemory ? "/dev/shm/lightcone" : "/var/tmp/lightcone"
        }
    }

    /// The one spelling of a path: what is kept elsewhere for a spool is found by it.
    private static func canonical(_ path: String, _ disk: any Disk) -> String {
        guard !path.isEmpty else { return path }
        var rest: [String] = []
        var folder = path
        while true {
            if let base = disk.canonical(folder) {
                return ([base == "/" ? "" : base] + rest).joined(separator: "/")
            }
            guard folder != ".", folder != "/" else { return path }
            let name = folder.split(separator: "/").last.map(String.init) ?? ""
            if !name.isEmpty, name != "." { rest.insert(name, at: 0) }
            var trimmed = folder
            while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
            folder = parentFolder(trimmed)
        }
    }

    package var journals: String { path + "/journals" }
    package var socket: String { path + "/agent.sock" }

    /// Makes the folders that programs of all users share: anyone may add to them, and only its owner removes a thing.
    package func make() throws(DiskError) {
        try makeShared(path)
        try makeShared(journals)
    }

    /// Makes the folders, and sees to it that nobody but this user or root can rename or remove what is in them: a stranger may
    /// have made the spool first. Root takes it over.
    package func own() throws(DiskError) {
        try make()
        let user = geteuid()
        let durable = try makeDurable()
        try syncNames(ofDurable: durable)
        for folder in [path, journals, durable, durable + "/incarnations"] {
            guard let owner = try disk.status(folder)?.owner, owner != user, owner != 0 else {
                continue
            }
            do throws(DiskError) {
                guard user == 0 else { throw .otherUser(folder) }
                try disk.set(owner: 0, group: 0, of: folder)
                try disk.set(permissions: 0o1777, of: folder)
            } catch {
                throw .otherUser(folder)
            }
        }
    }

    /// Sees to it that the folders of incarnations, as far as they are there, survive a power failure, whoever made them.
    func syncNames(ofDurable durable: String) throws(DiskError) {
        var folders = [durable, durable + "/incarnations"]
        if durable != path { folders.insert(parentFolder(durable), at: 0) }
        for folder in folders where try disk.status(folder) != nil {
            try disk.make(folder: folder)
        }
    }

    /// What the agent of this machine calls it, as it left it here; nil where none ever did, or another user's did.
    package var hostName: String? {
        for folder in [path] + durableFolders {
            if let name = name(in: folder) { return name }
        }
        return nil
    }

    /// Where a program looks whether the keys have changed.
    package var tokenKeysPath: String { path + "/token-keys" }

    /// The keys of tokens, as the agent of this machine has left them; nil where it has none.
    package var tokenKeys: TokenKeys? {
        for folder in [path] + durableFolders {
            if let keys = tokenKeys(in: folder) { return keys }
        }
        return nil
    }

    private func tokenKeys(in folder: String) -> TokenKeys? {
        text(folder + "/token-keys", in: folder, bytesMax: TokenKeys.textBytesMax)
            .flatMap { TokenKeys(text: $0) }
    }

    /// Leaves the keys of tokens for the programs that record here, also for those that start before the agent; takes away what is
    /// there where there are none. Writes nothing where they stand there already.
    package func leave(tokenKeys keys: TokenKeys?) throws(DiskError) {
        for folder in try folders() where tokenKeys(in: folder) != keys {
            let path = folder + "/token-keys"
            guard let keys else {
                try disk.remove(file: path)
                continue
            }
            try disk.replace(path, with: Array(keys.text.utf8), permissions: 0o644)
        }
    }

    /// The spool and the durable folder, which may be the same.
    private func folders() throws(DiskError) -> [String] {
        let durable = try makeDurable()
        return durable == path ? [path] : [path, durable]
    }

    /// Leaves the name of this machine for the programs that record here, also for those that start before the agent. Writes
    /// nothing where it stands there already.
    package func leave(hostName name: String) throws(DiskError) {
        for folder in try folders() {
            // Names that only look alike are two, as everywhere.
            if let known = self.name(in: folder), ExactText.isSame(known, name) { continue }
            try disk.replace(
                "\(folder)/host", with: Array("\(name)\n".utf8), permissions: 0o644)
        }
    }

    /// What a folder says that this machine is called; nil where it says nothing, or a stranger does.
    private func name(in folder: String) -> String? {
        let text = text(
            folder + "/host", in: folder, bytesMax: Causality.Limits.nameBytesMax + 1)
        return text.flatMap { try? Name(String($0.prefix { $0 != "\n" })) }?.text
    }

    /// What a file says that the agent has left; nil where a stranger did.
    private func text(_ path: String, in folder: String, bytesMax: Int) -> String? {
        guard let file = try? disk.open(path, .readUntrusted), let status = try? file.status(),
            [0, geteuid(), (try? disk.status(folder))??.owner].contains(status.owner),
            let bytes = try? file.read(at: 0, count: bytesMax)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The system's name for this machine.
    package static var systemHostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0, buffer[0] != 0 else {
            return "localhost"
        }
        return buffer.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    func makeShared(_ path: String) throws(DiskError) {
        guard try disk.status(path) == nil else { return }
        // Nobody could use it below folders that others may not enter.
        try disk.make(folder: path, isPublic: true)
        // Beyond what the program's mask allows; fails where another program has just made it, which is fine.
        try? disk.set(permissions: 0o1777, of: path)
    }

    /// The folders in which incarnations may stand, the preferred one first.
    package var durableFolders: [String] {
        if let chosenDurable { return [chosenDurable] }
        guard isInMemory(path) else { return [path] }
        let name = Identity128(naming: Array(path.utf8)).description
        var bases = ["/var/lib/lightcone"]
        if let state = SpoolFolder.environment("XDG_STATE_HOME") {
            bases.append(state + "/lightcone")
        } else if let home = SpoolFolder.environment("HOME") {
            bases.append(home + "/.local/state/lightcone")
        }
        bases.append("/var/tmp/lightcone-state")
        return bases.map { "\($0)/\(name)" }
    }

    /// The first of the durable folders that this program may write to.
    package func makeDurable() throws(DiskError) -> String {
        var failure = DiskError(call: "mkdir", path: path, code: EACCES)
        for folder in durableFolders {
            do throws(DiskError) {
                if folder != path { try makeShared(parentFolder(folder)) }
                try makeShared(folder)
                if disk.isWritable(folder) { return folder }
                failure = DiskError(call: "write to", path: folder, code: EACCES)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// Whether a path lies on a file system in memory, as `/proc/self/mountinfo` says (proc(5)). The nearest folder that
    /// exists decides.
    func isInMemory(_ path: String) -> Bool {
        var folder = path
        var found = try? disk.status(folder)
        while found == nil, parentFolder(folder) != folder {
            folder = parentFolder(folder)
            found = try? disk.status(folder)
        }
        guard let device = found?.device, let file = try? disk.open("/proc/self/mountinfo", .read),
            let table = try? file.read(at: 0, count: 1 << 20)
        else { return false }
        // As makedev(3) packs them.
        let major = (device >> 8 & 0xfff) | (device >> 32 & ~0xfff)
        let minor = (device & 0xff) | (device >> 12 & ~0xff)
        let number = "\(major):\(minor)"
        return String(decoding: table, as: UTF8.self).split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            guard words.count > 2, words[2] == number, let dash = words.firstIndex(of: "-"),
                dash + 1 < words.count
            else { return false }
            return ["tmpfs", "ramfs"].contains(words[dash + 1])
        }
    }

    static func environment(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}

extension DiskError {
    /// Something of another user's stands where only one of this user or root will do.
    private static let otherUserCall = "trust another user's"
    package var isOtherUser: Bool { call == DiskError.otherUserCall }

    static func otherUser(_ path: String) -> DiskError {
        DiskError(call: otherUserCall, path: path, code: EPERM)
    }
}
