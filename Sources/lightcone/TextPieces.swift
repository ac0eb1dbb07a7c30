/// Text whose bytes come in pieces that may end in the middle of a character.
struct TextPieces {
    private var cut: [UInt8] = []

    /// The characters that are whole with this piece.
    mutating func next(_ piece: some Sequence<UInt8>) -> String {
        let bytes = cut + piece
        let whole = bytes.count - TextPieces.bytesCut(bytes)
        cut = Array(bytes[whole...])
        return String(decoding: bytes[..<whole], as: UTF8.self)
    }

    /// What is left where no piece follows: no whole character.
    var rest: String { String(decoding: cut, as: UTF8.self) }

    /// How many bytes at the end begin a character and do not end it.
    private static func bytesCut(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            switch bytes[bytes.count - count] {
            case 0x80..<0xc0: continue
            case 0xc0..<0xe0: return count < 2 ? count : 0
            case 0xe0..<0xf0: return count < 3 ? count : 0
            case 0xf0...: return count
            default: return 0
            }
        }
        return 0
    }
}
