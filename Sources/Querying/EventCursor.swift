import Causality
import HappensBefore

/// The events of a slice that a selection takes, in causal order, one by one, up to the limit: a place in a listing that can be
/// held without working.
package struct EventCursor<Store: HistoryStore> {
    package enum Step: Sendable {
        case event(ListedEvent)
        /// It is there and cannot be read.
        case unreadable(EventID)
        /// It is not among those that are meant.
        case passed
    }

    private let graph: ExecutionGraph
    private let edges: MessageEdges
    private let selection: Selection
    private let options: Question.Options
    private let mayHold: [Bool]
    private var places: LinearExtension
    private var reader: EventReader
    private var taken = 0
    private var last: EventID?

    /// O(events of the slice).
    package init(
        _ answering: Answering<Store>, _ slice: Slice, _ selection: Selection,
        _ graph: ExecutionGraph
    ) throws {
        let history = graph.history
        self.graph = graph
        self.selection = selection
        options = answering.options
        edges = try graph.edges(options.cancellation)
        mayHold = history.processes.map { selection.mayHold(process: $0.id, host: $0.host) }
        places = try telling(.joining) {
            try LinearExtension(
                history, in: slice.ranges, check: answering.options.cancellation.check)
        }
        reader = EventReader(answering.store, bytesMax: options.bytesMax)
    }

    /// Looks at the next event; nil where there is none, or the asker's limit is reached. Throws `QuestionStopped` where the
    /// answer is to end here though there are more.
    package mutating func next() throws -> Step? {
        do {
            try options.cancellation.check()
            return try step()
        } catch var stopped as QuestionStopped {
            stopped.progress = .listed(taken, last: last)
            throw stopped
        }
    }

    private mutating func step() throws -> Step? {
        if let limit = options.limit, taken == limit { return nil }
        guard let place = places.next() else { return nil }
        guard mayHold[place.process] else { return .passed }
        let history = graph.history
        guard let event = try reader.event(at: place, of: history) else {
            return .unreadable(history.id(place))
        }
        let kind = edges.kind(of: place, in: history)
        let host = history.processes[place.process].host
        guard selection.holds(for: event, host: host, kind: kind) else { return .passed }
        if let limit = options.imposedLimit, taken == limit {
            throw QuestionStopped(.events(max: limit))
        }
        taken += 1
        last = event.id
        return .event(
            ListedEvent(
                event, at: place, edges, arriving: edges.arriving(at: place, in: history),
                in: history))
    }

    /// Lets go of the frames that can be read again.
    package mutating func release() { reader.release() }
}

/// The text of a listing: an event a line.
struct ListingText<Store: HistoryStore>: TextSource {
    let answering: Answering<Store>
    var cursor: EventCursor<Store>
    private(set) var stopped: QuestionStopped?

    init(_ answering: Answering<Store>, _ cursor: EventCursor<Store>) {
        self.answering = answering
        self.cursor = cursor
    }

    mutating func next() throws -> String? {
        guard stopped == nil else { return nil }
        do {
            guard let step = try cursor.next() else { return nil }
            return answering.line(step).map { $0 + "\n" } ?? ""
        } catch let error as QuestionStopped {
            stopped = error
            return answering.line(error) + "\n"
        }
    }

    mutating func release() { cursor.release() }
}

/// The events of a view as the end of a JSON object. Throws where they end early: half an object is none.
struct EventArrayText<Store: HistoryStore>: TextSource {
    let answering: Answering<Store>
    var cursor: EventCursor<Store>
    private var isFirst = true
    private var isEnded = false

    init(_ answering: Answering<Store>, _ cursor: EventCursor<Store>) {
        self.answering = answering
        self.cursor = cursor
    }

    mutating func next() throws -> String? {
        guard !isEnded else { return nil }
        guard let step = try cursor.next() else {
            isEnded = true
            return "]}\n"
        }
        guard let line = answering.line(step) else { return "" }
        defer { isFirst = false }
        return isFirst ? line : "," + line
    }

    mutating func release() { cursor.release() }
}

extension Answering {
    /// A listing of a slice, with what it lacks in the notes, and with `namesCut` the cut up to which it is all.
    func listing(
        _ slice: Slice, _ selection: Selection, _ graph: ExecutionGraph,
        _ restsOn: [Ruling] = [], namesCut: Bool
    ) throws -> Answer {
        let notes = try notes(slice, graph.history, restsOn, namesCut: namesCut)
        let cursor = try EventCursor(self, slice, selection, graph)
        return Answer(notes: notes, isYes: nil, text: [ListingText(self, cursor)])
    }

    /// What a listing says of a step; nil where nothing.
    func line(_ step: EventCursor<Store>.Step) -> String? {
        switch step {
        case .passed: return nil
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

    /// The last line of a listing that ends early. No event's line begins so.
    func line(_ stopped: QuestionStopped) -> String {
        guard options.isJSON else { return "stopped: \(stopped)" }
        return JSONWriter.object {
            $0.member("stopped", stopped.description)
            $0.member("limit", stopped.limit)
            if case .listed(let events, let last) = stopped.progress {
                $0.member("events", events)
                $0.member("last", last?.description)
            }
        }
    }
}
