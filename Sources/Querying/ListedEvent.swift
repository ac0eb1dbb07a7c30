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
        let process = try finder.processes[place.process]
        host = process.host
        self.execution = index.execution
        run = process.run
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
        clock = hasClock ? try finder.processes.clock(at: place) : nil
    }

    /// How it is known that a message arrived.
    package func evidence(of edge: MessageEdge) -> Evidence {
        causes.first { $0.event == edge.from }?.evidence ?? .clock
    }
}

/// What an event had seen, as far as it is known: its clock, and what follows from it.
package struct KnownClock: Sendable {
    /// True where that is all.
    package let isExact: Bool
    /// In listing order.
    private let seen: [EventKey]
    /// By process: its name, and that as text.
    private let names: [Name]

    struct Name {
        var process: ProcessID
        var text: String
    }

    init(_ seen: [EventKey], isExact: Bool, names: [Name]) {
        self.seen = seen
        self.isExact = isExact
        self.names = names
    }

    /// Calls `body` with each process of which it had seen something, its name as text, and up to which event; in listing order.
    package func forEach(_ body: (ProcessID, String, UInt64) -> Void) {
        for key in seen {
            body(names[key.process].process, names[key.process].text, key.sequence)
        }
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
