import Causality
import HappensBefore

extension Answering {
    func timeline(
        _ graph: ExecutionGraph, _ selection: Selection, _ processes: [String], _ hosts: [String]
    ) throws -> Answer {
        let history = graph.history
        let meant = Set(try processes.map { try history.process(named: $0) })
        let known = Set(history.processes.map(\.host))
        for host in hosts where !known.contains(host) {
            let hint = Suggestion.ending(for: host, among: known.sorted())
            throw QuestionError(
                .notFound, "no host “\(host)” in execution “\(history.execution)”\(hint)")
        }
        let ids = Set(meant.map { history.processes[$0].id })
        let slice = history.listing(
            history.processes.indices.filter { process in
                let line = history.processes[process]
                return (meant.isEmpty && hosts.isEmpty) || ids.contains(line.id)
                    || hosts.contains(line.host)
            })
        return try listing(slice, selection, graph, namesCut: false)
    }

    func show(_ id: EventID, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        guard let place = history.position(of: id) else { return try missing(id, graph) }
        var reader = EventReader(store)
        guard let event = try reader.event(at: place, of: history) else {
            throw QuestionError(
                .notFound, "\(id) is in a frame that cannot be read (lightcone defects)")
        }
        let edges = try graph.edges(options.cancellation)
        let arriving = edges.arriving(at: place, in: history)
        let leaving = edges.leaving(id, in: history)
        let listed = ListedEvent(event, at: place, edges, arriving: arriving, in: history)
        let lacks = history.inexactness(of: id)
        let restsOn = history.rulings(seenBy: [id])
        if options.isJSON {
            return Answer([
                JSONWriter.object { writer in
                    writer.key("event")
                    listed.write(&writer)
                    writer.member("causes", arriving.map(\.from.description))
                    writer.member("effects", leaving.map(\.to.description))
                    writer.member("exact", lacks.isEmpty)
                    writer.member("because", lacks.map(\.description))
                    writer.rulings(restsOn)
                    let ruledOutBy = restsOn.filter { $0.event == id }.map(\.by.description)
                    if !ruledOutBy.isEmpty { writer.member("ruledOutBy", ruledOutBy) }
                }
            ])
        }
        var lines = [
            "event      \(id)", "host       \(listed.host)", "kind       \(listed.kind.text)",
            "time       \(event.time?.description ?? "not recorded")",
        ]
        if let level = event.level { lines.append("level      \(level.text)") }
        if !event.name.isEmpty { lines.append("name       \(event.name)") }
        lines.append("text       \(event.text)")
        lines += event.attributes.map { "attribute  \($0.key) = \($0.value.text)" }
        lines += listed.seen.sorted { listingOrder($0.key, $1.key) }
            .map { "clock      \($0.key) = \($0.value)" }
        lines.append("stamp      \(listed.stampText)")
        lines += lacks.map {
            "clock      (at least that: what else it had seen is not known, because \($0))"
        }
        lines += restsOn.map { "clock      (\($0))" }
        if let ruled = listed.rulesOut {
            lines.append("rules out  that a message came at \(ruled)")
        }
        lines += arriving.map { "cause      \($0.from)\($0.fromIsHere ? "" : " (missing)")" }
        lines += leaving.map { "effect     \($0.to)" }
        return Answer(lines.map { printable($0) })
    }

    /// What can be said of an event that is not here.
    private func missing(_ id: EventID, _ graph: ExecutionGraph) throws -> Answer {
        guard graph.history.index(of: id.process) != nil else {
            throw QuestionError(.notFound, try unheardOf(id, graph.history) ?? "\(id) is not here")
        }
        let history = graph.history
        let unheard = try unheardOf(id, graph.history)
        let effects = try graph.edges(options.cancellation).leaving(id, in: history)
        let state = unheard ?? "\(id) is known to exist and is not here (a ghost)"
        if options.isJSON {
            return Answer(
                isYes: false,
                [
                    JSONWriter.object { writer in
                        writer.key("event")
                        writer.null()
                        writer.member("id", id.description)
                        writer.member("ghost", unheard == nil)
                        writer.member("effects", effects.map(\.to.description))
                        writer.member("text", state)
                    }
                ])
        }
        return Answer(
            isYes: false, ([state] + effects.map { "effect     \($0.to)" }).map { printable($0) })
    }

    func slice(
        _ kind: Question.SliceKind, _ event: EventID, _ selection: Selection, _ countOnly: Bool,
        _ graph: ExecutionGraph
    ) throws -> Answer {
        let history = graph.history
        var slice = try slice(kind, event, history)
        guard countOnly else {
            let restsOn = history.rulings(seenBy: [event])
            return try listing(slice, selection, graph, restsOn, namesCut: kind != .past)
        }
        let (counted, unreadable) = try countEvents(slice, selection, graph)
        slice = Slice(
            ranges: slice.ranges, lacks: slice.lacks + unreadable.map { .unreadable($0) },
            upTo: slice.upTo)
        return try self.counted(counted, of: slice, kind, event, history)
    }

    /// The events that are in some order to an event, by what an index knows of it.
    func slice(
        _ kind: Question.SliceKind, _ event: EventID, _ index: some CausalIndex
    ) throws -> Slice {
        try require(event, index)
        let slice =
            switch kind {
            case .past: try index.past(of: event)!
            case .future: try index.future(of: event)!
            case .concurrent: try index.concurrent(with: event)!
            }
        guard try index.isContradictory(event) else { return slice }
        return Slice(
            ranges: slice.ranges, lacks: slice.lacks + [.consistency(event)], upTo: slice.upTo)
    }

    /// The number of a slice's events, or of those that a selection takes.
    func counted(
        _ counted: Int, of slice: Slice, _ kind: Question.SliceKind, _ event: EventID,
        _ index: some CausalIndex
    ) throws -> Answer {
        let restsOn = try index.rulings(seenBy: [event])
        let upTo = try slice.upTo.map { try named($0, index) }
        if options.isJSON {
            return Answer([
                JSONWriter.object {
                    $0.member("event", event.description)
                    $0.member("count", counted)
                    $0.member("complete", slice.isComplete)
                    $0.member("because", slice.lacks.map(\.description))
                    if let upTo { $0.member("upTo", upTo) }
                    $0.rulings(restsOn)
                }
            ])
        }
        return Answer(
            notes: try notes(slice, index, restsOn, namesCut: kind != .past), ["\(counted)"])
    }

    /// How many events of a slice a selection takes, up to the limit, and which cannot be read.
    package func countEvents(
        _ slice: Slice, _ selection: Selection, _ graph: ExecutionGraph
    ) throws -> (events: Int, unreadable: [EventID]) {
        guard !selection.isEverything else { return (slice.count, []) }
        var answering = self
        // What is counted is not given.
        answering.options.imposedLimit = nil
        var cursor = try EventCursor(answering, slice, selection, graph)
        var (looked, counted) = (0, 0)
        var unreadable: [EventID] = []
        do {
            while let step = try cursor.next() {
                looked += 1
                if case .event = step { counted += 1 }
                if case .unreadable(let id) = step { unreadable.append(id) }
            }
        } catch var stopped as QuestionStopped {
            stopped.progress = .looked(looked, of: slice.count)
            throw stopped
        }
        return (counted, unreadable)
    }
}
