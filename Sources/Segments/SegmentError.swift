import Causality
import Glibc

/// Why a segment, a journal or a file cannot be read or written.
package enum SegmentError: Error, Hashable, Sendable {
    /// The bytes are not what the format says.
    case malformed(FormatError)
    /// A system call failed.
    case system(call: String, path: String, code: Int32)

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
        case .system(let call, let path, let code):
            "cannot \(call) \(path): \(String(cString: strerror(code)))"
        }
    }

    /// True where the device has no room left.
    package var isDiskFull: Bool {
        if case .system(_, _, let code) = self { return code == ENOSPC || code == EDQUOT }
        return false
    }
}
