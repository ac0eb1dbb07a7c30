import Causality
import HappensBefore

/// A question to a store of histories. The command line and the HTTP API both build it from a verb and
/// named parameters, so they cannot differ.
package enum Question: Sendable {
    case status
    case executions
    case processes(ghosts: Bool)
    case gaps
    case defects
    case timeline(EventChoice, processes: [String], hosts: [String])
    case show(EventText)
    case order(EventText, EventText)
    case slice(SliceKind, of: EventText, EventChoice, countOnly: Bool)
    case path(EventText, EventText)
    case cut(of: EventText)
    case cutAt(WallTime)
    case view(String, at: EventText?)
    case query(Query)
    case why(EventText)

    package enum SliceKind: String, Sendable {
        case past, future, concurrent
    }

    /// How it is asked.
    package struct Options: Sendable {
        /// The execution; nil means `main`, or the only one.
        package var execution: String?
        /// Those that may be seen: others are as if they were not there; nil where all may.
        package var executions: [String]?
        /// At most so many events or lines.
        package var limit: Int?
        /// The same, set by who answers and not by who asks: reaching it is told in the answer.
        package var imposedLimit: Int?
        /// Bytes of events that are read for the answer at the most.
        package var bytesMax: Int?
        /// What time it is where it is answered; nil where the answer does not depend on it.
        package var now: WallTime?
        /// Whether the question is to go on.
        package var cancellation = Cancellation.never
        /// Whether events that are listed come with what they had seen, which costs more than the rest of them.
        package var hasClock = false
        /// Whether events that are listed come with the messages that they had to do with: those that arrived, and the kind that
        /// follows from them where its source does not say.
        package var hasMessages = true
        /// What may be searched at once.
        package var workers = Workers.one
        /// Where it is noted what is done for the answer; nil where nobody asks.
        var plan: QueryPlan?

        package init(execution: String? = nil, limit: Int? = nil) {
            self.execution = execution
            self.limit = limit
        }
    }

    /// True where the JSON answer is an object a line.
    package var isList: Bool {
        switch self {
        case .executions, .processes, .gaps, .defects, .timeline, .query, .why: true
        case .slice(_, of: _, _, let countOnly): !countOnly
        case .status, .show, .order, .path, .cut, .cutAt, .view: false
        }
    }

    /// Whether the JSON answer has clocks.
    package var hasClocks: Bool {
        switch self {
        case .timeline(let choice, processes: _, hosts: _),
            .slice(_, of: _, let choice, countOnly: _):
            choice.hasClock
        default: true
        }
    }

    /// True where it lists events, which can be shown in columns and diagrams.
    package var listsEvents: Bool {
        switch self {
        case .timeline, .why: true
        case .slice(_, of: _, _, let countOnly): !countOnly
        case .query(let query): query.listsEvents
        case .status, .executions, .processes, .gaps, .defects, .show, .order, .path, .cut,
            .cutAt, .view:
            false
        }
    }

    /// True where it lists matches, of which each has events that can be shown in columns.
    package var listsMatches: Bool {
        if case .query(let query) = self { query.listsMatches } else { false }
    }

    /// The verbs, which are also the paths below `/v1/`.
    package static let verbs = [
        "status", "executions", "processes", "gaps", "defects", "timeline", "show", "order", "past",
        "future", "concurrent", "path", "cut", "view", "query", "why",
    ]
}

/// Which events of those that are meant are listed, and how.
package struct EventChoice: Sendable {
    package var selection: Selection
    /// Only those of one process between two numbers; nil for all.
    package var range: EventRange?
    /// From the last one to the first.
    package var isReversed = false
    /// Only so many, the last ones.
    package var last: Int?
    /// Whether JSON has what each event had seen, which costs more than the rest of it.
    package var hasClock = true

    package init(_ selection: Selection) { self.selection = selection }

    static let parameters = ["where", "range", "since", "until", "last", "reverse", "clock"]

    init(_ parameters: QuestionParameters) throws(QuestionError) {
        selection = try parameters.selection()
        range = try parameters.range()
        isReversed = try parameters.flag("reverse")
        hasClock = try parameters.flag("clock", unless: true)
        guard let text = try parameters.one("last") else { return }
        guard let last = Int(text), (1...Limits.lastEventsMax).contains(last) else {
            throw QuestionError(
                .misuse,
                "last: expected a number from 1 to \(Limits.lastEventsMax), found “\(text)”")
        }
        guard try parameters.one("limit") == nil else {
            throw QuestionError(.misuse, "last and limit: expected one of them, found both")
        }
        self.last = last
    }
}

/// Why a question cannot be asked or answered.
package struct QuestionError: Error, CustomStringConvertible {
    package enum Kind: Sendable {
        /// The question itself is wrong.
        case misuse
        /// What it asks about is not here.
        case notFound
    }
    package let kind: Kind
    package let text: String
    package var description: String { text }

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}

/// Named parameters of a question: repeated ones in order.
package struct QuestionParameters: Sendable {
    private var values: [String: [String]]
    /// When it is asked; nil where nobody says.
    private(set) var now: WallTime?

    package init(_ values: [String: [String]] = [:]) { self.values = values }

    package subscript(name: String) -> [String] {
        get { values[name] ?? [] }
        set { values[name] = newValue.isEmpty ? nil : newValue }
    }

    /// All of them, sorted by name.
    package var all: [(name: String, value: String)] {
        values.sorted { $0.key < $1.key }.flatMap { entry in entry.value.map { (entry.key, $0) } }
    }

    package func one(_ name: String) throws(QuestionError) -> String? {
        guard self[name].count <= 1 else {
            throw QuestionError(.misuse, "\(name) is given \(self[name].count) times")
        }
        return self[name].first
    }

    package func required(_ name: String) throws(QuestionError) -> String {
        guard let value = try one(name) else { throw QuestionError(.misuse, "\(name) is missing") }
        return value
    }

    package func event(_ name: String) throws(QuestionError) -> EventText {
        let text = try required(name)
        if let range = try EventRange(text) {
            let end = name == "event" || name == "a" ? range.last : range.first
            throw QuestionError(
                .misuse,
                "\(name): one event is asked about, such as \(printable("\(end)")); timeline and export take the range \(printable("\(range)"))"
            )
        }
        guard let event = EventText(text) else {
            // Of a process alone, which event of it.
            let process =
                text.isEmpty || text.contains(where: { ": {".contains($0) }) ? "web-1/api" : text
            throw QuestionError(
                .misuse,
                printable(
                    "\(name): expected an event such as \(process):1047 or \(process):last, found “\(text)”"
                ))
        }
        return event
    }

    package func flag(
        _ name: String, unless unsaid: Bool = false
    ) throws(QuestionError) -> Bool {
        switch try one(name) {
        case nil: return unsaid
        case "false": return false
        case "true", "": return true
        case let text?:
            throw QuestionError(.misuse, "\(name): expected true or false, found “\(text)”")
        }
    }

    /// Of the events: `where` (a selection), `since` and `until` (times).
    package func selection() throws(QuestionError) -> Selection {
        let (since, until) = (try time("since"), try time("until"))
        var selection = Selection.everything
        if let text = try one("where") {
            do {
                selection = try Selection(text, now: now)
            } catch {
                throw QuestionError(.misuse, "\(error)")
            }
        }
        return selection.during(since, until)
    }

    /// Of the events: those of one process between two numbers; nil where it is not said.
    package func range() throws(QuestionError) -> EventRange? {
        guard let text = try one("range") else { return nil }
        guard let range = try EventRange(text) else {
            throw QuestionError(
                .misuse,
                "range: expected numbers of one process such as web-1/api:3..7 or web-1/api:3..last, found “\(printable(text))”"
            )
        }
        return range
    }

    /// Takes the words that say which events are meant: a range, a selection, or both.
    package mutating func choose(_ words: [String]) {
        for word in words {
            let isRange = word.first != "{" && ((try? EventRange(word) != nil) ?? true)
            self[isRange ? "range" : "where"] += [word]
        }
    }

    /// What may also be so long ago.
    private static let timesAgo = ["since", "until"]

    /// The same with times such as `-15m`, that long before now, in `since` and `until` as times of the day.
    package func resolved(now: WallTime) -> QuestionParameters {
        var resolved = self
        resolved.now = now
        for name in Self.timesAgo {
            resolved[name] = self[name].map { text in
                guard text.hasPrefix("-"), let seconds = Self.seconds(String(text.dropFirst())),
                    let ago = Int64(exactly: Double(seconds) * -1e9)
                else { return text }
                return WallTime(nanoseconds: now.nanoseconds.addingSaturating(ago)).description
            }
        }
        return resolved
    }

    package func time(_ name: String) throws(QuestionError) -> WallTime? {
        guard let text = try one(name) else { return nil }
        guard let time = WallTime(text: text) else {
            let ago = Self.timesAgo.contains(name) ? " or -15m" : ""
            throw QuestionError(
                .misuse,
                "\(name): expected a time such as 2026-11-23T10:20:30Z\(ago), found “\(text)”")
        }
        return time
    }

    package func limit() throws(QuestionError) -> Int? {
        guard let text = try one("limit") else { return nil }
        guard let limit = Int(text), limit > 0 else {
            throw QuestionError(.misuse, "limit: expected a number from 1, found “\(text)”")
        }
        return limit
    }

    /// How long an answer may take: `30`, `30s`, `2m`, `1h` or `1d`, at most `secondsMax`; in seconds.
    package func timeout(secondsMax: Int) throws(QuestionError) -> Int? {
        guard let text = try one("timeout") else { return nil }
        guard let seconds = Self.seconds(text), seconds > 0, seconds <= secondsMax else {
            throw QuestionError(
                .misuse,
                "timeout: expected a time such as 30s or 2m, at most \(secondsMax) s, found “\(text)”"
            )
        }
        return seconds
    }

    /// The seconds of a text such as `30`, `30s`, `2m`, `1h` or `1d`.
    package static func seconds(_ text: String) -> Int? {
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let last = text.last else { return nil }
        let number = units[last] == nil ? text[...] : text.dropLast()
        guard number.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(number) else {
            return nil
        }
        let (seconds, isTooLarge) = number.multipliedReportingOverflow(by: units[last] ?? 1)
        return isTooLarge ? nil : seconds
    }

    /// Throws where a parameter is none of `known`: a misspelt one must not be ignored.
    package func expect(only known: [String]) throws(QuestionError) {
        for name in values.keys.sorted() where !known.contains(name) {
            throw QuestionError(
                .misuse,
                "\(name): expected one of \(known.joined(separator: ", "))"
                    + Suggestion.ending(for: name, among: known))
        }
    }
}

extension Question {
    /// The question with this verb. Parameters: `where` (a selection), `range`, `since` and `until` (times), `last`, `reverse` and `clock`;
    /// `process` and `host` (repeated), `event`, `a`, `b`, `at`, `of`, `count`, `ghosts`; and for all of them `execution`,
    /// `limit` and `timeout`.
    package init(_ verb: String, _ parameters: QuestionParameters) throws(QuestionError) {
        let common = ["execution", "limit", "timeout"]
        switch verb {
        case "status":
            try parameters.expect(only: common)
            self = .status
        case "executions":
            try parameters.expect(only: common)
            self = .executions
        case "processes":
            try parameters.expect(only: common + ["ghosts"])
            self = .processes(ghosts: try parameters.flag("ghosts"))
        case "gaps":
            try parameters.expect(only: common)
            self = .gaps
        case "defects":
            try parameters.expect(only: common)
            self = .defects
        case "timeline":
            try parameters.expect(only: common + EventChoice.parameters + ["process", "host"])
            self = .timeline(
                try EventChoice(parameters),
                processes: parameters["process"],
                hosts: parameters["host"])
        case "show":
            try parameters.expect(only: common + ["event"])
            self = .show(try parameters.event("event"))
        case "order":
            try parameters.expect(only: common + ["a", "b"])
            self = .order(try parameters.event("a"), try parameters.event("b"))
        case "past", "future", "concurrent":
            try parameters.expect(only: common + EventChoice.parameters + ["event", "count"])
            let choice = try EventChoice(parameters)
            let countOnly = try parameters.flag("count")
            guard !countOnly || !choice.isReversed && choice.last == nil else {
                throw QuestionError(
                    .misuse, "count: expected neither last nor reverse, which list events")
            }
            self = .slice(
                SliceKind(rawValue: verb)!, of: try parameters.event("event"), choice,
                countOnly: countOnly)
        case "path":
            try parameters.expect(only: common + ["a", "b"])
            self = .path(try parameters.event("a"), try parameters.event("b"))
        case "cut":
            try parameters.expect(only: common + ["event", "at"])
            switch (try parameters.one("event"), try parameters.time("at")) {
            case (.some, nil): self = .cut(of: try parameters.event("event"))
            case (nil, let time?): self = .cutAt(time)
            default: throw QuestionError(.misuse, "cut: expected either an event or a time")
            }
        case "view":
            try parameters.expect(only: common + ["of", "at"])
            let at = try parameters.one("at") == nil ? nil : try parameters.event("at")
            self = .view(try parameters.required("of"), at: at)
        case "why":
            try parameters.expect(only: common + ["event"])
            self = .why(try parameters.event("event"))
        case "query":
            try parameters.expect(only: common + ["q", "explain"])
            let text = try parameters.required("q")
            let isExplained = try parameters.flag("explain")
            do throws(QuerySyntaxError) {
                var query = try Query(text, now: parameters.now)
                query.isExplained = isExplained
                self = .query(query)
            } catch {
                throw QuestionError(.misuse, "\(error)")
            }
        default:
            throw QuestionError(
                .misuse,
                "“\(verb)” is no question: expected one of \(Self.verbs.joined(separator: ", "))")
        }
    }
}
