/// The words of texts, as filters and questions know them: each longest run of ASCII letters, digits, `_` and characters
/// beyond ASCII, in lower case.
package enum Words {
    /// By byte: 0 where it separates words, else the byte in lower case.
    private static let classes: [UInt8] = (0..<256).map { byte in
        switch UInt8(byte) {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt8(byte) + 32
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), 128...255:
            UInt8(byte)
        default: 0
        }
    }

    /// Calls `body` with the hash, never 0, of each word of a part of `bytes`, valid UTF-8. O(n).
    package static func forEachHash(
        in bytes: [UInt8], _ range: Range<Int>, _ room: inout [UInt8], _ body: (UInt64) -> Void
    ) {
        room.removeAll(keepingCapacity: true)
        var isASCII = true
        let classes = classes
        for index in range {
            let byte = classes[Int(bytes[index])]
            if byte != 0 {
                room.append(byte)
                if byte >= 128 { isASCII = false }
            } else if !room.isEmpty {
                body(hash(room, isASCII: isASCII))
                room.removeAll(keepingCapacity: true)
                isASCII = true
            }
        }
        if !room.isEmpty { body(hash(room, isASCII: isASCII)) }
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
        var (hashes, room): ([UInt64], [UInt8]) = ([], [])
        forEachHash(in: bytes, 0..<bytes.count, &room) { hashes.append($0) }
        return hashes
    }

    private static func hash(_ word: [UInt8], isASCII: Bool) -> UInt64 {
        guard !isASCII else { return word.withUnsafeBytes { max(1, mixed($0, seed: 0)) } }
        let lower = Array(String(decoding: word, as: UTF8.self).lowercased().utf8)
        return lower.withUnsafeBytes { max(1, mixed($0, seed: 0)) }
    }
}
