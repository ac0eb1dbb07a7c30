import Causality
import HappensBefore
import Querying

/// A part of a graph as one format writes it: what comes first, each event in causal order, each message between them, what
/// comes last. Whoever drives it may rest between any two of these.
protocol GraphFormat {
    /// Whether messages follow the events, and those of ghosts follow them.
    static var messages: MessagesWritten { get }

    mutating func begin(_ graph: ExportedGraph) -> String
    /// `arriving` are the messages that came to the event from events that were written before it.
    mutating func event(_ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph)
        -> String
    mutating func beginMessages() -> String
    mutating func message(_ edge: MessageEdge) -> String
    mutating func beginGhostMessages() -> String
    mutating func ghostMessage(_ edge: MessageEdge) -> String
    mutating func end() -> String
}

extension GraphFormat {
    static var messages: MessagesWritten { .none }

    mutating func beginMessages() -> String { "" }
    mutating func message(_ edge: MessageEdge) -> String { "" }
    mutating func beginGhostMessages() -> String { "" }
    mutating func ghostMessage(_ edge: MessageEdge) -> String { "" }
    mutating func end() -> String { "" }
}

/// Which messages a format writes by themselves.
enum MessagesWritten {
    case none, betweenEvents, alsoOfGhosts
}

/// A part of a graph: its events, before a selection takes from them.
struct ExportedGraph {
    let graph: ExecutionGraph
    let slice: Slice
    let selection: Selection

    var history: History { graph.history }

    /// The processes of the slice that have events in it.
    var processes: [ProcessHistory] {
        zip(history.processes, slice.ranges).filter {
            !$0.1.isEmpty && selection.mayHold(process: $0.0.id, host: $0.0.host)
        }
        .map(\.0).sorted { listingOrder($0.id, $1.id) }
    }
}

/// Drives a format, a step at a time. Throws where an event cannot be read, or the export is stopped: a file with holes that
/// it does not tell of is none.
struct ExportText<Store: HistoryStore>: TextSource {
    private enum Stage {
        case beginning, events, messages, ghostMessages, ending, over
    }

    private var format: any GraphFormat
    private let graph: ExportedGraph
    private let edges: MessageEdges
    private let cancellation: Cancellation
    private var cursor: EventCursor<Store>
    private var messages: MessageEdges.Listing
    private var taken = TakenEvents()
    private var stage = Stage.beginning

    init(
        _ format: any GraphFormat, _ graph: ExportedGraph, _ cursor: EventCursor<Store>,
        _ edges: MessageEdges, _ cancellation: Cancellation
    ) {
        self.format = format
        self.graph = graph
        self.cursor = cursor
        self.edges = edges
        messages = edges.listing(in: graph.history)
        self.cancellation = cancellation
    }

    mutating func next() throws -> String? {
        switch stage {
        case .beginning:
            stage = .events
            return format.begin(graph)
        case .events: return try nextEvent()
        case .messages:
            try cancellation.check()
            guard let edge = messages.next() else { return endMessages() }
            guard edge.fromIsHere, taken.contains(edge.from), taken.contains(edge.to) else {
                return ""
            }
            return format.message(edge)
        case .ghostMessages:
            try cancellation.check()
            guard let edge = messages.next() else {
                stage = .ending
                return ""
            }
            return !edge.fromIsHere && taken.contains(edge.to) ? format.ghostMessage(edge) : ""
        case .ending:
            stage = .over
            return format.end()
        case .over: return nil
        }
    }

    private mutating func nextEvent() throws -> String {
        switch try cursor.next() {
        case .passed: return ""
        case .unreadable(let id): throw ExportError(text: "\(Lack.unreadable(id))")
        case .event(let listed):
            let arriving = listed.arriving.filter { taken.contains($0.from) }
            taken.insert(listed.event.id)
            return format.event(listed, arriving: arriving, graph)
        case nil:
            cursor.release()
            guard type(of: format).messages != .none else {
                stage = .ending
                return ""
            }
            stage = .messages
            return format.beginMessages()
        }
    }

    private mutating func endMessages() -> String {
        guard type(of: format).messages == .alsoOfGhosts else {
            stage = .ending
            return ""
        }
        messages = edges.listing(in: graph.history)
        stage = .ghostMessages
        return format.beginGhostMessages()
    }

    mutating func release() { cursor.release() }
}
