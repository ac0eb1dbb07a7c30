import Causality

/// Named values of an event: `["attempt": 3, "user": "x"]`.
///
/// At most 128, with keys of at most 256 bytes; what exceeds that is left out, and the attribute `lightcone.truncated` says so.
public struct Attributes: Sendable, Hashable, ExpressibleByDictionaryLiteral {

    @usableFromInline private(set) var pairs: [Pair]

    @usableFromInline struct Pair: Sendable, Hashable {
        var key: String
        var value: Value
    }

    /// One value.
    public enum Value: Sendable, Hashable {
        case text(String)
        case integer(Int64)
        case number(Double)
        case truth(Bool)
        /// A list, an object or null, as JSON text. It is not checked here.
        case json(String)
    }

    /// None.
    @inlinable
    public init() { pairs = [] }

    /// The values of a literal, in its order.
    public init(dictionaryLiteral elements: (String, Value)...) {
        pairs = elements.map { Pair(key: $0.0, value: $0.1) }
    }

    init(_ attributes: [Attribute]) {
        pairs = attributes.map { attribute in
            switch attribute.value {
            case .text(let text): Pair(key: attribute.key, value: .text(text))
            case .json(let text): Pair(key: attribute.key, value: .json(text))
            }
        }
    }

    /// True where there is none.
    public var isEmpty: Bool { pairs.isEmpty }

    /// Adds a value; one with the same key stays beside it.
    public mutating func add(_ key: String, _ value: Value) {
        pairs.append(Pair(key: key, value: value))
    }
}

extension Attributes.Value: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral
{
    /// Text.
    public init(stringLiteral value: String) { self = .text(value) }
    /// A whole number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .truth(value) }
    /// A truth value.
    public init(_ value: Bool) { self = .truth(value) }
    /// A number.
    public init(_ value: Double) { self = .number(value) }
    /// What a value says of itself, as text.
    public init(_ value: some CustomStringConvertible) { self = .text(value.description) }
    /// A whole number of any size.
    public init(_ value: some BinaryInteger) {
        if let value = Int64(exactly: value) {
            self = .integer(value)
        } else {
            self = .json("\(value)")
        }
    }

    /// The value as it is written, and whether that is JSON. A number that JSON has no word for is text.
    var written: (text: String, isJSON: Bool) {
        switch self {
        case .text(let text): (text, false)
        case .integer(let value): (String(value), true)
        case .number(let value):
            value.isFinite ? (value.description, true) : (value.description, false)
        case .truth(let value): (value ? "true" : "false", true)
        case .json(let text): (text, true)
        }
    }
}

/// A short stable name of what happens, such as `"order placed"`. A literal costs nothing; other text is copied.
public struct EventName: Sendable, ExpressibleByStringLiteral {
    @usableFromInline let fixed: StaticString
    /// What is not a literal.
    @usableFromInline let text: String?

    /// A name that is written in the program.
    @inlinable
    public init(stringLiteral value: StaticString) {
        fixed = value
        text = nil
    }

    /// A name that is made while the program runs.
    public init(_ text: String) {
        fixed = ""
        self.text = text
    }

    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if text == nil, fixed.hasPointerRepresentation {
            return body(
                UnsafeRawBufferPointer(start: fixed.utf8Start, count: fixed.utf8CodeUnitCount))
        }
        return withCopiedBytes(body)
    }

    @inline(never)
    private func withCopiedBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var text = text ?? fixed.description
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
