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

    package var selection: Selection
    package var start: Start
    var processes: [String]
    var hosts: [String]
    /// Whether events are shown before what they wait for has come.
    var isEager: Bool
    package var hasClock: Bool

    /// Of the parameters `where`, `since`, `until`, `process`, `host`, `last`, `all`, `eager`, `clock` and `cursor`.
    ///
    /// - Parameter lastCursor: Where an earlier connection had come, as its client says in a header.
    package init(
        _ parameters: QuestionParameters, lastCursor: String? = nil
    ) throws(QuestionError) {
        try parameters.expect(
            only: [
                "execution", "where", "since", "until", "process", "host", "last", "all", "eager",
                "clock", "cursor", "as",
            ])
        do {
            selection = try parameters.selection()
        } catch {
            guard let text = try parameters.one("where"), let query = try? Query(text),
                query.terms.count > 1 || !query.stages.isEmpty
            else { throw error }
            throw QuestionError(
                .misuse,
                "events are followed one by one, by a selection such as { level >= warn }: patterns and stages are for query"
            )
        }
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

    private static func last(_ parameters: QuestionParameters) throws(QuestionError) -> Int? {
        guard let text = try parameters.one("last") else { return nil }
        guard let last = Int(text), (0...Limits.liveLastMax).contains(last) else {
            throw QuestionError(
                .misuse, "last: expected a number from 0 to \(Limits.liveLastMax), found “\(text)”")
        }
        return last == 0 ? nil : last
    }
}

/// What somebody who follows is told.
package enum LiveMessage: Sendable {
    /// Events that come next, perhaps none, and where that leads.
    case events([LiveEvent], LiveCursor)
    /// Events wait for others that are not here.
    case waiting(LiveWait)
    /// What was waited for has not come, and is not waited for any more.
    case givenUp(ExplainedGap)
    /// What a person must know to read the rest rightly.
    case note(String)
}

package struct LiveEvent: Sendable {
    package var step: EventStep
    /// It came after an event of its process that was shown.
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
