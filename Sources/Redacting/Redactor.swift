import Causality

/// Takes secrets out of what events say, as a policy has it. Matching is linear in the text.
///
/// All rules look at the text as it came. Matches that overlap become one, with the replacement of the one that begins first; what of
/// several is hashed is all of it. What was redacted already stays as it is: nothing is redacted twice, by a program and by its agent.
package struct Redactor: Sendable {
    /// Where a pattern matches in a text: ascending, none within another.
    package typealias Search = @Sendable (Span<UInt8>) -> [Range<Int>]

    package let policy: RedactionPolicy
    private let kinds: [(kind: SecretKind, rule: Int)]
    private let patterns: [(search: Search, rule: Int)]
    /// In lower case.
    private let attributes: [(key: [UInt8], isBeginning: Bool, rule: Int)]
    /// Nil where the key is not known here: then nothing is hashed, and `[redacted]` stands there instead.
    private let hash: KeyedHash?

    private static let redacted = Array("[redacted]".utf8)
    private static let hashStart = Array("[hash:".utf8)

    /// - Parameters:
    ///   - key: The key of hashes; nil where it may not be read here.
    ///   - compile: Makes a search of a pattern; nil where whoever comes later does that.
    package init(
        _ policy: RedactionPolicy, key: [UInt8]?,
        compile: (String) throws(RedactionError) -> Search?
    ) throws(RedactionError) {
        try policy.check()
        if let key, !Limits.keyBytes.contains(key.count) {
            throw RedactionError(
                "a key of \(key.count) bytes: expected \(Limits.keyBytes.lowerBound) to \(Limits.keyBytes.upperBound)"
            )
        }
        self.policy = policy
        hash = key.map(KeyedHash.init)
        var kinds: [(kind: SecretKind, rule: Int)] = []
        var patterns: [(search: Search, rule: Int)] = []
        var attributes: [(key: [UInt8], isBeginning: Bool, rule: Int)] = []
        for (index, rule) in policy.rules.enumerated() {
            switch rule.target {
            case .kind(let kind): kinds.append((kind, index))
            case .pattern(let pattern):
                if let search = try compile(pattern) { patterns.append((search, index)) }
            case .attribute(let key):
                let isBeginning = key.hasSuffix("*")
                let bytes = (isBeginning ? key.dropLast() : key[...]).utf8.map(Redactor.lowercase)
                attributes.append((bytes, isBeginning, index))
            }
        }
        (self.kinds, self.patterns, self.attributes) = (kinds, patterns, attributes)
    }

    private struct Match {
        var range: Range<Int>
        var rule: Int
        /// True where it is made of several.
        var isJoined = false
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { byte.isUpper ? byte | 0x20 : byte }

    /// Whether a rule is about values by their keys.
    package var hasAttributes: Bool { !attributes.isEmpty }

    // MARK: Texts

    /// A text without its secrets; nil where it has none. O(n · rules).
    ///
    /// - Parameter counts: By rule, how many it found; as many as the policy's rules.
    package func redact(_ text: Span<UInt8>, _ counts: inout [Int]) -> [UInt8]? {
        guard !text.isEmpty, !kinds.isEmpty || !patterns.isEmpty else { return nil }
        var matches: [Match] = []
        if !kinds.isEmpty {
            let traits = TextTraits(text)
            for (kind, rule) in kinds where traits.mayHave(kind) {
                for range in kind.ranges(in: text) {
                    matches.append(Match(range: range, rule: rule))
                }
            }
        }
        for (search, rule) in patterns {
            for range in search(text) where !range.isEmpty && !isMarker(text.extracting(range)) {
                matches.append(Match(range: range, rule: rule))
            }
        }
        guard !matches.isEmpty else { return nil }
        for match in matches { counts[match.rule] += 1 }
        return grown(replaced(text, joined(matches)), from: text)
    }

    /// What replaces short secrets is longer than they are: a text that is full of them would exceed an event's limit.
    private func grown(_ redacted: [UInt8], from text: Span<UInt8>) -> [UInt8] {
        redacted.count - text.count > Limits.growthBytesMax ? Redactor.redacted : redacted
    }

    package func redact(_ text: String, _ counts: inout [Int]) -> String {
        redact(Array(text.utf8).span, &counts).map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    /// As a text, for what has the limits of a name: an event's name, an attribute's key.
    package func word(_ text: Span<UInt8>, _ counts: inout [Int]) -> [UInt8]? {
        redact(text, &counts).map {
            $0.count > Causality.Limits.nameBytesMax ? Redactor.redacted : $0
        }
    }

    private func joined(_ matches: [Match]) -> [Match] {
        let sorted = matches.sorted {
            ($0.range.lowerBound, -$0.range.upperBound, $0.rule)
                < ($1.range.lowerBound, -$1.range.upperBound, $1.rule)
        }
        var joined: [Match] = []
        for match in sorted {
            guard let last = joined.last, match.range.lowerBound < last.range.upperBound else {
                joined.append(match)
                continue
            }
            let end = max(last.range.upperBound, match.range.upperBound)
            if end > last.range.upperBound { joined[joined.count - 1].isJoined = true }
            joined[joined.count - 1].range = last.range.lowerBound..<end
        }
        return joined
    }

    private func replaced(_ text: Span<UInt8>, _ matches: [Match]) -> [UInt8] {
        var bytes: [UInt8] = []
        var copied = 0
        for match in matches {
            bytes.append(from: text, copied..<match.range.lowerBound)
            var secret: [UInt8] = []
            secret.append(from: text, match.range)
            bytes += replacement(of: secret, match.rule, isWhole: !match.isJoined)
            copied = match.range.upperBound
        }
        bytes.append(from: text, copied..<text.count)
        return bytes
    }

    private func replacement(of secret: [UInt8], _ rule: Int, isWhole: Bool) -> [UInt8] {
        guard policy.rules[rule].replacement == .hash, let hash else { return Redactor.redacted }
        var normal = secret
        if isWhole, case .kind(let kind) = policy.rules[rule].target {
            normal = kind.normal(secret)
        }
        return Redactor.hashStart + hash.letters(normal) + [UInt8(ascii: "]")]
    }

    /// Whether a text is what stands in the place of a secret.
    private func isMarker(_ text: Span<UInt8>) -> Bool {
        if text.count == Redactor.redacted.count, text.has("[redacted]", at: 0) { return true }
        return text.count == 23 && text.has("[hash:", at: 0) && text.has("]", at: 22)
            && (6..<22).allSatisfy { (0x61...0x70).contains(text[$0]) }
    }

    // MARK: Attributes

    /// The value of an attribute without its secrets, and whether it is JSON then; nil where it has none.
    ///
    /// In JSON, members count as attributes at any depth, and keys and strings as texts: what they say, not how it is escaped. What
    /// is no JSON is looked at as text.
    package func redact(
        _ value: Span<UInt8>, isJSON: Bool, of key: Span<UInt8>, _ counts: inout [Int]
    ) -> (value: [UInt8], isJSON: Bool)? {
        if let rule = rule(of: key, value) {
            var secret: [UInt8] = []
            secret.append(from: value, 0..<value.count)
            guard let replacement = whole(secret, rule, &counts) else { return nil }
            return (replacement, false)
        }
        let first = value.byte(at: 0)
        if isJSON, [UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\"")].contains(first) {
            var bytes: [UInt8] = []
            bytes.append(from: value, 0..<value.count)
            if JSONScanner.isValue(bytes) {
                return redactJSON(bytes, &counts).map { redacted in
                    let isTooLong = redacted.count - value.count > Limits.growthBytesMax
                    return isTooLong ? (Redactor.redacted, false) : (redacted, true)
                }
            }
        }
        return redact(value, &counts).map { ($0, false) }
    }

    /// The rule that says that a value is secret as a whole.
    private func rule(of key: Span<UInt8>, _ value: Span<UInt8>) -> Int? {
        for attribute in attributes
        where attribute.isBeginning
            ? key.count >= attribute.key.count : key.count == attribute.key.count
        {
            let isMeant = attribute.key.indices.allSatisfy {
                Redactor.lowercase(key[$0]) == attribute.key[$0]
            }
            if isMeant { return attribute.rule }
        }
        guard let keys = kinds.first(where: { $0.kind == .cloudKey }),
            CloudKeys.isSecretKey(key, value)
        else { return nil }
        return keys.rule
    }

    /// What stands in the place of a whole value; nil where it stands there already.
    private func whole(_ secret: [UInt8], _ rule: Int, _ counts: inout [Int]) -> [UInt8]? {
        guard !isMarker(secret.span) else { return nil }
        counts[rule] += 1
        return replacement(of: secret, rule, isWhole: true)
    }

    /// - Parameter bytes: Valid JSON.
    private func redactJSON(_ bytes: [UInt8], _ counts: inout [Int]) -> [UInt8]? {
        var result: [UInt8] = []
        var (copied, index) = (0, 0)
        func replace(_ range: Range<Int>, with text: [UInt8]) {
            result += bytes[copied..<range.lowerBound]
            JSONText.quote(text, into: &result)
            copied = range.upperBound
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                let end = JSONText.endOfString(bytes, index) ?? bytes.count
                let text = JSONText.decoded(bytes, index..<end)
                let next = JSONText.endOfSpace(bytes, end)
                if let redacted = redact(text.span, &counts) {
                    replace(index..<end, with: redacted)
                }
                index = end
                guard next < bytes.count, bytes[next] == UInt8(ascii: ":") else { continue }
                let start = JSONText.endOfSpace(bytes, next + 1)
                let valueEnd = JSONText.endOfValue(bytes, start)
                let isText = bytes[start] == byte
                let value =
                    isText
                    ? JSONText.decoded(bytes, start..<valueEnd) : Array(bytes[start..<valueEnd])
                index = start
                guard let rule = rule(of: text.span, value.span) else { continue }
                if let replacement = whole(value, rule, &counts) {
                    replace(start..<valueEnd, with: replacement)
                }
                index = valueEnd
            } else if byte.isDigit || byte == UInt8(ascii: "-") {
                let end = JSONText.endOfValue(bytes, index)
                if let redacted = redact(bytes.span.extracting(index..<end), &counts) {
                    replace(index..<end, with: redacted)
                }
                index = end
            } else {
                index += 1
            }
        }
        guard copied > 0 else { return nil }
        result += bytes[copied...]
        return result
    }
}

extension [UInt8] {
    fileprivate mutating func append(from text: Span<UInt8>, _ range: Range<Int>) {
        text.extracting(range).withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
