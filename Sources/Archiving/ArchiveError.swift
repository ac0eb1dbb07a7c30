/// Why an archive refuses or fails.
package enum ArchiveError: Error, Sendable, CustomStringConvertible {
    /// The bytes do not go there: `expected` is where the segment ends durably.
    case wrongOffset(found: Int, expected: Int)
    /// Somebody else is writing to the segment.
    case busy
    /// The bytes are intact, and follow on others than those that are here.
    case notContinuation(String)
    /// The bytes are no intact frames.
    case damaged(String)
    /// Somebody may not say that.
    case foreign(String)
    /// The bytes are intact, and more than is taken of one agent.
    case tooMuch(String)
    /// The device has no room left.
    case full(String)
    /// Somebody else has the archive open for writing.
    case locked(String)
    /// The archive itself cannot be read or written.
    case failed(String)

    package var description: String {
        switch self {
        case .wrongOffset(let found, let expected):
            "wrong offset: expected \(expected), found \(found)"
        case .busy: "something else is under way with this segment or execution"
        case .notContinuation(let text), .damaged(let text), .tooMuch(let text), .full(let text),
            .locked(let text), .failed(let text), .foreign(let text):
            text
        }
    }
}
