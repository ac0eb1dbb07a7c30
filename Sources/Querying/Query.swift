import Causality

/// What is asked of an execution: a pattern of events by their order, which of its matches are meant, and what is made of them.
package struct Query: Sendable {
    package var terms: [Term]
    /// Between each term and the next one.
    package var links: [Link]
    /// What holds between the events of a match.
    var condition = Selection.Condition.always
    var elapsed: [Elapsed] = []
    /// The terms are in no order, and no two of their events are more than so many seconds apart; nil where links relate them.
    package var together: Double?
    /// What the terms are ready-made of; nil where links relate them.
    package var motif: Motif?
    /// The terms that are shown, by their places; nil for all of them.
    package var selected: [Int]?
    package var stages: [Stage] = []
    /// As it was written.
    package let text: String
    /// What it does is asked, and what that takes, not what it gives.
    package var isExplained = false

    /// One event of a match.
    package struct Term: Sendable {
        package var selection: Selection
        package var name: String
    }

    package struct Link: Sendable {
        package var relation: Relation
        /// No event of the term behind it is so related.
        package var isAbsent = false
        package var within: Span?
        /// How many of which events happened after the one and before the other.
        package var between: [Between] = []
    }

    /// Events between two others: `until` asks for none, a counted term for so many.
    package struct Between: Sendable {
        package var selection: Selection
        package var least: Int
        /// nil for any number of them.
        package var most: Int?
    }

    /// How much time lies between the events of two terms: what is compared with a duration, in seconds.
    struct Elapsed: Sendable {
        var from: Int
        var to: Int
        var comparison: Selection.Comparison
        var seconds: Double
    }

    /// How an event is ordered to the one of the term behind it.
    package enum Relation: String, Sendable, CaseIterable {
        case before = "->"
        case after = "<-"
        case concurrent = "||"
        /// By one message.
        case message = "~>"
        /// Of each process the first one of the term that comes after it.
        case nearest = "->1"
        /// Another event of the same process.
        case sameProcess = "."
        /// Any other event.
        case any = ","
    }

    /// How far two events may be apart.
    package enum Span: Hashable, Sendable {
        /// In seconds of wall time.
        case time(Double)
        /// How many events may come after the one and not after the other, the latter among them.
        case events(Int)
    }

    /// What is made of the matches, or of the events that are left of them.
    package enum Stage: Sendable {
        /// The events that happened before one of them, after one of them, or that are concurrent with the only one.
        case slice(Question.SliceKind)
        /// The events that happened before one of them, or after one of them, with at most so many messages in between.
        case hops(Int, [Question.SliceKind])
        /// The last receives before the only event, the sends that they came from, and so on back to the first ones.
        case why
        /// So many events before and after each on its process.
        case window(Int)
        case selection(Selection)
        case first(Int, perProcess: Bool)
        case last(Int, perProcess: Bool)
        case aggregate(Aggregate)
        /// Those before which no other one happened, and how many happened after each.
        case cascade
        /// How many have to do with each other: something happened at most so many seconds before each.
        case clusters(Double)
        /// What sets those that a selection takes apart from the rest.
        case compare(Selection)

        /// Whether it gives numbers, and no events that others could follow on.
        var givesNumbers: Bool {
            switch self {
            case .aggregate, .cascade, .clusters, .compare: true
            default: false
            }
        }
    }

    /// The conditions on single events.
    package var selections: [Selection] {
        var selections = terms.map(\.selection) + links.flatMap(\.between).map(\.selection)
        for stage in stages {
            switch stage {
            case .selection(let selection), .compare(let selection): selections.append(selection)
            default: break
            }
        }
        return selections
    }

    /// True where single events are listed; false for matches and numbers.
    package var listsEvents: Bool {
        if isExplained { return false }
        var listsEvents = terms.count == 1
        for stage in stages {
            switch stage {
            case .slice, .hops, .why, .window, .selection: listsEvents = true
            case .aggregate, .cascade, .clusters, .compare: return false
            case .first, .last: break
            }
        }
        return listsEvents
    }

    /// True where matches are listed, of several events each.
    package var listsMatches: Bool {
        !isExplained && !listsEvents && !stages.contains { $0.givesNumbers }
    }

    /// The terms that have an event in each match.
    package var presentTerms: Range<Int> {
        0..<(links.last?.isAbsent == true ? terms.count - 1 : terms.count)
    }

    /// Numbers of groups of matches.
    package struct Aggregate: Sendable {
        package enum Function: Hashable, Sendable {
            case count
            case min, max, sum, avg
            /// From 0 to 1.
            case quantile(Double)
            /// How many values there are.
            case distinct
            /// How many there are in each stretch of so many seconds of wall time.
            case rate(Double)
            /// How many values there are between one power of two and the next.
            case histogram
        }
        package var function: Function
        /// Whose values it is of; nil for `count`, and for what is of the time between two events.
        var field: Selection.Expression?
        /// The terms between whose events the time is meant.
        package var gap: (from: Int, to: Int)?
        /// By whose values matches are grouped.
        var groups: [Selection.Expression] = []
        /// As they were written.
        package var title: String
        package var groupTitles: [String] = []
        /// Only so many groups, those of the largest values.
        package var most: Int?
    }
}
