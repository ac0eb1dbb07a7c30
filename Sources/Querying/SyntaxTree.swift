import Causality

/// The parts of a query as values inside each other: what is printed as JSON, and read from it.
package indirect enum SyntaxTree: Hashable, Sendable {
    case text(String)
    /// Digit for digit.
    case number(String)
    case flag(Bool)
    case list([SyntaxTree])
    /// By name, ascending: the order in which they were written says nothing.
    case object([String: SyntaxTree])

    static func number(_ number: Int) -> SyntaxTree { .number(String(number)) }

    /// A member of an object; nil for what has none of this name.
    subscript(name: String) -> SyntaxTree? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    var asText: String? {
        switch self {
        case .text(let text), .number(let text): text
        case .flag, .list, .object: nil
        }
    }

    var asList: [SyntaxTree]? { if case .list(let values) = self { values } else { nil } }

    /// Reads a JSON object. O(n · depth)
    ///
    /// - Returns: nil for what is none.
    package init?(json text: String) {
        guard let tree = Self.object(Array(text.utf8)) else { return nil }
        self = tree
    }

    private static func object(_ bytes: [UInt8]) -> SyntaxTree? {
        guard let members = try? JSONScanner.object(bytes) else { return nil }
        var values: [String: SyntaxTree] = [:]
        for member in members {
            guard let value = tree(member.value) else { return nil }
            values[member.key] = value
        }
        return .object(values)
    }

    private static func tree(_ value: JSONValue) -> SyntaxTree? {
        switch value {
        case .string(let text): return .text(text)
        case .number(let text): return .number(text)
        case .literal("true"): return .flag(true)
        case .literal("false"): return .flag(false)
        case .literal: return nil
        case .object(let text): return object(Array(text.utf8))
        case .array(let text):
            let bytes = Array(text.utf8)
            guard let spans = JSONScanner.array(bytes, bytes.indices) else { return nil }
            var values: [SyntaxTree] = []
            for span in spans {
                guard let value = tree(JSONScanner.value(bytes, span)) else { return nil }
                values.append(value)
            }
            return .list(values)
        }
    }

    /// Where another differs first, and what is there; nil where it does not.
    func difference(from other: SyntaxTree?, at path: String = "") -> String? {
        guard self != other else { return nil }
        switch (self, other) {
        case (.object(let own), .object(let others)?):
            for name in Set(own.keys).union(others.keys).sorted() {
                let place = path.isEmpty ? name : "\(path).\(name)"
                guard let value = own[name] else {
                    return "\(place): nothing of that name is known"
                }
                if let found = value.difference(from: others[name], at: place) { return found }
            }
        case (.list(let own), .list(let others)?):
            for (number, value) in own.enumerated() {
                let found = value.difference(
                    from: number < others.count ? others[number] : nil, at: "\(path)[\(number)]")
                if let found { return found }
            }
        default: break
        }
        return "\(path): expected \(shown), found \(other?.shown ?? "nothing")"
    }

    private var shown: String {
        switch self {
        case .text(let text): "“\(text)”"
        case .number(let text): text
        case .flag(let flag): "\(flag)"
        case .list(let values): "a list of \(values.count)"
        case .object: "an object"
        }
    }
}
