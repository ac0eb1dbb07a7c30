import Causality
import HappensBefore

/// An event with what is known of it beside what its source wrote.
package struct ListedEvent: Sendable {
    package let event: Event
    package let place: EventPosition
    package let host: String
    package let execution: String
    /// The run that its process is; nil for a log's.
    package let run: Identity128?
    package let kind: EventKind
    /// The messages that arrived at it.
    package let arriving: [MessageEdge]
    /// What the event names as its causes, by the names that these have here.
    package let causes: [(event: EventID, evidence: Evidence)]
    /// The event of which this one is an operator's word that no message came there.
    package let rulesOut: EventID?
    /// What the event had seen; nil where nobody asked.
    package let clock: KnownClock?

    init<Execution: IndexedExecution>(
        _ event: Event, at place: EventPosition, _ finder: EventFinder<Execution>, hasClock: Bool
    ) throws {
        let (index, execution) = (finder.index, finder.execution)
        self.event = event
        self.place = place
        let facts = try index.facts(of: place.process)
        host = facts.host
        self.execution = index.execution
        run = facts.key?.run
        let senders = try finder.senders(at: place)
        kind = try execution.kind(of: event, at: place, senders: senders, index, finder.messages)
        arriving = try senders.map { try index.edge(from: $0, to: place) }
        func named(_ reference: EventReference) throws -> EventID {
            EventID(
                try execution.name(of: reference.process) ?? reference.shownName,
                reference.sequence)
        }
        causes = try event.causes.map { (try named($0.event), $0.evidence) }
        rulesOut = try event.rulesOut.map(named)
        clock = hasClock ? try KnownClock(event.id, at: place, index) : nil
    }

    /// How it is known that a message arrived.
    package func evidence(of edge: MessageEdge) -> Evidence {
        causes.first { $0.event == edge.from }?.evidence ?? .clock
    }
}

/// What an event had seen, as far as it is known: its clock, and what follows from it.
package struct KnownClock: Sendable {
    package let seen: [ProcessID: UInt64]
    /// True where that is all.
    package let isExact: Bool

    init(_ event: EventID, at place: EventPosition, _ index: some CausalIndex) throws {
        seen = try index.clock(at: place)
        isExact = try index.isExact(event)
    }
}

extension EventReference {
    /// A name for what is referred to, where nothing here has one.
    fileprivate var shownName: ProcessID {
        switch process {
        case .run(let run): name ?? ProcessID(name: "?\(run)")
        case .named(let id): id
        }
    }
}
