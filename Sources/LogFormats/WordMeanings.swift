import Causality

/// What words mean, by their bytes: the few that a log repeats are not read again and again.
struct WordMeanings<Meaning: Sendable>: Sendable {
    private var words = ByteTable()
    private var meanings: [Meaning] = []

    /// What `read` makes of a JSON string, or nil. O(bytes).
    mutating func meaning(
        _ bytes: [UInt8], _ span: JSONSpan, _ read: (String) -> Meaning?
    ) -> Meaning? {
        if span.hasEscapes { return read(JSONScanner.text(bytes, span)) }
        return meaning(bytes, span.value, read)
    }

    /// What `read` makes of a word, or nil. O(bytes).
    mutating func meaning(
        _ bytes: [UInt8], _ range: Range<Int>, _ read: (String) -> Meaning?
    ) -> Meaning? {
        if let known = words.find(bytes.span.extracting(range)) { return meanings[known] }
        guard let meaning = read(Bytes.string(bytes, range)) else { return nil }
        // Of one word there are many spellings, in capitals and not.
        if words.count < Limits.wordsKeptMax {
            _ = words.intern(bytes.span.extracting(range))
            meanings.append(meaning)
        }
        return meaning
    }
}
