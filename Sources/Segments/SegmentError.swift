/// Why bytes cannot be read or written as a segment.
package enum SegmentError: Error, Hashable, Sendable {
    /// The bytes are not what the format says. `offset` counts from the start of what was read.
    case malformed(what: String, offset: Int)
    /// A system call failed.
    case system(call: String, path: String, code: Int32)
}
