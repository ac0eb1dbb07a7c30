import Causality

extension Query {
    /// Reads what `tree` gives. It is written out and read as any query is, so that what no query says is refused; the tree of
    /// what was read must be the same.
    init(_ tree: SyntaxTree, now: WallTime?) throws(QuerySyntaxError) {
        let text = tree.queryText
        var parser = QueryParser(try QueryTokens(text), now: now)
        self = try parser.query(text)
        if let difference = self.tree.difference(from: tree) {
            throw QuerySyntaxError(
                "a tree that says what no query does, at \(difference)", column: 1, in: text)
        }
    }
}

extension SyntaxTree {
    /// As it is written; what it has no words for is left out.
    var queryText: String {
        var text = patternText
        let gaps = (self["gaps"]?.asList ?? []).map { gap in
            "\(gap.gapText) \(gap.word("comparison")) \(gap.word("seconds"))s"
        }
        let conditions =
            (self["where"].map { [$0.conditionText(isInside: !gaps.isEmpty)] } ?? []) + gaps
        if !conditions.isEmpty { text += " where " + conditions.joined(separator: " && ") }
        if let selected = self["select"]?.asList {
            text += " select " + selected.map { $0.asText ?? "" }.joined(separator: ", ")
        }
        for stage in self["stages"]?.asList ?? [] { text += " | " + stage.stageText }
        return text
    }

    private func word(_ name: String) -> String { self[name]?.asText ?? "" }

    private var gapText: String { "gap(\(word("from")), \(word("to")))" }

    private var bracedText: String {
        self["selection"].map { "{ \($0.conditionText(isInside: false)) }" } ?? "{}"
    }

    private var patternText: String {
        let terms = (self["terms"]?.asList ?? []).map { term in
            term.bracedText + (term["name"].map { " as \($0.asText ?? "")" } ?? "")
        }
        if let motif = self["motif"] {
            let least = motif["least"].map { ", \($0.asText ?? "")" } ?? ""
            return "\(motif.word("name"))(\(terms.joined(separator: ", "))\(least))"
        }
        if let seconds = self["within"]?.asText {
            return "all(\(terms.joined(separator: ", "))) within \(seconds)s"
        }
        var text = terms.first ?? "{}"
        for (link, term) in zip(self["links"]?.asList ?? [], terms.dropFirst()) {
            var between = link["between"]?.asList ?? []
            let isNone =
                between.last?["least"]?.asText == "0" && between.last?["most"]?.asText == "0"
            let last = isNone ? between.popLast() : nil
            text += link["absent"] == nil ? " " : " !"
            text += link.word("relation")
            for some in between {
                let least = some.word("least")
                let most = some["most"]?.asText
                text += " \(some.bracedText){\(least)"
                text += most == least ? "} ->" : ",\(most ?? "")} ->"
            }
            text += " \(term)"
            if let seconds = link["within"]?["seconds"]?.asText { text += " within \(seconds)s" }
            if let count = link["within"]?["events"]?.asText { text += " within \(count) events" }
            if let last { text += " until \(last.bracedText)" }
        }
        return text
    }

    var stageText: String {
        let name = word("stage")
        switch name {
        case "select": return bracedText
        case "compare": return "compare(\(bracedText))"
        case "clusters": return "clusters within \(word("seconds"))s"
        case "window": return "window \(word("count"))"
        case "first", "last":
            return "\(name) \(word("count"))\(self["perProcess"] == nil ? "" : " per process")"
        case "both": return "hops \(word("hops"))"
        case "past", "future": return self["hops"].map { "\(name) hops \($0.asText ?? "")" } ?? name
        case "concurrent", "why", "cascade": return name
        default: break
        }
        var operands = self["of"].map { [$0.valueText] } ?? []
        if let gap = self["gap"] { operands.append(gap.gapText) }
        if let share = self["share"]?.asText { operands.append(share) }
        if let seconds = self["seconds"]?.asText { operands.append("\(seconds)s") }
        var text = "\(name)(\(operands.joined(separator: ", ")))"
        if let most = self["most"]?.asText { text = "topk(\(most), \(text))" }
        guard let groups = self["by"]?.asList else { return text }
        return "\(text) by (\(groups.map(\.valueText).joined(separator: ", ")))"
    }

    // MARK: Conditions

    /// - Parameter isInside: Whether `||` in it needs parentheses.
    private func conditionText(isInside: Bool) -> String {
        if let parts = self["or"]?.asList {
            let text = parts.map { $0.conditionText(isOf: "or") }.joined(separator: " || ")
            return isInside ? "(\(text))" : text
        }
        if let parts = self["and"]?.asList {
            return parts.map { $0.conditionText(isOf: "and") }.joined(separator: " && ")
        }
        if let inner = self["not"] {
            let isSeveral = inner["and"] != nil || inner["or"] != nil
            let text = inner.conditionText(isInside: false)
            return isSeveral ? "!(\(text))" : "!\(text)"
        }
        if let words = self["words"]?.asList {
            return Self.quoted(words.map { $0.asText ?? "" }.joined(separator: " "))
        }
        if let field = self["exists"] { return "exists(\(field.valueText))" }
        let comparison = word("comparison")
        // A time that is compared with a field has quotation marks, one that is compared with what was computed has not.
        let isTime = self["left"]?["field"] == .text("time")
        let right = self["right"] ?? .object([:])
        let text =
            isTime && right["time"] != nil ? Self.quoted(right.word("time")) : right.valueText
        return "\(self["left"]?.valueText ?? "") \(comparison) \(text)"
    }

    /// As one of several that are joined.
    private func conditionText(isOf kind: String) -> String {
        let text = conditionText(isInside: kind == "and")
        return self[kind] != nil || kind == "and" && self["and"] != nil ? "(\(text))" : text
    }

    // MARK: Values

    private var valueText: String {
        let prefix = self["term"].map { "\($0.asText ?? "")." } ?? ""
        if let field = self["field"]?.asText { return prefix + field }
        if let key = self["attribute"]?.asText {
            return prefix + QueryParser.attributePrefix
                + (QueryTokens.isWord(key) ? key : Self.quoted(key))
        }
        if let sign = self["arithmetic"]?.asText {
            return "\(self["left"]?.valueText ?? "") \(sign) \(self["right"]?.valueText ?? "")"
        }
        for name in ["text", "level", "pattern"] {
            if let text = self[name]?.asText { return Self.quoted(text) }
        }
        return self["number"]?.asText ?? self["duration"]?.asText ?? self["time"]?.asText ?? ""
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for character in text {
            if character == "\"" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "\""
    }
}
