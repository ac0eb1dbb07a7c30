import Causality

/// The values of a JSON line, by our words, and its attributes: as they lie in the line. One is used for line after line, so
/// that none of them allocates.
struct LineValues: Sendable {
    private(set) var bytes: [UInt8] = []
    private var known: [JSONSpan?]
    private var attributes: [JSONSpan] = []
    /// Keys of attributes that are called otherwise than in the line, by their index.
    private var renamed: [Int: [UInt8]] = [:]
    /// By place in the line, which key was there in the line before: programs write theirs in one order.
    private var guesses: [Int] = []

    init() { known = Array(repeating: nil, count: FieldMap.Word.allCases.count) }

    /// Forgets the line before.
    mutating func begin(_ bytes: [UInt8]) {
        self.bytes = bytes
        for index in known.indices { known[index] = nil }
        attributes.removeAll(keepingCapacity: true)
        if !renamed.isEmpty { renamed = [:] }
    }

    subscript(word: FieldMap.Word) -> JSONSpan? { known[Int(word.rawValue)] }

    /// Sorts the members of an object by our words. A null is as good as nothing, but in an attribute.
    mutating func read(
        _ members: [JSONSpan], _ map: FieldMap, _ inner: inout [JSONSpan]
    ) throws(RecordDefect) {
        while guesses.count < members.count { guesses.append(0) }
        for (place, member) in members.enumerated() {
            switch map.meaning(of: member, bytes, guess: &guesses[place]) {
            case .word(let word): set(word, member)
            case .several(let meanings): add(meanings, member)
            case .nothing:
                guard map.opensAttributes, member.kind == .object, isKey(member, "attributes")
                else {
                    add(member)
                    continue
                }
                do throws(JSONDefect) {
                    try JSONScanner.scan(bytes, member.value, into: &inner)
                } catch {
                    throw RecordDefect(error.reason)
                }
                for span in inner { add(span) }
            }
        }
        guard !map.paths.isEmpty else { return }
        let texts = members.map { key(of: $0) }
        for path in map.paths where !texts.contains(path) {
            guard let span = JSONScanner.span(at: path, bytes, members) else { continue }
            switch map.meaning(of: path) {
            case .word(let word): set(word, span)
            case .several(let meanings): add(meanings, span)
            case .nothing: break
            }
        }
    }

    private mutating func set(_ word: FieldMap.Word, _ span: JSONSpan) {
        let isNull = span.kind == .literal && bytes[span.value.lowerBound] == UInt8(ascii: "n")
        if !isNull { known[Int(word.rawValue)] = span }
    }

    private mutating func add(_ meanings: [FieldMap.Meaning], _ span: JSONSpan) {
        for meaning in meanings {
            switch meaning {
            case .attribute(let name): add(span, as: Array(name.utf8))
            case .word(let word): set(word, span)
            }
        }
    }

    /// Adds an attribute; one of the same key takes its place.
    private mutating func add(_ span: JSONSpan, as name: [UInt8]? = nil) {
        let place = attributes.indices.first { index in
            sameKey(index, span, name)
        }
        guard let place else {
            if let name { renamed[attributes.count] = name }
            attributes.append(span)
            return
        }
        var span = span
        (span.key, span.keyHasEscapes) = (attributes[place].key, attributes[place].keyHasEscapes)
        attributes[place] = span
    }

    private func sameKey(_ index: Int, _ span: JSONSpan, _ name: [UInt8]?) -> Bool {
        let known = attributes[index]
        if name == nil, renamed[index] == nil, !known.keyHasEscapes, !span.keyHasEscapes {
            return isSame(bytes, known.key, span.key)
        }
        return (renamed[index] ?? Array(key(of: known).utf8)) == name ?? Array(key(of: span).utf8)
    }

    private func key(of span: JSONSpan) -> String {
        JSONScanner.text(bytes, span.key, hasEscapes: span.keyHasEscapes)
    }

    private func isKey(_ span: JSONSpan, _ text: StaticString) -> Bool {
        span.keyHasEscapes
            ? key(of: span) == text.description : isSame(bytes, span.key, text)
    }

    func text(_ span: JSONSpan) -> String {
        JSONScanner.text(bytes, span.value, hasEscapes: span.hasEscapes)
    }

    func kind(_ span: JSONSpan) -> String { JSONScanner.value(bytes, span).kind }

    /// What `read` makes of a word's value; the value becomes an attribute where it makes nothing of it.
    mutating func describing<Value>(
        _ word: FieldMap.Word, _ read: (JSONSpan) -> Value?
    ) -> Value? {
        guard let span = self[word] else { return nil }
        guard let result = read(span) else {
            add(span, as: Array(word.text.utf8))
            return nil
        }
        return result
    }

    /// A name: a string, or a number as it is written.
    func named(_ word: FieldMap.Word) throws(RecordDefect) -> JSONSpan? {
        guard let span = self[word] else { return nil }
        guard span.kind == .string || span.kind == .number else {
            throw RecordDefect("the \(word.text) is \(kind(span)): expected a string")
        }
        return span
    }

    /// A sequence number from 1 on.
    func sequence() throws(RecordDefect) -> UInt64? {
        guard let span = self[.seq] else { return nil }
        guard let sequence = ClockText.count(bytes, span), sequence > 0 else {
            throw RecordDefect(
                "the seq is \(Bytes.quoted(text(span))): expected an integer from 1 to "
                    + "\(Causality.Limits.sequenceMax)")
        }
        return sequence
    }

    /// The names of events in `cause` and in `causes`. O(their bytes).
    func causes() throws(RecordDefect) -> [JSONSpan] {
        var found: [JSONSpan] = []
        if let span = try named(.cause) { found.append(span) }
        guard let span = self[.causes] else { return found }
        guard span.kind == .array, let elements = JSONScanner.array(bytes, span.value),
            elements.allSatisfy({ $0.kind == .string })
        else {
            throw RecordDefect("the causes are \(kind(span)): expected an array of strings")
        }
        guard elements.count <= Causality.Limits.causesMax else {
            throw RecordDefect(
                "\(elements.count) causes: expected at most \(Causality.Limits.causesMax)")
        }
        return found + elements
    }

    /// Throws where text and attributes exceed a limit.
    func checkLimits() throws(RecordDefect) {
        if let name = self[.name], !name.value.isEmpty {
            if name.hasEscapes {
                try EventLimits.checkName(text(name), "a name")
            } else {
                try EventLimits.checkName(bytes.span.extracting(name.value), "a name")
            }
        }
        var size = self[.text]?.value.count ?? 0
        for (index, span) in attributes.enumerated() {
            if let name = renamed[index] {
                try EventLimits.checkName(name.span, "an attribute key")
            } else if span.keyHasEscapes {
                try EventLimits.checkName(key(of: span), "an attribute key")
            } else {
                try EventLimits.checkName(bytes.span.extracting(span.key), "an attribute key")
            }
            size += span.key.count + span.value.count
        }
        try EventLimits.check(attributeCount: attributes.count, byteCount: size)
    }

    /// Appends text and attributes as those of the next row.
    func append(to batch: inout EventBatch) {
        if let span = self[.text] {
            withBytes(span.value, span.hasEscapes) { batch.appendText($0.span) }
        }
        for (index, span) in attributes.enumerated() {
            let isJSON = span.kind != .string
            if !span.hasEscapes, !span.keyHasEscapes, renamed[index] == nil {
                batch.appendAttribute(
                    key: bytes.span.extracting(span.key), isJSON: isJSON,
                    value: bytes.span.extracting(span.value))
                continue
            }
            let key = renamed[index] ?? Array(key(of: span).utf8)
            withBytes(span.value, span.hasEscapes) {
                batch.appendAttribute(key: key.span, isJSON: isJSON, value: $0.span)
            }
        }
    }

    /// The number of the event's name in a batch.
    func name(in batch: inout EventBatch) -> Int {
        guard let span = self[.name] else { return 0 }
        if span.hasEscapes { return batch.name(Array(text(span).utf8).span) }
        return batch.name(bytes.span.extracting(span.value))
    }

    private func withBytes(
        _ range: Range<Int>, _ hasEscapes: Bool, _ body: (ArraySlice<UInt8>) -> Void
    ) {
        guard hasEscapes else { return body(bytes[range]) }
        var unescaped: [UInt8] = []
        JSONScanner.unescape(bytes, range, into: &unescaped)
        body(unescaped[...])
    }
}
