/// What a log, a checkpoint or a proof says cannot be believed.
package struct TransparencyError: Error, Hashable, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package init(_ text: String) { self.text = text }
}
