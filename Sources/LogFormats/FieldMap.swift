import Causality

/// How the keys of a log's JSON objects are called by us. A class, since every line asks one: to hand it on copies nothing.
final class FieldMap: Sendable {
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

    /// One thing that a key of the log means.
    enum Meaning: Hashable, Sendable {
        case word(Word)
        case attribute(String)
    }

    /// The keys of the log that mean something to us, or paths to nested ones; and what each means.
    private let keys: ByteTable
    private let meanings: [[Meaning]]
    /// By key: the word that it means, where it means nothing else.
    private let words: [Word?]
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
        (keys, meanings, words) = FieldMap.tables(found)
    }

    private static func tables(
        _ found: [String: [Meaning]]
    ) -> (ByteTable, [[Meaning]], [Word?]) {
        var keys = ByteTable()
        let sorted = found.sorted { $0.key < $1.key }
        for (key, _) in sorted { _ = keys.intern(key) }
        let words = sorted.map { _, meanings -> Word? in
            if meanings.count == 1, case .word(let word) = meanings[0] { word } else { nil }
        }
        return (keys, sorted.map(\.value), words)
    }

    /// What a key of the log means to us.
    enum KeyMeaning {
        /// An attribute by its own name.
        case nothing
        case word(Word)
        case several([Meaning])
    }

    /// O(key).
    func meaning(of key: String) -> KeyMeaning { meaning(keys.find(Array(key.utf8).span)) }

    /// O(key).
    ///
    /// - Parameter guess: What is likely the number of the key among those that mean something; afterwards, what is.
    func meaning(of member: JSONSpan, _ bytes: [UInt8], guess: inout Int) -> KeyMeaning {
        if member.keyHasEscapes {
            return meaning(of: JSONScanner.text(bytes, member.key, hasEscapes: true))
        }
        let number = keys.find(bytes.span.extracting(member.key), guess: guess)
        if let number { guess = number }
        return meaning(number)
    }

    private func meaning(_ number: Int?) -> KeyMeaning {
        guard let number else { return .nothing }
        if let word = words[number] { return .word(word) }
        return .several(meanings[number])
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
        (self.keys, meanings, words) = FieldMap.tables(keys.mapValues { [.word($0)] })
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
            members.contains { !$0.keyHasEscapes && isSame(bytes, $0.key, key) }
        }
        if has("process") { return own }
        if has("TracerIdentity"), has("VectorClock") { return tracing }
        throw RecordDefect(
            "no process: expected the key process, or TracerIdentity and VectorClock")
    }
}
