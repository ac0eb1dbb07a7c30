import Logging
import Recording
import Tracing

extension Attributes {
    /// Adds the attributes of a span, sorted by key. O(n log n).
    mutating func add(_ attributes: SpanAttributes) {
        var pairs: [(key: String, value: SpanAttribute)] = []
        attributes.forEach { pairs.append(($0, $1)) }
        for pair in pairs.sorted(by: { $0.key < $1.key }) { add(pair.key, Value(pair.value)) }
    }

    /// Adds the metadata of a log call, sorted by key. O(n log n).
    mutating func add(_ metadata: Logger.Metadata) {
        for pair in metadata.sorted(by: { $0.key < $1.key }) { add(pair.key, Value(pair.value)) }
    }
}

extension Attributes.Value {
    /// A number stays one, what is only convertible to a text becomes that, and a list becomes JSON.
    init(_ attribute: SpanAttribute) {
        switch attribute {
        case .int32(let value): self = .integer(Int64(value))
        case .int64(let value): self = .integer(value)
        case .double(let value): self = .number(value)
        case .bool(let value): self = .truth(value)
        case .string(let value): self = .text(value)
        case .stringConvertible(let value): self = .init(describing: value)
        case .int32Array(let values): self = .list(values.map { .integer(Int64($0)) })
        case .int64Array(let values): self = .list(values.map { .integer($0) })
        case .doubleArray(let values): self = .list(values.map { .number($0) })
        case .boolArray(let values): self = .list(values.map { .truth($0) })
        case .stringArray(let values): self = .list(values.map { .text($0) })
        case .stringConvertibleArray(let values): self = .list(values.map { .init(describing: $0) })
        default: self = .text("\(attribute)")
        }
    }

    /// As above; a dictionary becomes a JSON object, sorted by key.
    init(_ metadata: Logger.MetadataValue) {
        switch metadata {
        case .string(let value): self = .text(value)
        case .stringConvertible(let value): self = .init(describing: value)
        case .array(let values): self = .list(values.map { .init($0) })
        case .dictionary(let values):
            let members = values.sorted { $0.key < $1.key }
                .map { "\(Self.quoted($0.key)):\(Self($0.value).json)" }
            self = .json("{\(members.joined(separator: ","))}")
        }
    }

    private init(describing value: any CustomStringConvertible) {
        switch value {
        case let value as Bool: self = .truth(value)
        case let value as any BinaryInteger: self = .init(value)
        case let value as Double: self = .number(value)
        case let value as Float: self = .number(Double(value))
        default: self = .text(value.description)
        }
    }

    private static func list(_ values: [Self]) -> Self {
        .json("[\(values.map(\.json).joined(separator: ","))]")
    }

    /// The events as a list of their ids.
    init(_ events: [EventID]) { self = .list(events.map { .text("\($0)") }) }

    /// As JSON text. A number that JSON has no word for is a string.
    private var json: String {
        switch self {
        case .text(let value): Self.quoted(value)
        case .integer(let value): "\(value)"
        case .number(let value): value.isFinite ? "\(value)" : Self.quoted("\(value)")
        case .truth(let value): "\(value)"
        case .json(let value): value
        }
    }

    private static func quoted(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": json += "\\\(scalar)"
            case "\n": json += "\\n"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }
}
