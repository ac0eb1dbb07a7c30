import Causality

/// One JSON object a line.
///
/// What orders events (process, execution, host, seq, clock, cause) must be as it should, or the
/// line is unmatched. What only describes them (kind, level, time) becomes an attribute where it
/// cannot be read.
///
/// A line without a clock says something of messages where it has a kind or a cause, or where it was declared that the lines
/// tell of every message (`clocks: complete`): then its event had seen what the one before it had, and what its cause had.
extension LogReader {
    /// The values of an object, by our words.
    private struct Values {
        var known: [String: JSONValue] = [:]
        var attributes: [Attribute] = []
        private var places: [ExactText: Int] = [:]

        mutating func add(_ key: String, _ value: JSONValue) {
            let attribute: AttributeValue
            if case .string(let text) = value {
                attribute = .text(text)
            } else {
                attribute = .json(value.text)
            }
            if let place = places[ExactText(key)] {
                attributes[place].value = attribute
            } else {
                places[ExactText(key)] = attributes.count
                attributes.append(Attribute(key, attribute))
            }
        }

        mutating func add(_ meanings: [FieldMap.Meaning], _ value: JSONValue) {
            for meaning in meanings {
                switch meaning {
                case .attribute(let key): add(key, value)
                case .word(let word): if !value.isNull { known[word] = value }
                }
            }
        }

        /// What `read` makes of a word's text; the value becomes an attribute where it makes
        /// nothing of it.
        mutating func describing<Value>(_ word: String, _ read: (JSONValue) -> Value?) -> Value? {
            guard let value = known[word] else { return nil }
            guard let result = read(value) else {
                add(word, value)
                return nil
            }
            return result
        }

        /// A name: a string, or a number as it is written.
        func name(_ word: String) throws(RecordDefect) -> String? {
            switch known[word] {
            case nil: return nil
            case .string(let text), .number(let text): return text
            case .some(let value):
                throw RecordDefect("the \(word) is \(value.kind): expected a string")
            }
        }

        /// A sequence number from 1 on.
        func sequence() throws(RecordDefect) -> UInt64? {
            guard let value = known["seq"] else { return nil }
            guard let sequence = ClockText.count(value), sequence > 0 else {
                throw RecordDefect(
                    "the seq is \(Bytes.quoted(value.text)): expected an integer from 1 to "
                        + "\(Causality.Limits.sequenceMax)")
            }
            return sequence
        }
    }

    mutating func jsonItem(_ line: [UInt8]) throws(RecordDefect) -> LogItem {
        let members = try LogReader.object(line)
        search?.see(members)
        let map: FieldMap
        if let fields { map = fields } else { map = try FieldMap.map(for: members) }
        var values = try LogReader.values(members, map)
        guard let name = try values.name("process") else {
            throw RecordDefect("no process: expected a string or a number")
        }
        let process = map.isRaw ? ProcessID(name: name) : ProcessID(text: name)
        let host = try values.name("host")
        let key = ProcessKey(
            execution: try values.name("execution") ?? options.execution,
            host: options.host ?? host ?? process.name, process: process)
        let cause = try LogReader.cause(values.name("cause"), isRaw: map.isRaw)
        let time = values.describing("time", LogReader.time)
        let level = values.describing("level") { value in
            if case .string(let text) = value { Level(text: text) } else { nil }
        }
        let kind = values.describing("kind") { EventKind(text: $0.text) }
        let given = try values.sequence()
        var event = Event(
            id: EventID(process, given ?? 1), kind: kind ?? (cause == nil ? .unsaid : .receive),
            time: time,
            name: values.known["name"]?.text ?? "", text: values.known["text"]?.text ?? "",
            level: level,
            attributes: values.attributes, cause: cause, clock: VectorClock())
        try EventLimits.check(key, event)
        if let clock = try LogReader.clock(values.known["clock"], process, given, isRaw: map.isRaw)
        {
            event.clock = clock
        } else {
            let speaks = kind != nil || cause != nil || declaresMessages
            event.stamp = speaks ? .chained : .silent
        }
        let place = ProcessInExecution(execution: key.execution, process: process)
        let own = event.stamp == .complete ? event.clock[process] : given
        if !map.isRaw, values.known["exact"]?.text == "false" {
            // As `export` writes an event of which not all is known.
            event.stamp = .lossy(Loss(since: own ?? 1, .exported))
        }
        event.id.sequence = try sequence(of: place, given: own)
        event.clock[process] = event.id.sequence
        return .event(key: key, event: event)
    }

    /// Sorts the members of an object by our words. A null is as good as nothing, but in an
    /// attribute.
    private static func values(
        _ members: [JSONMember], _ map: FieldMap
    ) throws(RecordDefect) -> Values {
        var values = Values()
        for member in members {
            if map.opensAttributes, member.key == "attributes",
                case .object(let text) = member.value
            {
                for inner in try object(Array(text.utf8)) { values.add(inner.key, inner.value) }
            } else if let meanings = map.meanings[member.key] {
                values.add(meanings, member.value)
            } else {
                values.add(member.key, member.value)
            }
        }
        for path in map.paths where !members.contains(where: { $0.key == path }) {
            guard let value = JSONScanner.value(at: path, of: members) else { continue }
            values.add(map.meanings[path] ?? [], value)
        }
        return values
    }

    private static func object(_ bytes: [UInt8]) throws(RecordDefect) -> [JSONMember] {
        do throws(JSONDefect) {
            return try JSONScanner.object(bytes)
        } catch {
            throw RecordDefect(error.reason)
        }
    }

    private static func clock(
        _ value: JSONValue?, _ process: ProcessID, _ sequence: UInt64?, isRaw: Bool
    ) throws(RecordDefect) -> VectorClock? {
        let members: [JSONMember]
        switch value {
        case nil: return nil
        case .object(let text), .string(let text): members = try ClockText.members(Array(text.utf8))
        case .some(let value): throw RecordDefect("the clock is \(value.kind): expected an object")
        }
        return try ClockText.clock(members, of: process, sequence: sequence) {
            isRaw ? ProcessID(name: $0) : ProcessID(text: $0)
        }
    }

    private static func cause(_ text: String?, isRaw: Bool) throws(RecordDefect)
        -> EventReference?
    {
        guard let text else { return nil }
        guard var cause = EventID(text: text) else {
            throw RecordDefect(
                "the cause is \(Bytes.quoted(text)): expected PROCESS:SEQ with a SEQ from 1 to "
                    + "\(Causality.Limits.sequenceMax)")
        }
        if isRaw, let colon = text.lastIndex(of: ":") {
            cause.process = ProcessID(name: String(text[..<colon]))
        }
        return EventReference(cause)
    }

    /// A time as text or as a number since 1970; nil where it is neither.
    static func time(_ value: JSONValue) -> WallTime? {
        switch value {
        case .string(let text): return Timestamp.parse(text)
        case .number(let text):
            let bytes = Array(text.utf8)
            return Timestamp.epoch(bytes, bytes.indices)
        default: return nil
        }
    }
}
