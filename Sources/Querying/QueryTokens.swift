import Causality

/// Why a selection or a query cannot be read.
package struct QuerySyntaxError: Error, CustomStringConvertible {
    package let text: String
    /// Where, counted from 1 in characters.
    package let column: Int
    private let source: String

    init(_ text: String, column: Int, in source: String) {
        self.text = text
        self.column = column
        self.source = source
    }

    /// The message, and what was read with a mark below the column.
    package var description: String {
        let shown = source.map { $0.isNewline || $0 == "\t" ? " " : $0 }
        return
            "column \(column): \(text)\n  \(String(shown))\n  \(String(repeating: " ", count: column - 1))^"
    }
}

/// What selections and queries are written with.
enum QueryToken: Equatable {
    case word(String)
    case string(String)
    case symbol(String)
    case end

    var text: String {
        switch self {
        case .word(let text): "“\(text)”"
        case .string(let text): "\"\(text)\""
        case .symbol(let text): "“\(text)”"
        case .end: "the end"
        }
    }
}

/// The tokens of a selection or a query, read one after the other.
///
///     string = "…" | '…'                          with \ before the quotation mark and before another \
///     word   = whatever stands between blanks, quotation marks and symbols
struct QueryTokens {
    let source: String
    private let characters: [Character]
    private var tokens: [(token: QueryToken, column: Int)] = []
    private var index = 0

    /// Longer ones first.
    private static let symbols = [
        "!->", "!<-", "->", "<-", "~>", "&&", "||", "!=", "!~", "=~", ">=", "<=", "==", "=", ">",
        "<",
        "!", "(", ")", "{", "}", ",", "|",
    ]
    /// Where a word ends.
    private static let wordEnds: Set<Character> = Set("\"'&|!=~<>(){},")

    init(_ source: String) throws(QuerySyntaxError) {
        self.source = source
        guard source.utf8.count <= Limits.selectionBytesMax else {
            throw QuerySyntaxError(
                "\(source.utf8.count) bytes: expected at most \(Limits.selectionBytesMax)",
                column: 1,
                in: "")
        }
        characters = Array(source)
        var at = 0
        while at < characters.count {
            let character = characters[at]
            if character.isWhitespace {
                at += 1
            } else if character == "\"" || character == "'" {
                try string(&at)
            } else if let symbol = Self.symbols.first(where: { characters[at...].starts(with: $0) })
            {
                tokens.append((.symbol(symbol), at + 1))
                at += symbol.count
            } else {
                try word(&at)
            }
        }
        tokens.append((.end, characters.count + 1))
    }

    private mutating func string(_ at: inout Int) throws(QuerySyntaxError) {
        let (mark, column) = (characters[at], at + 1)
        var text = ""
        at += 1
        while at < characters.count, characters[at] != mark {
            if characters[at] == "\\", at + 1 < characters.count,
                characters[at + 1] == mark || characters[at + 1] == "\\"
            {
                at += 1
            }
            text.append(characters[at])
            at += 1
        }
        guard at < characters.count else {
            throw QuerySyntaxError("this text is not closed", column: column, in: source)
        }
        at += 1
        tokens.append((.string(text), column))
    }

    /// Whether a text is one word as it stands.
    static func isWord(_ text: String) -> Bool {
        !text.isEmpty && !text.contains("->")
            && text.allSatisfy { !$0.isWhitespace && !wordEnds.contains($0) }
    }

    private mutating func word(_ at: inout Int) throws(QuerySyntaxError) {
        let start = at
        while at < characters.count, !characters[at].isWhitespace,
            !Self.wordEnds.contains(characters[at]),
            // An arrow ends a word, a hyphen does not.
            !(characters[at] == "-" && at + 1 < characters.count && characters[at + 1] == ">")
        {
            at += 1
        }
        guard at > start else {
            throw QuerySyntaxError(
                "“\(characters[at])” means nothing here", column: start + 1, in: source)
        }
        tokens.append((.word(String(characters[start..<at])), start + 1))
    }

    var current: QueryToken { tokens[index].token }

    /// The one behind the current one.
    var following: QueryToken { tokens[min(index + 1, tokens.count - 1)].token }

    func error(_ text: String) -> QuerySyntaxError {
        QuerySyntaxError(text, column: tokens[index].column, in: source)
    }

    mutating func advance() { if index < tokens.count - 1 { index += 1 } }

    /// Where the current token begins, in characters.
    var offset: Int { tokens[index].column - 1 }

    /// What was written from an offset up to the current token, without blanks at its end.
    func text(from start: Int) -> String {
        var end = offset
        while end > start, characters[end - 1].isWhitespace { end -= 1 }
        return String(characters[start..<end])
    }

    /// Goes on where the current token is this symbol.
    mutating func take(_ symbol: String) -> Bool {
        guard current == .symbol(symbol) else { return false }
        advance()
        return true
    }

    /// Goes on where the current token is this word.
    mutating func take(word: String) -> Bool {
        guard current == .word(word) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String) throws(QuerySyntaxError) {
        guard take(symbol) else { throw error("expected “\(symbol)”, found \(current.text)") }
    }
}
