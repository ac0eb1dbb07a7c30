import Causality

/// What sets some events apart from others: of each value of each field, the share of either that has it.
struct Contrast {
    private var selected = 0
    private var rest = 0
    private var fields: [Selection.Field: Values] = [:]

    private enum Values {
        case counted([JoinKey: Value])
        /// More than are looked at.
        case tooMany
    }

    private struct Value {
        var shown: String
        var selected = 0
        var rest = 0
    }

    /// What tells where or how an event happened; the texts of events are their own.
    private static let said: [Selection.Field] = [.process, .host, .name, .level]

    mutating func add(_ event: Event, host: String, isSelected: Bool) throws {
        if isSelected { selected += 1 } else { rest += 1 }
        let keys = Set(event.attributes.map { Selection.Field.attribute($0.key) })
        for field in Self.said + keys {
            try tally(field.value(event, host: host, kind: .local), of: field, isSelected)
        }
    }

    private mutating func tally(
        _ value: Selection.Field.Value, of field: Selection.Field, _ isSelected: Bool
    ) throws {
        guard let key = value.joinKey else { return }
        let shown = value.shown
        guard !shown.isEmpty, shown.utf8.count <= Limits.comparedBytesMax else { return }
        if fields[field] == nil {
            guard fields.count < Limits.comparedFieldsMax + Self.said.count else {
                throw QuestionError(
                    .misuse,
                    "compare: the events have more than \(Limits.comparedFieldsMax) attributes: narrow a selection"
                )
            }
            fields[field] = .counted([:])
        }
        // Taken out, and so nobody else's while it changes.
        guard case .counted(var values) = fields.updateValue(.tooMany, forKey: field)! else {
            return
        }
        if isSelected {
            values[key, default: Value(shown: shown)].selected += 1
        } else {
            values[key, default: Value(shown: shown)].rest += 1
        }
        guard values.count <= Limits.comparedValuesMax else { return }
        fields[field] = .counted(values)
    }

    /// The values whose shares differ most first.
    func table() -> NumberTable {
        var lines: [NumberTable.Line] = []
        for (field, values) in fields {
            guard selected > 0, rest > 0, case .counted(let values) = values else { continue }
            for value in values.values {
                let shares = (
                    Double(value.selected) / Double(selected), Double(value.rest) / Double(rest)
                )
                guard shares.0 != shares.1 else { continue }
                lines.append(
                    .init(
                        groups: [
                            field.title, value.shown, Self.text(shares.0), Self.text(shares.1),
                        ],
                        number: .number(Self.rounded(shares.0 - shares.1))))
            }
        }
        lines.sort { a, b in
            let (first, second) = (a.number.size.magnitude, b.number.size.magnitude)
            if first != second { return first > second }
            return a.groups.lexicographicallyPrecedes(b.groups)
        }
        return NumberTable(
            groupTitles: ["field", "value", "of selected", "of rest"], title: "difference",
            lines: Array(lines.prefix(Limits.comparedLinesMax)), doubtful: 0)
    }

    /// What was compared, and what was left out.
    var remark: String {
        let left = fields.compactMap { field, values in
            if case .tooMany = values { field.title } else { nil }
        }.sorted()
        let leftText =
            left.isEmpty
            ? ""
            : "; left out, with more than \(Limits.comparedValuesMax) values: \(left.joined(separator: ", "))"
        return "\(count(selected, "event is", "events are")) selected, \(rest) the rest\(leftText)"
    }

    private static func rounded(_ share: Double) -> Double { (share * 1000).rounded() / 1000 }
    private static func text(_ share: Double) -> String { Selection.numberText(rounded(share)) }
}

extension Selection.Field {
    /// As it is written.
    var title: String {
        switch self {
        case .process: "process"
        case .host: "host"
        case .kind: "kind"
        case .name: "name"
        case .text: "text"
        case .level: "level"
        case .time: "time"
        case .seq: "seq"
        case .attribute(let key): Selection.fields.contains(key) ? "attr.\(key)" : key
        }
    }
}
