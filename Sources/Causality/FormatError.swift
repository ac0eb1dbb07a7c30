/// Why bytes are not what their format says.
@usableFromInline
package struct FormatError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was expected, and what was found.
    package let what: String
    /// Where, from the start of what was read.
    package let offset: Int

    package init(what: String, offset: Int) {
        self.what = what
        self.offset = offset
    }

    @usableFromInline package var description: String { "\(what) (at byte \(offset))" }
}
