import Causality
import HappensBefore
import Matching

/// Which events are meant: a condition on one event, written `{ process = "web-1/api" && level >= warn }`.
package struct Selection: Sendable {
    let condition: Condition
    /// As it was written.
    package let text: String

    indirect enum Condition: Sendable {
        case always
        case compare(Field, Comparison, Literal)
        /// What a field is compared with where that is no literal, or what is computed is compared.
        case relate(Expression, Comparison, Expression)
        /// All of some words are among those of its name, its text and its values.
        case words([String])
        case exists(Field)
        /// Of a match, and three-valued: it is taken out of the condition before that is asked.
        case elapsed(Query.Elapsed)
        case not(Condition)
        case and(Condition, Condition)
        case or(Condition, Condition)
    }

    enum Field: Hashable, Sendable {
        case process, host, kind, name, text, level, time, seq
        case attribute(String)
    }

    enum Comparison: String, Sendable, CaseIterable {
        case equal = "="
        case notEqual = "!="
        case greater = ">"
        case greaterOrEqual = ">="
        case less = "<"
        case lessOrEqual = "<="
        case matches = "=~"
        case doesNotMatch = "!~"

        /// As it is written.
        var symbol: String { rawValue }
    }

    enum Literal: Sendable {
        case text(String)
        case number(Double, String)
        /// Of so many seconds, and as it was written.
        case duration(Double, String)
        case level(Level)
        case time(WallTime)
        case pattern(Pattern)
    }

    /// Every event.
    package static let everything = Selection(condition: .always, text: "")

    /// Those of them whose wall time is known and lies between two: nil for no bound.
    func during(_ since: WallTime?, _ until: WallTime?) -> Selection {
        var condition = condition
        var text = text
        for (comparison, symbol, time) in [
            (Comparison.greaterOrEqual, ">=", since), (.lessOrEqual, "<=", until),
        ] {
            guard let time else { continue }
            condition = .and(.compare(.time, comparison, .time(time)), condition)
            text += "\(text.isEmpty ? "" : " && ")time \(symbol) \(time)"
        }
        return Selection(condition: condition, text: text)
    }

    /// Those of them that another takes too.
    func and(_ other: Selection) -> Selection {
        if isEverything { return other }
        if other.isEverything { return self }
        return Selection(
            condition: .and(condition, other.condition), text: "(\(text)) && (\(other.text))")
    }

    /// Those of them, and those that another takes.
    func or(_ other: Selection) -> Selection {
        if isEverything || other.isEverything { return .everything }
        return Selection(
            condition: .or(condition, other.condition), text: "(\(text)) || (\(other.text))")
    }

    package var isEverything: Bool {
        if case .always = condition { true } else { false }
    }

    /// True where the selection holds for an event; `kind` as the graph shows it. O(selection · text).
    package func holds(for event: Event, host: String, kind: EventKind) -> Bool {
        condition.holds { test in
            test.holds(words: event.has) { _, field in
                field.value(event, host: host, kind: kind)
            }
        }!
    }

    /// Whether it depends on what an event did with messages.
    var asksForKind: Bool {
        var asks = false
        _ = condition.holds { test in
            asks = asks || test.fields.contains { $0.field == .kind }
            return nil
        }
        return asks
    }

    /// False where no event of a process can satisfy the selection.
    ///
    /// - Parameter host: nil where it is not known.
    package func mayHold(process: ProcessID, host: String?) -> Bool {
        condition.holds { test in
            switch test {
            case .compare(.process, let comparison, let literal):
                comparison.holds(.process(process), literal)
            case .compare(.host, let comparison, let literal):
                host.map { comparison.holds(.text($0), literal) }
            default: nil
            }
        } ?? true
    }
}

/// What is asked of an event at one place of a selection.
enum SelectionTest {
    case compare(Selection.Field, Selection.Comparison, Selection.Literal)
    case relate(Selection.Expression, Selection.Comparison, Selection.Expression)
    case words([String])
    case exists(Selection.Field)

    /// The fields that it looks at.
    var fields: [Selection.FieldReference] {
        switch self {
        case .compare(let field, _, _), .exists(let field): [.init(term: nil, field)]
        case .relate(let a, _, let b): a.fields + b.fields
        case .words: []
        }
    }

    /// - Parameters:
    ///   - hasWords: Whether some words are all there.
    ///   - value: Of a field, of one of several events where these have names.
    func holds(
        words hasWords: ([String]) -> Bool,
        _ value: (_ term: Int?, Selection.Field) -> Selection.Field.Value
    ) -> Bool {
        switch self {
        case .compare(let field, let comparison, let literal):
            return comparison.holds(value(nil, field), literal)
        case .relate(.field(let reference), let comparison, .literal(let literal)):
            return comparison.holds(value(reference.term, reference.field), literal)
        case .relate(let a, let comparison, let b):
            return comparison.holds(a.value(value), b.value(value))
        case .words(let words): return hasWords(words)
        case .exists(let field):
            if case .nothing = value(nil, field) { return false }
            return true
        }
    }
}

extension Event {
    fileprivate func has(_ words: [String]) -> Bool {
        // Exactly, as filters have them.
        var left = Set(words.map { ExactText($0) })
        for text in [name, text] + attributes.map(\.value.text) where !left.isEmpty {
            for word in Words.all(of: text) { left.remove(ExactText(word)) }
        }
        return left.isEmpty
    }
}

extension Selection.Condition {
    /// Three-valued: nil where the comparisons that are known do not decide.
    func holds(_ test: (SelectionTest) -> Bool?) -> Bool? {
        switch self {
        case .always: return true
        case .compare(let field, let comparison, let literal):
            return test(.compare(field, comparison, literal))
        case .relate(let a, let comparison, let b): return test(.relate(a, comparison, b))
        case .words(let words): return test(.words(words))
        case .exists(let field): return test(.exists(field))
        case .elapsed: return nil
        case .not(let inner): return inner.holds(test).map { !$0 }
        case .and(let a, let b):
            let first = a.holds(test)
            if first == false { return false }
            let second = b.holds(test)
            if second == false { return false }
            return first == true && second == true ? true : nil
        case .or(let a, let b):
            let first = a.holds(test)
            if first == true { return true }
            let second = b.holds(test)
            if second == true { return true }
            return first == false && second == false ? false : nil
        }
    }
}

extension Selection.Field {
    enum Value {
        case nothing
        case text(String)
        /// The elements of an attribute that is a list, and that as text.
        case list([String], String)
        /// As it is written, the name alone, or its end behind a `/`.
        case process(ProcessID)
        case sequence(UInt64)
        case level(Level)
        case time(WallTime)
        /// What was computed.
        case number(Double)
        /// In seconds.
        case duration(Double)
    }

    func value(_ event: Event, host: String, kind: EventKind) -> Value {
        switch self {
        case .process: .process(event.id.process)
        case .host: .text(host)
        case .kind: .text(kind.text)
        case .name: .text(event.name)
        case .text: .text(event.text)
        case .level: event.level.map { .level($0) } ?? .nothing
        case .time: event.time.map { .time($0) } ?? .nothing
        case .seq: .sequence(event.id.sequence)
        case .attribute(let key):
            attribute(key, of: event)
        }
    }

    /// The attribute of this key, or what its path leads to in an attribute that is an object.
    private func attribute(_ key: String, of event: Event) -> Value {
        if let attribute = event.attributes.last(where: { $0.key == key }) {
            return Value(attribute.value)
        }
        guard key.contains(".") else { return .nothing }
        let objects = event.attributes.compactMap { attribute in
            if case .json(let text) = attribute.value, text.hasPrefix("{") {
                JSONMember(key: attribute.key, value: .object(text))
            } else {
                nil as JSONMember?
            }
        }
        return JSONScanner.value(at: key, of: objects).map { Value($0) } ?? .nothing
    }
}

extension Selection.Field.Value {
    init(_ attribute: AttributeValue) {
        if case .json(let text) = attribute, text.hasPrefix("[") {
            self.init(array: text)
        } else {
            self = .text(attribute.text)
        }
    }

    fileprivate init(_ value: JSONValue) {
        if case .array(let text) = value {
            self.init(array: text)
        } else {
            self = .text(value.text)
        }
    }

    private init(array text: String) {
        let bytes = Array(text.utf8)
        let spans = JSONScanner.array(bytes, bytes.indices) ?? []
        self = .list(spans.map { JSONScanner.text(bytes, $0) }, text)
    }
}

extension Selection.Comparison {
    /// Compares. What an event does not have equals nothing and is neither less nor greater.
    func holds(_ value: Selection.Field.Value, _ literal: Selection.Literal) -> Bool {
        switch self {
        case .notEqual: return !Selection.Comparison.equal.holds(value, literal)
        case .doesNotMatch: return !Selection.Comparison.matches.holds(value, literal)
        default: break
        }
        // A list is whatever one of its elements is.
        if case .list(let elements, let text) = value {
            return (elements + [text]).contains { holds(.text($0), literal) }
        }
        switch self {
        case .matches:
            guard case .pattern(let pattern) = literal else { return false }
            switch value {
            case .nothing, .list, .number, .duration: return false
            case .text(let text): return pattern.matches(text)
            case .process(let process):
                return pattern.matches(process.description) || pattern.matches(process.name)
            case .sequence(let sequence): return pattern.matches(String(sequence))
            case .level(let level): return pattern.matches(level.text)
            case .time(let time): return pattern.matches(time.description)
            }
        default: break
        }
        switch (value, literal) {
        case (.process(let process), .text(let other)):
            return holds(process.description, other)
                || self == .equal
                    && (process == ProcessID(text: other)
                        || process.description.hasSuffix("/\(other)"))
        case (.text(let text), .text(let other)): return holds(text, other)
        case (.text(let text), .number(let number, let spelled)):
            if self == .equal, ExactText.isSame(text, spelled) { return true }
            guard let parsed = Double(text) else { return false }
            // Of numbers that a Double has not exactly, other ones may look the same.
            if self == .equal, parsed.magnitude >= Selection.exactNumbersEnd { return false }
            return holds(parsed, number)
        case (.text(let text), .duration(let seconds, let spelled)):
            if self == .equal, ExactText.isSame(text, spelled) { return true }
            return Selection.seconds(text).map { holds($0, seconds) } ?? false
        case (.sequence(let sequence), .number(let number, _)):
            return holds(Double(sequence), number)
        case (.level(let level), .level(let other)): return holds(level.rawValue, other.rawValue)
        case (.time(let time), .time(let other)): return holds(time, other)
        default: return false
        }
    }

    func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
        switch self {
        case .equal: a == b
        case .greater: a > b
        case .greaterOrEqual: a >= b
        case .less: a < b
        case .lessOrEqual: a <= b
        case .notEqual, .matches, .doesNotMatch: false
        }
    }
}
