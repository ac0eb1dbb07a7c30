import Glibc

/// A call of the file system that failed.
package struct DiskError: Error, Hashable, Sendable {
    /// What was to be done, as it reads after "cannot".
    package let call: String
    package let path: String
    /// As errno has it.
    package let code: Int32

    package init(call: String, path: String, code: Int32) {
        self.call = call
        self.path = path
        self.code = code
    }

    /// What was found where only a regular file will do.
    package static func notRegular(_ path: String) -> DiskError {
        DiskError(call: DiskError.reading, path: path, code: EINVAL)
    }

    private static let reading = "read as a regular file"

    /// True where something that is no regular file was to be opened as one.
    package var isNotRegular: Bool { call == DiskError.reading }

    /// True where there is nothing of that name.
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    /// True where the device, or what of it this user may have, has no room left.
    package var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }
}

extension DiskError: CustomStringConvertible {
    package var description: String {
        isNotRegular
            ? "\(path): expected a regular file"
            : "cannot \(call) \(path): \(String(cString: strerror(code)))"
    }
}
