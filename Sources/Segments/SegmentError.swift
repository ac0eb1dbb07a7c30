import Causality
import Disks

/// Why a segment cannot be read or written.
package enum SegmentError: Error, Hashable, Sendable {
    /// The bytes are not what the format says.
    case malformed(FormatError)
    /// They cannot be read or written.
    case disk(DiskError)

    /// Does what decodes bytes.
    @inline(__always)
    static func decoding<Result>(
        _ body: () throws(FormatError) -> Result
    ) throws(SegmentError) -> Result {
        do throws(FormatError) {
            return try body()
        } catch {
            throw .malformed(error)
        }
    }
}

extension SegmentError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let error): error.description
        case .disk(let error): error.description
        }
    }
}
