import Causality

// What is written behind a pattern.
extension QueryParser {
    private static let stages = [
        "past", "future", "concurrent", "why", "hops", "window", "first", "last", "cascade",
        "clusters",
        "compare",
    ]

    mutating func stage() throws(QuerySyntaxError) -> Query.Stage {
        if tokens.current == .symbol("{") {
            // Of single events: those of a pattern are related by it.
            (terms, onlyTerm) = (nil, nil)
            return .selection(try braced())
        }
        guard case .word(let word) = tokens.current, Self.stages.contains(word) else {
            return .aggregate(try aggregate())
        }
        tokens.advance()
        switch word {
        case "first", "last":
            let count =
                if case .word(let word) = tokens.current, Int(word) != nil { try count() } else {
                    1
                }
            let perProcess = tokens.take(word: "per")
            if perProcess, !tokens.take(word: "process") {
                throw tokens.error("expected “process”, found \(tokens.current.text)")
            }
            return word == "first"
                ? .first(count, perProcess: perProcess) : .last(count, perProcess: perProcess)
        case "window":
            (terms, onlyTerm) = (nil, nil)
            return .window(try count())
        case "cascade": return .cascade
        case "clusters":
            guard tokens.take(word: "within") else {
                throw tokens.error(
                    "expected “within” and a duration such as 5s, found \(tokens.current.text)")
            }
            return .clusters(try duration())
        case "compare":
            (terms, onlyTerm) = (nil, nil)
            try tokens.expect("(")
            let selection = try braced()
            try tokens.expect(")")
            return .compare(selection)
        case "why":
            (terms, onlyTerm) = (nil, nil)
            return .why
        case "hops":
            (terms, onlyTerm) = (nil, nil)
            return .hops(try count(), [.past, .future])
        default:
            (terms, onlyTerm) = (nil, nil)
            let kind = Question.SliceKind(rawValue: word)!
            guard kind != .concurrent, tokens.take(word: "hops") else { return .slice(kind) }
            return .hops(try count(), [kind])
        }
    }

    private static let functions = [
        "count", "min", "max", "sum", "avg", "quantile", "distinct", "rate", "histogram", "topk",
    ]

    private mutating func aggregate() throws(QuerySyntaxError) -> Query.Aggregate {
        var most: Int?
        if tokens.take(word: "topk") {
            try tokens.expect("(")
            most = try count()
            try tokens.expect(",")
        }
        var aggregate = try plainAggregate()
        aggregate.most = most
        if most != nil { try tokens.expect(")") }
        guard tokens.take(word: "by") else { return aggregate }
        try tokens.expect("(")
        repeat {
            let start = tokens.offset
            aggregate.groups.append(try field())
            aggregate.groupTitles.append(tokens.text(from: start))
        } while tokens.take(",")
        try tokens.expect(")")
        return aggregate
    }

    private mutating func plainAggregate() throws(QuerySyntaxError) -> Query.Aggregate {
        let start = tokens.offset
        guard case .word(let word) = tokens.current, Self.functions.contains(word), word != "topk"
        else {
            let known = Self.stages + Self.functions
            var hint = ""
            if case .word(let word) = tokens.current {
                hint = Suggestion.ending(for: word, among: known)
            }
            throw tokens.error(
                "expected one of \(known.joined(separator: ", ")), found \(tokens.current.text)\(hint)"
            )
        }
        tokens.advance()
        try tokens.expect("(")
        var aggregate = Query.Aggregate(function: .count, title: "")
        switch word {
        case "count", "rate": break
        default:
            aggregate.gap = try gap()
            if aggregate.gap == nil { aggregate.field = try value() }
        }
        switch word {
        case "count": break
        case "rate": aggregate.function = .rate(try stretch())
        case "histogram": aggregate.function = .histogram
        case "min": aggregate.function = .min
        case "max": aggregate.function = .max
        case "sum": aggregate.function = .sum
        case "avg": aggregate.function = .avg
        case "distinct": aggregate.function = .distinct
        default:
            try tokens.expect(",")
            aggregate.function = .quantile(try share())
        }
        try tokens.expect(")")
        aggregate.title = tokens.text(from: start)
        return aggregate
    }

    mutating func count(from least: Int = 1) throws(QuerySyntaxError) -> Int {
        guard case .word(let word) = tokens.current, let count = Int(word),
            (least...Limits.placesMax).contains(count)
        else {
            throw tokens.error(
                "expected a number from \(least) to \(Limits.placesMax), found \(tokens.current.text)"
            )
        }
        tokens.advance()
        return count
    }

    private mutating func stretch() throws(QuerySyntaxError) -> Double {
        guard case .word(let word) = tokens.current, let seconds = Selection.seconds(word),
            seconds >= 1e-3
        else {
            throw tokens.error(
                "expected a duration of a millisecond or more, such as 1m, found \(tokens.current.text)"
            )
        }
        tokens.advance()
        return seconds
    }

    private mutating func share() throws(QuerySyntaxError) -> Double {
        guard case .word(let word) = tokens.current, let share = Double(word),
            (0...1).contains(share)
        else {
            throw tokens.error("expected a number from 0 to 1, found \(tokens.current.text)")
        }
        tokens.advance()
        return share
    }
}
