/// The words of texts, as filters and questions know them: each longest run of ASCII letters, digits, `_` and characters
/// beyond ASCII, in lower case.
@usableFromInline
package enum Words {
    /// By byte: 0 where it separates words, else the byte in lower case.
    @usableFromInline static let classes: [UInt8] = (0..<256).map { byte in
        switch UInt8(byte) {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt8(byte) + 32
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), 128...255:
            UInt8(byte)
        default: 0
        }
    }

    /// Calls `body` with the hash, never 0, of each word of a part of `bytes`, valid UTF-8. O(n).
    @inlinable
    package static func forEachHash(
        in bytes: [UInt8], _ range: Range<Int>, _ body: (UInt64) -> Void
    ) {
        let (bytes, classes) = (bytes.span, classes.span)
        // FNV-1a (Fowler, Noll, Vo), folded at the end: a Bloom filter needs all bits to be good.
        var (state, all) = (hashStart, UInt8(0))
        var start = range.lowerBound
        for index in range {
            let byte = classes[Int(bytes[index])]
            if byte != 0 {
                state = (state ^ UInt64(byte)) &* hashFactor
                all |= byte
                continue
            }
            if start < index {
                body(all < 0x80 ? ended(state) : hash(beyondASCII: bytes, start..<index))
                (state, all) = (hashStart, 0)
            }
            start = index + 1
        }
        if start < range.upperBound {
            body(all < 0x80 ? ended(state) : hash(beyondASCII: bytes, start..<range.upperBound))
        }
    }

    /// The words of a text, in its order. O(n).
    package static func all(of text: String) -> [String] {
        text.utf8.split { classes[Int($0)] == 0 }.map { word in
            Substring(word).lowercased()
        }
    }

    /// The hashes of the words of a text, in its order. O(n).
    package static func hashes(of text: String) -> [UInt64] {
        let bytes = Array(text.utf8)
        var hashes: [UInt64] = []
        forEachHash(in: bytes, 0..<bytes.count) { hashes.append($0) }
        return hashes
    }

    @usableFromInline static let hashStart: UInt64 = 0xCBF2_9CE4_8422_2325
    @usableFromInline static let hashFactor: UInt64 = 0x0000_0100_0000_01B3

    @inlinable
    static func ended(_ state: UInt64) -> UInt64 { max(1, folded(state, 0xA076_1D64_78BD_642F)) }

    /// A word's of which only a string knows the lower case.
    @usableFromInline
    static func hash(beyondASCII bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64 {
        let word = range.map { bytes[$0] }
        let lower = String(decoding: word, as: UTF8.self).lowercased().utf8
        return ended(lower.reduce(hashStart) { ($0 ^ UInt64($1)) &* hashFactor })
    }
}
