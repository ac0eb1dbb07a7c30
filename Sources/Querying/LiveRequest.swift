import Causality

/// What somebody wants to follow, and from where on.
package struct LiveRequest: Sendable {
    package enum Start: Sendable {
        /// Only what comes.
        case now
        /// The last events that are selected, at first: so many.
        case last(Int)
        /// All of them, at first.
        case all
        /// From where an earlier connection had come.
        case cursor(LiveCursor)
    }

    /// Which events are followed; of a pattern, those that any of its terms takes.
    package var selection: Selection
    /// Of which matches are followed; nil where events are, one by one.
    package var pattern: Query?
    package var start: Start
    var processes: [String]
    var hosts: [String]
    /// Whether events are shown before what they wait for has come.
    var isEager: Bool
    package var hasClock: Bool

    /// Of the parameters `q` (a pattern), or `where`, `since`, `until`, `process`, `host`, `last`, `all`, `eager`, `clock` and `cursor`.
    ///
    /// - Parameter lastCursor: Where an earlier connection had come, as its client says in a header.
    package init(
        _ parameters: QuestionParameters, lastCursor: String? = nil
    ) throws(QuestionError) {
        try parameters.expect(
            only: [
                "execution", "q", "where", "since", "until", "process", "host", "last", "all",
                "eager",
                "clock", "cursor", "as",
            ])
        (selection, pattern) = try Self.followed(parameters)
        processes = parameters["process"]
        hosts = parameters["host"]
        isEager = try parameters.flag("eager")
        hasClock = try parameters.flag("clock", unless: true)
        let given = try parameters.one("cursor")
        let cursor = lastCursor ?? given
        let last = try Self.last(parameters)
        let isAll = try parameters.flag("all")
        switch (cursor, last, isAll) {
        case (nil, nil, false): start = .now
        case (nil, nil, true): start = .all
        case (nil, let last?, false): start = .last(last)
        case (nil, .some, true):
            throw QuestionError(.misuse, "last and all: expected one of them, found both")
        // A client that comes again says once more what it said at first.
        case (let cursor?, _, _): start = .cursor(try LiveCursor(cursor))
        }
    }

    /// The events that are followed, and the pattern whose matches are.
    private static func followed(
        _ parameters: QuestionParameters
    ) throws(QuestionError) -> (Selection, Query?) {
        guard let text = try parameters.one("q") else {
            return (try parameters.selection(), nil)
        }
        for name in ["where", "since", "until", "process", "host"]
        where !parameters[name].isEmpty {
            throw QuestionError(
                .misuse, "q and \(name): expected one of them (in the braces, a pattern says all)")
        }
        let query: Query
        do throws(QuerySyntaxError) {
            query = try Query(text, now: parameters.now)
        } catch {
            throw QuestionError(.misuse, "\(error)")
        }
        try query.requireStable()
        return (query.anySelection, query.terms.count > 1 ? query : nil)
    }

    private static func last(_ parameters: QuestionParameters) throws(QuestionError) -> Int? {
        guard let text = try parameters.one("last") else { return nil }
        guard let last = Int(text), (0...Limits.liveLastMax).contains(last) else {
            throw QuestionError(
                .misuse, "last: expected a number from 0 to \(Limits.liveLastMax), found “\(text)”")
        }
        return last == 0 ? nil : last
    }
}

extension QuestionParameters {
    /// Takes what somebody wants to follow: a selection, or a pattern. What is neither is taken for what it looks like, so that
    /// its error is of use.
    package mutating func follow(_ text: String) {
        let isSelection = (try? Selection(text, now: now)) != nil
        let behind = text.drop { $0 != "}" }.dropFirst()
        let isPattern = (try? Query(text, now: now)) != nil || behind.contains { !$0.isWhitespace }
        self[!isSelection && isPattern ? "q" : "where"] = [text]
    }
}

/// What somebody who follows is told.
package enum LiveMessage: Sendable {
    /// Events that come next, or matches, perhaps none, and where that leads.
    case events([LiveEvent], LiveCursor)
    /// Events wait for others that are not here.
    case waiting(LiveWait)
    /// What was waited for has not come, and is not waited for any more.
    case givenUp(ExplainedGap)
    /// What a person must know to read the rest rightly.
    case note(String)
}

/// An event as somebody who follows is shown it, or a match: what is said of it is of its newest event, or of any that waits.
package struct LiveEvent: Sendable {
    package var step: EventStep
    /// It came after an event of its process that was shown, or after one that has seen it.
    package var isLate: Bool
    /// It is shown though what it has seen has not come.
    package var isWaiting: Bool
}

/// Events that wait for others.
package struct LiveWait: Sendable {
    /// What they wait for.
    package var gap: ExplainedGap
    /// How far its host's agent has read, in time; nil where that is not known.
    package var readUpTo: WallTime?
    /// Those that wait, by process: some of the processes, those with the most events first.
    package var waiting: [(process: ProcessID, events: Int)]
    /// In how many more processes events wait.
    package var others: Int
}
