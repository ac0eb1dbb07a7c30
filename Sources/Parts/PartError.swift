import Causality
import Disks

/// Why a part cannot be read or written.
package enum PartError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The bytes of a file are not what the format says.
    case damaged(path: String, offset: Int, what: String)
    /// What the events of a segment say is not what its chains say.
    case brokenChain(path: String, what: String)
    /// Somebody wanted it to stop.
    case stopped
    /// They cannot be read or written.
    case disk(DiskError)

    package var description: String {
        switch self {
        case .damaged(let path, let offset, let what): "\(path), byte \(offset): \(what)"
        case .brokenChain(let path, let what): "\(path): \(what)"
        case .stopped: "stopped"
        case .disk(let error): error.description
        }
    }

    /// Does what decodes bytes that lie at `offset` of a file.
    static func decoding<Result>(
        _ path: String, at offset: Int, _ body: () throws(FormatError) -> Result
    ) throws(PartError) -> Result {
        do throws(FormatError) {
            return try body()
        } catch {
            throw .damaged(path: path, offset: offset + error.offset, what: error.what)
        }
    }

    /// Does what reads or writes.
    package static func onDisk<Result>(
        _ body: () throws(DiskError) -> Result
    ) throws(PartError) -> Result {
        do throws(DiskError) {
            return try body()
        } catch {
            throw .disk(error)
        }
    }
}
