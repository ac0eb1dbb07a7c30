import Causality
import HappensBefore

/// An event with what the graph knows of it, as a listing shows it.
package struct ListedEvent: Sendable {
    package let event: Event
    package let host: String
    package let kind: EventKind
    /// The messages that arrived at it.
    package let arriving: [MessageEdge]

    /// The event as a JSON object: the same keys everywhere.
    package func write(_ writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", event.id.description)
            writer.member("process", event.id.process.description)
            writer.member("host", host)
            writer.member("seq", event.id.sequence)
            writer.member("kind", kind.text)
            writer.member("name", event.name)
            writer.member("text", event.text)
            writer.member("level", event.level?.text)
            writer.member("time", event.time?.description)
            writer.member("attributes", event.attributes)
            writer.member("cause", event.cause?.description)
            writer.member("causes", arriving.map(\.from.description))
            writer.member("clock", event.clock.entries)
            writer.member("stamp", Self.name(event.stamp))
        }
    }

    private static func name(_ stamp: StampQuality) -> String {
        switch stamp {
        case .complete: "complete"
        case .lowerBound: "lower-bound"
        case .absent: "absent"
        }
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
        parts.append(event.text)
        return printable(parts.joined(separator: "  "))
    }
}

extension Answering {
    /// The events of a slice that a selection takes, in causal order, one by one, up to the limit. True where the
    /// imposed limit was reached and there are more.
    @discardableResult
    package func forEachEvent(
        of slice: Slice, _ selection: Selection, _ graph: ExecutionGraph,
        _ body: (ListedEvent) throws -> Void
    ) throws -> Bool {
        let history = graph.history
        let edges = graph.edges
        let mayHold = history.processes.map { selection.mayHold(process: $0.id, host: $0.host) }
        var reader = EventReader(store)
        var taken = 0
        for place in LinearExtension(history, in: slice.ranges) where mayHold[place.process] {
            if let limit = options.limit, taken == limit { return false }
            guard let event = try reader.event(at: place, of: history) else { continue }
            let kind = edges.kind(of: place, in: history)
            let host = history.processes[place.process].host
            guard selection.holds(for: event, host: host, kind: kind) else { continue }
            if let limit = options.imposedLimit, taken == limit { return true }
            taken += 1
            try body(
                ListedEvent(
                    event: event, host: host, kind: kind,
                    arriving: edges.arriving(at: place, in: history)))
        }
        return false
    }

    /// A listing of a slice, with what it lacks in the notes.
    func listing(_ slice: Slice, _ selection: Selection, _ graph: ExecutionGraph) -> Answer {
        Answer(notes: Self.notes(slice), isYes: nil) { emit in
            let isStopped = try forEachEvent(of: slice, selection, graph) { listed in
                if options.isJSON {
                    var writer = JSONWriter()
                    listed.write(&writer)
                    try emit(writer.text + "\n")
                } else {
                    try emit(listed.line + "\n")
                }
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

    static func notes(_ slice: Slice) -> [String] {
        guard !slice.isComplete else { return [] }
        return ["incomplete, because \(because(slice.lacks))"]
    }

    package static func because(_ lacks: [Lack]) -> String {
        let shown = lacks.prefix(5).map { printable("\($0)") }.joined(separator: ", ")
        return lacks.count > 5 ? "\(shown), and \(lacks.count - 5) more" : shown
    }
}
