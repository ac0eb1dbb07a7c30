import Causality
import HappensBefore

/// A query on its way through its stages. For one answer, and so for one thread at a time.
struct QueryRun<Execution: IndexedExecution> {
    /// The terms whose events matches give to the next stage.
    private let selected: [Int]
    let execution: Execution
    let index: Execution.Index
    let store: any HistoryStore
    let options: Question.Options
    private(set) var stream: Stream
    /// For want of what there may be more.
    var lacks: [Lack]
    var upTo: Cut?
    /// What else is to be known of the answer.
    var remark: String?
    /// How many matches that may be none were left out.
    private var doubtful = 0

    /// What one stage gives to the next.
    enum Stream {
        case matches(Matcher<Execution>)
        /// Some of them, by the elements of their terms.
        case rows(Matcher<Execution>, [MatchRow])
        /// The events of a slice that a selection takes.
        case events(Slice, Selection)
        /// Single ones, in causal order.
        case places([EventPosition])
    }

    /// - Parameters:
    ///   - slice: Everything that is here and was not dropped.
    init(
        _ query: Query, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options, _ slice: Slice
    ) throws {
        selected = query.selected ?? Array(query.presentTerms)
        self.execution = execution
        self.store = store
        self.options = options
        index = execution.index
        upTo = slice.upTo
        if query.terms.count == 1 {
            let selection = query.terms[0].selection
            stream = .events(slice, selection)
            lacks = slice.lacks
            guard !lacks.isEmpty, !selection.isEverything else { return }
            // What is missing of processes of which it takes none is of no interest.
            let processes = Set(try Matcher<Execution>.processes(of: selection, index))
            let index = index
            lacks = try lacks.filter { lack in
                guard case .events(let gap) = lack, let process = try index.index(of: gap.process)
                else { return true }
                return processes.contains(process)
            }
        } else {
            var computed: Set<Selection.FieldReference> = []
            var isOrdered = true
            if case .aggregate(let aggregate) = query.stages.first {
                computed = Aggregation.references(of: aggregate)
                isOrdered = false
            }
            let matcher = try Matcher(
                query, execution, store, options, computed: computed, isOrdered: isOrdered, slice)
            stream =
                try query.motif.map { .rows(matcher, try matcher.rows(of: $0)) }
                ?? .matches(matcher)
            lacks = try matcher.lacks()
        }
    }

    /// From one event on.
    init(
        from place: EventPosition, _ execution: Execution, _ store: some HistoryStore,
        _ options: Question.Options
    ) throws {
        selected = []
        self.execution = execution
        self.store = store
        self.options = options
        index = execution.index
        stream = .places([place])
        lacks = []
    }

    /// How many there are so far; nil where they are found as they are asked for.
    var count: Int? {
        switch stream {
        case .rows(_, let rows): rows.count
        case .places(let places): places.count
        case .matches: nil
        case .events(let slice, let selection): selection.isEverything ? slice.count : nil
        }
    }

    /// What all events so far were taken by; nil where more than a selection chose them.
    var selectionSoFar: Selection? {
        if case .events(_, let selection) = stream { selection } else { nil }
    }

    private var completeness: Slice { Slice(ranges: [], lacks: lacks, upTo: upTo) }

    // MARK: Ends

    /// What is listed, and for want of what it may not be all.
    func listing() throws -> (events: any EventSequence, completeness: Slice) {
        let events: any EventSequence =
            switch stream {
            case .matches(let matcher): MatchCursor(matcher, nil, store)
            case .rows(let matcher, let rows): MatchCursor(matcher, rows, store)
            case .events(let slice, let selection):
                try EventCursor(execution, slice, selection, .forwards, store, options)
            case .places(let places): try PlacesCursor(places, execution, store, options)
            }
        return (events, completeness)
    }

    /// The numbers of a stage, and for want of what there may be more.
    mutating func table(
        _ stage: Query.Stage
    ) throws -> (table: NumberTable, completeness: Slice) {
        let table =
            switch stage {
            case .aggregate(let aggregate): try self.table(aggregate)
            case .cascade: try cascade()
            case .clusters(let seconds): try clusters(seconds)
            case .compare(let selection): try compare(selection)
            default: preconditionFailure("events are no numbers")
            }
        return (table, completeness)
    }

    private mutating func table(_ aggregate: Query.Aggregate) throws -> NumberTable {
        var aggregation = Aggregation(aggregate)
        switch stream {
        case .matches(let matcher):
            var terms = Set(Aggregation.references(of: aggregate).map { $0.term ?? 0 })
            if let gap = aggregate.gap { terms.formUnion([gap.from, gap.to]) }
            try matcher.forEachMatch(of: terms) { chosen, count, isSure in
                let gap = try aggregate.gap.map { try matcher.elapsed(chosen, $0.from, $0.to) }
                try aggregation.add(count, isSure: isSure, gap: gap) { term, field in
                    matcher.value(term ?? 0, field, chosen)
                }
            }
        case .rows(let matcher, let rows):
            var reader = EventReader(store, bytesMax: options.bytesMax)
            for row in rows {
                try options.cancellation.check()
                let events = try row.chosen.enumerated().map { term, element in
                    try listed(
                        matcher.candidates[term].elements[element].place, matcher.finder, &reader)
                }
                let gap = try aggregate.gap.map { try matcher.elapsed(row.chosen, $0.from, $0.to) }
                try aggregation.add(1, isSure: row.doubt == nil, gap: gap) { term, field in
                    events[term ?? 0].map { $0.value(of: field) } ?? .nothing
                }
            }
        case .events(let slice, let selection):
            try add(slice, selection, to: &aggregation, aggregate)
        case .places(let places):
            let finder = try EventFinder(execution, .everything, store, options)
            var reader = EventReader(store, bytesMax: options.bytesMax)
            for place in places {
                try options.cancellation.check()
                guard let event = try listed(place, finder, &reader) else {
                    lacks.append(.unreadable(try index.id(place)))
                    continue
                }
                try aggregation.add(1, isSure: true) { _, field in event.value(of: field) }
            }
        }
        return aggregation.table(leftOut: doubtful)
    }

    /// The events of a slice; those of a process at once, where nothing else of them is asked for.
    private mutating func add(
        _ slice: Slice, _ selection: Selection, to aggregation: inout Aggregation,
        _ aggregate: Query.Aggregate
    ) throws {
        let finder = try EventFinder(execution, selection, store, options)
        let fields = Set(Aggregation.references(of: aggregate).map(\.field))
        if selection.isEverything, aggregate.function == .count,
            fields.isSubset(of: [.process, .host])
        {
            for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
                let entry = try finder.processes[process]
                try aggregation.add(range.count, isSure: true) { _, field in
                    field == .process ? .process(entry.id) : .text(entry.host)
                }
            }
            return
        }
        var unreadable: [EventID] = []
        defer { lacks += unreadable.map { .unreadable($0) } }
        try finder.forEach(of: slice, eventsMax: .max) { place, batch, row in
            guard let row else {
                unreadable.append(try finder.index.id(place))
                return
            }
            let entry = try finder.processes[place.process]
            try aggregation.add(1, isSure: true) { _, field in
                field.value(ofRow: row, of: batch, entry)
            }
        }
    }

    private func listed(
        _ place: EventPosition, _ finder: EventFinder<Execution>, _ reader: inout EventReader
    ) throws -> ListedEvent? {
        guard let (batch, row) = try reader.row(at: place, of: execution) else { return nil }
        return try ListedEvent(
            batch, row, at: place, finder.processes, senders: finder.senders(at: place), nil)
    }

    // MARK: Stages

    mutating func go(through stage: Query.Stage) throws {
        switch stage {
        case .aggregate, .cascade, .clusters, .compare:
            preconditionFailure("numbers are the end")
        case .slice(let kind): try slice(kind)
        case .hops(let count, let kinds): try hops(count, kinds)
        case .why: stream = .places(try why(of: single("why")))
        case .window(let count): stream = .places(try window(count))
        case .selection(let selection): try select(selection)
        case .first(let count, let perProcess): try cut(count, perProcess, .forwards)
        case .last(let count, let perProcess): try cut(count, perProcess, .backwards)
        }
    }

    private mutating func slice(_ kind: Question.SliceKind) throws {
        let places: [EventPosition]
        if kind == .concurrent {
            places = try single("concurrent").map { [$0] } ?? []
        } else {
            places = try self.places()
        }
        let slice = try kept(try self.slice(kind, of: places))
        take(slice, of: [kind])
        stream = .events(Slice(ranges: slice.ranges, lacks: [], upTo: nil), .everything)
    }

    /// The events at most so many messages before the events so far, after them, or both.
    private mutating func hops(_ count: Int, _ kinds: [Question.SliceKind]) throws {
        let places = try places()
        let slices = try kinds.map { kind in
            try kept(
                within(
                    count, kind == .past ? .backwards : .forwards, of: places,
                    slice(kind, of: places)))
        }
        for slice in slices { take(slice, of: kinds) }
        guard slices.count > 1 else {
            stream = .events(Slice(ranges: slices[0].ranges, lacks: [], upTo: nil), .everything)
            return
        }
        var meant: Set<EventPosition> = []
        for slice in slices {
            try checkPlaces(slice.count)
            for (process, range) in slice.ranges.enumerated() {
                for position in range {
                    meant.insert(EventPosition(process: process, position: position))
                }
            }
            try checkPlaces(meant.count)
        }
        stream = .places(try causally(Array(meant)))
    }

    /// For want of what a slice, which is what is left now, may not be all.
    private mutating func take(_ slice: Slice, of kinds: [Question.SliceKind]) {
        lacks += slice.lacks
        if let cut = slice.upTo { upTo = upTo.map { $0.meeting(cut) } ?? cut }
        // More can be added to what comes later only.
        if kinds == [.past] { upTo = nil }
    }

    /// What happened before any of some events, after any of them, or what is concurrent with the only one.
    private func slice(_ kind: Question.SliceKind, of places: [EventPosition]) throws -> Slice {
        let slices =
            switch kind {
            case .concurrent:
                try places.map { try index.concurrent(with: index.id($0))! }
            // What the last one of a process has seen is all that those before it had.
            case .past:
                try edges(of: places, isLast: true).map { try index.past(of: index.id($0))! }
            case .future:
                try edges(of: places, isLast: false).map { try index.future(of: index.id($0))! }
            }
        var ranges = [Range<Int>](repeating: 0..<0, count: index.processCount)
        var lacks: [Lack] = []
        var upTo: Cut?
        for slice in slices {
            lacks += slice.lacks
            if let cut = slice.upTo { upTo = upTo.map { $0.meeting(cut) } ?? cut }
            for (process, range) in slice.ranges.enumerated() where !range.isEmpty {
                ranges[process] =
                    ranges[process].isEmpty
                    ? range
                    : min(
                        ranges[process].lowerBound, range.lowerBound)..<max(
                            ranges[process].upperBound, range.upperBound)
            }
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: upTo)
    }

    /// Without what was dropped.
    private func kept(_ slice: Slice) throws -> Slice {
        var (ranges, lacks) = (slice.ranges, slice.lacks)
        for (process, range) in ranges.enumerated() where !range.isEmpty {
            let dropped = try index.droppedCount(of: process)
            guard range.lowerBound < dropped, let last = try index.lastDropped(of: process) else {
                continue
            }
            ranges[process] = dropped..<max(dropped, range.upperBound)
            lacks.append(.dropped(last))
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: slice.upTo)
    }

    /// Of each process the first or the last of some places.
    private func edges(of places: [EventPosition], isLast: Bool) -> [EventPosition] {
        var edges: [Int: Int] = [:]
        for place in places {
            let known = edges[place.process] ?? place.position
            edges[place.process] =
                isLast ? max(known, place.position) : min(known, place.position)
        }
        return edges.sorted { $0.key < $1.key }.map {
            EventPosition(process: $0.key, position: $0.value)
        }
    }

    /// The only event; nil where there is none.
    private mutating func single(_ stage: String) throws -> EventPosition? {
        let places = try places()
        guard places.count < 2 else {
            throw QuestionError(
                .misuse,
                "\(stage): expected one event, found \(places.count): put “| first” before it")
        }
        return places.first
    }

    private mutating func select(_ selection: Selection) throws {
        if case .events(let slice, let before) = stream {
            stream = .events(slice, before.and(selection))
            return
        }
        let finder = try EventFinder(execution, selection, store, options)
        var reader = EventReader(store, bytesMax: options.bytesMax)
        var kept: [EventPosition] = []
        for place in try places() {
            try options.cancellation.check()
            guard let event = try listed(place, finder, &reader) else {
                lacks.append(.unreadable(try index.id(place)))
                continue
            }
            if selection.holds(for: event.event, host: event.host, kind: event.kind) {
                kept.append(place)
            }
        }
        stream = .places(kept)
    }

    private mutating func window(_ count: Int) throws -> [EventPosition] {
        var meant: Set<EventPosition> = []
        for place in try places() {
            let end = try index.sequences(of: place.process).count
            let start = try max(index.droppedCount(of: place.process), place.position - count)
            for position in start..<min(end, place.position + count + 1) {
                meant.insert(EventPosition(process: place.process, position: position))
            }
            try checkPlaces(meant.count)
        }
        return try causally(Array(meant))
    }

    func checkPlaces(_ count: Int) throws {
        try options.cancellation.check()
        guard count <= Limits.placesMax else {
            throw QuestionError(
                .misuse, "more than \(Limits.placesMax) events: narrow a selection")
        }
    }

    // MARK: Some of them

    private mutating func cut(_ count: Int, _ perProcess: Bool, _ direction: Direction) throws {
        switch stream {
        case .matches(let matcher):
            var rows: [MatchRow] = []
            var walk = MatchWalk(matcher)
            let isEnough = { (rows: [MatchRow]) in
                direction == .forwards && !perProcess && rows.count == count
            }
            while !isEnough(rows), let step = try walk.next() {
                guard case .match(let doubt) = step else { continue }
                rows.append(MatchRow(chosen: walk.chosen, doubt: doubt))
                if direction == .backwards, !perProcess, rows.count > 2 * count + 1_000 {
                    rows.removeFirst(rows.count - count)
                }
                try checkPlaces(rows.count)
            }
            stream = .rows(
                matcher, some(rows, count, perProcess, direction) { matcher.process(of: $0) })
        case .rows(let matcher, let rows):
            stream = .rows(
                matcher, some(rows, count, perProcess, direction) { matcher.process(of: $0) })
        case .places(let places):
            stream = .places(some(places, count, perProcess, direction, \.process))
        case .events(let slice, let selection):
            guard perProcess else {
                let found = try take(count, of: slice, selection, direction)
                stream = .places(direction == .forwards ? found : found.reversed())
                return
            }
            var found: [EventPosition] = []
            for process in slice.ranges.indices where !slice.ranges[process].isEmpty {
                var ranges = [Range<Int>](repeating: 0..<0, count: slice.ranges.count)
                ranges[process] = slice.ranges[process]
                found += try take(count, of: Slice(ranges: ranges, lacks: []), selection, direction)
                try checkPlaces(found.count)
            }
            stream = .places(try causally(found))
        }
    }

    private func some<Item>(
        _ items: [Item], _ count: Int, _ perProcess: Bool, _ direction: Direction,
        _ process: (Item) -> Int
    ) -> [Item] {
        let items = direction == .forwards ? items : items.reversed()
        var counts: [Int: Int] = [:]
        let taken = items.filter { item in
            let key = perProcess ? process(item) : 0
            counts[key, default: 0] += 1
            return counts[key]! <= count
        }
        return direction == .forwards ? taken : taken.reversed()
    }

    /// The first events of a slice that a selection takes, in a direction.
    private mutating func take(
        _ count: Int, of slice: Slice, _ selection: Selection, _ direction: Direction
    ) throws -> [EventPosition] {
        var options = options
        (options.limit, options.imposedLimit) = (count, nil)
        options.hasClock = false
        options.hasMessages = false
        var cursor = try EventCursor(execution, slice, selection, direction, store, options)
        var found: [EventPosition] = []
        while let step = try cursor.next() {
            switch step {
            case .event(let listed): found.append(listed.place)
            case .unreadable(let id): lacks.append(.unreadable(id))
            case .passed, .match: break
            }
            try checkPlaces(found.count)
        }
        return found
    }

    /// The events that are left, each once, in causal order.
    mutating func places() throws -> [EventPosition] {
        switch stream {
        case .places(let places): return places
        case .events(let slice, let selection):
            return try take(.max, of: slice, selection, .forwards)
        case .rows(let matcher, let rows): return try places(of: rows, matcher)
        case .matches(let matcher):
            var rows: [MatchRow] = []
            var walk = MatchWalk(matcher)
            while let step = try walk.next() {
                guard case .match(let doubt) = step else { continue }
                rows.append(MatchRow(chosen: walk.chosen, doubt: doubt))
                try checkPlaces(rows.count)
            }
            return try places(of: rows, matcher)
        }
    }

    private mutating func places(
        of rows: [MatchRow], _ matcher: Matcher<Execution>
    ) throws -> [EventPosition] {
        var meant: Set<EventPosition> = []
        for row in rows {
            guard row.doubt == nil else {
                doubtful += 1
                continue
            }
            for term in selected {
                meant.insert(matcher.candidates[term].elements[row.chosen[term]].place)
            }
        }
        return try causally(Array(meant))
    }

    /// The same, each behind all that happened before it. O(places · processes).
    func causally(_ places: [EventPosition]) throws -> [EventPosition] {
        let ranks = try index.listingRanks()
        // What happened before an event knows less than it.
        let keyed = try places.map { place -> (sum: UInt64, rank: Int, place: EventPosition) in
            try options.cancellation.check()
            var sum = try index.sequences(of: place.process)[place.position]
            for key in try index.known(at: place) where key.process != place.process {
                sum &+= key.sequence
            }
            return (sum, ranks[place.process], place)
        }
        return keyed.sorted {
            ($0.sum, $0.rank, $0.place.position) < ($1.sum, $1.rank, $1.place.position)
        }
        .map(\.place)
    }
}

extension Cut {
    /// What lies in both.
    fileprivate func meeting(_ other: Cut) -> Cut {
        Cut(sequences: zip(sequences, other.sequences).map { min($0, $1) })
    }
}
