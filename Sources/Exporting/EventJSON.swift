import Causality
import HappensBefore
import Querying

/// A text for each process, by its index: each is made once.
struct ProcessTexts {
    private var text = ByteWriter()
    private var ranges: [Range<Int>?] = []

    /// All of them.
    var bytes: [UInt8] { text.bytes }

    /// Where that of a process lies in `bytes`; where it is not there yet, `write` appends it.
    mutating func range(of process: Int, _ write: (inout ByteWriter) -> Void) -> Range<Int> {
        if process < ranges.count, let known = ranges[process] { return known }
        while ranges.count <= process { ranges.append(nil) }
        let start = text.count
        write(&text)
        ranges[process] = start..<text.count
        return start..<text.count
    }
}

/// Writes the clocks of many events: each name is made a JSON string once.
struct ClockJSON {
    /// Of each process: its name and a colon.
    private var names = ProcessTexts()
    /// Of the clock that is written, by entry.
    private var ranges: [Range<Int>] = []

    /// Process → sequence number.
    mutating func member(_ name: StaticString, _ clock: KnownClock, _ writer: inout JSONWriter) {
        ranges.removeAll(keepingCapacity: true)
        var byteCount = 2
        for key in clock.seen {
            let range = names.range(of: key.process) { name in
                JSONWriter.append(to: &name) { $0.key(text: clock.name(ofIndex: key.process)) }
            }
            ranges.append(range)
            byteCount += range.count + 21
        }
        writer.key(name)
        names.bytes.withUnsafeBytes { names in
            writer.part(atMost: byteCount) { output in
                output.byte(UInt8(ascii: "{"))
                for (index, key) in clock.seen.enumerated() {
                    if index > 0 { output.byte(UInt8(ascii: ",")) }
                    output.bytes(names, ranges[index])
                    output.decimal(key.sequence)
                }
                output.byte(UInt8(ascii: "}"))
            }
        }
    }
}

/// Writes events as JSON objects: the same keys everywhere.
struct EventJSON {
    /// Of each process: what is the same in all its events.
    private var heads = ProcessTexts()
    private var clocks = ClockJSON()

    /// With its clock, where that was asked for.
    mutating func write(_ listed: ListedEvent, to text: inout ByteWriter) {
        JSONWriter.append(to: &text) { write(listed, listed.clock, &$0) }
    }

    /// The same of an event, of one that cannot be read, or of a match, as somebody who follows is told of it.
    mutating func write(_ event: LiveEvent, to text: inout ByteWriter) {
        switch event.step {
        case .event(let listed):
            JSONWriter.append(to: &text) { write(listed, listed.clock, &$0, event) }
        case .unreadable(let id): JSONWriter.append(to: &text) { $0.unreadable(id) }
        case .match(let match): write(match, to: &text, live: event)
        case .passed: preconditionFailure("a step that brought nothing is not shown")
        }
    }

    mutating func write(
        _ listed: ListedEvent, _ clock: KnownClock?, _ writer: inout JSONWriter,
        _ live: LiveEvent? = nil
    ) {
        let head = heads.range(of: listed.place.process) { head in
            JSONWriter.append(to: &head) {
                $0.member("process", listed.processText)
                $0.member("host", listed.host)
                $0.member("execution", listed.execution)
                if let run = listed.run { $0.member("run", run.description) }
            }
        }
        let (batch, row) = (listed.batch, listed.row)
        writer.object { writer in
            writer.member("id", listed.id.description)
            writer.part(heads.bytes, head)
            writer.member("seq", batch.rows.sequences[row])
            writer.member("kind", listed.kind.text)
            writer.member("name", utf8: batch.rows.names[Int(batch.rows.nameNumbers[row])])
            writer.member("text", utf8: batch.rows.content[batch.rows.text(row)])
            writer.member("level", Level(rawValue: batch.rows.levels[row])?.text)
            if batch.rows.times[row] != EventBatch.noTime {
                writer.member("time", WallTime(nanoseconds: batch.rows.times[row]))
            } else {
                writer.part("\"time\":null")
            }
            writer.key("attributes")
            writer.attributes(ofRow: row, batch.rows)
            writer.member("causes", listed.arriving.map(\.from.description))
            writer.member("evidence", listed.arriving.map { listed.evidence(of: $0).text })
            let ghosts = listed.arriving.filter { !$0.fromIsHere }
            if !ghosts.isEmpty { writer.member("ghosts", ghosts.map(\.from.description)) }
            if let clock { clocks.member("clock", clock, &writer) }
            writer.member("stamp", listed.stamp.text)
            if case .lossy(let loss) = listed.stamp {
                writer.member("lossySince", EventID(listed.id.process, loss.since).description)
                writer.member("lossyBecause", loss.reason.text)
            }
            if let clock { writer.member("exact", clock.isExact) }
            if let rulesOut = listed.rulesOut { writer.member("rulesOut", rulesOut.description) }
            if live?.isLate == true { writer.member("late", true) }
            if live?.isWaiting == true { writer.member("waits", true) }
        }
    }
}

extension JSONWriter {
    /// What a row has as attributes: an object, key → value.
    mutating func attributes(ofRow row: Int, _ batch: EventBatch) {
        object { writer in
            for index in batch.attributeIndexes(row) {
                let attribute = batch.attributes[index]
                writer.key(utf8: batch.keys[Int(attribute.key)])
                let value = batch.content[batch.value(index, ofRow: row)]
                if attribute.isJSON { writer.raw(utf8: value) } else { writer.value(utf8: value) }
            }
        }
    }
}

extension ListedEvent {
    /// What it had seen: whoever writes that asks for it (`Question.Options.hasClock`).
    var known: KnownClock {
        guard let clock else { preconditionFailure("events were listed without their clocks") }
        return clock
    }
}
