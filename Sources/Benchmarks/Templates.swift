/// What is drawn for each line of a template.
enum Field: UInt8 {
    case none, user, order, number, large, duration, hexadecimal, path, address, share

    /// By its letter in `Vocabulary`.
    init?(letter: Character) {
        switch letter {
        case "u": self = .user
        case "o": self = .order
        case "n": self = .number
        case "k": self = .large
        case "d": self = .duration
        case "x": self = .hexadecimal
        case "p": self = .path
        case "a": self = .address
        case "v": self = .share
        default: return nil
        }
    }
}

/// One way in which events are worded.
struct Template {
    let level: [UInt8]
    /// As the lines of a text log write it.
    let capitalLevel: [UInt8]
    let name: [UInt8]
    /// Its pieces in `Templates.pieces`.
    let pieces: Range<Int>
}

/// The vocabulary, taken apart once so that writing a line is copying and drawing.
struct Templates {
    /// Literal bytes, and the field that follows them.
    struct Piece {
        let literal: Range<Int>
        let field: Field
    }

    private(set) var literals: [UInt8] = []
    private(set) var pieces: [Piece] = []
    /// A few hundred: the same happenings in the words of each part.
    private(set) var happenings: [Template] = []
    private(set) var sendings: [Template] = []
    private(set) var receivings: [Template] = []

    init() {
        for happening in Vocabulary.happenings {
            // What names no part is worded in one way only.
            let parts = happening.text.contains("@") ? Vocabulary.parts : [""]
            for part in parts {
                let text = happening.text.replacing("@", with: part)
                happenings.append(make(happening.level, happening.name, text))
            }
        }
        sendings = Vocabulary.sendings.map { make($0.level, $0.name, $0.text) }
        receivings = Vocabulary.receivings.map { make($0.level, $0.name, $0.text) }
    }

    private mutating func make(_ level: String, _ name: String, _ text: String) -> Template {
        let first = pieces.count
        var start = literals.count
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "{", let letter = rest.first, let field = Field(letter: letter) {
                pieces.append(Piece(literal: start..<literals.count, field: field))
                start = literals.count
                rest.removeFirst(2)
            } else {
                literals += Array(String(character).utf8)
            }
        }
        if start < literals.count {
            pieces.append(Piece(literal: start..<literals.count, field: .none))
        }
        return Template(
            level: Array(level.utf8), capitalLevel: Array(level.uppercased().utf8),
            name: Array(name.utf8), pieces: first..<pieces.count)
    }
}
