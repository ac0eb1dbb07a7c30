import Causality
import Exporting
import Querying

// What a person is told, on a terminal's standard error, where an answer is empty or ends at a limit.
extension AskOptions {
    /// Says why there is nothing. What it takes to know that is asked for with a limit on time, and left out beyond it.
    func explainSilence(_ verb: String, _ parameters: QuestionParameters) async {
        guard Screen.hearsNotes else { return }
        switch verb {
        case "executions": Terminal.note("nothing is here yet")
        case "processes": Terminal.note("no processes")
        case "gaps": Terminal.note("no gaps")
        case "defects": Terminal.note("no defects")
        case "timeline", "past", "future", "concurrent":
            let selection = try? parameters.selection()
            let complaints = await misnamed(selection.map { [$0] } ?? [])
            Terminal.note(([await nothing(verb, parameters)] + complaints).joined(separator: "; "))
        case "query":
            guard let query = try? Query(parameters["q"].first ?? "", now: .now) else { return }
            let nothing = query.listsEvents ? "no event matches" : "no matches"
            let complaints = await misnamed(query.selections)
            Terminal.note(([nothing] + complaints).joined(separator: "; "))
        default: break
        }
    }

    /// Says that there is more than the limit let through.
    func explainLimit(_ verb: String, _ parameters: QuestionParameters, shown: Int) async {
        guard Screen.hearsNotes else { return }
        let all: Int?
        if verb == "timeline" {
            all = Self.takesAll(parameters) ? await eventCount() : nil
        } else {
            var parameters = parameters
            for name in ["last", "reverse", "clock", "limit"] { parameters[name] = [] }
            parameters["count"] = ["true"]
            let answer = await object(verb, parameters)
            all = answer.flatMap { Self.number("count", $0) }
        }
        if let all, all > shown {
            Terminal.note("… \(grouped(all - shown)) more (--limit)")
        } else {
            Terminal.note("… more (--limit)")
        }
    }

    private static func takesAll(_ parameters: QuestionParameters) -> Bool {
        ["where", "range", "process", "host", "since", "until"].allSatisfy {
            parameters[$0].isEmpty
        }
    }

    private func nothing(_ verb: String, _ parameters: QuestionParameters) async -> String {
        let event = parameters["event"].first ?? ""
        let isChosen = !Self.takesAll(parameters)
        switch verb {
        case "past":
            return isChosen ? "no event before \(event) matches" : "nothing here is before \(event)"
        case "future":
            return isChosen ? "no event after \(event) matches" : "nothing here is after \(event)"
        case "concurrent":
            return isChosen
                ? "no event concurrent with \(event) matches"
                : "nothing here is concurrent with \(event)"
        default:
            guard let count = await eventCount() else { return "no event matches" }
            return count == 0 ? "no events" : "0 of \(grouped(count)) events match"
        }
    }

    /// For each attribute that selections name and no event has: that, and what was perhaps meant.
    private func misnamed(_ selections: [Selection]) async -> [String] {
        var complaints: [String] = []
        var keys: [String] = []
        for key in selections.flatMap(\.attributes)
        where !keys.contains(where: { ExactText.isSame($0, key) }) {
            keys.append(key)
        }
        for key in keys where await hasNone(key) {
            let known = Selection.fields + (await attributesSeen())
            let nearest = Suggestion.nearest(to: key, among: known)
            complaints.append(
                "no event has an attribute \(key)\(nearest.map { " (perhaps \($0))" } ?? "")")
        }
        return complaints
    }

    private func hasNone(_ key: String) async -> Bool {
        var parameters = QuestionParameters()
        parameters["where"] = ["{ attr.\(key) =~ \"\" }"]
        parameters["limit"] = ["1"]
        parameters["clock"] = ["false"]
        return await lines("timeline", parameters)?.isEmpty ?? false
    }

    /// The attributes of the first events.
    private func attributesSeen() async -> [String] {
        var parameters = QuestionParameters()
        parameters["limit"] = ["1000"]
        parameters["clock"] = ["false"]
        var keys: [String] = []
        var known: Set<ExactText> = []
        for line in await lines("timeline", parameters) ?? [] {
            guard let members = try? JSONScanner.object(Array(line.utf8)),
                let attributes = JSONScanner.value(at: "attributes", of: members),
                let all = try? JSONScanner.object(Array(attributes.text.utf8))
            else { continue }
            for member in all where known.insert(ExactText(member.key)).inserted {
                keys.append(member.key)
            }
        }
        return keys
    }

    /// How many events the execution has that is meant.
    private func eventCount() async -> Int? {
        let objects = (await lines("executions", QuestionParameters()) ?? []).compactMap {
            try? JSONScanner.object(Array($0.utf8))
        }
        func name(_ object: [JSONMember]) -> String {
            JSONScanner.value(at: "name", of: object)?.text ?? ""
        }
        let wanted = execution ?? ProcessKey.executionDefault
        let meant =
            objects.first { ExactText.isSame(name($0), wanted) }
            ?? (execution == nil && objects.count == 1 ? objects[0] : nil)
        return meant.flatMap { Self.number("events", $0) }
    }

    private func object(_ verb: String, _ parameters: QuestionParameters) async -> [JSONMember]? {
        guard let text = try? await brief.text(verb, parameters) else { return nil }
        return try? JSONScanner.object(Array(text.utf8))
    }

    private func lines(_ verb: String, _ parameters: QuestionParameters) async -> [Substring]? {
        try? await brief.text(verb, parameters).split(separator: "\n")
    }

    /// The same questioner, who waits a few seconds at the most.
    private var brief: AskOptions {
        var brief = self
        brief.timeout = "5s"
        return brief
    }

    private static func number(_ key: String, _ object: [JSONMember]) -> Int? {
        JSONScanner.value(at: key, of: object).flatMap { Int($0.text) }
    }
}
