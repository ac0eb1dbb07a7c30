/// Texts as they were written, byte for byte. Swift's own equality holds two spellings of one character (`é` as one
/// scalar or as two) for equal; names and texts of others must not be merged by that.
package struct ExactText: Hashable, Sendable {
    package let text: String

    package init(_ text: String) { self.text = text }

    package static func == (a: ExactText, b: ExactText) -> Bool { isSame(a.text, b.text) }

    package func hash(into hasher: inout Hasher) { ExactText.hash(text, into: &hasher) }

    /// True where two texts have the same bytes. O(n).
    package static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.count == b.utf8.count && compare(a, b) == 0
    }

    package static func hash(_ text: String, into hasher: inout Hasher) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if done == nil { for byte in text.utf8 { hasher.combine(byte) } }
        hasher.combine(text.utf8.count)
    }

    /// The order of the bytes. O(n).
    package static func isBefore(_ a: String, _ b: String) -> Bool { compare(a, b) < 0 }

    /// Less than 0, 0 or more, as the bytes of `a` come before those of `b`, are the same, or come after. O(n).
    package static func compare(_ a: String, _ b: String) -> Int {
        var (a, b) = (a, b)
        return a.withUTF8 { a in
            b.withUTF8 { b in
                let count = min(a.count, b.count)
                var index = 0
                while index < count, a[index] == b[index] { index += 1 }
                return index < count ? Int(a[index]) - Int(b[index]) : a.count - b.count
            }
        }
    }
}
