import Causality
import HappensBefore

extension Answering {
    func timeline(
        _ graph: ExecutionGraph, _ selection: Selection, _ processes: [ProcessID], _ hosts: [String]
    ) throws -> Answer {
        let history = graph.history
        for process in processes where history.index(of: process) == nil {
            throw QuestionError(
                .notFound, "no process “\(process)” in execution “\(history.execution)”")
        }
        for host in hosts where !history.processes.contains(where: { $0.host == host }) {
            throw QuestionError(.notFound, "no host “\(host)” in execution “\(history.execution)”")
        }
        let ranges = history.processes.map { line in
            let isMeant =
                (processes.isEmpty && hosts.isEmpty) || processes.contains(line.id)
                || hosts.contains(line.host)
            return isMeant ? 0..<line.count : 0..<0
        }
        let lacks = zip(history.processes, ranges).flatMap { line, range in
            range.isEmpty && line.count > 0 ? [] : line.gaps.map { Lack.events($0) }
        }
        let isAll = processes.isEmpty && hosts.isEmpty
        let shown =
            isAll
            ? lacks
            : lacks.filter { lack in
                guard case .events(let gap) = lack, let index = history.index(of: gap.process)
                else { return true }
                return !ranges[index].isEmpty
            }
        return listing(Slice(ranges: ranges, lacks: shown), selection, graph)
    }

    func show(_ id: EventID, _ graph: ExecutionGraph) throws -> Answer {
        let history = graph.history
        guard let place = history.position(of: id) else { return try missing(id, graph) }
        var reader = EventReader(store)
        guard let event = try reader.event(at: place, of: history) else {
            throw QuestionError(
                .notFound, "\(id) is in a block that cannot be read (lightcone defects)")
        }
        let edges = graph.edges
        let arriving = edges.arriving(at: place, in: history)
        let leaving = edges.leaving(id, in: history)
        let listed = ListedEvent(
            event: event, host: history.processes[place.process].host,
            kind: edges.kind(of: place, in: history),
            arriving: arriving)
        let isExact = history.isExact(id)
        if options.isJSON {
            return Answer([
                JSONWriter.object { writer in
                    writer.key("event")
                    listed.write(&writer)
                    writer.member("causes", arriving.map(\.from.description))
                    writer.member("effects", leaving.map(\.to.description))
                    writer.member("exact", isExact)
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
        lines += event.clock.entries.sorted { listingOrder($0.key, $1.key) }
            .map { "clock      \($0.key) = \($0.value)" }
        if !isExact {
            lines.append("clock      (a lower bound: what the event has seen is not known exactly)")
        }
        lines += arriving.map { "cause      \($0.from)\($0.fromIsHere ? "" : " (missing)")" }
        lines += leaving.map { "effect     \($0.to)" }
        return Answer(lines.map(printable))
    }

    /// What can be said of an event that is not here.
    private func missing(_ id: EventID, _ graph: ExecutionGraph) throws -> Answer {
        guard graph.history.index(of: id.process) != nil else {
            throw QuestionError(.notFound, unheardOf(id, graph) ?? "\(id) is not here")
        }
        let history = graph.history
        let unheard = unheardOf(id, graph)
        let effects = graph.edges.leaving(id, in: history)
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
            isYes: false, ([state] + effects.map { "effect     \($0.to)" }).map(printable))
    }

    func slice(
        _ kind: Question.SliceKind, _ event: EventID, _ selection: Selection, _ countOnly: Bool,
        _ graph: ExecutionGraph
    ) throws -> Answer {
        try require(event, graph)
        let history = graph.history
        var slice =
            switch kind {
            case .past: history.past(of: event)!
            case .future: history.future(of: event)!
            case .concurrent: history.concurrent(with: event)!
            }
        if history.isContradictory(event) {
            slice = Slice(ranges: slice.ranges, lacks: slice.lacks + [.consistency(event)])
        }
        guard countOnly else { return listing(slice, selection, graph) }
        var counted = 0
        if selection.isEverything {
            counted = slice.count
        } else {
            try forEachEvent(of: slice, selection, graph) { _ in counted += 1 }
        }
        if options.isJSON {
            return Answer([
                JSONWriter.object {
                    $0.member("event", event.description)
                    $0.member("count", counted)
                    $0.member("complete", slice.isComplete)
                    $0.member("because", slice.lacks.map(\.description))
                }
            ])
        }
        return Answer(notes: Self.notes(slice), ["\(counted)"])
    }
}
