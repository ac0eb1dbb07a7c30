import Causality

/// One JSON object a line.
///
/// What orders events (process, execution, host, seq, clock, cause, causes) must be as it should, or the
/// line is unmatched. What only describes them (kind, level, time) becomes an attribute where it
/// cannot be read.
///
/// A line without a clock says something of messages where it has a kind or a cause, or where it was declared that the lines
/// tell of every message (`clocks: complete`): then its event had seen what the one before it had, and what its causes had.
extension LogReader {
    mutating func readJSONLine(
        _ bytes: [UInt8], _ range: Range<Int>, _ sink: inout LogSink
    ) throws(RecordDefect) {
        try scan(bytes, range)
        if search != nil { seeFields(bytes) }
        let map: FieldMap
        if let fields { map = fields } else { map = try FieldMap.map(for: members, bytes) }
        values.begin(bytes)
        try values.read(members, map, &innerMembers)
        let line = try processLine(map)
        let causes = try self.causes(isRaw: map.isRaw)
        let time = values.describing(.time) { LogReader.time(bytes, $0, &times)?.nanoseconds }
        let level = values.describing(.level) { span in
            span.kind == .string ? levels.meaning(bytes, span) { Level(text: $0) } : nil
        }
        let kind = values.describing(.kind) { span in
            kinds.meaning(bytes, span) { EventKind(text: $0) }
        }
        let given = try values.sequence()
        try values.checkLimits()
        var clock = try self.clock(of: line, given, isRaw: map.isRaw)
        let speaks = kind != nil || !causes.isEmpty || declaresMessages
        var stamp = clock != nil ? Stamp.complete : speaks ? .chained : .silent
        let sequence = try processes.sequence(of: line, given: clock?.own ?? given)
        if !map.isRaw, let exact = values[.exact], values.text(exact) == "false" {
            // As `export` writes an event of which not all is known.
            stamp = .lossy(Loss(since: clock?.own ?? given ?? 1, .exported))
        }
        if clock == nil { clock = LogClock(own: sequence) }
        let predecessor = processes.diff(line, clock!, into: &sink.batch)
        for cause in causes {
            let reference = processes.reference(cause.name, in: &sink.batch)
            sink.batch.appendCause(reference, cause.value, .key)
        }
        values.append(to: &sink.batch)
        sink.batch.endRow(
            slot: processes.slot(line, in: &sink.batch), sequence: sequence,
            kind: kind ?? (causes.isEmpty ? .unsaid : .receive), time: time ?? EventBatch.noTime,
            level: level?.rawValue ?? 0, stamp: stamp, name: values.name(in: &sink.batch),
            predecessor: predecessor)
        processes.note(line, sequence, clock!)
    }

    private mutating func scan(_ bytes: [UInt8], _ range: Range<Int>) throws(RecordDefect) {
        do throws(JSONDefect) {
            try JSONScanner.scan(bytes, range, into: &members)
        } catch {
            throw RecordDefect(error.reason)
        }
    }

    private mutating func seeFields(_ bytes: [UInt8]) {
        search?.see(
            members.map {
                JSONMember(
                    key: JSONScanner.text(bytes, $0.key, hasEscapes: $0.keyHasEscapes),
                    value: JSONScanner.value(bytes, $0))
            })
    }

    /// The process of a line, by execution, host and name.
    private mutating func processLine(
        _ map: FieldMap
    ) throws(RecordDefect) -> Int {
        guard let name = try values.named(.process) else {
            throw RecordDefect("no process: expected a string or a number")
        }
        let (host, execution) = (try values.named(.host), try values.named(.execution))
        processText.removeAll(keepingCapacity: true)
        processText.append(map.isRaw ? 1 : 0)
        add(name)
        add(host)
        add(execution)
        if let known = processes.index(ofText: processText.span) { return known }
        let written = values.text(name)
        let process = map.isRaw ? ProcessID(name: written) : ProcessID(text: written)
        let key = ProcessKey(
            execution: execution.map { values.text($0) } ?? options.execution,
            host: options.host ?? host.map { values.text($0) } ?? process.name,
            process: process)
        try EventLimits.check(key)
        let text = processText
        return processes.index(of: key, forText: text.span)
    }

    private mutating func add(_ part: JSONSpan?) {
        processText.append(part == nil ? 0 : part!.hasEscapes ? 2 : 1)
        if let part { processText.append(contentsOf: values.bytes[part.value]) }
        processText.append(0)
    }

    /// The events that the line names as its causes, each once: the numbers of their processes' names, and theirs.
    private mutating func causes(isRaw: Bool) throws(RecordDefect) -> [LogClock.Entry] {
        if values[.cause] == nil, values[.causes] == nil { return [] }
        var causes: [LogClock.Entry] = []
        for span in try values.causes() {
            let cause: LogClock.Entry
            if span.hasEscapes {
                let text = Array(values.text(span).utf8)
                cause = try self.cause(text, text.indices, isRaw: isRaw)
            } else {
                cause = try self.cause(values.bytes, span.value, isRaw: isRaw)
            }
            if !causes.contains(cause) { causes.append(cause) }
        }
        return causes
    }

    private mutating func cause(
        _ bytes: [UInt8], _ text: Range<Int>, isRaw: Bool
    ) throws(RecordDefect) -> LogClock.Entry {
        guard let colon = text.last(where: { bytes[$0] == UInt8(ascii: ":") }),
            colon > text.lowerBound,
            let sequence = ClockText.count(bytes, colon + 1..<text.upperBound), sequence > 0
        else {
            throw RecordDefect(
                "the cause is \(Bytes.quoted(Bytes.string(bytes, text))): expected PROCESS:SEQ with a SEQ from "
                    + "1 to \(Causality.Limits.sequenceMax)")
        }
        let name = try processes.name(
            bytes.span.extracting(text.lowerBound..<colon), isRaw: isRaw,
            "a process name in the cause")
        return LogClock.Entry(name: name, value: sequence)
    }

    private mutating func clock(
        of line: Int, _ sequence: UInt64?, isRaw: Bool
    ) throws(RecordDefect) -> LogClock? {
        guard let span = values[.clock] else { return nil }
        let members: ClockMembers
        switch span.kind {
        case .object: members = try ClockMembers(values.bytes, span.value)
        case .string:
            let text = Array(values.text(span).utf8)
            members = try ClockMembers(text, text.indices)
        default:
            throw RecordDefect("the clock is \(values.kind(span)): expected an object")
        }
        let process = processes.lines[line].key.process
        return try ClockText.clock(
            members, of: process, sequence: sequence, isRaw: isRaw, &processes)
    }

    /// A time as text or as a number since 1970; nil where it is neither.
    static func time(_ value: JSONValue) -> WallTime? {
        var times = LogTimes()
        switch value {
        case .string(let text): return Timestamp.parse(text, &times)
        case .number(let text):
            let bytes = Array(text.utf8)
            return Timestamp.epoch(bytes, bytes.indices)
        default: return nil
        }
    }

    private static func time(
        _ bytes: [UInt8], _ span: JSONSpan, _ times: inout LogTimes
    ) -> WallTime? {
        switch span.kind {
        case .string where span.hasEscapes:
            Timestamp.parse(
                JSONScanner.text(bytes, span.value, hasEscapes: true), &times)
        case .string: Timestamp.parse(bytes, span.value, &times)
        case .number: Timestamp.epoch(bytes, span.value)
        default: nil
        }
    }
}
