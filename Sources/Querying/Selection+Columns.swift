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
            case .compare(.name, _, _), .compare(.text, _, _), .compare(.level, _, _),
                .compare(.attribute, _, _), .words:
                asks = true
            default: break
            }
            return nil
        }
        return asks
    }

    /// The wall times, in nanoseconds, that every event has which it takes; nil where these may have any, or none.
    var span: ClosedRange<Int64>? { condition.span }

    /// The hashes of words that every event has which it takes.
    var neededWords: [UInt64] { condition.neededWords }

    /// Of each row, false where it is not taken for sure. O(what the columns hold). Stops where `check` throws.
    func rowsThatMayHold(
        _ columns: ContentColumns, check: () throws -> Void
    ) throws -> [Bool] {
        let search = ColumnSearch(columns)
        let all = [Bool](repeating: true, count: columns.rowCount)
        return try search.mayHold(condition, among: all, check)
    }
}

extension Selection.Condition {
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
        case .always, .compare, .words, .not, .or: return nil
        }
    }

    fileprivate var neededWords: [UInt64] {
        switch self {
        case .words(let words): words.flatMap { Words.hashes(of: $0) }
        case .and(let a, let b): a.neededWords + b.neededWords
        case .always, .compare, .not, .or: []
        }
    }
}

private struct ColumnSearch {
    private let columns: ContentColumns

    init(_ columns: ContentColumns) { self.columns = columns }

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
        case .words: return none
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
            let holds = columns.names.map { comparison.holds(.text($0), literal) }
            return zip(meant, columns.nameOf).map { $0 && holds[$1] }
        case .level:
            let holds = (0...UInt8.max).map { number in
                comparison.holds(Level(rawValue: number).map { .level($0) } ?? .nothing, literal)
            }
            return zip(meant, columns.levels).map { $0 && holds[Int($1)] }
        case .text: return isSlow(literal) ? nil : try rows(comparison, literal, meant, check)
        case .attribute(let key):
            // A path may lead into any attribute that is an object.
            guard !key.contains("."), !isSlow(literal) else { return nil }
            return try rows(attribute: key, comparison, literal, meant, check)
        case .process, .host, .kind, .time, .seq: return nil
        }
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
        let texts = columns.texts
        guard case .pattern(let pattern) = literal else {
            return meant.indices.map { row in
                meant[row]
                    && comparison.holds(
                        .text(String(decoding: texts.bytes[texts[row]], as: UTF8.self)), literal)
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
        let texts = columns.texts
        var rows = [Bool](repeating: false, count: meant.count)
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
        var rows = [Bool](repeating: false, count: meant.count)
        var next = [Int](repeating: 0, count: columns.values.count)
        for row in rows.indices {
            var value: (texts: ContentColumns.Texts, index: Int, isJSON: Bool)?
            for column in columns.shapes[columns.shapeOf[row]] where isKey[column / 2] {
                value = (columns.values[column]!, next[column], column % 2 == 1)
                next[column] += 1
            }
            guard meant[row] else { continue }
            try check()
            guard let value else {
                rows[row] = withoutIt
                continue
            }
            let range = value.texts[value.index]
            let text = String(decoding: value.texts.bytes[range], as: UTF8.self)
            let attribute: AttributeValue = value.isJSON ? .json(text) : .text(text)
            rows[row] = comparison.holds(.text(attribute.text), literal)
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
        var room: [UInt8] = []
        var next = [Int](repeating: 0, count: columns.values.count)
        var rows = [Bool](repeating: false, count: meant.count)
        for row in rows.indices {
            let shape = columns.shapes[columns.shapeOf[row]]
            defer { for column in shape { next[column] += 1 } }
            guard meant[row] else { continue }
            try check()
            needed = wanted.subtracting(names[columns.nameOf[row]])
            func look(_ texts: ContentColumns.Texts, _ index: Int) {
                guard !needed.isEmpty else { return }
                Words.forEachHash(in: texts.bytes, texts[index], &room) { needed.remove($0) }
            }
            look(columns.texts, row)
            var places = next
            for column in shape {
                look(columns.values[column]!, places[column])
                places[column] += 1
            }
            rows[row] = needed.isEmpty
        }
        return rows
    }
}
