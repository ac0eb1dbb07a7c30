import Causality
import Glibc

/// Where the bytes of a segment are read from.
package protocol ByteSource: ~Copyable {
    var byteCount: Int { get }
    /// Up to `count` bytes from `offset` on; fewer where the source ends.
    func read(at offset: Int, count: Int) throws(SegmentError) -> [UInt8]
}

/// Bytes in memory, which lie at `start` of a segment.
package struct BytesInMemory: ByteSource {
    private let bytes: [UInt8]
    private let start: Int

    package init(_ bytes: [UInt8], at start: Int = 0) {
        self.bytes = bytes
        self.start = start
    }

    package var byteCount: Int { start + bytes.count }

    package func read(at offset: Int, count: Int) throws(SegmentError) -> [UInt8] {
        let from = max(0, min(offset - start, bytes.count))
        return Array(bytes[from..<min(from + count, bytes.count)])
    }
}

/// An open file. Closed when it goes out of scope: what must be durable was synced before.
package struct File: ~Copyable, ByteSource {
    package let path: String
    private let descriptor: Int32

    package enum Mode: Sendable {
        case read
        /// Creates the file where it does not exist.
        case write
        /// Fails where the file exists.
        case create
    }

    package init(_ path: String, _ mode: Mode) throws(SegmentError) {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .write: O_RDWR | O_CREAT
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        let descriptor = open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, code: errno) }
        self.path = path
        self.descriptor = descriptor
    }

    /// Opens a file that a stranger may have put there: only a regular one, not through a link, and without waiting.
    package init(untrusted path: String, forWriting: Bool = false) throws(SegmentError) {
        let flags = (forWriting ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let descriptor = open(path, flags)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, code: errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, Status(status).isRegular else {
            _ = Glibc.close(descriptor)
            throw .malformed(
                FormatError(what: "\(path): expected a regular file", offset: 0))
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit { _ = Glibc.close(descriptor) }

    /// What the file system says of a file.
    package struct Status: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64
        package var byteCount: Int
        package var isRegular: Bool
        /// When the content was changed last, in seconds since 1970.
        package var changedSeconds: Int
        /// The number of the user that it belongs to.
        package var owner: UInt32

        fileprivate init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            byteCount = Int(status.st_size)
            isRegular = status.st_mode & S_IFMT == S_IFREG
            changedSeconds = status.st_mtim.tv_sec
            owner = status.st_uid
        }
    }

    package func status() throws(SegmentError) -> Status {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .system(call: "fstat", path: path, code: errno)
        }
        return Status(status)
    }

    /// The status of what is at a path now; nil where there is nothing.
    package static func status(_ path: String) throws(SegmentError) -> Status? {
        var status = stat()
        if stat(path, &status) == 0 { return Status(status) }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw .system(call: "stat", path: path, code: errno)
        }
        return nil
    }

    package var byteCount: Int { (try? status().byteCount) ?? 0 }

    package func read(at offset: Int, count: Int) throws(SegmentError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let got = pread(
                    descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled)
                )
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        guard failure == 0 else { throw .system(call: "read", path: path, code: failure) }
        return bytes
    }

    /// Writes all of `bytes` at `offset`. Where this throws, some of them may have been written.
    package func write(_ bytes: [UInt8], at offset: Int) throws(SegmentError) {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress! + done, bytes.count - done, off_t(offset + done)
                )
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw .system(call: "write", path: path, code: errno) }
            done += put
        }
    }

    /// Puts a file with these bytes in the place of what is at a path, durably: at whatever instant this ends, there is the
    /// old one or the new one.
    package static func replace(
        _ path: String, with bytes: [UInt8], mode: mode_t
    ) throws(SegmentError) {
        var random = SystemRandomNumberGenerator()
        let fresh = "\(path).\(Identity128(using: &random))"
        do throws(SegmentError) {
            let file = try File(fresh, .create)
            try file.write(bytes, at: 0)
            guard chmod(fresh, mode) == 0 else {
                throw .system(call: "chmod", path: fresh, code: errno)
            }
            try file.sync()
            guard rename(fresh, path) == 0 else {
                throw .system(call: "rename", path: path, code: errno)
            }
        } catch {
            unlink(fresh)
            throw error
        }
        try Folder.sync(Folder.parent(path))
    }

    package func truncate(to byteCount: Int) throws(SegmentError) {
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            throw .system(call: "truncate", path: path, code: errno)
        }
    }

    /// Returns when what was written is on the device.
    package func sync() throws(SegmentError) {
        guard fdatasync(descriptor) == 0 else {
            throw .system(call: "fsync", path: path, code: errno)
        }
    }

    /// Takes the only lock on the file, or one that others may share, until it is closed; false where somebody else has
    /// the only one.
    package func lock(shared: Bool = false) throws(SegmentError) -> Bool {
        if flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw .system(call: "lock", path: path, code: errno) }
        return false
    }

    /// Closes the descriptor of a file that will never be destroyed.
    package borrowing func abandon() { _ = Glibc.close(descriptor) }

    /// Takes the only lock on the file, until it is closed, and waits a second for it at the most.
    package func lockWaiting() throws(SegmentError) {
        for _ in 0..<Limits.lockTriesMax {
            if try lock() { return }
            // flock(2) itself waits without a limit, and a stranger may hold the lock for ever.
            usleep(10_000)
        }
        throw .system(call: "lock", path: path, code: EWOULDBLOCK)
    }
}

/// Folders.
package enum Folder {
    /// Makes a folder and those above it; fine where it exists. With `isPublic`, users of all groups may enter those that are
    /// made, whatever the program's mask says.
    package static func make(_ path: String, isPublic: Bool = false) throws(SegmentError) {
        if let status = try File.status(path), !status.isRegular { return }
        let parent = parent(path)
        if parent != path, !parent.isEmpty { try make(parent, isPublic: isPublic) }
        if mkdir(path, isPublic ? 0o755 : 0o750) == 0 {
            if isPublic { chmod(path, 0o755) }
        } else if errno != EEXIST {
            throw .system(call: "mkdir", path: path, code: errno)
        }
        if !parent.isEmpty { try sync(parent) }
    }

    package static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Returns when the names in a folder are on the device.
    package static func sync(_ path: String) throws(SegmentError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(call: "open", path: path, code: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .system(call: "fsync", path: path, code: errno) }
    }

    /// Whether there is a folder at a path, and not a link to one.
    package static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The names in a folder, sorted; none where it does not exist.
    package static func names(_ path: String) throws(SegmentError) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw .system(call: "opendir", path: path, code: errno)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package static func remove(file path: String) throws(SegmentError) {
        guard unlink(path) == 0 || errno == ENOENT else {
            throw .system(call: "unlink", path: path, code: errno)
        }
    }

    /// The paths that match a shell pattern, sorted.
    package static func matching(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap {
            found.gl_pathv[$0].map { String(cString: $0) }
        }
    }
}
