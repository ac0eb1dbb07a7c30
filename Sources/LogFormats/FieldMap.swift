import Causality

/// How the keys of a log's JSON objects are called by us.
struct FieldMap: Sendable {
    /// Our words; any other name is an attribute.
    static let words: Set<String> = [
        "process", "host", "execution", "kind", "name", "text", "level", "time", "seq", "clock",
        "cause", "exact",
    ]

    /// Before the name of an attribute that is called as one of our words is, or nearly so.
    private static let attributePrefix = "attr."

    /// What a key of the log is to us.
    enum Meaning: Hashable, Sendable {
        case word(String)
        case attribute(String)
    }

    /// For each key of the log, or path to a nested one, what it means.
    let meanings: [String: [Meaning]]
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
        var meanings: [String: [Meaning]] = [:]
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
            meanings[theirs, default: []].append(try FieldMap.meaning(ours, theirs, fields))
        }
        mapped = meanings.keys.sorted()
        paths = mapped.filter { $0.contains(".") }
        opensAttributes = meanings["attributes"] == nil
        for word in FieldMap.words where fields[word] == nil && meanings[word] == nil {
            meanings[word] = [.word(word)]
        }
        self.meanings = meanings
        isRaw = true
    }

    private static func meaning(
        _ ours: String, _ theirs: String, _ fields: [String: String]
    ) throws(LogFormatError) -> Meaning {
        if words.contains(ours) { return .word(ours) }
        if ours.hasPrefix(attributePrefix), ours != attributePrefix {
            return .attribute(String(ours.dropFirst(attributePrefix.count)))
        }
        let unmapped = words.filter { fields[$0] == nil }.sorted()
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

    private init(keys: [String: String], isRaw: Bool) {
        meanings = keys.mapValues { [.word($0)] }
        paths = []
        mapped = []
        self.isRaw = isRaw
        opensAttributes = !isRaw
    }

    /// Lightcone's own keys.
    static let own = FieldMap(
        keys: Dictionary(uniqueKeysWithValues: words.map { ($0, $0) }), isRaw: false)

    /// The keys of the DistributedClocks tracing library.
    static let tracing = FieldMap(
        keys: [
            "TracerIdentity": "process", "VectorClock": "clock", "Tag": "name", "Body": "text",
        ], isRaw: true)

    /// The map that an object's keys call for.
    static func map(for members: [JSONMember]) throws(RecordDefect) -> FieldMap {
        let keys = Set(members.map(\.key))
        if keys.contains("process") { return own }
        if keys.contains("TracerIdentity"), keys.contains("VectorClock") { return tracing }
        throw RecordDefect(
            "no process: expected the key process, or TracerIdentity and VectorClock")
    }
}
