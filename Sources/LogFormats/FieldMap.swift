import Causality

/// How the keys of a log's JSON objects are called by us.
struct FieldMap: Sendable {
    /// Our words; any other name is an attribute.
    enum Word: UInt8, CaseIterable, Sendable {
        case process, host, execution, kind, name, text, level, time, seq, clock, cause, causes
        case exact

        var text: String { String(describing: self) }

        init?(text: String) {
            guard let word = Word.allCases.first(where: { $0.text == text }) else { return nil }
            self = word
        }
    }

    /// Before the name of an attribute that is called as one of our words is, or nearly so.
    private static let attributePrefix = "attr."

    /// What a key of the log is to us.
    enum Meaning: Hashable, Sendable {
        case word(Word)
        case attribute(String)
    }

    /// The keys of the log that mean something to us, or paths to nested ones; and what each means.
    private var keys = ByteTable()
    private var meanings: [[Meaning]] = []
    /// Those of the keys that may be paths, sorted.
    let paths: [String]
    /// The keys and paths that were named by somebody, sorted.
    let mapped: [String]
    /// True where process names stand as they are; false where they are in Lightcone's text form.
    let isRaw: Bool
    /// True where the members of the object `attributes` are attributes, and not it.
    let opensAttributes: Bool

    /// From our words to the log's keys; those of our words that are not among them stand for
    /// themselves. Throws where the process is missing, a key is empty, or a word is nearly ours.
    init(_ fields: [String: String]) throws(LogFormatError) {
        guard fields["process"] != nil else {
            throw LogFormatError(
                "the field map says nothing of the process: expected an entry such as process: \"host\""
            )
        }
        var found: [String: [Meaning]] = [:]
        for (ours, theirs) in fields.sorted(by: { $0.key < $1.key }) {
            guard !ours.isEmpty, !theirs.isEmpty else {
                throw LogFormatError(
                    "the field map has the entry \"\(ours)\": \"\(theirs)\": expected no empty name"
                )
            }
            guard ours.utf8.count <= Causality.Limits.nameBytesMax else {
                throw LogFormatError(
                    "the field map has a name of \(ours.utf8.count) bytes: expected at most "
                        + "\(Causality.Limits.nameBytesMax)")
            }
            found[theirs, default: []].append(try FieldMap.meaning(ours, theirs, fields))
        }
        mapped = found.keys.sorted()
        paths = mapped.filter { $0.contains(".") }
        opensAttributes = found["attributes"] == nil
        for word in Word.allCases where fields[word.text] == nil && found[word.text] == nil {
            found[word.text] = [.word(word)]
        }
        isRaw = true
        add(found)
    }

    private mutating func add(_ found: [String: [Meaning]]) {
        for (key, meaning) in found.sorted(by: { $0.key < $1.key }) {
            _ = keys.intern(key)
            meanings.append(meaning)
        }
    }

    /// What a key of the log means to us; empty for what is an attribute by its own name. O(key).
    func meanings(of key: String) -> [Meaning] {
        keys.find(Array(key.utf8).span).map { meanings[$0] } ?? []
    }

    func meanings(of member: JSONSpan, _ bytes: [UInt8]) -> [Meaning] {
        if member.keyHasEscapes {
            return meanings(of: JSONScanner.text(bytes, member.key, hasEscapes: true))
        }
        return keys.find(bytes.span.extracting(member.key)).map { meanings[$0] } ?? []
    }

    private static func meaning(
        _ ours: String, _ theirs: String, _ fields: [String: String]
    ) throws(LogFormatError) -> Meaning {
        if let word = Word(text: ours) { return .word(word) }
        if ours.hasPrefix(attributePrefix), ours != attributePrefix {
            return .attribute(String(ours.dropFirst(attributePrefix.count)))
        }
        let unmapped = Word.allCases.map(\.text).filter { fields[$0] == nil }.sorted()
        let distanceMax = ours.count < Limits.longNameLetters ? 1 : 2
        if ours != theirs,
            let near = Suggestion.nearest(to: ours, among: unmapped, distanceMax: distanceMax)
        {
            throw LogFormatError(
                "the field map has “\(ours)”: perhaps “\(near)”? An attribute of that name is "
                    + "“\(attributePrefix)\(ours)”")
        }
        return .attribute(ours)
    }

    private init(keys: [String: Word], isRaw: Bool) {
        paths = []
        mapped = []
        self.isRaw = isRaw
        opensAttributes = !isRaw
        add(keys.mapValues { [.word($0)] })
    }

    /// Lightcone's own keys.
    static let own = FieldMap(
        keys: Dictionary(uniqueKeysWithValues: Word.allCases.map { ($0.text, $0) }), isRaw: false)

    /// The keys of the DistributedClocks tracing library.
    static let tracing = FieldMap(
        keys: [
            "TracerIdentity": .process, "VectorClock": .clock, "Tag": .name, "Body": .text,
        ], isRaw: true)

    /// The map that an object's keys call for.
    static func map(
        for members: [JSONSpan], _ bytes: [UInt8]
    ) throws(RecordDefect) -> FieldMap {
        func has(_ key: StaticString) -> Bool {
            members.contains { member in
                guard !member.keyHasEscapes, member.key.count == key.utf8CodeUnitCount else {
                    return false
                }
                return key.withUTF8Buffer { bytes[member.key].elementsEqual($0) }
            }
        }
        if has("process") { return own }
        if has("TracerIdentity"), has("VectorClock") { return tracing }
        throw RecordDefect(
            "no process: expected the key process, or TracerIdentity and VectorClock")
    }
}
