import Causality

extension Query {
    /// What was read. Reading it again gives the same.
    ///
    ///     query      = {"terms": [{"name"?, "selection"?: condition}, …], "links"?: [link, …], "within"?: seconds, "motif"?: {"name", "least"?},
    ///                  "where"?: condition, "gaps"?: [{"from", "to", "comparison", "seconds"}], "select"?: [name, …], "stages"?: [stage, …]}
    ///     link       = {"relation", "absent"?: true, "within"?: {"seconds"} | {"events"}, "between"?: [{"selection"?, "least", "most"?}, …]}
    ///     stage      = {"stage", "count"?, "perProcess"?: true, "hops"?, "seconds"?, "selection"?: condition,
    ///                  "of"?: value, "gap"?: {"from", "to"}, "share"?, "by"?: [field, …], "most"?}
    ///     condition  = {"and": [condition, …]} | {"or": [condition, …]} | {"not": condition} | {"words": [word, …]} | {"exists": field}
    ///                | {"comparison", "left": value, "right": value}
    ///     value      = field | {"arithmetic", "left": value, "right": value} | {"text"} | {"number"} | {"duration"} | {"level"} | {"time"} | {"pattern"}
    ///     field      = {"field"} | {"attribute"}, and "term"?
    ///
    /// What has a name is named: a term without one is called by its place.
    package var tree: SyntaxTree {
        var members: [String: SyntaxTree] = [:]
        let shown = motif.map { _ in [0, terms.count - 1] } ?? Array(terms.indices)
        let written = motif == .requestResponse ? [0, 1] : shown
        members["terms"] = .list(
            written.map { number in
                var term: [String: SyntaxTree] = [:]
                if motif == nil, terms[number].name != String(number + 1) {
                    term["name"] = .text(terms[number].name)
                }
                term["selection"] = terms[number].selection.condition.tree(names)
                return .object(term)
            })
        if together == nil, !links.isEmpty { members["links"] = .list(links.map(\.tree)) }
        members["within"] = together.map { .number($0.plainText) }
        members["motif"] = motif?.tree
        members["where"] = condition.tree(names)
        if !elapsed.isEmpty {
            members["gaps"] = .list(
                elapsed.map {
                    .object([
                        "from": .text(names[$0.from]), "to": .text(names[$0.to]),
                        "comparison": .text($0.comparison.symbol),
                        "seconds": .number($0.seconds.plainText),
                    ])
                })
        }
        members["select"] = selected.map { .list($0.map { .text(names[$0]) }) }
        if !stages.isEmpty { members["stages"] = .list(stages.map { $0.tree(names) }) }
        return .object(members)
    }

    private var names: [String] { terms.map(\.name) }
}

extension Query.Motif {
    fileprivate var tree: SyntaxTree {
        switch self {
        case .requestResponse: .object(["name": .text("request-response")])
        case .broadcast(let least): .object(["name": .text("broadcast"), "least": .number(least)])
        case .gather(let least): .object(["name": .text("gather"), "least": .number(least)])
        }
    }
}

extension Query.Link {
    fileprivate var tree: SyntaxTree {
        var members: [String: SyntaxTree] = ["relation": .text(relation.rawValue)]
        if isAbsent { members["absent"] = .flag(true) }
        switch within {
        case nil: break
        case .time(let seconds):
            members["within"] = .object(["seconds": .number(seconds.plainText)])
        case .events(let count): members["within"] = .object(["events": .number(count)])
        }
        if !between.isEmpty {
            members["between"] = .list(
                between.map { between in
                    var members: [String: SyntaxTree] = ["least": .number(between.least)]
                    members["most"] = between.most.map { .number($0) }
                    members["selection"] = between.selection.condition.tree([])
                    return .object(members)
                })
        }
        return .object(members)
    }
}

extension Query.Stage {
    /// As it is written, its fields by their places.
    var title: String {
        let names = (1...Limits.queryTermsMax).map { "\($0)" }
        return tree(names).stageText
    }

    fileprivate func tree(_ names: [String]) -> SyntaxTree {
        var members: [String: SyntaxTree] = [:]
        func name(_ name: String) { members["stage"] = .text(name) }
        switch self {
        case .slice(let kind): name(kind.rawValue)
        case .hops(let count, let kinds):
            name(kinds.count == 1 ? kinds[0].rawValue : "both")
            members["hops"] = .number(count)
        case .why: name("why")
        case .window(let count):
            name("window")
            members["count"] = .number(count)
        case .selection(let selection):
            name("select")
            members["selection"] = selection.condition.tree([])
        case .first(let count, let perProcess), .last(let count, let perProcess):
            if case .first = self { name("first") } else { name("last") }
            members["count"] = .number(count)
            if perProcess { members["perProcess"] = .flag(true) }
        case .cascade: name("cascade")
        case .clusters(let seconds):
            name("clusters")
            members["seconds"] = .number(seconds.plainText)
        case .compare(let selection):
            name("compare")
            members["selection"] = selection.condition.tree([])
        case .aggregate(let aggregate): return aggregate.tree(names)
        }
        return .object(members)
    }
}

extension Query.Aggregate {
    fileprivate func tree(_ names: [String]) -> SyntaxTree {
        var members: [String: SyntaxTree] = ["stage": .text(function.name)]
        switch function {
        case .quantile(let share): members["share"] = .number(share.plainText)
        case .rate(let seconds): members["seconds"] = .number(seconds.plainText)
        default: break
        }
        members["of"] = field?.tree(names)
        members["gap"] = gap.map {
            .object(["from": .text(names[$0.from]), "to": .text(names[$0.to])])
        }
        if !groups.isEmpty { members["by"] = .list(groups.map { $0.tree(names) }) }
        members["most"] = most.map { .number($0) }
        return .object(members)
    }
}

extension Query.Aggregate.Function {
    fileprivate var name: String {
        switch self {
        case .count: "count"
        case .min: "min"
        case .max: "max"
        case .sum: "sum"
        case .avg: "avg"
        case .quantile: "quantile"
        case .distinct: "distinct"
        case .rate: "rate"
        case .histogram: "histogram"
        }
    }
}

extension Selection.Condition {
    /// nil for what always holds.
    fileprivate func tree(_ names: [String]) -> SyntaxTree? {
        switch self {
        // Conditions on time stand for themselves in a query.
        case .always, .elapsed: nil
        case .compare(let field, let comparison, let literal):
            Self.comparison(field.tree(nil), comparison, literal.tree)
        case .relate(let left, let comparison, let right):
            Self.comparison(left.tree(names), comparison, right.tree(names))
        case .words(let words): .object(["words": .list(words.map { .text($0) })])
        case .exists(let field): .object(["exists": field.tree(nil)])
        case .not(let inner): .object(["not": inner.tree(names) ?? .object([:])])
        case .and: .object(["and": .list(parts(names))])
        case .or: .object(["or": .list(parts(names))])
        }
    }

    private static func comparison(
        _ left: SyntaxTree, _ comparison: Selection.Comparison, _ right: SyntaxTree
    ) -> SyntaxTree {
        .object(["left": left, "comparison": .text(comparison.symbol), "right": right])
    }

    /// Of what was written one behind the other, each.
    private func parts(_ names: [String]) -> [SyntaxTree] {
        var (parts, next): ([SyntaxTree], Selection.Condition) = ([], self)
        while true {
            switch (self, next) {
            case (.and, .and(let rest, let last)), (.or, .or(let rest, let last)):
                parts.append(last.tree(names) ?? .object([:]))
                next = rest
            default:
                parts.append(next.tree(names) ?? .object([:]))
                return parts.reversed()
            }
        }
    }
}

extension Selection.Expression {
    fileprivate func tree(_ names: [String]) -> SyntaxTree {
        switch self {
        case .field(let reference): reference.field.tree(reference.term.map { names[$0] })
        case .literal(let literal): literal.tree
        case .arithmetic(let left, let sign, let right):
            .object([
                "arithmetic": .text(sign.rawValue), "left": left.tree(names),
                "right": right.tree(names),
            ])
        }
    }
}

extension Selection.Field {
    fileprivate func tree(_ term: String?) -> SyntaxTree {
        var members: [String: SyntaxTree] = [:]
        if case .attribute(let key) = self {
            members["attribute"] = .text(key)
        } else {
            members["field"] = .text(title)
        }
        members["term"] = term.map { .text($0) }
        return .object(members)
    }
}

extension Selection.Literal {
    fileprivate var tree: SyntaxTree {
        switch self {
        case .text(let text): .object(["text": .text(text)])
        case .number(_, let text): .object(["number": .text(text)])
        case .duration(_, let text): .object(["duration": .text(text)])
        case .level(let level): .object(["level": .text(level.text)])
        case .time(let time): .object(["time": .text(time.description)])
        case .pattern(let pattern): .object(["pattern": .text(pattern.source)])
        }
    }
}

extension Double {
    /// In digits alone, such that it reads as the same number.
    var plainText: String {
        let text = "\(self)"
        let parts = text.split(separator: "e")
        guard parts.count == 2, let exponent = Int(parts[1]) else {
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
        let isNegative = parts[0].hasPrefix("-")
        let pieces = parts[0].drop { $0 == "-" }.split(separator: ".")
        let digits = pieces.joined()
        let point = pieces[0].count + exponent
        let plain: String
        if point <= 0 {
            plain = "0." + String(repeating: "0", count: -point) + digits
        } else if point >= digits.count {
            plain = digits + String(repeating: "0", count: point - digits.count)
        } else {
            plain = "\(digits.prefix(point)).\(digits.dropFirst(point))"
        }
        return (isNegative ? "-" : "") + plain
    }
}
