import Causality
import Disks

/// Why a journal, or what belongs to it, cannot be read or written.
package enum JournalError: Error, Hashable, Sendable {
    /// The bytes are not what the format says.
    case malformed(FormatError)
    /// They cannot be read or written.
    case disk(DiskError)

    /// Does what decodes bytes.
    @inline(__always)
    static func decoding<Result>(
        _ body: () throws(FormatError) -> Result
    ) throws(JournalError) -> Result {
        do throws(FormatError) {
            return try body()
        } catch {
            throw .malformed(error)
        }
    }

    /// Does what reads or writes files.
    static func using<Result>(
        _ body: () throws(DiskError) -> Result
    ) throws(JournalError) -> Result {
        do throws(DiskError) {
            return try body()
        } catch {
            throw .disk(error)
        }
    }
}

extension JournalError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let error): error.description
        case .disk(let error): error.description
        }
    }
}
