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
        /// All of some words are among those of its name, its text and its values.
        case words([String])
        case not(Condition)
        case and(Condition, Condition)
        case or(Condition, Condition)
    }

    enum Field: Hashable, Sendable {
        case process, host, kind, name, text, level, time, seq
        case attribute(String)
    }

    enum Comparison: Sendable {
        case equal, notEqual, greater, greaterOrEqual, less, lessOrEqual
        case matches, doesNotMatch
    }

    enum Literal: Sendable {
        case text(String)
        case number(Double, String)
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

    package var isEverything: Bool {
        if case .always = condition { true } else { false }
    }

    /// True where the selection holds for an event; `kind` as the graph shows it. O(selection · text).
    package func holds(for event: Event, host: String, kind: EventKind) -> Bool {
        condition.holds { test in
            switch test {
            case .compare(let field, let comparison, let literal):
                comparison.holds(field.value(event, host: host, kind: kind), literal)
            case .words(let words): event.has(words)
            }
        }!
    }

    /// Whether it depends on what an event did with messages.
    var asksForKind: Bool {
        var asks = false
        _ = condition.holds { test in
            if case .compare(.kind, _, _) = test { asks = true }
            return nil
        }
        return asks
    }

    /// False where no event of a process can satisfy the selection.
    package func mayHold(process: ProcessID, host: String) -> Bool {
        condition.holds { test in
            switch test {
            case .compare(.process, let comparison, let literal):
                comparison.holds(.process(process), literal)
            case .compare(.host, let comparison, let literal):
                comparison.holds(.text(host), literal)
            default: nil
            }
        } ?? true
    }
}

/// What is asked of an event at one place of a selection.
enum SelectionTest {
    case compare(Selection.Field, Selection.Comparison, Selection.Literal)
    case words([String])
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
        case .words(let words): return test(.words(words))
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
        /// As it is written, the name alone, or its end behind a `/`.
        case process(ProcessID)
        case sequence(UInt64)
        case level(Level)
        case time(WallTime)
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
            attribute(key, of: event).map { .text($0) } ?? .nothing
        }
    }

    /// The attribute of this key, or what its path leads to in an attribute that is an object.
    private func attribute(_ key: String, of event: Event) -> String? {
        if let attribute = event.attributes.last(where: { $0.key == key }) {
            return attribute.value.text
        }
        guard key.contains(".") else { return nil }
        let objects = event.attributes.compactMap { attribute in
            if case .json(let text) = attribute.value, text.hasPrefix("{") {
                JSONMember(key: attribute.key, value: .object(text))
            } else {
                nil as JSONMember?
            }
        }
        return JSONScanner.value(at: key, of: objects)?.text
    }
}

extension Selection.Comparison {
    /// Compares. What an event does not have equals nothing and is neither less nor greater.
    func holds(_ value: Selection.Field.Value, _ literal: Selection.Literal) -> Bool {
        switch self {
        case .notEqual: return !Selection.Comparison.equal.holds(value, literal)
        case .doesNotMatch: return !Selection.Comparison.matches.holds(value, literal)
        case .matches:
            guard case .pattern(let pattern) = literal else { return false }
            switch value {
            case .nothing: return false
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
            if let parsed = Double(text) { return holds(parsed, number) }
            return self == .equal && text == spelled
        case (.sequence(let sequence), .number(let number, _)):
            return holds(Double(sequence), number)
        case (.level(let level), .level(let other)): return holds(level.rawValue, other.rawValue)
        case (.time(let time), .time(let other)): return holds(time, other)
        default: return false
        }
    }

    private func holds<T: Comparable>(_ a: T, _ b: T) -> Bool {
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
