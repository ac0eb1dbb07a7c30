/// How many columns of a terminal a text takes, and where it has to be cut to fit. The text is printable: what is invisible
/// or turns the direction of writing was escaped before.
enum TextWidth {
    /// O(n)
    static func columns(_ text: String) -> Int {
        text.unicodeScalars.reduce(0) { $0 + columns($1) }
    }

    /// The longest beginning that takes at most so many columns, marks that belong to its last letter included. O(n)
    static func prefix(_ text: String, columns max: Int) -> (text: String, columns: Int) {
        var result = String.UnicodeScalarView()
        var width = 0
        for scalar in text.unicodeScalars {
            let more = columns(scalar)
            guard width + more <= max else { break }
            width += more
            result.append(scalar)
        }
        return (String(result), width)
    }

    /// 0 for a mark that combines with the letter before it, 2 for what East Asian typography draws in a square and for
    /// pictures, else 1. Unicode Standard Annex 11.
    static func columns(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x20...0x2ff: return 1
        case 0x1f1e6...0x1f1ff: return 1  // Two of them make one flag.
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0x3247, 0x3250...0x4dbf, 0x4e00...0xa4cf,
            0xa960...0xa97c, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe10...0xfe19, 0xfe30...0xfe6f,
            0xff01...0xff60, 0xffe0...0xffe6, 0x20000...0x3fffd:
            return isMark(scalar) ? 0 : 2
        default: break
        }
        if isMark(scalar) { return 0 }
        return scalar.properties.isEmojiPresentation ? 2 : 1
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark: true
        default: false
        }
    }
}
