import Causality

/// Which of the keys that a field map names are in a log at all: one that is in no line is misspelt.
struct FieldSearch: Sendable {
    private(set) var missing: [String]
    /// Keys of the first lines, and the paths to what is nested in them.
    private var known: Set<String> = []
    private var lineCount = 0

    init(_ map: FieldMap) { missing = map.mapped }

    mutating func see(_ members: [JSONMember]) {
        guard !missing.isEmpty else { return }
        missing.removeAll { JSONScanner.value(at: $0, of: members) != nil }
        guard lineCount < Limits.sampledLinesMax else { return }
        lineCount += 1
        add(members, below: "", depth: 1)
    }

    private mutating func add(_ members: [JSONMember], below path: String, depth: Int) {
        for member in members where known.count < Limits.sampledKeysMax {
            known.insert(path + member.key)
            guard depth < Limits.sampledDepthMax, case .object(let text) = member.value,
                let inner = try? JSONScanner.object(Array(text.utf8))
            else { continue }
            add(inner, below: path + member.key + ".", depth: depth + 1)
        }
    }

    /// What is wrong with the first key that is in no line; nil where all are there, or there were no lines.
    var complaint: String? {
        guard let key = missing.first, !known.isEmpty else { return nil }
        let sorted = known.sorted()
        let nearest =
            sorted.first { $0.hasSuffix("." + key) } ?? Suggestion.nearest(to: key, among: sorted)
        let hint =
            nearest.map { "perhaps “\($0)”" }
            ?? "there are \(sorted.prefix(Limits.shownKeysMax).joined(separator: ", "))"
            + (sorted.count > Limits.shownKeysMax ? " …" : "")
        return "no line has the key “\(key)” of the field map: \(hint)"
    }
}

extension LogReader {
    /// From now on `missingField` is found out: for a reader of `jsonl` with a field map.
    package mutating func searchFields() { search = fields.map(FieldSearch.init) }

    /// Whether there are keys of the field map that no line had so far. False where they are not searched.
    package var isMissingFields: Bool { search?.missing.isEmpty == false }

    /// What is wrong with one of the field map's keys that no line had so far, and what it may be meant to be.
    package var missingField: String? { search?.complaint }
}
