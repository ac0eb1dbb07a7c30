import Disks
import Glibc
import Synchronization

/// The file that an answer goes to instead of standard output: there when the answer is whole, and untouched before.
///
/// The answer is written beside it, under a name that ends in `.partial`, and renamed. What is no regular file, such as a pipe
/// or /dev/null, is written to as it is.
enum OutputFile {
    private struct Replacement {
        var path: String
        var partial: String
    }

    private static let disk = RealDisk()
    private static let replacement = Mutex<Replacement?>(nil)

    /// Standard output goes to what will be the file at `path`.
    static func open(_ path: String) throws {
        let status = try disk.status(path)
        guard status?.isRegular != false else { return try redirect(to: path, O_WRONLY, path) }
        // A link stays one: what it leads to is replaced.
        let target = disk.canonical(path) ?? path
        let partial = "\(target).\(getpid()).partial"
        try redirect(to: partial, O_WRONLY | O_CREAT | O_EXCL, path)
        replacement.withLock { $0 = Replacement(path: target, partial: partial) }
        if let status { fchmod(1, status.permissions) }
    }

    /// The answer is whole, and flushed.
    static func keep() throws {
        let done = replacement.withLock { replacement in
            defer { replacement = nil }
            return replacement
        }
        guard let done else { return }
        do throws(DiskError) {
            try disk.rename(done.partial, to: done.path)
        } catch {
            try? disk.remove(file: done.partial)
            throw failure(done.path, error.code)
        }
    }

    /// The answer will not be whole.
    static func discard() {
        let failed = replacement.withLock { replacement in
            defer { replacement = nil }
            return replacement
        }
        if let failed { try? disk.remove(file: failed.partial) }
    }

    private static func redirect(to path: String, _ flags: Int32, _ named: String) throws {
        let file = Glibc.open(path, flags | O_CLOEXEC, 0o666)
        guard file >= 0, dup2(file, 1) == 1 else { throw failure(named, errno) }
        close(file)
    }

    private static func failure(_ path: String, _ code: Int32) -> CommandFailure {
        CommandFailure("cannot write \(path): \(String(cString: strerror(code)))")
    }
}
