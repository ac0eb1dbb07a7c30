import Causality
import HappensBefore

/// An event with what is known of it beside what its source wrote.
package final class ListedEvent: Sendable {
    /// What its source wrote, but for its clock and its name: a row of these.
    package let batch: HeldBatch
    package let row: Int
    package let place: EventPosition
    package let execution: String
    private let process: ProcessEntry
    /// As the messages show, where they were asked for and its source does not say.
    package let kind: EventKind
    /// The messages that arrived at it; none where nobody asked.
    package let arriving: [MessageEdge]
    /// What the event names as its causes, by the names that these have here.
    package let causes: [(event: EventID, evidence: Evidence)]
    /// The event of which this one is an operator's word that no message came there.
    package let rulesOut: EventID?
    /// What the event had seen; nil where nobody asked.
    package let clock: KnownClock?

    /// - Parameter senders: The messages that arrived at it; nil where nobody asks for them.
    init<Execution: IndexedExecution>(
        _ batch: HeldBatch, _ row: Int, at place: EventPosition,
        _ processes: ProcessTable<Execution>, senders: [EventKey]?, _ clock: KnownClock?
    ) throws {
        self.batch = batch
        self.row = row
        self.place = place
        let process = try processes[place.process]
        self.process = process
        execution = processes.executionName
        let sequence = batch.rows.sequences[row]
        let said = batch.rows.kinds[row]
        if let senders, said == .unsaid {
            kind = try processes.execution.kind(
                of: sequence, at: place, senders: senders, processes.index, processes.messages)
        } else {
            kind = said
        }
        arriving = try (senders ?? []).map { sender in
            let from = try processes[sender.process]
            return MessageEdge(
                from: EventID(from.id, sender.sequence), to: EventID(process.id, sequence),
                fromIsHere: from.isHere(sender.sequence))
        }
        causes = try Self.causes(ofRow: row, batch, processes)
        rulesOut = try Self.ruling(ofRow: row, batch, processes)
        self.clock = clock
    }

    private static func causes(
        ofRow row: Int, _ batch: HeldBatch, _ processes: ProcessTable<some IndexedExecution>
    ) throws -> [(event: EventID, evidence: Evidence)] {
        // Few batches have any: what has none is not asked for.
        guard !batch.rows.causes.isEmpty else { return [] }
        return try batch.rows.causes(ofRow: row).map {
            (try named(batch.rows.reference($0), processes), $0.evidence)
        }
    }

    private static func ruling(
        ofRow row: Int, _ batch: HeldBatch, _ processes: ProcessTable<some IndexedExecution>
    ) throws -> EventID? {
        guard !batch.rows.rulings.isEmpty else { return nil }
        return try batch.rows.ruling(ofRow: row).map {
            try named(batch.rows.reference($0), processes)
        }
    }

    private static func named(
        _ reference: EventReference, _ processes: ProcessTable<some IndexedExecution>
    ) throws -> EventID {
        let known = try processes.name(of: reference.process)
        return EventID(known ?? reference.shownName, reference.sequence)
    }

    package var id: EventID { EventID(process.id, sequence) }
    package var sequence: UInt64 { batch.rows.sequences[row] }
    package var host: String { process.host }
    /// What its process is called, as text.
    package var processText: String { process.text }
    /// The run that its process is; nil for a log's.
    package var run: Identity128? { process.run }
    package var stamp: Stamp { batch.rows.stamps[row] }

    /// The event as its source wrote it, but for its clock, which is empty, by the name that it has here. O(its content).
    package var event: Event {
        var event = batch.rows.event(row)
        event.id = id
        return event
    }

    /// What it takes in memory, about.
    var byteCount: Int {
        let named = arriving.count + causes.count
        let said = batch.rows.cost(ofRow: row, causes: causes.count)
        return 512 + said + 128 * named + 16 * (clock?.count ?? 0)
    }

    /// How it is known that a message arrived.
    package func evidence(of edge: MessageEdge) -> Evidence {
        causes.first { $0.event == edge.from }?.evidence ?? .clock
    }
}

extension ListedEvent {
    /// What it has in a field. O(1), but for attributes: O(its content).
    func value(of field: Selection.Field) -> Selection.Field.Value {
        field == .kind ? .text(kind.text) : field.value(ofRow: row, of: batch, process)
    }
}

extension Selection.Field {
    /// What a row of a process has in a field: in that of its kind, what its source says. O(1), but for attributes: O(its
    /// content).
    func value(ofRow row: Int, of batch: HeldBatch, _ process: ProcessEntry) -> Value {
        let rows = batch.rows
        switch self {
        case .process: return .process(process.id)
        case .host: return .text(process.host)
        case .kind: return .text(rows.kinds[row].text)
        case .name:
            return .text(String(decoding: rows.names[Int(rows.nameNumbers[row])], as: UTF8.self))
        case .text: return .text(String(decoding: rows.content[rows.text(row)], as: UTF8.self))
        case .level: return Level(rawValue: rows.levels[row]).map { .level($0) } ?? .nothing
        case .time:
            let time = rows.times[row]
            return time == EventBatch.noTime ? .nothing : .time(WallTime(nanoseconds: time))
        case .seq: return .sequence(rows.sequences[row])
        case .attribute:
            return value(rows.event(row), host: process.host, kind: rows.kinds[row])
        }
    }
}

/// What an event had seen, as far as it is known: its clock, and what follows from it.
package struct KnownClock: Sendable {
    /// True where that is all.
    package let isExact: Bool
    /// By the processes' indexes, in listing order.
    package let seen: [EventKey]
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
