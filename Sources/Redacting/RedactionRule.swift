import Causality

/// What must not be recorded, and what stands in its place.
package struct RedactionRule: Hashable, Sendable {
    package var target: Target
    package var replacement: Replacement

    package enum Target: Hashable, Sendable {
        /// The value of attributes with this key, in any case of its ASCII letters; with a `*` at its end, that begin so.
        case attribute(String)
        case kind(SecretKind)
        /// A regular expression in RE2's syntax: its first group where it has one, else all that it matches.
        case pattern(String)
    }

    /// What stands where the secret was.
    package enum Replacement: String, Sendable, CaseIterable {
        /// `[redacted]`
        case redacted
        /// `[hash:…]`: the same for the same secret and key.
        case hash
    }

    package init(_ target: Target, _ replacement: Replacement = .redacted) {
        self.target = target
        self.replacement = replacement
    }

    /// What its matches are counted under.
    package var name: String {
        switch target {
        case .attribute(let key): "attribute \(key)"
        case .kind(let kind): "kind \(kind.rawValue)"
        case .pattern(let pattern): "pattern \(pattern)"
        }
    }

    /// A rule from its words. Throws where they mean none, and says what was expected.
    package init(_ word: String, _ text: String, to replacement: String?) throws(RedactionError) {
        switch word {
        case "attribute":
            guard !text.isEmpty, text.utf8.count <= Causality.Limits.nameBytesMax,
                !text.dropLast().contains("*")
            else {
                throw RedactionError(
                    "attribute: expected a key such as password, or the beginning of keys such as auth*, found “\(text)”"
                )
            }
            target = .attribute(text)
        case "kind":
            guard let kind = SecretKind(rawValue: text) else {
                let all = SecretKind.allCases.map(\.rawValue)
                throw RedactionError(
                    "kind: expected one of \(all.joined(separator: ", ")), found “\(text)”"
                        + Suggestion.ending(for: text, among: all))
            }
            target = .kind(kind)
        case "pattern":
            guard !text.isEmpty else {
                throw RedactionError("pattern: expected a regular expression, found nothing")
            }
            target = .pattern(text)
        default:
            throw RedactionError("expected attribute, kind or pattern, found “\(word)”")
        }
        guard let replacement else {
            self.replacement = .redacted
            return
        }
        guard let known = Replacement(rawValue: replacement) else {
            throw RedactionError("to: expected redacted or hash, found “\(replacement)”")
        }
        self.replacement = known
    }

    /// The word for its target, and what follows it: what `init(_:_:to:)` reads.
    var words: (word: String, text: String) {
        switch target {
        case .attribute(let key): ("attribute", key)
        case .kind(let kind): ("kind", kind.rawValue)
        case .pattern(let pattern): ("pattern", pattern)
        }
    }
}

/// Why a policy cannot be used.
package struct RedactionError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String
    package var description: String { message }

    package init(_ message: String) { self.message = message }
}
