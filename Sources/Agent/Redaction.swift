import Access
import Causality
import Disks
import LogFormats
import Matching
import Redacting
import Synchronization

/// Takes secrets out of everything that the agent is told, before any of it reaches a disk, and counts them by rule.
///
/// | of an event | |
/// |---|---|
/// | name, text, keys of attributes | kinds and patterns |
/// | values of attributes | attributes, then kinds and patterns |
/// | a line that is no event, and why it is none | kinds and patterns; where a rule is about attributes all of the line, since nobody can tell them apart in it |
/// | process, host, execution, runs, clocks, causes, time, level | nothing: the order is made of them |
///
/// Programs that know the policy have redacted what comes by a journal. It is looked at again all the same.
package final class Redaction: Sendable {
    package let policy: RedactionPolicy
    private let redactor: Redactor
    private let counts: Mutex<[Int]>

    /// Reads the key, and compiles the patterns. Throws where one cannot be used.
    package init(_ policy: RedactionPolicy, disk: any Disk) throws(AgentError) {
        self.policy = policy
        counts = Mutex([Int](repeating: 0, count: policy.rules.count))
        do {
            try policy.check()
            var key: [UInt8]?
            if policy.hashes, let path = policy.keyPath {
                key = RedactionPolicy.key(
                    Array(try SecretFile.text(path, isSecret: true, on: disk).utf8))
            }
            redactor = try Redactor(policy, key: key, compile: Redaction.search)
        } catch {
            throw AgentError("redaction: \(error)")
        }
    }

    private static func search(_ source: String) throws(RedactionError) -> Redactor.Search? {
        let pattern: Pattern
        do {
            pattern = try Pattern(source)
        } catch {
            throw RedactionError("pattern \(source): \(error)")
        }
        return { text in
            text.withUnsafeBytes { bytes in
                guard pattern.matches(bytes) else { return [] }
                var (found, start): ([Range<Int>], Int) = ([], 0)
                while start <= bytes.count,
                    let match = pattern.firstMatch(
                        in: bytes, from: start, to: bytes.count, isUTF8: true), let all = match[0]
                {
                    found.append((match.count > 1 ? match[1] : nil) ?? all)
                    start = all.isEmpty ? all.upperBound + 1 : all.upperBound
                    // Between two characters, as RE2 wants it.
                    while start < bytes.count, bytes[start] & 0xc0 == 0x80 { start += 1 }
                }
                return found
            }
        }
    }

    /// By rule: its name, and how often it found something since the agent began.
    package var hits: [(rule: String, count: Int)] {
        let counts = counts.withLock { $0 }
        return zip(policy.rules, counts).map { ($0.name, $1) }
    }

    private func counting<Result>(_ body: (inout [Int]) -> Result) -> Result {
        var found = [Int](repeating: 0, count: policy.rules.count)
        let result = body(&found)
        guard found.contains(where: { $0 > 0 }) else { return result }
        counts.withLock { counts in
            for index in counts.indices { counts[index] += found[index] }
        }
        return result
    }

    /// The rows of a batch from `first` on. O(content · rules).
    func redact(_ batch: inout EventBatch, from first: Int) {
        counting { counts in
            batch.rewrite(
                from: first, word: { redactor.word($0, &counts) },
                text: { redactor.redact($0, &counts) },
                value: { redactor.redact($2, isJSON: $1, of: $0, &counts) })
        }
    }

    func redact(_ request: inout EventRequest) {
        counting { counts in
            if let name = redactor.word(Array(request.name.utf8).span, &counts) {
                request.name = String(decoding: name, as: UTF8.self)
            }
            request.text = redactor.redact(request.text, &counts)
            for index in request.attributes.indices {
                let attribute = request.attributes[index]
                var isJSON = false
                if case .json = attribute.value { isJSON = true }
                let key = Array(attribute.key.utf8)
                if let (bytes, isJSON) = redactor.redact(
                    Array(attribute.value.text.utf8).span, isJSON: isJSON, of: key.span, &counts)
                {
                    let text = String(decoding: bytes, as: UTF8.self)
                    request.attributes[index].value = isJSON ? .json(text) : .text(text)
                }
                if let word = redactor.word(key.span, &counts) {
                    request.attributes[index].key = String(decoding: word, as: UTF8.self)
                }
            }
        }
    }

    func redact(_ line: inout UnmatchedLine) {
        counting { counts in
            line.reason = redactor.redact(line.reason, &counts)
            if redactor.hasAttributes {
                line.text = line.text.isEmpty ? "" : "[redacted]"
                // What was found there may be a value.
                if let found = line.reason.firstRange(of: "found ") {
                    line.reason = line.reason[..<found.upperBound] + "[redacted]"
                }
            } else {
                // The end may be half a secret, which no rule knows.
                let isCut = line.text.utf8.count + 4 > Causality.Limits.unmatchedLineBytesMax
                line.text = redactor.redact(line.text, &counts)
                if isCut, let space = line.text.lastIndex(where: \.isWhitespace) {
                    line.text = line.text[..<space] + " …"
                } else if isCut {
                    line.text = "[redacted]"
                }
            }
        }
    }
}
