import Causality
import HappensBefore

/// Events at some places, in their order.
struct PlacesCursor<Execution: IndexedExecution>: EventSequence {
    private var places: ArraySlice<EventPosition>
    private let finder: EventFinder<Execution>
    private let options: Question.Options
    private var reader: EventReader
    private var taken = 0
    private var last: EventID?

    init(
        _ places: [EventPosition], _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options
    ) throws {
        self.places = places[...]
        self.options = options
        finder = try EventFinder(execution, .everything, store, options)
        reader = EventReader(store, bytesMax: options.bytesMax)
    }

    mutating func next() throws -> EventStep? {
        do {
            try options.cancellation.check()
            if let limit = options.limit, taken == limit { return nil }
            guard let place = places.first else { return nil }
            if let limit = options.imposedLimit, taken == limit {
                throw QuestionStopped(.events(max: limit))
            }
            let id = try finder.index.id(place)
            guard let (batch, row) = try reader.row(at: place, of: finder.execution) else {
                places.removeFirst()
                return .unreadable(id)
            }
            let listed = try ListedEvent(
                batch, row, at: place, finder.processes,
                senders: options.hasMessages ? finder.senders(at: place) : nil,
                options.hasClock ? finder.processes.clock(at: place) : nil)
            places.removeFirst()
            taken += 1
            last = id
            return .event(listed)
        } catch var stopped as QuestionStopped {
            stopped.progress = .listed(taken, last: last)
            throw stopped
        }
    }

    mutating func release() {
        reader.release()
        finder.release()
    }
}

extension ListedEvent {
    func value(of field: Selection.Field) -> Selection.Field.Value {
        field.value(event, host: host, kind: kind)
    }
}
