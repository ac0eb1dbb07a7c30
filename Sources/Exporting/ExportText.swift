import Causality
import HappensBefore
import Querying

/// A part of a graph as one format writes it: what comes first, each event in causal order, each message between them, what
/// comes last. Whoever drives it may rest between any two of these.
protocol GraphFormat {
    /// Whether messages follow the events, and those of ghosts follow them.
    static var messages: MessagesWritten { get }
    /// Whether what arrived at an event is written with it.
    static var asksForArrivals: Bool { get }
    /// Whether anything is written of an event that follows from messages: what arrived, or its kind where its source says none.
    static var asksForMessages: Bool { get }

    mutating func begin(_ graph: ExportedGraph) -> String
    /// `arriving` are the messages that came to the event from events that were written before it: none where nobody asks.
    mutating func event(
        _ listed: ListedEvent, arriving: [MessageEdge], _ graph: ExportedGraph,
        to text: inout ByteWriter)
    mutating func beginMessages() -> String
    mutating func message(_ edge: MessageEdge) -> String
    mutating func beginGhostMessages() -> String
    mutating func ghostMessage(_ edge: MessageEdge) -> String
    mutating func end() -> String
}

extension GraphFormat {
    static var messages: MessagesWritten { .none }
    static var asksForArrivals: Bool { false }
    static var asksForMessages: Bool { true }

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

/// A part of a graph, before a selection takes from it.
struct ExportedGraph: Sendable {
    let execution: String
    let isComplete: Bool
    /// Those that have events in it, in listing order.
    let processes: [ProcessFacts]
    /// What all processes are called that are here or cited.
    let names: [ProcessID]

    init(_ slice: Slice, _ selection: Selection, _ index: some CausalIndex) throws {
        execution = index.execution
        isComplete = slice.isComplete
        let all = try (0..<index.processCount).map { try index.facts(of: $0) }
        names = all.map(\.id)
        processes = zip(all, slice.ranges).filter {
            !$0.1.isEmpty && selection.mayHold(process: $0.0.id, host: $0.0.host)
        }
        .map(\.0).sorted { listingOrder($0.id, $1.id) }
    }
}

/// Drives a format, a step at a time. Throws where an event cannot be read, or the export is stopped: a file with holes that
/// it does not tell of is none.
struct ExportText<Execution: IndexedExecution>: TextSource {
    private enum Stage {
        case beginning, events, messages, ghostMessages, ending, over
    }

    private let form: any GraphFormat.Type
    private let cancellation: Cancellation
    private var events: EventPieces
    private var exported: ExportedEvents<Execution.Index>
    private var messages: MessageListing<Execution>
    private var stage = Stage.beginning

    init(
        _ format: any GraphFormat, _ graph: ExportedGraph, _ events: any EventSequence,
        of execution: Execution, _ cancellation: Cancellation
    ) throws {
        form = type(of: format)
        self.events = EventPieces(events)
        messages = try MessageListing(execution, cancellation)
        // Before anything is written: a file that cannot be read is another's to answer for then.
        if form.messages != .none { try messages.readAll(cancellation) }
        exported = ExportedEvents(
            format: format, graph: graph,
            taken: form.messages != .none || form.asksForArrivals
                ? TakenEvents(execution.index) : nil)
        self.cancellation = cancellation
    }

    mutating func next() throws -> String? {
        switch stage {
        case .beginning:
            stage = .events
            return exported.format.begin(exported.graph)
        case .events: return try events.next(&exported) ?? endEvents()
        case .messages:
            try cancellation.check()
            guard let edge = try messages.next() else { return endMessages() }
            guard edge.fromIsHere, try exported.taken!.contains(edge.from),
                try exported.taken!.contains(edge.to)
            else { return "" }
            return exported.format.message(edge)
        case .ghostMessages:
            try cancellation.check()
            guard let edge = try messages.next() else {
                stage = .ending
                return ""
            }
            return try !edge.fromIsHere && exported.taken!.contains(edge.to)
                ? exported.format.ghostMessage(edge) : ""
        case .ending:
            stage = .over
            return exported.format.end()
        case .over: return nil
        }
    }

    private mutating func endEvents() -> String {
        events.release()
        guard form.messages != .none else {
            stage = .ending
            return ""
        }
        stage = .messages
        return exported.format.beginMessages()
    }

    private mutating func endMessages() -> String {
        guard form.messages == .alsoOfGhosts else {
            stage = .ending
            return ""
        }
        messages.begin()
        stage = .ghostMessages
        return exported.format.beginGhostMessages()
    }

    mutating func release() { events.release() }
}

/// Writes the events of an export.
private struct ExportedEvents<Index: CausalIndex>: EventWriter {
    var format: any GraphFormat
    let graph: ExportedGraph
    /// Nil where the format does not ask which events were written.
    let taken: TakenEvents<Index>?

    mutating func write(_ step: EventStep, to text: inout ByteWriter) throws {
        switch step {
        // A selection takes single events.
        case .passed, .match: break
        case .unreadable(let id): throw ExportError(text: "\(Lack.unreadable(id))")
        case .event(let listed):
            var arriving: [MessageEdge] = []
            if type(of: format).asksForArrivals {
                arriving = try listed.arriving.filter { try taken!.contains($0.from) }
            }
            try taken?.insert(listed.place)
            format.event(listed, arriving: arriving, graph, to: &text)
        }
    }
}

/// Every message of an execution, in listing order of the receivers, one at a time.
struct MessageListing<Execution: IndexedExecution> {
    private let index: Execution.Index
    private let messages: Execution.Messages
    private let processes: [Int]
    private var process = 0
    private var position = 0
    private var arrivals: ArraySlice<Arrival> = []

    init(_ execution: Execution, _ cancellation: Cancellation) throws {
        index = execution.index
        messages = try execution.messages(cancellation)
        processes = try index.listedProcesses()
    }

    /// Reads all of them once, and begins anew. Throws where some cannot be read.
    func readAll(_ cancellation: Cancellation) throws {
        for process in processes {
            let count = try index.sequences(of: process).count
            for start in stride(from: 0, to: count, by: Limits.rowsOfMessages) {
                try cancellation.check()
                let end = min(count, start + Limits.rowsOfMessages)
                _ = try messages.arrivals(at: process, in: start..<end)
            }
        }
    }

    /// Begins anew.
    mutating func begin() { (process, position, arrivals) = (0, 0, []) }

    mutating func next() throws -> MessageEdge? {
        while process < processes.count {
            let receiver = processes[process]
            if let arrival = arrivals.popFirst() {
                return try index.edge(
                    from: arrival.event,
                    to: EventPosition(process: receiver, position: arrival.position))
            }
            let count = try index.sequences(of: receiver).count
            guard position < count else {
                (process, position) = (process + 1, 0)
                continue
            }
            let end = min(count, position + Limits.rowsOfMessages)
            arrivals = try messages.arrivals(at: receiver, in: position..<end)[...]
            position = end
        }
        return nil
    }
}

/// Which events an export has written: a bit an event. A class for what `EventFinder` is one.
final class TakenEvents<Index: CausalIndex> {
    private let index: Index
    private var words: [Int: [UInt64]] = [:]

    init(_ index: Index) { self.index = index }

    func insert(_ place: EventPosition) throws {
        if words[place.process] == nil {
            let count = try index.sequences(of: place.process).count
            words[place.process] = [UInt64](repeating: 0, count: (count + 63) / 64)
        }
        words[place.process]![place.position / 64] |= 1 << UInt64(place.position % 64)
    }

    func contains(_ event: EventID) throws -> Bool {
        guard let place = try index.position(of: event), let words = words[place.process] else {
            return false
        }
        return words[place.position / 64] & 1 << UInt64(place.position % 64) != 0
    }
}
