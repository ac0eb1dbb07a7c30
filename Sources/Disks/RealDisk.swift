import Glibc

/// The files and folders of this machine.
package struct RealDisk: Disk {
    package init() {}

    package func open(_ path: String, _ mode: DiskMode) throws(DiskError) -> any DiskFile {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .write: O_RDWR | O_CREAT
            case .create: O_RDWR | O_CREAT | O_EXCL
            case .readUntrusted: O_RDONLY | O_NOFOLLOW | O_NONBLOCK
            case .writeUntrusted: O_RDWR | O_NOFOLLOW | O_NONBLOCK
            }
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure("open", path) }
        let file = RealFile(path, descriptor)
        if mode == .readUntrusted || mode == .writeUntrusted {
            guard (try? file.status().isRegular) == true else { throw .notRegular(path) }
        }
        return file
    }

    package func map(
        creating path: String, byteCount: Int
    ) throws(DiskError) -> any MappedFile {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let descriptor = Glibc.open(path, flags, 0o600)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        // A full device is an error here, not a fault when the memory is written to.
        var reserved = EINTR
        for _ in 0..<10 where reserved == EINTR {
            reserved = posix_fallocate(descriptor, 0, off_t(byteCount))
        }
        guard reserved == 0 else {
            unlink(path)
            throw DiskError(call: "reserve", path: path, code: reserved)
        }
        let mapping = mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED | Int32(MAP_POPULATE), descriptor, 0)
        guard let mapping, mapping != MAP_FAILED else {
            let error = failure("map", path)
            unlink(path)
            throw error
        }
        return RealMapping(base: mapping, byteCount: byteCount)
    }

    package func unusedName() -> String {
        var random = SystemRandomNumberGenerator()
        return String(random.next(), radix: 16) + String(random.next(), radix: 16)
    }

    package func status(_ path: String) throws(DiskError) -> DiskStatus? {
        var status = stat()
        if stat(path, &status) == 0 { return DiskStatus(status) }
        guard errno == ENOENT || errno == ENOTDIR else { throw failure("stat", path) }
        return nil
    }

    package func isFolder(_ path: String) throws(DiskError) -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
        let error = failure("stat", path)
        guard error.isMissing else { throw error }
        return false
    }

    package func isWritable(_ path: String) -> Bool { access(path, W_OK) == 0 }

    package func freeBytes(in folder: String) -> Int? {
        var status = statvfs()
        guard statvfs(folder, &status) == 0 else { return nil }
        let (bytes, isTooMany) = UInt64(status.f_bavail)
            .multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return isTooMany ? .max : Int(clamping: bytes)
    }

    package func names(_ folder: String) throws(DiskError) -> [String] {
        guard let stream = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw failure("opendir", folder)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    package func matching(_ pattern: String) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob(pattern, 0, nil, &found) == 0 else { return [] }
        return (0..<Int(found.gl_pathc)).compactMap {
            found.gl_pathv[$0].map { String(cString: $0) }
        }
    }

    package func canonical(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    package func make(oneFolder path: String, permissions: UInt32) throws(DiskError) -> Bool {
        if mkdir(path, permissions) == 0 { return true }
        guard errno == EEXIST else { throw failure("mkdir", path) }
        return false
    }

    package func remove(file path: String) throws(DiskError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw failure("unlink", path) }
    }

    @discardableResult
    package func remove(folder path: String) throws(DiskError) -> Bool {
        if rmdir(path) == 0 || errno == ENOENT { return true }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw failure("rmdir", path) }
        return false
    }

    package func rename(_ path: String, to other: String) throws(DiskError) {
        guard Glibc.rename(path, other) == 0 else { throw failure("rename", other) }
    }

    package func sync(folder path: String) throws(DiskError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    package func set(permissions: UInt32, of path: String) throws(DiskError) {
        guard chmod(path, permissions) == 0 else { throw failure("chmod", path) }
    }

    package func set(owner: UInt32, group: UInt32, of path: String) throws(DiskError) {
        guard chown(path, owner, group) == 0 else { throw failure("chown", path) }
    }
}

/// An open file of this machine.
private final class RealFile: DiskFile {
    let path: String
    private let descriptor: Int32

    init(_ path: String, _ descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func status() throws(DiskError) -> DiskStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("fstat", path) }
        return DiskStatus(status)
    }

    func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let got = pread(
                    descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled)
                )
                if got < 0, errno == EINTR { continue }
                if got < 0 { code = errno }
                if got <= 0 { break }
                filled += got
            }
        }
        guard code == 0 else { throw DiskError(call: "read", path: path, code: code) }
        return bytes
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError) {
        var done = 0
        while done < bytes.count {
            let put = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress! + done, bytes.count - done, off_t(offset + done)
                )
            }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw failure("write", path) }
            done += put
        }
    }

    func truncate(to byteCount: Int) throws(DiskError) {
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else { throw failure("truncate", path) }
    }

    func sync() throws(DiskError) {
        guard fdatasync(descriptor) == 0 else { throw failure("fsync", path) }
    }

    func lock(shared: Bool) throws(DiskError) -> Bool {
        if flock(descriptor, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failure("lock", path) }
        return false
    }

    func lockWaiting() throws(DiskError) {
        for _ in 0..<Limits.lockTriesMax {
            if try lock() { return }
            // flock(2) itself waits without a limit, and a stranger may hold the lock for ever.
            usleep(Limits.lockTryMicroseconds)
        }
        throw DiskError(call: "lock", path: path, code: EWOULDBLOCK)
    }

    func abandon() { close(descriptor) }
}

/// The error of the call that failed just now.
private func failure(_ call: String, _ path: String) -> DiskError {
    DiskError(call: call, path: path, code: errno)
}

extension DiskStatus {
    fileprivate init(_ status: stat) {
        self.init(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
            byteCount: Int(status.st_size), isRegular: status.st_mode & S_IFMT == S_IFREG,
            changedSeconds: status.st_mtim.tv_sec, owner: status.st_uid,
            permissions: status.st_mode & 0o7777)
    }
}

private final class RealMapping: MappedFile {
    let base: UnsafeMutableRawPointer
    private let byteCount: Int

    init(base: UnsafeMutableRawPointer, byteCount: Int) {
        self.base = base
        self.byteCount = byteCount
    }

    deinit { munmap(base, byteCount) }
}
