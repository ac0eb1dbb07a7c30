import Disks

/// Why something cannot be read from a file of the archive.
package enum PartsError: Error, CustomStringConvertible {
    /// The disk failed.
    case disk(DiskError)
    /// The bytes at a place are not what was written.
    case damaged(path: String, offset: Int, what: String)

    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .damaged(let path, let offset, let what): "\(path), byte \(offset): \(what)"
        }
    }
}
