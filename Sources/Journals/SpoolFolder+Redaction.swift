import Disks
import Glibc

/// What a host does not record, as its agent leaves it for the programs:
///
///     SPOOL/redaction, DURABLE/redaction    a `RedactionPolicy`'s text; none where nothing is redacted
extension SpoolFolder {
    /// Leaves a policy for the programs that record here, also for those that start before the agent; nil takes it away.
    package func leave(redaction policy: [UInt8]?) throws(DiskError) {
        var folders = [path]
        let durable = try makeDurable()
        if durable != path { folders.append(durable) }
        for folder in folders {
            let file = "\(folder)/redaction"
            if let policy {
                if (try? read(file)) == policy { continue }
                try disk.replace(file, with: policy, permissions: 0o644)
            } else if try disk.status(file) != nil {
                try disk.remove(file: file)
                try disk.sync(folder: folder)
            }
        }
    }

    /// The policy that the agent of this machine left; nil where there is none, or another user's. Throws where it cannot be read.
    package func redactionPolicy() throws(DiskError) -> [UInt8]? {
        for folder in [path] + durableFolders {
            let file = "\(folder)/redaction"
            guard try disk.status(file) != nil, let policy = try read(file) else { continue }
            return policy
        }
        return nil
    }

    private func read(_ path: String) throws(DiskError) -> [UInt8]? {
        let file = try disk.open(path, .readUntrusted)
        let status = try file.status()
        guard [0, geteuid(), try disk.status(parentFolder(path))?.owner].contains(status.owner)
        else { return nil }
        return try file.read(at: 0, count: Limits.redactionBytesMax)
    }
}
