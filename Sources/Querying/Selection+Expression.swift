import Causality

// What is computed in selections and between the events of a match: numbers, durations and times.
extension Selection {
    indirect enum Expression: Sendable {
        case field(FieldReference)
        case literal(Literal)
        case arithmetic(Expression, Arithmetic, Expression)
    }

    enum Arithmetic: String, Sendable, CaseIterable {
        case plus = "+"
        case minus = "-"
        case times = "*"
        case dividedBy = "/"
    }

    /// A field of the event that is meant, or of one of several by its place in a pattern.
    struct FieldReference: Hashable, Sendable {
        let term: Int?
        let field: Field

        init(term: Int?, _ field: Field) {
            self.term = term
            self.field = field
        }
    }

    /// From here on a Double does not tell each whole number from the next.
    static let exactNumbersEnd = 0x1p53

    /// The units of durations, in seconds.
    static let durationUnits: [(unit: String, seconds: Double)] = [
        ("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600),
        ("d", 86_400),
    ]

    /// The seconds of a text such as `300ms`, `1.5s` or `2h`; nil for what has no unit.
    static func seconds(_ text: String) -> Double? {
        let unit = text.drop { $0.isASCII && ($0.isNumber || ".+-".contains($0)) }
        guard let found = durationUnits.first(where: { $0.unit == unit }) else { return nil }
        guard let number = Double(text.dropLast(unit.count)), number.isFinite else { return nil }
        return number * found.seconds
    }
}

extension Selection.Expression {
    var fields: [Selection.FieldReference] {
        switch self {
        case .field(let reference): [reference]
        case .literal: []
        case .arithmetic(let a, _, let b): a.fields + b.fields
        }
    }

    /// What it is, where no event has to be asked.
    var folded: Selection.Expression {
        guard case .arithmetic = self, fields.isEmpty else { return self }
        return switch value({ _, _ in .nothing }) {
        case .number(let number): .literal(.number(number, "\(number)"))
        case .duration(let seconds): .literal(.duration(seconds, seconds.plainText + "s"))
        case .time(let time): .literal(.time(time))
        default: self
        }
    }

    func value(
        _ value: (_ term: Int?, Selection.Field) -> Selection.Field.Value
    ) -> Selection.Field.Value {
        switch self {
        case .field(let reference): value(reference.term, reference.field)
        case .literal(let literal): literal.value
        case .arithmetic(let a, let operation, let b):
            operation.value(a.value(value), b.value(value))
        }
    }
}

extension Selection.Literal {
    fileprivate var value: Selection.Field.Value {
        switch self {
        case .text(let text): .text(text)
        case .number(let number, _): .number(number)
        case .duration(let seconds, _): .duration(seconds)
        case .level(let level): .level(level)
        case .time(let time): .time(time)
        // The parser lets none come here: it is matched, not computed with.
        case .pattern: .nothing
        }
    }
}

extension Selection.Arithmetic {
    /// What has no meaning, such as a time multiplied, is nothing.
    fileprivate func value(
        _ a: Selection.Field.Value, _ b: Selection.Field.Value
    ) -> Selection.Field.Value {
        switch (a.quantity, self, b.quantity) {
        case (.number(let a)?, _, .number(let b)?):
            return number(a, b).map { .number($0) } ?? .nothing
        case (.duration(let a)?, .plus, .duration(let b)?): return .duration(a + b)
        case (.duration(let a)?, .minus, .duration(let b)?): return .duration(a - b)
        case (.duration(let a)?, .dividedBy, .duration(let b)?):
            return number(a, b).map { .number($0) } ?? .nothing
        case (.duration(let a)?, .times, .number(let b)?),
            (.duration(let a)?, .dividedBy, .number(let b)?):
            return number(a, b).map { .duration($0) } ?? .nothing
        case (.number(let a)?, .times, .duration(let b)?): return .duration(a * b)
        case (.time(let a)?, .minus, .time(let b)?):
            return .duration((Double(a.nanoseconds) - Double(b.nanoseconds)) / 1e9)
        case (.time(let a)?, .plus, .duration(let b)?): return time(a, b)
        case (.time(let a)?, .minus, .duration(let b)?): return time(a, -b)
        default: return .nothing
        }
    }

    private func number(_ a: Double, _ b: Double) -> Double? {
        let result =
            switch self {
            case .plus: a + b
            case .minus: a - b
            case .times: a * b
            case .dividedBy: a / b
            }
        return result.isFinite ? result : nil
    }

    private func time(_ time: WallTime, _ seconds: Double) -> Selection.Field.Value {
        guard let nanoseconds = Int64(exactly: (seconds * 1e9).rounded()) else { return .nothing }
        return .time(WallTime(nanoseconds: time.nanoseconds.addingSaturating(nanoseconds)))
    }
}

extension Selection.Field.Value {
    /// What is computed with.
    enum Quantity {
        case number(Double)
        case duration(Double)
        case time(WallTime)
    }

    var quantity: Quantity? {
        switch self {
        case .number(let number): return .number(number)
        case .duration(let seconds): return .duration(seconds)
        case .time(let time): return .time(time)
        case .sequence(let sequence): return .number(Double(sequence))
        case .text(let text):
            if let number = Double(text), number.isFinite { return .number(number) }
            return Selection.seconds(text).map { .duration($0) }
        case .nothing, .list, .process, .level: return nil
        }
    }

    /// What is equal where values are; nil for what equals nothing.
    var joinKey: JoinKey? {
        switch self {
        case .nothing: return nil
        case .text(let text):
            guard let number = Double(text), number.magnitude < Selection.exactNumbersEnd else {
                return .text(ExactText(text))
            }
            return .number(number)
        case .list(_, let text): return .text(ExactText(text))
        case .process(let process): return .text(ExactText(process.description))
        case .sequence(let sequence): return .number(Double(sequence))
        case .level(let level): return .level(level)
        case .time(let time): return .time(time)
        case .number(let number): return .number(number)
        case .duration(let seconds): return .duration(seconds)
        }
    }
}

/// A value as what is looked up.
enum JoinKey: Hashable, Sendable {
    case text(ExactText)
    case number(Double)
    case duration(Double)
    case level(Level)
    case time(WallTime)
    indirect case several([JoinKey])
}

extension Selection.Comparison {
    /// Compares what two fields have, or what was computed. What there is not equals nothing and is neither less nor greater.
    func holds(_ a: Selection.Field.Value, _ b: Selection.Field.Value) -> Bool {
        switch self {
        case .notEqual: return !Selection.Comparison.equal.holds(a, b)
        case .doesNotMatch: return !Selection.Comparison.matches.holds(a, b)
        // The parser lets no pattern come here.
        case .matches: return false
        case .equal:
            if let a = a.joinKey, let b = b.joinKey, a == b { return true }
        default: break
        }
        if case .level(let a) = a, case .level(let b) = b { return holds(a.rawValue, b.rawValue) }
        switch (a.quantity, b.quantity) {
        case (.number(let a)?, .number(let b)?):
            // Equal ones that a Double tells apart have one key.
            return self != .equal && holds(a, b)
        case (.duration(let a)?, .duration(let b)?): return holds(a, b)
        case (.time(let a)?, .time(let b)?): return holds(a, b)
        default:
            guard self != .equal, case .text(let a) = a, case .text(let b) = b else { return false }
            return holds(a, b)
        }
    }
}
