import Causality
import Matching

/// Why a selection cannot be read.
package struct SelectionError: Error, CustomStringConvertible {
    package let text: String
    /// Where, counted from 1 in characters.
    package let column: Int
    private let source: String

    init(_ text: String, column: Int, in source: String) {
        self.text = text
        self.column = column
        self.source = source
    }

    /// The message, and the selection with a mark below the column.
    package var description: String {
        let shown = source.map { $0.isNewline || $0 == "\t" ? " " : $0 }
        return
            "column \(column): \(text)\n  \(String(shown))\n  \(String(repeating: " ", count: column - 1))^"
    }
}

extension Selection {
    /// Reads a selection; the braces around it may be left out.
    ///
    ///     selection  = ["{"] [or] ["}"]
    ///     or         = and ("||" and)*
    ///     and        = unary ("&&" unary)*
    ///     unary      = "!" unary | "(" or ")" | comparison
    ///     comparison = field ("=" | "!=" | "=~" | "!~" | ">" | ">=" | "<" | "<=") value
    ///     field      = process | host | kind | name | text | level | time | seq | ["attr."] key
    ///     key        = any attribute's, or the path to a member of one that is an object: pkt.msg.type
    ///     value      = "text" | 'text' | number | word
    package init(_ text: String) throws(SelectionError) {
        var parser = try SelectionParser(text)
        condition = try parser.selection()
        self.text = text
    }
}

private enum Token: Equatable {
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

private struct SelectionParser {
    private let source: String
    private var tokens: [(token: Token, column: Int)] = []
    private var index = 0
    /// What the patterns that were read compile to.
    private var instructions = 0

    init(_ source: String) throws(SelectionError) {
        self.source = source
        guard source.utf8.count <= Limits.selectionBytesMax else {
            throw SelectionError(
                "a selection of \(source.utf8.count) bytes: expected at most \(Limits.selectionBytesMax)",
                column: 1, in: "")
        }
        try tokenize()
    }

    private mutating func tokenize() throws(SelectionError) {
        let characters = Array(source)
        var at = 0
        while at < characters.count {
            let character = characters[at]
            let column = at + 1
            if character.isWhitespace {
                at += 1
            } else if character == "\"" || character == "'" {
                var text = ""
                at += 1
                while at < characters.count, characters[at] != character {
                    if characters[at] == "\\", at + 1 < characters.count,
                        characters[at + 1] == character || characters[at + 1] == "\\"
                    {
                        at += 1
                    }
                    text.append(characters[at])
                    at += 1
                }
                guard at < characters.count else {
                    throw SelectionError("this text is not closed", column: column, in: source)
                }
                at += 1
                tokens.append((.string(text), column))
            } else if let symbol = Self.symbols.first(where: { characters[at...].starts(with: $0) })
            {
                tokens.append((.symbol(symbol), column))
                at += symbol.count
            } else {
                let start = at
                while at < characters.count, !characters[at].isWhitespace,
                    !"\"'&|!=~<>(){}".contains(characters[at])
                {
                    at += 1
                }
                guard at > start else {
                    throw SelectionError(
                        "“\(character)” means nothing here", column: column, in: source)
                }
                tokens.append((.word(String(characters[start..<at])), column))
            }
        }
        tokens.append((.end, characters.count + 1))
    }

    /// Longer ones first.
    private static let symbols = [
        "&&", "||", "!=", "!~", "=~", ">=", "<=", "==", "=", ">", "<", "!", "(", ")", "{", "}",
    ]

    private var current: Token { tokens[index].token }

    private func error(_ text: String) -> SelectionError {
        SelectionError(text, column: tokens[index].column, in: source)
    }

    private mutating func take(_ symbol: String) -> Bool {
        guard current == .symbol(symbol) else { return false }
        index += 1
        return true
    }

    mutating func selection() throws(SelectionError) -> Selection.Condition {
        let isBraced = take("{")
        var condition = Selection.Condition.always
        if current != .end, current != .symbol("}") { condition = try or(depth: 0) }
        if isBraced, !take("}") { throw error("expected “}”, found \(current.text)") }
        guard current == .end else {
            throw error("expected “&&”, “||” or the end, found \(current.text)")
        }
        return condition
    }

    private mutating func or(depth: Int) throws(SelectionError) -> Selection.Condition {
        var condition = try and(depth: depth)
        while take("||") { condition = .or(condition, try and(depth: depth)) }
        return condition
    }

    private mutating func and(depth: Int) throws(SelectionError) -> Selection.Condition {
        var condition = try unary(depth: depth)
        while take("&&") { condition = .and(condition, try unary(depth: depth)) }
        return condition
    }

    private mutating func unary(depth: Int) throws(SelectionError) -> Selection.Condition {
        guard depth < Limits.selectionDepthMax else {
            throw error("more than \(Limits.selectionDepthMax) conditions inside each other")
        }
        if take("!") { return .not(try unary(depth: depth + 1)) }
        if take("(") {
            let condition = try or(depth: depth + 1)
            guard take(")") else { throw error("expected “)”, found \(current.text)") }
            return condition
        }
        return try comparison()
    }

    private mutating func comparison() throws(SelectionError) -> Selection.Condition {
        let field: Selection.Field
        switch current {
        case .word(let name): field = Self.field(name)
        case .string(let name): field = .attribute(name)
        default: throw error("expected the name of a field, found \(current.text)")
        }
        index += 1
        if case .string(let text) = tokens[index - 1].token, endsCondition {
            let words = Words.all(of: text)
            guard !words.isEmpty else {
                index -= 1
                throw error("expected a word among letters and digits, found \(current.text)")
            }
            return .words(words)
        }
        guard case .symbol(let symbol) = current, let comparison = Self.comparisons[symbol] else {
            throw error("expected one of = != =~ !~ > >= < <=, found \(current.text)")
        }
        index += 1
        let literal = try literal(for: field, comparison)
        index += 1
        return .compare(field, comparison, literal)
    }

    /// True where no comparison follows: then what was read stands for itself.
    private var endsCondition: Bool {
        switch current {
        case .end: true
        case .symbol(let symbol): ["&&", "||", ")", "}"].contains(symbol)
        case .word, .string: false
        }
    }

    /// Before the key of an attribute, which may then be called as a field is.
    private static let attributePrefix = "attr."

    private static func field(_ name: String) -> Selection.Field {
        switch name {
        case "process": .process
        case "host": .host
        case "kind": .kind
        case "name": .name
        case "text": .text
        case "level": .level
        case "time": .time
        case "seq": .seq
        case _ where name.hasPrefix(attributePrefix) && name != attributePrefix:
            .attribute(String(name.dropFirst(attributePrefix.count)))
        default: .attribute(name)
        }
    }

    private static let comparisons: [String: Selection.Comparison] = [
        "=": .equal, "==": .equal, "!=": .notEqual, ">": .greater, ">=": .greaterOrEqual,
        "<": .less,
        "<=": .lessOrEqual, "=~": .matches, "!~": .doesNotMatch,
    ]

    private mutating func literal(
        for field: Selection.Field, _ comparison: Selection.Comparison
    ) throws(SelectionError) -> Selection.Literal {
        let text: String
        let isQuoted: Bool
        switch current {
        case .word(let word): (text, isQuoted) = (word, false)
        case .string(let string): (text, isQuoted) = (string, true)
        default: throw error("expected a value, found \(current.text)")
        }
        if comparison == .matches || comparison == .doesNotMatch {
            return .pattern(try pattern(text))
        }
        switch field {
        case .level:
            guard let level = Level(text: text) else {
                throw error(
                    "expected a level (\(Level.allCases.map(\.text).joined(separator: ", "))), found “\(text)”"
                )
            }
            return .level(level)
        case .time:
            guard let time = WallTime(text: text) else {
                throw error("expected a time such as 2026-11-23T10:20:30Z, found “\(text)”")
            }
            return .time(time)
        case .kind:
            guard EventKind(text: text) != nil else {
                throw error("expected local, send or receive, found “\(text)”")
            }
            return .text(text)
        case .seq:
            guard let number = Double(text) else {
                throw error("expected a number, found “\(text)”")
            }
            return .number(number, text)
        case .process, .host, .name, .text: return .text(text)
        case .attribute:
            if !isQuoted, let number = Double(text) { return .number(number, text) }
            return .text(text)
        }
    }

    private mutating func pattern(_ text: String) throws(SelectionError) -> Pattern {
        let pattern: Pattern
        do {
            pattern = try Pattern(text)
        } catch let failure {
            throw error("\(failure)")
        }
        instructions += pattern.instructionCount
        guard instructions <= Matching.Limits.patternInstructionsMax else {
            throw error(
                "the patterns up to here compile to \(instructions) instructions: expected at most "
                    + "\(Matching.Limits.patternInstructionsMax) in one selection")
        }
        return pattern
    }
}
