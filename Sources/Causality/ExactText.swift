/// Texts as they were written, byte for byte. Swift's own equality holds two spellings of one character (`é` as one
/// scalar or as two) for equal; names and texts of others must not be merged by that.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (a: ExactText, b: ExactText) -> Bool { isSame(a.text, b.text) }

    package func hash(into hasher: inout Hasher) { ExactText.hash(text, into: &hasher) }

    /// True where two texts have the same bytes. O(n).
    package static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    package static func hash(_ text: String, into hasher: inout Hasher) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if done == nil { for byte in text.utf8 { hasher.combine(byte) } }
        hasher.combine(text.utf8.count)
    }

    /// The order of the bytes.
    package static func isBefore(_ a: String, _ b: String) -> Bool {
        a.utf8.lexicographicallyPrecedes(b.utf8)
    }
}
