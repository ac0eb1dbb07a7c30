import Causality
import HappensBefore
import Matching

// Selections are decided by what rows say, column by column, as far as that decides: the rest of an event is read only where
// it may be taken.
extension Selection {
    /// True where what events say may decide.
    var asksForContent: Bool {
        var asks = false
        _ = condition.holds { test in
            switch test {
            case .words: asks = true
            default: asks = asks || test.fields.contains { $0.field.isContent }
            }
            return nil
        }
        return asks
    }

    /// The wall times, in nanoseconds, that every event has which it takes; nil where these may have any, or none.
    var span: ClosedRange<Int64>? { condition.span }

    /// The hashes of words that every event has which it takes.
    var neededWords: [UInt64] { condition.neededWords }

    /// True where `rowsThatMayHold` are all taken, since what is asked for is told by every column in full.
    var isDecidedByColumns: Bool { condition.isDecidedByColumns }

    /// The rows that may be taken, ascending: all others are not for sure. O(what the columns hold). Stops where `check` throws.
    func rowsThatMayHold(
        _ columns: ContentColumns, check: () throws -> Void
    ) throws -> [Int] {
        let search = ColumnSearch(columns)
        let all = [Bool](repeating: true, count: columns.rowCount)
        let rows = try search.mayHold(condition, among: all, check)
        return rows.indices.filter { rows[$0] }
    }
}

extension Selection.Field {
    /// Whether it lies in what an event says.
    fileprivate var isContent: Bool {
        switch self {
        case .name, .text, .level, .attribute: true
        case .process, .host, .kind, .time, .seq: false
        }
    }
}

extension Selection.Condition {
    fileprivate var isDecidedByColumns: Bool {
        switch self {
        case .always, .compare(.name, _, _), .compare(.level, _, _): true
        case .not(let inner): inner.isDecidedByColumns
        case .and(let a, let b), .or(let a, let b): a.isDecidedByColumns && b.isDecidedByColumns
        case .compare, .relate, .words, .exists, .elapsed: false
        }
    }

    fileprivate var span: ClosedRange<Int64>? {
        switch self {
        case .compare(.time, .greaterOrEqual, .time(let time)),
            .compare(.time, .greater, .time(let time)):
            return time.nanoseconds...Int64.max
        case .compare(.time, .lessOrEqual, .time(let time)),
            .compare(.time, .less, .time(let time)):
            return Int64.min...time.nanoseconds
        case .compare(.time, .equal, .time(let time)): return time.nanoseconds...time.nanoseconds
        case .and(let a, let b):
            guard let a = a.span, let b = b.span else { return a.span ?? b.span }
            // Of two that have nothing in common, each alone is right too.
            return a.overlaps(b) ? a.clamped(to: b) : a
        case .always, .compare, .relate, .words, .exists, .elapsed, .not, .or: return nil
        }
    }

    fileprivate var neededWords: [UInt64] {
        switch self {
        case .words(let words): words.flatMap { Words.hashes(of: $0) }
        case .and(let a, let b): a.neededWords + b.neededWords
        case .always, .compare, .relate, .exists, .elapsed, .not, .or: []
        }
    }
}

private struct ColumnSearch {
    private let columns: ContentColumns
    private let texts: JoinedTexts

    init(_ columns: ContentColumns) {
        self.columns = columns
        texts = JoinedTexts(columns.texts)
    }

    /// The rows, of those that are meant, for which a condition may hold.
    func mayHold(
        _ condition: Selection.Condition, among meant: [Bool], _ check: () throws -> Void
    ) throws -> [Bool] {
        switch condition {
        case .always: return meant
        case .compare(.text, .matches, .pattern(let pattern)) where isSlow(.pattern(pattern)):
            guard let needle = pattern.needle else { return meant }
            return try rows(meant, having: needle, check) { _ in true }
        case .compare(let field, let comparison, let literal):
            return try rows(field, comparison, literal, meant, check) ?? meant
        case .words(let words): return try rows(words, meant, check)
        case .exists(.attribute(let key)) where !key.contains("."):
            // Of keys that look alike, each.
            return columns.keys.contains { $0 == key } ? meant : meant.map { _ in false }
        case .relate, .exists, .elapsed: return meant
        case .not(let inner):
            let sure = try surelyHold(inner, among: meant, check)
            return zip(meant, sure).map { $0 && !$1 }
        case .and(let a, let b):
            return try mayHold(b, among: mayHold(a, among: meant, check), check)
        case .or(let a, let b):
            let first = try mayHold(a, among: meant, check)
            let second = try mayHold(b, among: zip(meant, first).map { $0 && !$1 }, check)
            return zip(first, second).map { $0 || $1 }
        }
    }

    /// The rows, of those that are meant, for which it holds whatever else they are.
    private func surelyHold(
        _ condition: Selection.Condition, among meant: [Bool], _ check: () throws -> Void
    ) throws -> [Bool] {
        let none = [Bool](repeating: false, count: meant.count)
        switch condition {
        case .always: return meant
        case .compare(let field, let comparison, let literal):
            return try rows(field, comparison, literal, meant, check) ?? none
        // Whether hashes are the same says not that words are.
        case .words, .relate, .exists, .elapsed: return none
        case .not(let inner):
            let possible = try mayHold(inner, among: meant, check)
            return zip(meant, possible).map { $0 && !$1 }
        case .and(let a, let b):
            return try surelyHold(b, among: surelyHold(a, among: meant, check), check)
        case .or(let a, let b):
            let first = try surelyHold(a, among: meant, check)
            let second = try surelyHold(b, among: zip(meant, first).map { $0 && !$1 }, check)
            return zip(first, second).map { $0 || $1 }
        }
    }

    /// The rows for which a comparison holds; nil where the columns do not tell.
    private func rows(
        _ field: Selection.Field, _ comparison: Selection.Comparison,
        _ literal: Selection.Literal, _ meant: [Bool], _ check: () throws -> Void
    ) throws -> [Bool]? {
        switch field {
        case .name:
            try check()
            let named = columns.names.map { comparison.holds(.text($0), literal) }
            return rows(meant) { named[Int($0.name)] }
        case .level:
            let leveled = (0...UInt8.max).map { number in
                comparison.holds(Level(rawValue: number).map { .level($0) } ?? .nothing, literal)
            }
            return rows(meant) { leveled[Int($0.level)] }
        case .text: return isSlow(literal) ? nil : try rows(comparison, literal, meant, check)
        case .attribute(let key):
            // A path may lead into any attribute that is an object.
            guard !key.contains("."), !isSlow(literal) else { return nil }
            return try rows(attribute: key, comparison, literal, meant, check)
        case .process, .host, .kind, .time, .seq: return nil
        }
    }

    /// The rows, of those that are meant, whose forms satisfy a condition.
    private func rows(
        _ meant: [Bool], whoseForm holds: (ContentColumns.Form) -> Bool
    ) -> [Bool] {
        let holds = columns.forms.map(holds)
        return zip(meant, columns.formOf).map { $0 && holds[Int($1)] }
    }

    /// True for what may take long to be compared: it is for each event by itself, so that what was found is given before the next
    /// one is looked at.
    private func isSlow(_ literal: Selection.Literal) -> Bool {
        guard case .pattern(let pattern) = literal else { return false }
        return pattern.instructionCount > Limits.columnInstructionsMax
    }

    private func rows(
        _ comparison: Selection.Comparison, _ literal: Selection.Literal, _ meant: [Bool],
        _ check: () throws -> Void
    ) throws -> [Bool] {
        guard case .pattern(let pattern) = literal else {
            return try rows(meant, having: nil, check) {
                comparison.holds(.text(String(decoding: $0, as: UTF8.self)), literal)
            }
        }
        let matching = try rows(meant, having: pattern.needle, check) { pattern.matches($0) }
        return comparison == .matches
            ? matching : zip(meant, matching).map { $0 && !$1 }
    }

    /// The rows, of those that are meant, whose texts have a needle, where there is one, and satisfy a condition.
    private func rows(
        _ meant: [Bool], having needle: Needle?, _ check: () throws -> Void,
        _ holds: (UnsafeRawBufferPointer) -> Bool
    ) throws -> [Bool] {
        var rows = [Bool](repeating: false, count: meant.count)
        if let distinct = columns.texts.distinct {
            try check()
            let verdicts = distinct.bytes.withUnsafeBytes { bytes in
                distinct.ends.indices.map { number in
                    let text = UnsafeRawBufferPointer(rebasing: bytes[distinct[number]])
                    let mayHold = needle.map { $0.first(in: text, from: 0) != nil } ?? true
                    return mayHold && holds(text)
                }
            }
            for row in rows.indices where meant[row] {
                rows[row] = verdicts[columns.texts.number(ofRow: row)]
            }
            return rows
        }
        if let needle,
            let found = columns.texts.rowsThatMayHave(
                isWord: needle.isWord, { needle.first(in: $0, from: $1) })
        {
            let candidates = found.filter { meant[$0] }
            guard !candidates.isEmpty else { return rows }
            let texts = columns.texts.joined(candidates)
            try texts.bytes.withUnsafeBytes { bytes in
                for (index, row) in candidates.enumerated() {
                    try check()
                    rows[row] = holds(UnsafeRawBufferPointer(rebasing: bytes[texts[index]]))
                }
            }
            return rows
        }
        let texts = texts.all
        try texts.bytes.withUnsafeBytes { bytes in
            var row = 0
            while row < meant.count {
                if let needle {
                    let start = row == 0 ? 0 : texts.ends[row - 1]
                    guard let found = needle.first(in: bytes, from: start) else { return }
                    row = partitionPoint(count: meant.count) { texts.ends[$0] <= found }
                }
                if meant[row] {
                    try check()
                    rows[row] = holds(UnsafeRawBufferPointer(rebasing: bytes[texts[row]]))
                }
                row += 1
            }
        }
        return rows
    }

    private func rows(
        attribute key: String, _ comparison: Selection.Comparison, _ literal: Selection.Literal,
        _ meant: [Bool], _ check: () throws -> Void
    ) throws -> [Bool] {
        // Of keys that look alike, each.
        let isKey = columns.keys.map { $0 == key }
        let withoutIt = comparison.holds(.nothing, literal)
        guard isKey.contains(true) else { return meant.map { $0 && withoutIt } }
        func holds(_ bytes: some Collection<UInt8>, isJSON: Bool) -> Bool {
            let text = String(decoding: bytes, as: UTF8.self)
            return comparison.holds(
                Selection.Field.Value(isJSON ? .json(text) : .text(text)), literal)
        }
        // By column of the key: of each distinct value whether it holds, or else the values.
        var verdicts: [Int: [Bool]] = [:]
        var values: [Int: ContentColumns.Texts] = [:]
        for (column, stored) in columns.values.enumerated() where isKey[column / 2] {
            guard let stored else { continue }
            try check()
            guard let distinct = stored.distinct else {
                values[column] = stored.joined()
                continue
            }
            verdicts[column] = distinct.ends.indices.map {
                holds(distinct.bytes[distinct[$0]], isJSON: column % 2 == 1)
            }
        }
        var rows = [Bool](repeating: false, count: meant.count)
        var next = [Int](repeating: 0, count: columns.values.count)
        for row in rows.indices {
            var last: (column: Int, index: Int)?
            for column in columns.shape(ofRow: row) where isKey[column / 2] {
                last = (column, next[column])
                next[column] += 1
            }
            guard meant[row] else { continue }
            try check()
            guard let (column, index) = last else {
                rows[row] = withoutIt
                continue
            }
            if let verdicts = verdicts[column] {
                rows[row] = verdicts[columns.values[column]!.number(ofRow: index)]
            } else {
                let texts = values[column]!
                rows[row] = holds(texts.bytes[texts[index]], isJSON: column % 2 == 1)
            }
        }
        return rows
    }

    /// The rows in which all of some words may be.
    private func rows(
        _ words: [String], _ meant: [Bool], _ check: () throws -> Void
    ) throws -> [Bool] {
        var needed = Set(words.flatMap { Words.hashes(of: $0) })
        let wanted = needed
        let names = columns.names.map { Set(Words.hashes(of: $0)).intersection(wanted) }
        let (texts, values) = (texts.all, columns.joinedValues())
        var next = [Int](repeating: 0, count: columns.values.count)
        var rows = [Bool](repeating: false, count: meant.count)
        for row in rows.indices {
            let shape = columns.shape(ofRow: row)
            defer { for column in shape { next[column] += 1 } }
            guard meant[row] else { continue }
            try check()
            needed = wanted.subtracting(names[Int(columns.form(ofRow: row).name)])
            func look(_ texts: ContentColumns.Texts, _ index: Int) {
                guard !needed.isEmpty else { return }
                Words.forEachHash(in: texts.bytes, texts[index]) { needed.remove($0) }
            }
            look(texts, row)
            var places = next
            for column in shape {
                look(values[column]!, places[column])
                places[column] += 1
            }
            rows[row] = needed.isEmpty
        }
        return rows
    }
}

/// The texts of all rows, joined when they are first asked for. For one search, and so for one thread.
private final class JoinedTexts {
    private let stored: StoredTexts
    private(set) lazy var all = stored.joined()

    init(_ stored: StoredTexts) { self.stored = stored }
}
