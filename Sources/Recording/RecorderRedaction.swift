import Causality
import Glibc
import Journals
import Redacting

/// Takes secrets out of what a program records, before its journal: by the policy that `LIGHTCONE_REDACTION` names, else by the one that
/// the agent of the host has left in the spool, as it was when the recorder was made.
///
/// Attributes and kinds only: a pattern needs a library that programs do not link, unless the program brings what searches for it
/// (`Recorder.init(process:execution:spool:level:patterns:)`). The agent goes by all rules when it reads the journal. Hashes need the key that
/// the policy names, or else the one that `LIGHTCONE_REDACTION_KEY` does; a program that may not read it writes `[redacted]` in their place.
///
/// Where there is a policy and it cannot be read, nothing but the order of events is recorded: no text, no attributes, and `[redacted]` in
/// the place of names.
package enum RecorderRedaction: Sendable {
    case by(Redactor)
    /// Why the policy cannot be read.
    case withholding(String)

    /// Nil where there is no policy.
    package static func of(
        _ spool: SpoolFolder, patterns: (@Sendable (String) -> PatternSearch?)?
    ) -> RecorderRedaction? {
        do {
            let text: [UInt8]
            if let path = getenv("LIGHTCONE_REDACTION"), path.pointee != 0 {
                let file = try spool.disk.open(String(cString: path), .readUntrusted)
                text = try file.read(at: 0, count: Redacting.Limits.policyBytesMax + 1)
            } else {
                guard let left = try spool.redactionPolicy() else { return nil }
                text = left
            }
            let policy = try RedactionPolicy(text: text)
            guard !policy.rules.isEmpty else { return nil }
            return .by(
                try Redactor(policy, key: key(policy, spool)) { pattern in
                    guard let search = patterns?(pattern) else { return nil }
                    return { text in
                        var copy: [UInt8] = []
                        text.withUnsafeBufferPointer { copy.append(contentsOf: $0) }
                        return search(String(decoding: copy, as: UTF8.self)).filter {
                            $0.lowerBound >= 0 && $0.upperBound <= copy.count
                        }
                    }
                })
        } catch {
            return .withholding("the policy of what is not recorded cannot be read: \(error)")
        }
    }

    /// The key, where this program may read it and nobody but its owner may.
    private static func key(_ policy: RedactionPolicy, _ spool: SpoolFolder) -> [UInt8]? {
        let own = getenv("LIGHTCONE_REDACTION_KEY").map { String(cString: $0) }
        guard policy.hashes, let path = own.flatMap({ $0.isEmpty ? nil : $0 }) ?? policy.keyPath,
            let file = try? spool.disk.open(path, .readUntrusted), let status = try? file.status(),
            status.permissions & 0o077 == 0,
            let bytes = try? file.read(at: 0, count: Redacting.Limits.keyBytes.upperBound + 1)
        else { return nil }
        let key = RedactionPolicy.key(bytes)
        return Redacting.Limits.keyBytes.contains(key.count) ? key : nil
    }

    /// Why nothing but the order of events is recorded; nil where all is.
    package var problem: String? {
        if case .withholding(let why) = self { why } else { nil }
    }

    /// What of an event may be recorded. O(bytes · rules).
    func redact(
        _ name: String, _ text: String, _ attributes: Attributes
    ) -> (name: String, text: String, attributes: Attributes) {
        guard case .by(let redactor) = self else {
            return (name.isEmpty ? "" : "[redacted]", "", Attributes())
        }
        var counts = [Int](repeating: 0, count: redactor.policy.rules.count)
        var redacted = Attributes()
        for pair in attributes.pairs {
            let (value, isJSON) = pair.value.written
            let key = Array(pair.key.utf8)
            let name = redactor.word(key.span, &counts).map { String(decoding: $0, as: UTF8.self) }
            let change = redactor.redact(
                Array(value.utf8).span, isJSON: isJSON, of: key.span, &counts)
            let replaced: Attributes.Value? = change.map { bytes, isJSON in
                let text = String(decoding: bytes, as: UTF8.self)
                return isJSON ? .json(text) : .text(text)
            }
            redacted.add(name ?? pair.key, replaced ?? pair.value)
        }
        let word = redactor.word(Array(name.utf8).span, &counts)
        return (
            word.map { String(decoding: $0, as: UTF8.self) } ?? name,
            redactor.redact(text, &counts), redacted
        )
    }
}

/// Where a pattern matches in a text, in bytes of its UTF-8: ascending, none within another.
public typealias PatternSearch = @Sendable (_ text: String) -> [Range<Int>]
