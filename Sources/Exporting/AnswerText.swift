import Causality
import HappensBefore
import Querying

// Answers as a person reads them.
extension WrittenAnswer {
    static func text(_ answer: Answer) -> WrittenAnswer {
        switch answer {
        case .status(let status):
            return WrittenAnswer(isYes: status.problems.isEmpty, status.lines)
        case .executions(let executions):
            return WrittenAnswer(isYes: nil, executions.map(line))
        case .processes(let processes, let hidden):
            return WrittenAnswer(
                notes: hidden == 0
                    ? []
                    : [
                        "\(count(hidden, "more process is", "more processes are")) cited and not here: see --ghosts and gaps"
                    ], isYes: nil, processes.map(line))
        case .gaps(let gaps, _):
            return WrittenAnswer(
                isYes: nil, gaps.map { "\(printable("\($0.gap)")) (\(printable($0.reason)))" })
        case .defects(let defects):
            return WrittenAnswer(
                isYes: nil,
                defects.map {
                    "\($0.kind.isNote ? "note" : "defect")  \($0.kind.rawValue)  \(printable($0.text))"
                })
        case .events(let listing):
            return WrittenAnswer(
                notes: listing.completeness.notes, isYes: nil,
                text: [ListingText(listing.events, .text)])
        case .count(let counted):
            return WrittenAnswer(notes: counted.completeness.notes, ["\(counted.count)"])
        case .event(let shown): return WrittenAnswer(lines(shown).map { printable($0) })
        case .missing(let missing):
            let lines = [missing.text] + missing.effects.map { "effect     \(text($0))" }
            return WrittenAnswer(isYes: false, lines.map { printable($0) })
        case .order(let order):
            return WrittenAnswer(isYes: order.order != nil, [printable(text(order))])
        case .path(let path): return text(path)
        case .cut(let cut): return text(cut)
        case .view(let view): return text(view)
        case .table(let table): return WrittenAnswer(notes: table.notes, lines(table))
        }
    }

    /// Columns, under their titles where there is more than the number.
    private static func lines(_ table: NumberTable) -> [String] {
        var rows = table.lines.map { $0.groups.map { printable($0) } + [$0.number.text] }
        guard !table.groupTitles.isEmpty else { return rows.map { $0.joined() } }
        rows.insert((table.groupTitles + [table.title]).map { printable($0) }, at: 0)
        let widths = (0..<rows[0].count - 1).map { column in
            rows.map { $0[column].count }.max() ?? 0
        }
        return rows.map { row in
            zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - text.count + 2)
            }.joined() + row[row.count - 1]
        }
    }

    private static func line(_ execution: ExecutionSummary) -> String {
        var line =
            "\(printable(execution.name))  \(count(execution.processes, "process", "processes"))  "
            + count(execution.events, "event", "events")
        if let dropped = execution.dropped {
            let since = dropped.newest.map { " up to \($0)" } ?? ""
            line += "  (\(count(dropped.eventCount, "event", "events"))\(since) dropped "
            line += "\(dropped.time): \(printable(dropped.rule)))"
        }
        return line
    }

    private static func line(_ process: ProcessSummary) -> String {
        let facts = process.facts
        let range = facts.count > 0 ? "\(facts.first)–\(facts.last)" : "none here"
        let host = facts.host.isEmpty ? "unknown host" : "on \(printable(facts.host))"
        let dropped = process.droppedCount == 0 ? "" : "  \(process.droppedCount) dropped"
        return "\(printable("\(facts.id)"))  \(host)  \(range)  "
            + "\(count(facts.count - process.droppedCount, "event", "events"))  "
            + count(process.gaps, "gap", "gaps") + dropped
    }

    private static func lines(_ shown: ShownEvent) -> [String] {
        let (listed, event) = (shown.listed, shown.listed.event)
        var lines = [
            "event      \(event.id)", "host       \(listed.host)", "kind       \(listed.kind.text)",
            "time       \(event.time?.description ?? "not recorded")",
        ]
        if let level = event.level { lines.append("level      \(level.text)") }
        if !event.name.isEmpty { lines.append("name       \(event.name)") }
        lines.append("text       \(event.text)")
        lines += event.attributes.map { "attribute  \($0.key) = \($0.value.text)" }
        shown.clock.forEach { _, text, sequence in lines.append("clock      \(text) = \(sequence)")
        }
        lines.append("stamp      \(listed.stampText)")
        lines += shown.lacks.map {
            "clock      (at least that: what else it had seen is not known, because \($0))"
        }
        lines += shown.restsOn.map { "clock      (\($0))" }
        if let ruled = listed.rulesOut {
            lines.append("rules out  that a message came at \(ruled)")
        }
        lines += shown.causes.map { "cause      \(text($0))" }
        lines += shown.effects.map { "effect     \(text($0))" }
        return lines
    }

    /// One end of a message, with what the event says.
    private static func text(_ end: MessageEnd) -> String {
        guard end.isHere else {
            return "\(end.event) (\(end.isDropped ? "dropped" : "missing"))"
        }
        return "\(end.event)\(words(end).map { "  \($0)" } ?? "")"
    }

    private static func words(_ end: MessageEnd) -> String? {
        guard let content = end.content else { return nil }
        let words = (content.name.isEmpty ? [] : ["[\(content.name)]"]) + [content.text]
        let text = words.filter { !$0.isEmpty }.joined(separator: " ")
        return text.isEmpty ? nil : text
    }

    private static func text(_ answer: OrderAnswer) -> String {
        var text = "\(answer.order?.rawValue ?? "unknown"), because \(answer.reason)"
        for (order, because) in answer.excluded {
            text += "; but not \(order.rawValue): \(because)"
        }
        return text
    }

    private static func text(_ path: PathAnswer) -> WrittenAnswer {
        guard let hops = path.hops else {
            return WrittenAnswer(isYes: false, [printable(path.because)])
        }
        if hops.isEmpty { return WrittenAnswer([printable(path.because)]) }
        return WrittenAnswer(
            hops.map { hop in
                let what = hop.from.isDropped ? "was dropped" : "is missing"
                let missing = hop.from.isHere ? "" : "  (the send \(what))"
                let words = [words(hop.from), words(hop.to)].compactMap { $0 }
                    .joined(separator: " → ")
                return printable(
                    "\(hop.from.event) → \(hop.to.event)\(missing)"
                        + (words.isEmpty ? "" : "  \(words)"))
            })
    }

    private static func text(_ answer: CutAnswer) -> WrittenAnswer {
        func listed(_ cut: [ProcessID: UInt64]) -> [(key: ProcessID, value: UInt64)] {
            cut.sorted { listingOrder($0.key, $1.key) }
        }
        var lines = listed(answer.cut).map { "\($0.key)  \($0.value)" }
        switch answer.isConsistent {
        case .yes: lines.append("consistent")
        case .no:
            lines.append("not consistent:")
            lines += answer.reasons.prefix(5).map { "  \($0)" }
        case .unknown:
            lines.append("unknown whether it is consistent, because \(answer.doubts[0])")
        }
        if let greatest = answer.greatest {
            let text = listed(greatest).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            lines.append("the greatest consistent cut inside it: \(text)")
        }
        var notes =
            answer.lacks.isEmpty
            ? [] : ["incomplete, because \(answer.lacks.prefix(5).joined(separator: ", "))"]
        if let upTo = answer.upTo { notes.append("all up to \(Completeness.shown(upTo))") }
        notes += answer.restsOn.map(\.description)
        return WrittenAnswer(
            notes: notes, isYes: answer.isConsistent == .yes, lines.map { printable($0) })
    }

    private static func text(_ view: ViewAnswer) -> WrittenAnswer {
        let others = view.seen.sorted { listingOrder($0.key, $1.key) }
            .map { printable("  \($0.key) up to \($0.value)") }
        let head =
            others.isEmpty ? "had seen nothing of other processes" : "had seen of other processes:"
        return WrittenAnswer(
            notes: view.listing.completeness.notes,
            text: [ListingText(view.listing.events, .text), ReadyText(lines: [head] + others)])
    }
}

extension MissingEvent {
    /// What can be said of it.
    var text: String {
        if let dropped { return "\(event) was dropped by \(dropped.time): \(dropped.rule)" }
        return unheard ?? "\(event) is known to exist and is not here (a ghost)"
    }
}

extension OrderAnswer {
    /// Why it is so, and on whose word.
    var reason: String { ([because] + restsOn.map(\.description)).joined(separator: "; ") }
}

extension CutAnswer {
    /// Why it is not consistent.
    var reasons: [String] {
        violations.map { "\($0.inside) is inside and has seen \($0.outside), which is not" }
    }
}

extension Completeness {
    /// What a person must know: what is missing, and up to where it is all.
    var notes: [String] {
        var notes: [String] = []
        if !isComplete { notes.append("incomplete, because \(Lack.listed(lacks))") }
        if let upTo { notes.append("all up to \(Self.shown(upTo))") }
        if let remark { notes.append(remark) }
        return notes + restsOn.map(\.description)
    }

    /// A cut on one line.
    static func shown(_ cut: [ProcessID: UInt64]) -> String {
        guard !cut.isEmpty else { return "nothing" }
        // The first ones in listing order: of thousands of processes it takes longest to sort the others.
        var first: [(key: ProcessID, value: UInt64)] = []
        for entry in cut {
            if first.count == Limits.cutShownMax {
                guard listingOrder(entry.key, first.last!.key) else { continue }
                first.removeLast()
            }
            let place = first.firstIndex { listingOrder(entry.key, $0.key) } ?? first.endIndex
            first.insert(entry, at: place)
        }
        let shown = first.map { printable("\($0.key) \($0.value)") }.joined(separator: ", ")
        return cut.count > first.count ? "\(shown), … (\(cut.count) processes)" : shown
    }
}

extension NumberTable {
    /// What a person must know.
    var notes: [String] {
        var notes = completeness.notes
        if doubtful > 0 {
            notes.append(
                "\(count(doubtful, "more match is", "more matches are")) unknown, and not in the numbers: ask for the matches to see why"
            )
        }
        return notes
    }
}

extension NumberTable.Number {
    var text: String {
        switch self {
        case .count(let count): String(count)
        case .number(let number): Selection.numberText(number)
        case .duration(let seconds): Selection.durationText(seconds)
        case .none: "–"
        }
    }
}

extension ListedEvent {
    /// What the source says of the event's clock, for a person.
    var stampText: String {
        guard case .lossy(let loss) = event.stamp else { return event.stamp.text }
        return "lossy since \(EventID(event.id.process, loss.since)) (\(loss.reason.text))"
    }

    /// Appends the event as a person reads it: a line, without its end. From its columns, O(its text).
    func write(line text: inout ByteWriter) {
        let start = text.count
        text.text(processText)
        text.append(atMost: 24 + WallTime.textBytesMax) { writer in
            writer.byte(UInt8(ascii: ":"))
            writer.decimal(sequence)
            guard batch.rows.times[row] != EventBatch.noTime else { return }
            writer.text("  ")
            WallTime(nanoseconds: batch.rows.times[row]).write(&writer)
        }
        if !arriving.isEmpty {
            let senders = arriving.map { $0.fromIsHere ? "\($0.from)" : "\($0.from) (missing)" }
            text.text("  ← " + senders.joined(separator: ", "))
        } else if kind == .send {
            text.text("  →")
        }
        if let level = Level(rawValue: batch.rows.levels[row]) {
            text.text("  ")
            text.text(level.text.uppercased())
        }
        let name = batch.rows.names[Int(batch.rows.nameNumbers[row])]
        if !name.isEmpty {
            text.text("  [")
            text.bytes(name)
            text.text("]")
        }
        let said = batch.rows.content[batch.rows.text(row)]
        if !said.isEmpty {
            text.text("  ")
            text.bytes(said)
        }
        for index in batch.rows.attributeIndexes(row) {
            let attribute = batch.rows.attributes[index]
            text.text(index == batch.rows.attributeIndexes(row).lowerBound ? "  " : " ")
            text.attribute(
                batch.rows.keys[Int(attribute.key)],
                batch.rows.content[batch.rows.value(index, ofRow: row)], isJSON: attribute.isJSON)
        }
        text.makePrintable(from: start)
    }
}

extension ByteWriter {
    /// Appends `key=value`: as a JSON string what has a space, a quote or `=` in it, or nothing at all.
    mutating func attribute(
        _ key: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>, isJSON: Bool
    ) {
        attributePart(key)
        byte(UInt8(ascii: "="))
        if isJSON { bytes(value) } else { attributePart(value) }
    }

    private mutating func attributePart(_ part: ArraySlice<UInt8>) {
        let isPlain = part.allSatisfy {
            $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
        }
        guard part.isEmpty || !isPlain else { return bytes(part) }
        part.withUnsafeBytes { quote($0) }
    }

    /// Has what was written from a place on be as a person may be shown it.
    fileprivate mutating func makePrintable(from start: Int) {
        guard bytes.withUnsafeBytes({ $0.firstHarmful(from: start) }) != nil else { return }
        let shown = printable(String(decoding: bytes[start...], as: UTF8.self))
        bytes.removeLast(count - start)
        text(shown)
    }
}
