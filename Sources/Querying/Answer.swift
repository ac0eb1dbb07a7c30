import Causality
import HappensBefore

/// The answer to a question, as values: text, JSON and other formats are made of it in Exporting.
package enum Answer {
    case status(StatusAnswer)
    case executions([ExecutionSummary])
    /// `hidden` processes are cited and not here.
    case processes([ProcessSummary], hidden: Int)
    case gaps([ExplainedGap], execution: String)
    case defects([Defect])
    case events(Listing)
    case count(EventCount)
    case event(ShownEvent)
    case missing(MissingEvent)
    case order(OrderAnswer)
    case path(PathAnswer)
    case cut(CutAnswer)
    case view(ViewAnswer)
    case table(NumberTable)
}

extension Answer {
    /// Its events, where it lists some.
    var events: (any EventSequence)? {
        switch self {
        case .events(let listing): listing.events
        case .view(let view): view.listing.events
        default: nil
        }
    }

    /// The same with other events in the place of those that it lists.
    func withEvents(_ other: (any EventSequence) -> any EventSequence) -> Answer {
        switch self {
        case .events(var listing):
            listing.events = other(listing.events)
            return .events(listing)
        case .view(var view):
            view.listing.events = other(view.listing.events)
            return .view(view)
        default: return self
        }
    }
}

package struct ExecutionSummary: Hashable, Sendable {
    package var name: String
    /// Those of which events are here.
    package var processes: Int
    package var events: Int
    /// What was dropped of it; nil where nothing was.
    package var dropped: Tombstone?

    package init(name: String, processes: Int, events: Int, dropped: Tombstone? = nil) {
        self.name = name
        self.processes = processes
        self.events = events
        self.dropped = dropped
    }
}

package struct ProcessSummary: Sendable {
    package var facts: ProcessFacts
    /// How many of its first events were dropped.
    package var droppedCount: Int
    package var execution: String
    package var gaps: Int
    /// How far in time its host's agent has read what is recorded there; nil where there is no agent.
    package var readUpTo: WallTime?
}

/// A gap, and why the events are not here as far as those around them tell.
package struct ExplainedGap: Hashable, Sendable {
    package var gap: Gap
    package var reason: String
}

/// Whether an answer is all, and what it rests on.
package struct Completeness: Sendable {
    /// For want of what it may not be all: empty where it is complete.
    package var lacks: [Lack]
    /// The cut up to which it is all, for what more may always be added to; nil where it is what it is once and for all.
    package var upTo: [ProcessID: UInt64]?
    /// The operators' words that it rests on.
    package var restsOn: [Ruling] = []
    /// Which part of a very long answer it is.
    package var remark: String?

    package var isComplete: Bool { lacks.isEmpty }
}

/// Events in causal order, or matches of a pattern, to be taken one by one.
package struct Listing {
    package var completeness: Completeness
    package var events: any EventSequence
}

/// How many events there are.
package struct EventCount: Sendable {
    /// What they stand in some order to.
    package var event: EventID
    package var count: Int
    package var completeness: Completeness
}

/// An event with the ends of the messages that it had to do with.
package struct ShownEvent: Sendable {
    package var listed: ListedEvent
    package var clock: KnownClock
    /// For want of what more may have been seen.
    package var lacks: [Lack]
    package var restsOn: [Ruling]
    package var causes: [MessageEnd]
    package var effects: [MessageEnd]
}

/// One end of a message, as an event at the other end shows it.
package struct MessageEnd: Hashable, Sendable {
    package var event: EventID
    /// False for a ghost, and for one that was dropped.
    package var isHere: Bool
    package var isDropped = false
    /// How the message is known.
    package var evidence: Evidence
    /// nil where the event is not here, cannot be read, or is one of very many.
    package var content: Content?

    package struct Content: Hashable, Sendable {
        package var name: String
        package var text: String
    }
}

/// What can be said of an event that is not here.
package struct MissingEvent: Sendable {
    package var event: EventID
    /// Why it cannot even be a ghost: nothing that is here has heard of it. nil for a ghost.
    package var unheard: String?
    /// Where it was dropped.
    package var dropped: Tombstone?
    package var effects: [MessageEnd]
}

package struct OrderAnswer: Sendable {
    package var a: EventID
    package var b: EventID
    /// nil where it is unknown.
    package var order: CausalOrder?
    package var because: String
    /// Where it is unknown: what it is not, and why.
    package var excluded: [(order: CausalOrder, because: String)]
    package var restsOn: [Ruling]
}

package struct PathAnswer: Sendable {
    package var a: EventID
    package var b: EventID
    /// nil where no chain of messages leads from one to the other.
    package var hops: [Hop]?
    /// Why there is none.
    package var because: String

    package struct Hop: Sendable {
        package var from: MessageEnd
        package var to: MessageEnd
    }
}

package struct CutAnswer: Sendable {
    package enum Verdict: String, Sendable {
        case yes, no, unknown
    }

    package var cut: [ProcessID: UInt64]
    package var isConsistent: Verdict
    /// Why it is not consistent.
    package var violations: [CutViolation]
    /// For want of what it may not be consistent, though no violation is here.
    package var doubts: [String]
    /// Where it is not: the greatest consistent cut inside it, if that is known.
    package var greatest: [ProcessID: UInt64]?
    /// For want of what the cut itself may be another.
    package var lacks: [String]
    package var upTo: [ProcessID: UInt64]?
    package var restsOn: [Ruling]
}

package struct ViewAnswer {
    /// The host or process.
    package var of: String
    package var at: EventID?
    package var listing: Listing
    /// What had been seen of others.
    package var seen: [ProcessID: UInt64]
}

/// `1 event`, `2 events`.
package func count(_ number: Int, _ one: String, _ many: String) -> String {
    "\(number) \(number == 1 ? one : many)"
}
