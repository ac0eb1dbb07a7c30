import Causality

extension Query {
    /// Reads a query.
    ///
    ///     query     = pattern ["where" or] ["select" name ("," name)*] ("|" stage)*
    ///     pattern   = chain | "all" "(" term ("," term)+ ")" "within" duration
    ///               | "request-response" "(" braced "," braced ")"
    ///               | ("broadcast" | "gather") "(" braced "," braced "," number ")"
    ///     chain     = term (link [counted] term ["within" span] ["until" "{" or "}"])*
    ///     term      = "{" [or] "}" ["as" name]              `or` as in a selection
    ///     counted   = "{" [or] "}" "{" number ["," [number]] "}" "->"          behind "->" only
    ///     link      = "->" | "<-" | "||" | "~>" | "->" "1" | "." | "!->" | "!<-"
    ///     span      = duration | number "events"
    ///     stage     = ("past" | "future") ["hops" number] | "hops" number | "concurrent" | "why" | "window" number | "{" or "}"
    ///               | ("first" | "last") [number] ["per" "process"]
    ///               | "cascade" | "clusters" "within" duration | "compare" "(" braced ")"
    ///               | aggregate ["by" "(" operand ("," operand)* ")"] | "topk" "(" number "," aggregate ")" ["by" …]
    ///     aggregate = "count" "(" ")" | ("min" | "max" | "sum" | "avg" | "distinct" | "histogram") "(" of ")"
    ///               | "quantile" "(" of "," number ")" | "rate" "(" duration ")"
    ///     of        = sum | gap
    ///     gap       = "gap" "(" name "," name ")"
    ///
    /// `where` takes conditions on the time between two events, too: gap ("=" | "!=" | ">" | ">=" | "<" | "<=") duration, alone or
    /// joined to others by "&&".
    ///
    /// What `tree` gives, as JSON, is read too.
    ///
    /// Behind the pattern, a field has the name of its term in front (`a.process`); where matches are one event, it may be left
    /// out. A term without a name is called by its place: 1, 2, …
    ///
    /// - Parameter now: What `now` means; nil where there is no such time.
    package init(_ text: String, now: WallTime? = nil) throws(QuerySyntaxError) {
        if let tree = try Self.tree(text) {
            self = try Query(tree, now: now)
            return
        }
        var parser = QueryParser(try QueryTokens(text), now: now)
        self = try parser.query(text)
    }

    /// A query as `tree` gives it; nil for one that is written as people do.
    private static func tree(_ text: String) throws(QuerySyntaxError) -> SyntaxTree? {
        let inside = text.drop { $0.isWhitespace }
        guard inside.first == "{", inside.dropFirst().first(where: { !$0.isWhitespace }) == "\""
        else { return nil }
        guard let tree = SyntaxTree(json: text), tree["terms"] != nil else { return nil }
        guard text.utf8.count <= Limits.treeBytesMax else {
            throw QuerySyntaxError(
                "\(text.utf8.count) bytes: expected at most \(Limits.treeBytesMax) of a tree",
                column: 1, in: "")
        }
        return tree
    }
}

extension QueryParser {
    mutating func query(_ text: String) throws(QuerySyntaxError) -> Query {
        var query = try pattern(text)
        let names = query.terms.map(\.name)
        if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw tokens.error("two terms are called “\(name)”")
        }
        // Of an event that is absent nothing is shown or computed, but it may be joined.
        terms = names
        if tokens.take(word: "where") {
            guard names.count > 1 else {
                throw tokens.error("“where” is between several events: expected it in the braces")
            }
            query.condition = try or(depth: 0)
            try takeGaps(&query)
        }
        let present = Array(names[query.presentTerms])
        if tokens.take(word: "select") { query.selected = try selected(present) }
        terms = present.count > 1 ? present : nil
        onlyTerm = present.count > 1 ? nil : present[0]
        while tokens.take("|") {
            if query.stages.last?.givesNumbers == true {
                throw tokens.error("behind numbers there are no events: expected the end")
            }
            guard query.stages.count < Limits.queryStagesMax else {
                throw tokens.error("more than \(Limits.queryStagesMax) stages")
            }
            query.stages.append(try stage())
        }
        guard tokens.current == .end else { throw unexpected(behind: query) }
        return query
    }

    private func unexpected(behind query: Query) -> QuerySyntaxError {
        var known = ["where", "select"]
        let isChain = query.together == nil && query.motif == nil
        if isChain { known += ["within", "until", "as"] }
        var hint = ""
        if case .word(let word) = tokens.current {
            hint = Suggestion.ending(for: word, among: known)
        }
        let links = isChain ? "->, <-, ||, ~>, ., " : ""
        return tokens.error(
            "expected \(links)where, select, | or the end, found \(tokens.current.text)\(hint)")
    }

    private mutating func pattern(_ text: String) throws(QuerySyntaxError) -> Query {
        if tokens.current == .word("all"), tokens.following == .symbol("(") {
            return try unordered(text)
        }
        if case .word(let word) = tokens.current, tokens.following == .symbol("(") {
            return try readyMade(word, text)
        }
        return try chain(text)
    }

    /// `all({a}, {b}) within 5s`
    private mutating func unordered(_ text: String) throws(QuerySyntaxError) -> Query {
        tokens.advance()
        tokens.advance()
        var query = Query(terms: [try term(1)], links: [], text: text)
        while tokens.take(",") {
            try checkTerms(query)
            query.terms.append(try term(query.terms.count + 1))
            query.links.append(Query.Link(relation: .any))
        }
        guard query.terms.count > 1 else {
            throw tokens.error("expected “,” and another term, found \(tokens.current.text)")
        }
        try tokens.expect(")")
        guard tokens.take(word: "within") else {
            throw tokens.error(
                "expected “within” and a duration such as 5s, found \(tokens.current.text)")
        }
        query.together = try duration()
        return query
    }

    mutating func duration() throws(QuerySyntaxError) -> Double {
        guard case .word(let word) = tokens.current, let seconds = Selection.seconds(word),
            seconds >= 0
        else {
            throw tokens.error("expected a duration such as 5s, found \(tokens.current.text)")
        }
        tokens.advance()
        return seconds
    }

    /// `request-response({a}, {b})`, `broadcast({a}, {b}, 3)`
    private mutating func readyMade(
        _ word: String, _ text: String
    ) throws(QuerySyntaxError) -> Query {
        guard Query.Motif.names.contains(word) else {
            let known = Query.Motif.names + ["all"]
            throw tokens.error(
                "expected “{” or one of \(known.joined(separator: ", ")), found “\(word)”"
                    + Suggestion.ending(for: word, among: known))
        }
        tokens.advance()
        tokens.advance()
        var selections = [try braced()]
        try tokens.expect(",")
        selections.append(try braced())
        var motif = Query.Motif.requestResponse
        if word != "request-response" {
            try tokens.expect(",")
            let least = try count(from: 2)
            motif = word == "broadcast" ? .broadcast(least) : .gather(least)
        }
        try tokens.expect(")")
        return Query(
            terms: motif.terms.map { .init(selection: selections[$0.selection], name: $0.name) },
            links: [], motif: motif, text: text)
    }

    private func checkTerms(_ query: Query) throws(QuerySyntaxError) {
        guard query.terms.count < Limits.queryTermsMax else {
            throw tokens.error("more than \(Limits.queryTermsMax) terms")
        }
    }

    private mutating func chain(_ text: String) throws(QuerySyntaxError) -> Query {
        var query = Query(terms: [try term(1)], links: [], text: text)
        while let link = try link() {
            guard query.links.last?.isAbsent != true else {
                throw tokens.error("nothing can be related to an event that is absent")
            }
            try checkTerms(query)
            query.links.append(link)
            if let counted = try counted(behind: link) {
                query.links[query.links.count - 1].between.append(counted)
            }
            query.terms.append(try term(query.terms.count + 1))
            if tokens.take(word: "within") {
                query.links[query.links.count - 1].within = try span(of: link)
            }
            if tokens.current == .word("until") {
                guard [.before, .nearest, .message].contains(link.relation), !link.isAbsent else {
                    throw tokens.error("“until” stands behind ->, ->1 and ~> only")
                }
                tokens.advance()
                query.links[query.links.count - 1].between.append(
                    Query.Between(selection: try braced(), least: 0, most: 0))
            }
        }
        return query
    }

    private mutating func term(_ number: Int) throws(QuerySyntaxError) -> Query.Term {
        let selection = try braced()
        guard tokens.current != .symbol("{") else {
            throw tokens.error("a counted term stands between two others, behind -> and before ->")
        }
        let name = tokens.take(word: "as") ? try self.name() : String(number)
        return Query.Term(selection: selection, name: name)
    }

    mutating func braced() throws(QuerySyntaxError) -> Selection {
        let start = tokens.offset
        if !tokens.take("{") {
            // Of a query that has no braces at all, nearly always these are what is missing.
            let hint =
                tokens.source.contains("{")
                ? "" : " (what an event must be stands in braces, such as { level >= warn })"
            throw tokens.error("expected “{”, found \(tokens.current.text)\(hint)")
        }
        var condition = Selection.Condition.always
        if tokens.current != .symbol("}") { condition = try or(depth: 0) }
        try tokens.expect("}")
        return Selection(condition: condition, text: tokens.text(from: start))
    }

    /// `{b}{3,} ->`, where it stands here.
    private mutating func counted(
        behind link: Query.Link
    ) throws(QuerySyntaxError) -> Query.Between? {
        guard link.relation == .before, !link.isAbsent else { return nil }
        let start = tokens
        let selection = try braced()
        guard tokens.take("{") else {
            tokens = start
            return nil
        }
        let least = try count(from: 0)
        var most: Int? = least
        if tokens.take(",") {
            most = tokens.current == .symbol("}") ? nil : try count(from: least)
        }
        try tokens.expect("}")
        guard tokens.current == .symbol("->"), tokens.following != .word("1") else {
            throw tokens.error("expected -> behind a counted term, found \(tokens.current.text)")
        }
        tokens.advance()
        return Query.Between(selection: selection, least: least, most: most)
    }

    private mutating func name() throws(QuerySyntaxError) -> String {
        guard case .word(let name) = tokens.current, name.first?.isLetter == true,
            name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
        else {
            throw tokens.error(
                "expected a name of letters, digits and _, found \(tokens.current.text)")
        }
        tokens.advance()
        return name
    }

    private mutating func link() throws(QuerySyntaxError) -> Query.Link? {
        if tokens.take("->") {
            return Query.Link(relation: tokens.take(word: "1") ? .nearest : .before)
        }
        if tokens.take("<-") { return Query.Link(relation: .after) }
        if tokens.take("||") { return Query.Link(relation: .concurrent) }
        if tokens.take("~>") { return Query.Link(relation: .message) }
        if tokens.take(word: ".") { return Query.Link(relation: .sameProcess) }
        if tokens.take("!->") { return Query.Link(relation: .before, isAbsent: true) }
        if tokens.take("!<-") { return Query.Link(relation: .after, isAbsent: true) }
        return nil
    }

    private mutating func span(of link: Query.Link) throws(QuerySyntaxError) -> Query.Span {
        guard case .word(let word) = tokens.current else {
            throw tokens.error(
                "expected a duration such as 30s, or 20 events, found \(tokens.current.text)")
        }
        if let count = Int(word), count > 0, tokens.following == .word("events") {
            guard link.relation != .concurrent else {
                throw tokens.error("no events come between concurrent ones: expected a duration")
            }
            tokens.advance()
            tokens.advance()
            return .events(count)
        }
        guard let seconds = Selection.seconds(word), seconds >= 0 else {
            throw tokens.error("expected a duration such as 30s, or 20 events, found “\(word)”")
        }
        tokens.advance()
        return .time(seconds)
    }

    private mutating func selected(_ names: [String]) throws(QuerySyntaxError) -> [Int] {
        var selected: [Int] = []
        repeat {
            let place = try place(names)
            if !selected.contains(place) { selected.append(place) }
        } while tokens.take(",")
        return selected
    }

    /// Conditions on the time between events are three-valued: each stands for itself.
    private mutating func takeGaps(_ query: inout Query) throws(QuerySyntaxError) {
        var rest = Selection.Condition.always
        for conjunct in query.condition.conjuncts {
            if case .elapsed(let elapsed) = conjunct {
                guard query.presentTerms.contains(max(elapsed.from, elapsed.to)) else {
                    throw tokens.error("no time lies between an event and one that is absent")
                }
                query.elapsed.append(elapsed)
            } else if conjunct.hasElapsed {
                throw tokens.error("gap(…) can be joined to other conditions by && only")
            } else if case .always = rest {
                rest = conjunct
            } else {
                rest = .and(rest, conjunct)
            }
        }
        query.condition = rest
    }

    /// `gap(a, b)`, where it stands here.
    mutating func gap() throws(QuerySyntaxError) -> (from: Int, to: Int)? {
        guard let terms, tokens.current == .word("gap"), tokens.following == .symbol("(") else {
            return nil
        }
        tokens.advance()
        tokens.advance()
        let from = try place(terms)
        try tokens.expect(",")
        let to = try place(terms)
        try tokens.expect(")")
        return (from, to)
    }

    mutating func place(_ names: [String]) throws(QuerySyntaxError) -> Int {
        guard case .word(let name) = tokens.current, let place = names.firstIndex(of: name) else {
            throw tokens.error(
                "expected one of \(names.joined(separator: ", ")), found \(tokens.current.text)")
        }
        tokens.advance()
        return place
    }
}
