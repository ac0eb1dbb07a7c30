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

/// What a listing comes to: an event, or one that is there and cannot be read.
package enum ListedItem: Sendable {
    case event(ListedEvent)
    case unreadable(EventID)
}

extension Answering {
    /// The events of a slice that a selection takes, in causal order, one by one, up to the limit. An event that cannot be
    /// read may be one of them. True where the imposed limit was reached and there are more.
    @discardableResult
    package func forEachEvent(
        of slice: Slice, _ selection: Selection, _ graph: ExecutionGraph,
        _ body: (ListedItem) throws -> Void
    ) throws -> Bool {
        let history = graph.history
        let edges = graph.edges
        let mayHold = history.processes.map { selection.mayHold(process: $0.id, host: $0.host) }
        var reader = EventReader(store)
        var taken = 0
        for place in LinearExtension(history, in: slice.ranges) where mayHold[place.process] {
            if let limit = options.limit, taken == limit { return false }
            guard let event = try reader.event(at: place, of: history) else {
                try body(.unreadable(history.id(place)))
                continue
            }
            let kind = edges.kind(of: place, in: history)
            let host = history.processes[place.process].host
            guard selection.holds(for: event, host: host, kind: kind) else { continue }
            if let limit = options.imposedLimit, taken == limit { return true }
            taken += 1
            try body(
                .event(
                    ListedEvent(
                        event, at: place, edges, arriving: edges.arriving(at: place, in: history),
                        in: history)))
        }
        return false
    }

    /// A listing of a slice, with what it lacks in the notes, and with `namesCut` the cut up to which it is all.
    func listing(
        _ slice: Slice, _ selection: Selection, _ graph: ExecutionGraph,
        _ restsOn: [Ruling] = [], namesCut: Bool
    ) -> Answer {
        let notes = notes(slice, graph.history, restsOn, namesCut: namesCut)
        return Answer(notes: notes, isYes: nil) { emit in
            let isStopped = try forEachEvent(of: slice, selection, graph) { item in
                try emit(line(item) + "\n")
            }
            if isStopped {
                let text =
                    "stopped after \(options.imposedLimit ?? 0) events: there are more, give a limit or ask for less"
                try emit(
                    (options.isJSON ? JSONWriter.object { $0.member("stopped", text) } : text)
                        + "\n")
            }
        }
    }

    func line(_ item: ListedItem) -> String {
        switch item {
        case .event(let listed):
            guard options.isJSON else { return listed.line }
            var writer = JSONWriter()
            listed.write(&writer)
            return writer.text
        case .unreadable(let id):
            let text = "\(Lack.unreadable(id))"
            return options.isJSON
                ? JSONWriter.object {
                    $0.member("id", id.description)
                    $0.member("unreadable", text)
                } : printable(text)
        }
    }

    func notes(
        _ slice: Slice, _ history: History, _ restsOn: [Ruling], namesCut: Bool
    ) -> [String] {
        var notes: [String] = []
        if !slice.isComplete { notes.append("incomplete, because \(Self.because(slice.lacks))") }
        if let upTo = slice.upTo, namesCut || !slice.isComplete {
            notes.append("all up to \(shown(upTo, history))")
        }
        return notes + restsOn.map(\.description)
    }

    /// A cut on one line.
    func shown(_ cut: Cut, _ history: History) -> String {
        let entries = named(cut, history).sorted { listingOrder($0.key, $1.key) }
        guard !entries.isEmpty else { return "nothing" }
        let shown = entries.prefix(Limits.cutShownMax).map { printable("\($0.key) \($0.value)") }
            .joined(separator: ", ")
        return entries.count > Limits.cutShownMax
            ? "\(shown), … (\(entries.count) processes)" : shown
    }

    func named(_ cut: Cut, _ history: History) -> [ProcessID: UInt64] {
        Dictionary(
            uniqueKeysWithValues: zip(history.processes, cut.sequences)
                .filter { $0.1 > 0 && $0.0.standIn == nil }.map { ($0.id, $1) })
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
