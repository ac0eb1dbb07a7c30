import Causality

/// What a host does not record. As programs read it, a line of JSON each:
///
///     {"key": "/etc/lightcone/redaction.key"}
///     {"rule": "attribute", "of": "password", "to": "redacted"}
///     {"rule": "kind", "of": "email", "to": "hash"}
///     {"rule": "pattern", "of": "cust-\\d+", "to": "hash"}
///
/// The first line is left out where nothing is hashed.
package struct RedactionPolicy: Hashable, Sendable {
    package var rules: [RedactionRule]
    /// The path of the file with the key of hashes.
    package var keyPath: String?

    package init(_ rules: [RedactionRule], keyPath: String? = nil) {
        self.rules = rules
        self.keyPath = keyPath
    }

    package var hashes: Bool { rules.contains { $0.replacement == .hash } }

    /// Reads a policy. Throws where a line is none, and names it.
    package init(text: [UInt8]) throws(RedactionError) {
        guard text.count <= Limits.policyBytesMax else {
            throw RedactionError("a policy of more than \(Limits.policyBytesMax) bytes")
        }
        self.init([])
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            do throws(RedactionError) {
                try read(Array(line))
            } catch {
                throw RedactionError("line \(index + 1): \(error)")
            }
        }
        try check()
    }

    private mutating func read(_ line: [UInt8]) throws(RedactionError) {
        var members: [String: String] = [:]
        do {
            for member in try JSONScanner.object(line) {
                guard case .string(let text) = member.value else {
                    throw RedactionError("\(member.key): expected a string")
                }
                members[member.key] = text
            }
        } catch let error as JSONDefect {
            throw RedactionError(error.reason)
        } catch {
            throw (error as? RedactionError) ?? RedactionError("\(error)")
        }
        if members.count == 1, let path = members["key"] {
            keyPath = path
            return
        }
        guard let word = members["rule"], let text = members["of"], members.count <= 3,
            members.count == 2 || members["to"] != nil
        else { throw RedactionError("expected rule, of and to, or key") }
        rules.append(try RedactionRule(word, text, to: members["to"]))
    }

    /// Throws where it has too many rules, or hashes without a key.
    package func check() throws(RedactionError) {
        guard rules.count <= Limits.rulesMax else {
            throw RedactionError("\(rules.count) rules: expected at most \(Limits.rulesMax)")
        }
        guard !hashes || keyPath != nil else {
            throw RedactionError("a rule hashes: expected key, the path of a file with a key")
        }
    }

    /// The key that a file holds: all of it but white space at its ends.
    package static func key(_ file: [UInt8]) -> [UInt8] {
        guard let first = file.firstIndex(where: { $0 > 0x20 }),
            let last = file.lastIndex(where: { $0 > 0x20 })
        else { return [] }
        return Array(file[first...last])
    }

    /// As programs read it.
    package var text: [UInt8] {
        var bytes: [UInt8] = []
        func line(_ members: [(String, String)]) {
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { bytes += Array(", ".utf8) }
                JSONText.quote(Array(member.0.utf8), into: &bytes)
                bytes += Array(": ".utf8)
                JSONText.quote(Array(member.1.utf8), into: &bytes)
            }
            bytes += Array("}\n".utf8)
        }
        if let keyPath { line([("key", keyPath)]) }
        for rule in rules {
            let (word, text) = rule.words
            line([("rule", word), ("of", text), ("to", rule.replacement.rawValue)])
        }
        return bytes
    }
}
