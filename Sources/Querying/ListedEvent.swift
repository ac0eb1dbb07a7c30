import Causality
import HappensBefore

/// An event with what is known of it beside what its source wrote.
package final class ListedEvent: Sendable {
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

    /// - Parameter senders: The messages that arrived at it.
    init<Execution: IndexedExecution>(
        _ event: Event, at place: EventPosition, _ processes: ProcessTable<Execution>,
        senders: [EventKey], _ clock: KnownClock?
    ) throws {
        self.event = event
        self.place = place
        let process = try processes[place.process]
        host = process.host
        execution = processes.executionName
        run = process.run
        kind =
            event.kind != .unsaid
            ? event.kind
            : try processes.execution.kind(
                of: event, at: place, senders: senders, processes.index, processes.messages)
        arriving = try senders.map { sender in
            let from = try processes[sender.process]
            return MessageEdge(
                from: EventID(from.id, sender.sequence), to: event.id,
                fromIsHere: from.isHere(sender.sequence))
        }
        func named(_ reference: EventReference) throws -> EventID {
            let known = try processes.name(of: reference.process)
            return EventID(known ?? reference.shownName, reference.sequence)
        }
        causes = try event.causes.map { (try named($0.event), $0.evidence) }
        rulesOut = try event.rulesOut.map(named)
        self.clock = clock
    }

    /// What it takes in memory, about.
    var byteCount: Int {
        let said = event.attributes.reduce(event.name.utf8.count + event.text.utf8.count) {
            $0 + 64 + $1.key.utf8.count + $1.value.text.utf8.count
        }
        return 512 + said + 128 * (arriving.count + causes.count) + 16 * (clock?.count ?? 0)
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

    /// How many processes it has.
    package var count: Int { seen.count }

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

    /// The same by the processes' indexes.
    package func forEachIndex(_ body: (Int, UInt64) -> Void) {
        for key in seen { body(key.process, key.sequence) }
    }

    /// What the process of an index is called, as text.
    package func name(ofIndex process: Int) -> String { names[process].text }
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
