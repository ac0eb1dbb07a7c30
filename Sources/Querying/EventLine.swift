import Causality
import HappensBefore

/// An event with what the graph knows of it, as a listing shows it.
package struct ListedEvent: Sendable {
    package let event: Event
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
    /// What the event had seen, as far as it is known: its clock, and what follows from it.
    package let seen: [ProcessID: UInt64]
    /// True where that is all.
    package let isExact: Bool

    init(
        _ event: Event, at place: EventPosition, _ edges: MessageEdges, arriving: [MessageEdge],
        in history: History
    ) {
        self.event = event
        host = history.processes[place.process].host
        execution = history.execution
        run = history.processes[place.process].key?.run
        kind = edges.kind(of: place, in: history)
        self.arriving = arriving
        func named(_ reference: EventReference) -> EventID {
            EventID(history.name(of: reference.process) ?? reference.shownName, reference.sequence)
        }
        causes = event.causes.map { (named($0.event), $0.evidence) }
        rulesOut = event.rulesOut.map(named)
        seen = history.clock(at: place)
        isExact = history.isExact(event.id)
    }

    /// The event as a JSON object: the same keys everywhere.
    package func write(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", event.id.description)
            writer.member("process", event.id.process.description)
            writer.member("host", host)
            writer.member("execution", execution)
            if let run { writer.member("run", run.description) }
            writer.member("seq", event.id.sequence)
            writer.member("kind", kind.text)
            writer.member("name", event.name)
            writer.member("text", event.text)
            writer.member("level", event.level?.text)
            writer.member("time", event.time?.description)
            writer.member("attributes", event.attributes)
            writer.member("causes", arriving.map(\.from.description))
            writer.member("evidence", arriving.map { evidence(of: $0).text })
            writer.member("clock", seen)
            writer.member("stamp", event.stamp.text)
            if case .lossy(let loss) = event.stamp {
                writer.member("lossySince", EventID(event.id.process, loss.since).description)
                writer.member("lossyBecause", loss.reason.text)
            }
            writer.member("exact", isExact)
            if let rulesOut { writer.member("rulesOut", rulesOut.description) }
        }
    }

    /// How it is known that a message arrived.
    package func evidence(of edge: MessageEdge) -> Evidence {
        causes.first { $0.event == edge.from }?.evidence ?? .clock
    }

    /// What the source says of the event's clock, for a person.
    package var stampText: String {
        guard case .lossy(let loss) = event.stamp else { return event.stamp.text }
        return "lossy since \(EventID(event.id.process, loss.since)) (\(loss.reason.text))"
    }

    /// The event on one line for a person.
    package var line: String {
        var parts = ["\(event.id)"]
        if let time = event.time { parts.append(time.description) }
        if !arriving.isEmpty {
            parts.append(
                "← "
                    + arriving.map { $0.fromIsHere ? "\($0.from)" : "\($0.from) (missing)" }.joined(
                        separator: ", "))
        } else if kind == .send {
            parts.append("→")
        }
        if let level = event.level { parts.append(level.text.uppercased()) }
        if !event.name.isEmpty { parts.append("[\(event.name)]") }
        if !event.text.isEmpty { parts.append(event.text) }
        return printable(parts.joined(separator: "  "))
    }
}

extension EventReference {
    /// A name for what is referred to, where the graph has none.
    fileprivate var shownName: ProcessID {
        switch process {
        case .run(let run): name ?? ProcessID(name: "?\(run)")
        case .named(let id): id
        }
    }
}

extension Answering {
    func notes(
        _ slice: Slice, _ index: some CausalIndex, _ restsOn: [Ruling], namesCut: Bool
    ) throws -> [String] {
        var notes: [String] = []
        if !slice.isComplete { notes.append("incomplete, because \(Self.because(slice.lacks))") }
        if let upTo = slice.upTo, namesCut || !slice.isComplete {
            notes.append("all up to \(shown(try named(upTo, index)))")
        }
        return notes + restsOn.map(\.description)
    }

    /// A cut on one line.
    func shown(_ cut: [ProcessID: UInt64]) -> String {
        let entries = cut.sorted { listingOrder($0.key, $1.key) }
        guard !entries.isEmpty else { return "nothing" }
        let shown = entries.prefix(Limits.cutShownMax).map { printable("\($0.key) \($0.value)") }
            .joined(separator: ", ")
        return entries.count > Limits.cutShownMax
            ? "\(shown), … (\(entries.count) processes)" : shown
    }

    func named(_ cut: Cut, _ index: some CausalIndex) throws -> [ProcessID: UInt64] {
        var named: [ProcessID: UInt64] = [:]
        for (process, sequence) in cut.sequences.enumerated() where sequence > 0 {
            let facts = try index.facts(of: process)
            if facts.standIn == nil { named[facts.id] = sequence }
        }
        return named
    }

    package static func because(_ lacks: [Lack]) -> String {
        let shown = lacks.prefix(5).map { printable("\($0)") }.joined(separator: ", ")
        return lacks.count > 5 ? "\(shown), and \(lacks.count - 5) more" : shown
    }
}

extension JSONWriter {
    /// The operators' words that an answer rests on, where it does.
    mutating func rulings(_ rulings: [Ruling]) {
        guard !rulings.isEmpty else { return }
        member("restsOn", rulings.map(\.by.description))
    }
}
