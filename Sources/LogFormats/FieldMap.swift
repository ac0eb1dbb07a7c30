import Causality

/// How the keys of a log's JSON objects are called by us.
struct FieldMap: Sendable {
    /// Our words; any other is an attribute.
    static let words: Set<String> = [
        "process", "host", "execution", "kind", "name", "text", "level", "time", "seq", "clock",
        "cause",
    ]

    /// For each key of the log, our words for it.
    let words: [String: [String]]
    /// True where process names stand as they are; false where they are in Lightcone's text form.
    let isRaw: Bool

    /// From our words to the log's keys. Throws where the process is missing or a key is empty.
    init(_ fields: [String: String]) throws(LogFormatError) {
        guard fields["process"] != nil else {
            throw LogFormatError(
                "the field map says nothing of the process: expected an entry such as process: \"host\""
            )
        }
        var words: [String: [String]] = [:]
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
            words[theirs, default: []].append(ours)
        }
        self.words = words
        isRaw = true
    }

    private init(words: [String: [String]], isRaw: Bool) {
        self.words = words
        self.isRaw = isRaw
    }

    /// Lightcone's own keys.
    static let own = FieldMap(
        words: Dictionary(uniqueKeysWithValues: words.map { ($0, [$0]) }), isRaw: false)

    /// The keys of the DistributedClocks tracing library.
    static let tracing = FieldMap(
        words: [
            "TracerIdentity": ["process"], "VectorClock": ["clock"], "Tag": ["name"],
            "Body": ["text"],
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
