import Causality
import HappensBefore
import Querying

// Answers as programs read them.
extension WrittenAnswer {
    static func json(_ answer: Answer) -> WrittenAnswer {
        switch answer {
        case .status(let status):
            return WrittenAnswer(isYes: status.problems.isEmpty, [status.json])
        case .executions(let executions): return WrittenAnswer(isYes: nil, executions.map(object))
        case .processes(let processes, _): return WrittenAnswer(isYes: nil, processes.map(object))
        case .gaps(let gaps, let execution):
            return WrittenAnswer(isYes: nil, gaps.map { object($0, execution) })
        case .defects(let defects): return WrittenAnswer(isYes: nil, defects.map(object))
        case .events(let listing):
            return WrittenAnswer(
                notes: listing.completeness.notes, isYes: nil,
                text: [ListingText(listing.events, .json)])
        case .count(let counted): return WrittenAnswer([object(counted)])
        case .event(let shown): return WrittenAnswer([object(shown)])
        case .missing(let missing): return WrittenAnswer(isYes: false, [object(missing)])
        case .order(let order): return WrittenAnswer(isYes: order.order != nil, [object(order)])
        case .path(let path): return WrittenAnswer(isYes: path.hops != nil, [object(path)])
        case .cut(let cut):
            return WrittenAnswer(isYes: cut.isConsistent == .yes, [object(cut)])
        case .view(let view):
            let head = head(view)
            return WrittenAnswer(
                text: [
                    ReadyText(String(head.dropLast()) + "["), EventArrayText(view.listing.events),
                ])
        case .table(let table):
            return WrittenAnswer(
                notes: table.notes, isYes: nil, table.lines.map { object($0, table) })
        }
    }

    private static func object(_ line: NumberTable.Line, _ table: NumberTable) -> String {
        JSONWriter.object {
            $0.key("by")
            $0.object { writer in
                for (title, group) in zip(table.groupTitles, line.groups) {
                    writer.key(text: title)
                    writer.value(group)
                }
            }
            $0.key(text: table.title)
            switch line.number {
            case .count(let count): $0.value(count)
            case .number(let number), .duration(let number): $0.raw("\(number)")
            case .none: $0.null()
            }
            $0.member("complete", table.completeness.isComplete && table.doubtful == 0)
            if !table.completeness.isComplete {
                $0.member("because", table.completeness.lacks.map(\.description))
            }
            if table.doubtful > 0 { $0.member("unknown", table.doubtful) }
        }
    }

    private static func object(_ execution: ExecutionSummary) -> String {
        JSONWriter.object {
            $0.member("name", execution.name)
            $0.member("processes", execution.processes)
            $0.member("events", execution.events)
            $0.member("dropped", execution.dropped?.eventCount ?? 0)
            $0.member("droppedUpTo", execution.dropped?.newest?.description)
            $0.member("droppedAt", execution.dropped?.time.description)
            $0.member("droppedBy", execution.dropped?.rule)
        }
    }

    private static func object(_ process: ProcessSummary) -> String {
        let facts = process.facts
        return JSONWriter.object {
            $0.member("process", facts.id.description)
            $0.member("host", facts.host.isEmpty ? nil : facts.host)
            $0.member("execution", process.execution)
            $0.key("first")
            if facts.count > 0 { $0.value(facts.first) } else { $0.null() }
            $0.key("last")
            if facts.count > 0 { $0.value(facts.last) } else { $0.null() }
            $0.member("events", facts.count - process.droppedCount)
            $0.member("dropped", process.droppedCount)
            $0.member("gaps", process.gaps)
            $0.member("readUpTo", process.readUpTo?.description)
        }
    }

    private static func object(_ explained: ExplainedGap, _ execution: String) -> String {
        let gap = explained.gap
        return JSONWriter.object {
            $0.member("process", gap.process.description)
            $0.member("first", gap.first)
            $0.member("last", gap.last)
            $0.member("missing", gap.last - gap.first + 1)
            $0.member("execution", execution)
            $0.member("reason", explained.reason)
        }
    }

    private static func object(_ defect: Defect) -> String {
        JSONWriter.object {
            $0.member("kind", defect.kind.rawValue)
            $0.member("events", defect.events.map(\.description))
            $0.member("text", defect.text)
            $0.member("note", defect.kind.isNote)
        }
    }

    private static func object(_ counted: EventCount) -> String {
        JSONWriter.object {
            $0.member("event", counted.event.description)
            $0.member("count", counted.count)
            $0.member("complete", counted.completeness.isComplete)
            $0.member("because", counted.completeness.lacks.map(\.description))
            if let upTo = counted.completeness.upTo { $0.member("upTo", upTo) }
            $0.rulings(counted.completeness.restsOn)
        }
    }

    private static func object(_ shown: ShownEvent) -> String {
        JSONWriter.object { writer in
            writer.key("event")
            var event = EventJSON()
            event.write(shown.listed, shown.clock, &writer)
            writer.ends("causes", shown.causes)
            writer.ends("effects", shown.effects)
            writer.member("exact", shown.lacks.isEmpty)
            writer.member("because", shown.lacks.map(\.description))
            writer.rulings(shown.restsOn)
            let ruledOutBy = shown.restsOn.filter { $0.event == shown.listed.id }
                .map(\.by.description)
            if !ruledOutBy.isEmpty { writer.member("ruledOutBy", ruledOutBy) }
        }
    }

    private static func object(_ missing: MissingEvent) -> String {
        JSONWriter.object { writer in
            writer.key("event")
            writer.null()
            writer.member("id", missing.event.description)
            writer.member("ghost", missing.unheard == nil && missing.dropped == nil)
            writer.member("dropped", missing.dropped != nil)
            writer.ends("effects", missing.effects)
            writer.member("text", missing.text)
        }
    }

    private static func object(_ answer: OrderAnswer) -> String {
        JSONWriter.object {
            $0.member("a", answer.a.description)
            $0.member("b", answer.b.description)
            $0.member("order", answer.order?.rawValue ?? "unknown")
            if answer.order == nil {
                $0.member("excluded", answer.excluded.map(\.order.rawValue))
            }
            $0.member("because", answer.reason)
            $0.rulings(answer.restsOn)
        }
    }

    private static func object(_ path: PathAnswer) -> String {
        JSONWriter.object { writer in
            writer.member("a", path.a.description)
            writer.member("b", path.b.description)
            guard let hops = path.hops else {
                writer.key("messages")
                writer.null()
                writer.key("path")
                writer.null()
                writer.member("because", path.because)
                return
            }
            writer.member("messages", hops.count)
            writer.key("path")
            writer.array { writer in
                for hop in hops {
                    writer.object {
                        $0.key("from")
                        $0.end(hop.from, hasEvidence: false)
                        $0.key("to")
                        $0.end(hop.to, hasEvidence: false)
                    }
                }
            }
        }
    }

    private static func object(_ answer: CutAnswer) -> String {
        var because = answer.reasons
        for text in (answer.isConsistent == .unknown ? answer.doubts : []) + answer.lacks
        where !because.contains(text) {
            because.append(text)
        }
        return JSONWriter.object {
            $0.member("cut", answer.cut)
            $0.member("consistent", answer.isConsistent.rawValue)
            $0.member("because", because)
            if let greatest = answer.greatest { $0.member("greatestConsistent", greatest) }
            $0.member("complete", answer.lacks.isEmpty)
            if let upTo = answer.upTo { $0.member("upTo", upTo) }
            $0.rulings(answer.restsOn)
        }
    }

    /// Everything of a view that comes before its events.
    private static func head(_ view: ViewAnswer) -> String {
        JSONWriter.object {
            $0.member("of", view.of)
            $0.member("at", view.at?.description)
            $0.member("seen", view.seen)
            $0.member("complete", view.listing.completeness.isComplete)
            $0.member("because", view.listing.completeness.lacks.map(\.description))
            $0.key("events")
        }
    }
}

extension JSONWriter {
    /// The operators' words that an answer rests on, where it does.
    fileprivate mutating func rulings(_ rulings: [Ruling]) {
        guard !rulings.isEmpty else { return }
        member("restsOn", rulings.map(\.by.description))
    }

    fileprivate mutating func ends(_ name: StaticString, _ ends: [MessageEnd]) {
        key(name)
        array { writer in
            for end in ends { writer.end(end, hasEvidence: true) }
        }
    }

    fileprivate mutating func end(_ end: MessageEnd, hasEvidence: Bool) {
        object {
            $0.member("id", end.event.description)
            $0.member("missing", !end.isHere)
            if end.isDropped { $0.member("dropped", true) }
            if hasEvidence { $0.member("evidence", end.evidence.text) }
            if let content = end.content {
                $0.member("name", content.name)
                $0.member("text", content.text)
            }
        }
    }
}
