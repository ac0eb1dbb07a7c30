/// Why somebody or something is not let in, or what lets in cannot be read or made.
package struct AccessError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package init(_ text: String) { self.text = text }
}
