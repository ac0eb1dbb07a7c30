import Causality
import HappensBefore

// What failures, or whatever the events so far are, have to do with each other.
extension QueryRun {
    /// The events before which none of the others happened, and how many of these happened after each.
    mutating func cascade() throws -> NumberTable {
        let processes = try askedProcesses()
        let (events, _) = try candidates()
        let areSound = try execution.isSound(options.cancellation)
        let related = try Related(
            events, to: events, .concurrent, areSound: areSound, in: index, options.cancellation)
        var (lines, doubtful): ([NumberTable.Line], Int) = ([], 0)
        let shown = try EventTexts(execution, store, options)
        for element in events.ranked {
            try options.cancellation.check()
            guard try related.before(element).isEmpty else { continue }
            guard try isAllOfItsPastHere(events.elements[element], processes) else {
                doubtful += 1
                continue
            }
            let count = try related.after(element).reduce(0) { $0 + $1.count }
            lines.append(
                .init(
                    groups: try shown.texts(events.elements[element].place), number: .count(count)))
        }
        return NumberTable(
            groupTitles: ["root", "text"], title: "followed by", lines: lines.byNumber(),
            doubtful: doubtful)
    }

    /// On which processes there may be more of what is meant so far.
    private func askedProcesses() throws -> [Int] {
        if let selection = selectionSoFar {
            return try Matcher<Execution>.processes(of: selection, index)
        }
        return Array(0..<index.processCount)
    }

    /// Whether no event is missing that some processes may have had before one.
    private func isAllOfItsPastHere(
        _ event: Candidates.Element, _ processes: [Int]
    ) throws -> Bool {
        guard try index.inexactness(of: index.id(event.place)).isEmpty else { return false }
        for process in processes {
            let seen =
                process == Int(event.process)
                ? event.sequence - 1 : try index.known(of: process, at: event.place)
            if seen > 0, try index.lastDropped(of: process) != nil { return false }
            if try index.gaps(of: process).contains(where: { $0.first <= seen }) { return false }
        }
        return true
    }

    /// The events so far, with their wall times.
    private mutating func candidates() throws -> (Candidates, RowReader<Execution>) {
        let finder = try EventFinder(execution, .everything, store, options)
        let rows = RowReader(finder.processes, store)
        var events = Candidates(fields: [])
        for place in try places() {
            events.append(
                place, sequence: try finder.processes[place.process].sequences[place.position],
                time: try rows.time(at: place) ?? EventBatch.noTime)
        }
        try events.finish(index)
        return (events, rows)
    }

    // MARK: Clusters

    /// The events in groups: two are in one where something happened before both, or is one of them and happened before the
    /// other, at most so many seconds before each.
    mutating func clusters(_ seconds: Double) throws -> NumberTable {
        let (events, rows) = try candidates()
        guard events.count <= Limits.clusteredEventsMax else {
            throw QuestionError(
                .misuse,
                "clusters of more than \(Limits.clusteredEventsMax) events: narrow a selection")
        }
        let distance = Distance(rows)
        var (sure, possible) = (Groups(events.count), Groups(events.count))
        for process in 0..<index.processCount {
            var (near, maybeNear): ([Span], [Span]) = ([], [])
            for (element, event) in events.elements.enumerated() {
                try options.cancellation.check()
                guard let end = try pastEnd(of: event, in: process) else { continue }
                func first(_ isMeant: (Distance<Execution>.Verdict) -> Bool) throws -> Int {
                    try partitionPoint(count: end) { position in
                        let place = EventPosition(process: process, position: position)
                        if place == event.place { return false }
                        let verdict = try distance.verdict(
                            try candidate(at: place, rows), event, .time(seconds), areOrdered: true)
                        return !isMeant(verdict)
                    }
                }
                let start = try first { if case .within = $0 { true } else { false } }
                let earliest = try first { if case .beyond = $0 { false } else { true } }
                if start < end { near.append(Span(element: element, positions: start..<end)) }
                if earliest < end {
                    maybeNear.append(Span(element: element, positions: earliest..<end))
                }
            }
            sure.join(near)
            possible.join(maybeNear)
        }
        if possible.count < sure.count {
            remark =
                "\(sure.count) clusters, and \(possible.count) if all belongs together that may: "
                + "not all times between events are known"
        }
        let shown = try EventTexts(execution, store, options)
        var lines: [NumberTable.Line] = []
        for members in sure.members(events.ranked) {
            lines.append(
                .init(
                    groups: try shown.texts(events.elements[members[0]].place),
                    number: .count(members.count)))
        }
        return NumberTable(
            groupTitles: ["first", "text"], title: "count()", lines: lines.byNumber(), doubtful: 0)
    }

    /// Up to where the events of a process are an event or happened before it; nil where none is.
    private func pastEnd(of event: Candidates.Element, in process: Int) throws -> Int? {
        if process == Int(event.process) { return Int(event.position) + 1 }
        let known = try index.known(of: process, at: event.place)
        let end = try index.sequences(of: process).count(upTo: known)
        return try end > index.droppedCount(of: process) ? end : nil
    }

    private func candidate(
        at place: EventPosition, _ rows: RowReader<Execution>
    ) throws -> Candidates.Element {
        Candidates.Element(
            process: Int32(place.process), position: Int32(place.position),
            sequence: try rows.processes[place.process].sequences[place.position],
            time: try rows.time(at: place) ?? EventBatch.noTime, rank: 0)
    }

    private typealias Span = Groups.Span

    // MARK: What sets some apart

    /// What sets those of the events that a selection takes apart from the rest of them.
    mutating func compare(_ selection: Selection) throws -> NumberTable {
        var contrast = Contrast()
        let finder = try EventFinder(execution, .everything, store, options)
        var reader = EventReader(store, bytesMax: options.bytesMax)
        func add(_ place: EventPosition, _ batch: HeldBatch, _ row: Int) throws {
            let event = try ListedEvent(
                batch, row, at: place, finder.processes,
                senders: selection.asksForKind ? finder.senders(at: place) : nil, nil)
            try contrast.add(
                event.event, host: event.host,
                isSelected: selection.holds(
                    for: event.event, host: event.host, kind: event.kind))
        }
        if case .events(let slice, let taken) = stream {
            let all = try EventFinder(execution, taken, store, options)
            try all.forEach(of: slice, eventsMax: .max) { place, batch, row in
                guard let row else { return lacks.append(.unreadable(try index.id(place))) }
                try add(place, batch, row)
            }
        } else {
            for place in try places() {
                try options.cancellation.check()
                guard let (batch, row) = try reader.row(at: place, of: execution) else {
                    lacks.append(.unreadable(try index.id(place)))
                    continue
                }
                try add(place, batch, row)
            }
        }
        remark = contrast.remark
        return contrast.table()
    }
}

/// Elements that belong together.
struct Groups {
    struct Span {
        var element: Int
        var positions: Range<Int>
    }

    private var parents: [Int]
    private(set) var count: Int

    init(_ count: Int) {
        parents = Array(0..<count)
        self.count = count
    }

    private mutating func root(_ element: Int) -> Int {
        var element = element
        while parents[element] != element {
            parents[element] = parents[parents[element]]
            element = parents[element]
        }
        return element
    }

    /// Those whose positions meet belong together. O(spans · log spans).
    mutating func join(_ spans: [Span]) {
        var last: Span?
        for span in spans.sorted(by: { $0.positions.lowerBound < $1.positions.lowerBound }) {
            guard let reach = last, span.positions.lowerBound < reach.positions.upperBound else {
                last = span
                continue
            }
            let (a, b) = (root(reach.element), root(span.element))
            if a != b {
                parents[b] = a
                count -= 1
            }
            last = Span(
                element: span.element,
                positions: reach.positions
                    .lowerBound..<max(
                        reach.positions.upperBound, span.positions.upperBound))
        }
    }

    /// The elements of each group, in an order of all of them.
    mutating func members(_ order: [Int]) -> [[Int]] {
        var places: [Int: Int] = [:]
        var members: [[Int]] = []
        for element in order {
            let root = root(element)
            if let place = places[root] {
                members[place].append(element)
            } else {
                places[root] = members.count
                members.append([element])
            }
        }
        return members
    }
}

/// What is shown of an event in a table: what it is called, and its text or its name.
private final class EventTexts<Execution: IndexedExecution> {
    private let execution: Execution
    private var reader: EventReader

    init(_ execution: Execution, _ store: some HistoryStore, _ options: Question.Options) throws {
        self.execution = execution
        reader = EventReader(store, bytesMax: options.bytesMax)
    }

    func texts(_ place: EventPosition) throws -> [String] {
        let id = "\(try execution.index.id(place))"
        guard let event = try reader.event(at: place, of: execution) else { return [id, "–"] }
        return [id, event.text.isEmpty ? event.name : event.text]
    }
}

extension [NumberTable.Line] {
    /// The largest numbers first; of equal ones in the order that they have.
    fileprivate func byNumber() -> [NumberTable.Line] {
        enumerated().sorted { a, b in
            let (first, second) = (a.element.number.size, b.element.number.size)
            return first != second ? first > second : a.offset < b.offset
        }.map(\.element)
    }
}
