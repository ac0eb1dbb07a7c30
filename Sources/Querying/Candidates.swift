import Causality
import HappensBefore

/// The events that the selection of one term takes, as elements: process by process, each ascending.
struct Candidates: Sendable {
    /// What is kept of an event.
    struct Element: Sendable {
        var process: Int32
        var position: Int32
        var sequence: UInt64
        /// In nanoseconds; `EventBatch.noTime` where it has none.
        var time: Int64
        /// Its place among the candidates as they were found, or among the events of all terms: in causal order, where that matters.
        var rank: Int32
        /// Whether all that it knows is known.
        var isCertain = false

        var place: EventPosition { EventPosition(process: Int(process), position: Int(position)) }
        var key: EventKey { EventKey(process: Int(process), sequence: sequence) }
    }

    private(set) var elements: [Element] = []
    /// The processes that have some, ascending, and which elements are theirs.
    private(set) var processes: [(process: Int, elements: Range<Int>)] = []
    /// By process: its place in `processes`, or -1; none of the last ones that have no elements.
    private var places: [Int32] = []
    /// How many elements before each are not certain.
    private var uncertainBefore: [Int32] = [0]
    /// Those that are joined. Not the keys of `values`: while these are gone through, each change would copy all of it.
    private let fields: [Selection.Field]
    /// Of the fields that are joined, by element: what they are.
    private(set) var values: [Selection.Field: [Selection.Field.Value]] = [:]
    /// Those that are there and cannot be read.
    private(set) var unreadable: [EventID] = []

    /// - Parameter fields: Those that are joined, of what an event says.
    init(fields: Set<Selection.Field>) {
        self.fields = Array(fields)
        for field in fields { values[field] = [] }
    }

    var count: Int { elements.count }

    /// The place of a process in `processes`; nil where it has none.
    func place(of process: Int) -> Int? {
        guard process < places.count, places[process] >= 0 else { return nil }
        return Int(places[process])
    }

    /// The elements of a process.
    func elements(of process: Int) -> Range<Int> {
        place(of: process).map { processes[$0].elements } ?? 0..<0
    }

    /// The element that is the event of a process with a number; nil where none is. O(log elements).
    func element(of event: EventKey) -> Int? {
        let all = elements(of: event.process)
        let place =
            all.lowerBound
            + partitionPoint(count: all.count) {
                elements[all.lowerBound + $0].sequence < event.sequence
            }
        guard place < all.upperBound, elements[place].sequence == event.sequence else { return nil }
        return place
    }

    /// The element at a place; nil where none is. O(log elements).
    func element(at place: EventPosition) -> Int? {
        let all = elements(of: place.process)
        let element =
            all.lowerBound
            + partitionPoint(count: all.count) {
                elements[all.lowerBound + $0].position < place.position
            }
        guard element < all.upperBound, elements[element].position == place.position else {
            return nil
        }
        return element
    }

    /// What an element is looked up by that is joined by some fields; nil where it equals nothing.
    func joinKey(of element: Int, _ fields: [Selection.Field]) -> JoinKey? {
        var parts: [JoinKey] = []
        for field in fields {
            guard let key = values[field]![element].joinKey else { return nil }
            parts.append(key)
        }
        return parts.count == 1 ? parts[0] : .several(parts)
    }

    /// The elements in causal order. O(elements).
    var ranked: [Int] {
        var ranked = [Int](repeating: 0, count: count)
        for (index, element) in elements.enumerated() { ranked[Int(element.rank)] = index }
        return ranked
    }

    mutating func append(_ listed: ListedEvent) {
        append(listed.batch.rows, listed.row, at: listed.place)
        for field in fields { values[field]!.append(listed.value(of: field)) }
    }

    /// One of which nobody asks what it did with messages.
    mutating func append(
        _ batch: HeldBatch, _ row: Int, at place: EventPosition, _ process: ProcessEntry
    ) {
        append(batch.rows, row, at: place)
        for field in fields {
            values[field]!.append(field.value(ofRow: row, of: batch, process))
        }
    }

    private mutating func append(_ batch: EventBatch, _ row: Int, at place: EventPosition) {
        append(place, sequence: batch.sequences[row], time: batch.times[row])
    }

    mutating func append(_ place: EventPosition, sequence: UInt64, time: Int64) {
        elements.append(
            Element(
                process: Int32(place.process), position: Int32(place.position), sequence: sequence,
                time: time, rank: Int32(elements.count)))
    }

    /// One of which is known what it has in its fields.
    ///
    /// - Parameter rank: Its place among the events of all terms.
    mutating func append(
        _ place: EventPosition, sequence: UInt64, time: Int64, rank: Int32,
        _ fields: [(Selection.Field, Selection.Field.Value)]
    ) {
        append(place, sequence: sequence, time: time)
        elements[elements.count - 1].rank = rank
        for (field, value) in fields { values[field]!.append(value) }
    }

    mutating func append(unreadable event: EventID) { unreadable.append(event) }

    /// Brings what was appended in causal order into order. O(elements), or where those of a process did not come as they follow each
    /// other O(elements · log elements).
    mutating func finish(_ index: some CausalIndex) throws {
        let isInOrder = zip(elements, elements.dropFirst()).allSatisfy {
            ($0.process, $0.position) < ($1.process, $1.position)
        }
        if !isInOrder {
            let byProcess = Dictionary(grouping: elements.indices) { elements[$0].process }
            let order = byProcess.sorted { $0.key < $1.key }.flatMap { _, own in
                let isAscending = zip(own, own.dropFirst()).allSatisfy {
                    elements[$0].position <= elements[$1].position
                }
                return isAscending
                    ? own : own.sorted { elements[$0].position < elements[$1].position }
            }
            elements = order.map { elements[$0] }
            values = values.mapValues { values in order.map { values[$0] } }
        }
        var start = 0
        while start < elements.count {
            let process = elements[start].process
            var end = start
            while end < elements.count, elements[end].process == process { end += 1 }
            places += Array(repeating: -1, count: Int(process) - places.count)
            places.append(Int32(processes.count))
            processes.append((Int(process), start..<end))
            try findCertain(start..<end, index)
            start = end
        }
    }

    private mutating func findCertain(_ range: Range<Int>, _ index: some CausalIndex) throws {
        var end = 0
        for element in range {
            if elements[element].position >= end {
                end = try index.certainEnd(from: elements[element].place)
            }
            elements[element].isCertain = elements[element].position < end
            uncertainBefore.append(
                uncertainBefore[element] + (elements[element].isCertain ? 0 : 1))
        }
    }

    /// Whether what each of some elements knows is all known.
    func areCertain(_ range: Range<Int>) -> Bool {
        uncertainBefore[range.lowerBound] == uncertainBefore[range.upperBound]
    }

    /// The first element of each process of which not all is known that it knows.
    var firstUncertain: [Element] {
        processes.compactMap { _, range in
            areCertain(range) ? nil : elements[range].first { !$0.isCertain }
        }
    }
}

/// What is known at the events of one process, as one goes along it.
struct KnowledgeWalk<Index: CausalIndex> {
    private let index: Index
    private let process: Int
    private var last: Int?
    /// What was learned at the positions up to `newsEnd`, ahead of being asked for.
    private var news: [Arrival] = []
    /// How many of them were taken.
    private var newsTaken = 0
    private var newsEnd = 0

    init(_ process: Int, in index: Index) {
        self.process = process
        self.index = index
    }

    /// Goes to a later position; calls `learn` with what was learned since the last one, or with all that is known.
    /// O(log n + what was learned).
    mutating func advance(
        to position: Int, _ learn: (EventKey) throws -> Void
    ) throws {
        if let last, position - last <= Limits.rowsOfNews {
            try takeNews(upTo: position, learn)
            if newsEnd <= position {
                // The next ones are near, most often.
                let end = min(
                    newsEnd + Limits.rowsLookedAt, try index.sequences(of: process).count)
                news = try index.learned(by: process, in: newsEnd..<end)
                (newsTaken, newsEnd) = (0, end)
                try takeNews(upTo: position, learn)
            }
        } else {
            for key in try index.known(at: EventPosition(process: process, position: position)) {
                try learn(key)
            }
            if last == nil { for key in try index.implied(by: process) { try learn(key) } }
            (news, newsTaken, newsEnd) = ([], 0, position + 1)
        }
        last = position
    }

    private mutating func takeNews(
        upTo position: Int, _ learn: (EventKey) throws -> Void
    ) rethrows {
        while newsTaken < news.count, news[newsTaken].position <= position {
            try learn(news[newsTaken].event)
            newsTaken += 1
        }
    }
}

/// How many candidates of one term the candidates of another know, process by process.
struct KnownCandidates: Sendable {
    private let width: Int
    private var counts: [Int32]

    /// Of which process elements have uncertain knowledge, from which on: what is known of them is at least that.
    /// O(elements of `knowers` · processes of `known`, and what they learn).
    init(
        _ known: Candidates, by knowers: Candidates, in index: some CausalIndex,
        _ cancellation: Cancellation
    ) throws {
        width = known.processes.count
        let (entries, overflow) = width.multipliedReportingOverflow(by: knowers.count)
        guard !overflow, entries <= Limits.knownCandidatesMax else {
            throw QuestionError(
                .misuse,
                "\(knowers.count) events to be compared with those of \(width) processes: narrow a selection"
            )
        }
        counts = []
        counts.reserveCapacity(entries)
        for (process, elements) in knowers.processes {
            var walk = KnowledgeWalk(process, in: index)
            var ends = [Int32](repeating: 0, count: width)
            let own = known.place(of: process)
            for element in elements {
                try cancellation.check()
                try walk.advance(to: Int(knowers.elements[element].position)) { key in
                    guard let place = known.place(of: key.process), place != own else { return }
                    Self.advance(&ends[place], known, place, upTo: key.sequence)
                }
                if let own {
                    Self.advance(
                        &ends[own], known, own, upTo: knowers.elements[element].sequence - 1)
                }
                counts.append(contentsOf: ends)
            }
        }
    }

    private static func advance(
        _ end: inout Int32, _ known: Candidates, _ place: Int, upTo sequence: UInt64
    ) {
        let elements = known.processes[place].elements
        var next = elements.lowerBound + Int(end)
        // Knowledge grows in small steps, most often.
        var step = 1
        while next + step <= elements.upperBound,
            known.elements[next + step - 1].sequence <= sequence
        {
            next += step
            step *= 2
        }
        let limit = min(elements.upperBound, next + step)
        next += partitionPoint(count: limit - next) {
            known.elements[next + $0].sequence <= sequence
        }
        end = Int32(next - elements.lowerBound)
    }

    /// How many candidates of a process, by its place, an element knows: the first ones.
    func count(_ element: Int, _ place: Int) -> Int { Int(counts[element * width + place]) }
}
