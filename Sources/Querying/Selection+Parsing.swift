import Causality
import Matching

extension Selection {
    /// Reads a selection; the braces around it may be left out.
    ///
    ///     selection  = ["{"] [or] ["}"]
    ///     or         = and ("||" and)*
    ///     and        = unary ("&&" unary)*
    ///     unary      = "!" unary | "(" or ")" | condition
    ///     condition  = words | "exists" "(" field ")" | field "in" "(" value ("," value)* ")"
    ///                | sum ("=" | "!=" | ">" | ">=" | "<" | "<=") sum | field ("=~" | "!~") pattern
    ///     words      = "text" | 'text'
    ///     sum        = product (("+" | "-") product)*            with blanks around each sign
    ///     product    = operand (("*" | "/") operand)*
    ///     operand    = field | value
    ///     field      = process | host | kind | name | text | level | time | seq | ["attr."] key
    ///     key        = any attribute's, in quotation marks where it has other signs, or the path to a member of one that is an
    ///                  object: pkt.msg.type
    ///     value      = "text" | 'text' | number | duration | now | word; on the left of a comparison a word is a field, on its
    ///                  right a value, but for a field that begins with attr.
    ///
    /// - Parameter now: What `now` means; nil where there is no such time.
    package init(_ text: String, now: WallTime? = nil) throws(QuerySyntaxError) {
        var parser = QueryParser(try QueryTokens(text), now: now)
        condition = try parser.wholeSelection()
        self.text = text
    }
}

/// Reads selections and queries, by recursive descent.
struct QueryParser {
    var tokens: QueryTokens
    let now: WallTime?
    /// Between the events of a match: the names of its terms. nil in a selection.
    var terms: [String]?
    /// Where matches are one event: the name of its term, which fields may have in front.
    var onlyTerm: String?
    /// What the patterns that were read compile to.
    private var instructions = 0

    init(_ tokens: QueryTokens, now: WallTime?) {
        self.tokens = tokens
        self.now = now
    }

    mutating func wholeSelection() throws(QuerySyntaxError) -> Selection.Condition {
        let isBraced = tokens.take("{")
        var condition = Selection.Condition.always
        if tokens.current != .end, tokens.current != .symbol("}") { condition = try or(depth: 0) }
        if isBraced { try tokens.expect("}") }
        guard tokens.current == .end else {
            throw tokens.error("expected “&&”, “||” or the end, found \(tokens.current.text)")
        }
        return condition
    }

    mutating func or(depth: Int) throws(QuerySyntaxError) -> Selection.Condition {
        var condition = try and(depth: depth)
        while tokens.take("||") { condition = .or(condition, try and(depth: depth)) }
        return condition
    }

    private mutating func and(depth: Int) throws(QuerySyntaxError) -> Selection.Condition {
        var condition = try unary(depth: depth)
        while tokens.take("&&") { condition = .and(condition, try unary(depth: depth)) }
        return condition
    }

    private mutating func unary(depth: Int) throws(QuerySyntaxError) -> Selection.Condition {
        guard depth < Limits.selectionDepthMax else {
            throw tokens.error("more than \(Limits.selectionDepthMax) conditions inside each other")
        }
        if tokens.take("!") { return .not(try unary(depth: depth + 1)) }
        if tokens.take("(") {
            let condition = try or(depth: depth + 1)
            try tokens.expect(")")
            return condition
        }
        return try condition()
    }

    private mutating func condition() throws(QuerySyntaxError) -> Selection.Condition {
        if tokens.current == .word("exists"), tokens.following == .symbol("(") {
            tokens.advance()
            tokens.advance()
            let reference = try reference()
            try tokens.expect(")")
            let some = Selection.Expression.field(reference)
            // What is not there equals nothing, itself neither.
            return reference.term == nil ? .exists(reference.field) : .relate(some, .equal, some)
        }
        if let words = try words() { return .words(words) }
        if let gap = try gap() { return try elapsed(gap) }
        let left = try sum(of: nil)
        if tokens.take(word: "in") { return try isOne(left) }
        guard case .symbol(let symbol) = tokens.current, let comparison = Self.comparisons[symbol]
        else {
            throw tokens.error(
                "expected one of = != =~ !~ > >= < <= in, found \(tokens.current.text)\(hint(behind: left))"
            )
        }
        tokens.advance()
        return try comparison == .matches || comparison == .doesNotMatch
            ? matching(left, comparison) : relation(left, comparison, sum(of: left))
    }

    /// What was perhaps meant where a condition ends behind what would be compared.
    private func hint(behind left: Selection.Expression) -> String {
        if tokens.current == .symbol("<-") { return " (write “< -” for less than minus)" }
        guard terms == nil, case .field(let reference) = left,
            case .attribute(let word) = reference.field
        else { return "" }
        if case .word(let next) = tokens.current {
            return " (events that have both words: { \"\(word) \(next)\" })"
        }
        let ends: [QueryToken] = [
            .end, .symbol("&&"), .symbol("||"), .symbol(")"), .symbol("}"),
        ]
        guard ends.contains(tokens.current) else { return "" }
        return
            " (events that have the word \(word): { \"\(word)\" }; that have an attribute of this name: exists(\(word)))"
    }

    private static let comparisons: [String: Selection.Comparison] = {
        var comparisons: [String: Selection.Comparison] = ["==": .equal]
        for comparison in Selection.Comparison.allCases {
            comparisons[comparison.symbol] = comparison
        }
        return comparisons
    }()

    private mutating func elapsed(
        _ gap: (from: Int, to: Int)
    ) throws(QuerySyntaxError) -> Selection.Condition {
        guard case .symbol(let symbol) = tokens.current, let comparison = Self.comparisons[symbol],
            comparison != .matches, comparison != .doesNotMatch
        else { throw tokens.error("expected one of = != > >= < <=, found \(tokens.current.text)") }
        tokens.advance()
        guard case .word(let word) = tokens.current, let seconds = Selection.seconds(word) else {
            throw tokens.error("expected a duration such as 30s, found \(tokens.current.text)")
        }
        tokens.advance()
        return .elapsed(
            Query.Elapsed(
                from: gap.from, to: gap.to, comparison: comparison, seconds: seconds))
    }

    /// A text that stands for itself: the words of it.
    private mutating func words() throws(QuerySyntaxError) -> [String]? {
        guard terms == nil, case .string(let text) = tokens.current else { return nil }
        switch tokens.following {
        case .end: break
        case .symbol(let symbol) where ["&&", "||", ")", "}"].contains(symbol): break
        default: return nil
        }
        let words = Words.all(of: text)
        guard !words.isEmpty else {
            throw tokens.error(
                "expected a word among letters and digits, found \(tokens.current.text)")
        }
        tokens.advance()
        return words
    }

    /// What stands alone on each side is compared as it is found in columns.
    private func relation(
        _ left: Selection.Expression, _ comparison: Selection.Comparison,
        _ right: Selection.Expression
    ) -> Selection.Condition {
        let right = right.folded
        if case .field(let reference) = left, reference.term == nil,
            case .literal(let literal) = right
        {
            return .compare(reference.field, comparison, literal)
        }
        return .relate(left, comparison, right)
    }

    private mutating func matching(
        _ left: Selection.Expression, _ comparison: Selection.Comparison
    ) throws(QuerySyntaxError) -> Selection.Condition {
        guard case .field = left else {
            throw tokens.error("what was computed is no text: expected a field before =~")
        }
        let text = try text()
        let pattern = try pattern(text)
        tokens.advance()
        return relation(left, comparison, .literal(.pattern(pattern)))
    }

    private mutating func isOne(
        _ left: Selection.Expression
    ) throws(QuerySyntaxError) -> Selection.Condition {
        guard case .field = left else { throw tokens.error("expected a field before “in”") }
        try tokens.expect("(")
        var condition: Selection.Condition?
        repeat {
            let one = relation(left, .equal, .literal(try literal(comparedWith: left)))
            condition = condition.map { .or($0, one) } ?? one
        } while tokens.take(",")
        try tokens.expect(")")
        return condition!
    }

    // MARK: Operands

    /// - Parameter left: What it is compared with, if it stands on the right.
    private mutating func sum(
        of left: Selection.Expression?
    ) throws(QuerySyntaxError) -> Selection.Expression {
        try operations([.plus, .minus]) { (parser) throws(QuerySyntaxError) in
            try parser.operations([.times, .dividedBy]) { (parser) throws(QuerySyntaxError) in
                try parser.operand(comparedWith: left)
            }
        }
    }

    private mutating func operations(
        _ signs: [Selection.Arithmetic],
        _ operand: (inout QueryParser) throws(QuerySyntaxError) -> Selection.Expression
    ) throws(QuerySyntaxError) -> Selection.Expression {
        var result = try operand(&self)
        var count = 0
        while let sign = signs.first(where: { tokens.current == .word($0.rawValue) }) {
            tokens.advance()
            count += 1
            guard count < Limits.selectionDepthMax else {
                throw tokens.error("more than \(Limits.selectionDepthMax) operations in a row")
            }
            result = .arithmetic(result, sign, try operand(&self))
        }
        return result
    }

    private mutating func operand(
        comparedWith left: Selection.Expression?
    ) throws(QuerySyntaxError) -> Selection.Expression {
        if let left {
            guard case .word(let word) = tokens.current, isField(word) else {
                return .literal(try literal(comparedWith: left))
            }
            return try field()
        }
        if case .word(let word) = tokens.current, !isField(word), let literal = computed(word) {
            tokens.advance()
            return .literal(literal)
        }
        return try field()
    }

    /// Whether a word cannot be a value.
    private func isField(_ word: String) -> Bool {
        if let terms {
            return word.firstIndex(of: ".").map { terms.contains(String(word[..<$0])) } ?? false
        }
        return word.hasPrefix(Self.attributePrefix) && word != Self.attributePrefix
    }

    /// The same, or a time as it is written: with a T in it.
    private func computed(_ word: String) -> Selection.Literal? {
        if let number = number(word) { return number }
        return word.contains("T") ? WallTime(text: word).map { .time($0) } : nil
    }

    private func number(_ word: String) -> Selection.Literal? {
        if word == "now", let now { return .time(now) }
        if word.first?.isLetter == true { return nil }
        if let number = Double(word), number.isFinite { return .number(number, word) }
        return Selection.seconds(word).map { .duration($0, word) }
    }

    mutating func field() throws(QuerySyntaxError) -> Selection.Expression {
        .field(try reference())
    }

    /// What is computed of fields and numbers.
    mutating func value() throws(QuerySyntaxError) -> Selection.Expression { try sum(of: nil) }

    private mutating func reference() throws(QuerySyntaxError) -> Selection.FieldReference {
        switch tokens.current {
        case .word(let word):
            let reference = try reference(word)
            tokens.advance()
            // attr."a key"
            if case .attribute(let key) = reference.field, key == Self.attributePrefix,
                case .string(let quoted) = tokens.current
            {
                tokens.advance()
                return Selection.FieldReference(term: reference.term, .attribute(quoted))
            }
            return reference
        case .string(let key) where terms == nil:
            tokens.advance()
            return Selection.FieldReference(term: nil, .attribute(key))
        default:
            throw tokens.error("expected the name of a field, found \(tokens.current.text)")
        }
    }

    private func reference(_ word: String) throws(QuerySyntaxError) -> Selection.FieldReference {
        guard let terms else {
            let prefix = onlyTerm.map { $0 + "." } ?? ""
            let field = word.hasPrefix(prefix) ? word.dropFirst(prefix.count) : word[...]
            return Selection.FieldReference(term: nil, Self.field(String(field)))
        }
        let name = word.prefix { $0 != "." }
        guard let term = terms.firstIndex(of: String(name)), name.endIndex < word.endIndex,
            word.index(after: name.endIndex) < word.endIndex
        else {
            if terms.contains(where: { ExactText.isSame($0, String(name)) }) {
                throw tokens.error(
                    "“\(name)” is an event: expected one of its fields, such as \(name).process, found “\(word)”"
                )
            }
            throw tokens.error(
                "expected a field of \(terms.joined(separator: ", ")), such as \(terms.first ?? "a").process, found “\(word)”"
                    + Suggestion.ending(for: String(name), among: terms))
        }
        let field = word[word.index(after: name.endIndex)...]
        return Selection.FieldReference(term: term, Self.field(String(field)))
    }

    /// Before the key of an attribute, which may then be called as a field is.
    static let attributePrefix = "attr."

    static func field(_ name: String) -> Selection.Field {
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

    private func text() throws(QuerySyntaxError) -> String {
        switch tokens.current {
        case .word(let text), .string(let text): text
        default: throw tokens.error("expected a value, found \(tokens.current.text)")
        }
    }

    private mutating func literal(
        comparedWith left: Selection.Expression
    ) throws(QuerySyntaxError) -> Selection.Literal {
        let literal = try literal(try text(), comparedWith: left)
        tokens.advance()
        return literal
    }

    private func literal(
        _ text: String, comparedWith left: Selection.Expression
    ) throws(QuerySyntaxError) -> Selection.Literal {
        let isQuoted = if case .string = tokens.current { true } else { false }
        guard case .field(let reference) = left else {
            guard !isQuoted, let number = computed(text) else {
                throw tokens.error("expected a number, a duration or now, found “\(text)”")
            }
            return number
        }
        switch reference.field {
        case .level:
            guard let level = Level(text: text) else {
                throw tokens.error(
                    "expected a level (\(Level.allCases.map(\.text).joined(separator: ", "))), found “\(text)”"
                        + Suggestion.ending(for: text, among: Level.allCases.map(\.text)))
            }
            return .level(level)
        case .time:
            if !isQuoted, let number = number(text) { return try moment(number, text) }
            guard let time = WallTime(text: text) else {
                throw tokens.error(
                    "expected a time such as 2026-11-23T10:20:30Z or now - 15m, found “\(text)”")
            }
            return .time(time)
        case .kind:
            guard EventKind(text: text) != nil else {
                throw tokens.error("expected local, send or receive, found “\(text)”")
            }
            return .text(text)
        case .seq:
            guard let number = Double(text) else {
                throw tokens.error("expected a number, found “\(text)”")
            }
            return .number(number, text)
        case .process, .host, .name, .text: return .text(text)
        case .attribute:
            return isQuoted || text == "now" ? .text(text) : number(text) ?? .text(text)
        }
    }

    /// In the place of a time: `now`, or what is taken from it.
    private func moment(
        _ literal: Selection.Literal, _ text: String
    ) throws(QuerySyntaxError) -> Selection.Literal {
        if case .number = literal {
            throw tokens.error(
                "expected a time such as 2026-11-23T10:20:30Z or now - 15m, found “\(text)”")
        }
        return literal
    }

    private mutating func pattern(_ text: String) throws(QuerySyntaxError) -> Pattern {
        let pattern: Pattern
        do {
            pattern = try Pattern(text)
        } catch let failure {
            throw tokens.error("\(failure)")
        }
        instructions += pattern.instructionCount
        guard instructions <= Matching.Limits.patternInstructionsMax else {
            throw tokens.error(
                "the patterns up to here compile to \(instructions) instructions: expected at most "
                    + "\(Matching.Limits.patternInstructionsMax) in one query")
        }
        return pattern
    }
}
