import Causality

/// How long, and how much of it, an execution is kept.
package struct RetentionRule: Hashable, Sendable {
    /// Seconds of wall time: events that are older are dropped; nil: however old they are.
    package var seconds: Int64?
    /// Bytes of disk that the execution may take, but for what is left in parts until these are written anew; nil: any.
    package var bytes: Int?
    /// The same as they were written.
    private var texts: (age: String, bytes: String) = ("", "")

    package init() {}

    /// - Parameters:
    ///   - age: Such as `30d`; nil: however old.
    ///   - bytes: Such as `500GB`; nil: however much.
    package init(age: String?, bytes: String?) throws(CollectorError) {
        for text in [age, bytes].compactMap({ $0 }) where text.utf8.count > 32 {
            throw CollectorError(
                "retain: expected a time or a size, found \(text.utf8.count) bytes")
        }
        if let age {
            seconds = try Self.seconds(age)
            texts.age = age
        }
        if let bytes {
            self.bytes = try Self.bytes(bytes)
            texts.bytes = bytes
        }
    }

    var isNone: Bool { seconds == nil && bytes == nil }

    /// Why something was dropped, for people.
    var ageText: String { "older than \(texts.age)" }
    var bytesText: String { "more than \(texts.bytes)" }

    package static func == (a: RetentionRule, b: RetentionRule) -> Bool {
        a.seconds == b.seconds && a.bytes == b.bytes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(seconds)
        hasher.combine(bytes)
    }

    /// A century: nanoseconds of it are few enough to reckon with.
    private static let secondsMax: Int64 = 3_155_760_000

    private static func seconds(_ text: String) throws(CollectorError) -> Int64 {
        let units: [(String, Int64)] = [
            ("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800),
        ]
        guard let seconds = number(text, units), seconds > 0, seconds <= secondsMax else {
            throw CollectorError(
                "retain: expected a time such as 12h, 30d or 8w, found “\(text)”")
        }
        return seconds
    }

    private static func bytes(_ text: String) throws(CollectorError) -> Int {
        let units: [(String, Int64)] = [
            ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ]
        guard let bytes = number(text, units), bytes > 0 else {
            throw CollectorError(
                "retain-bytes: expected a size such as 800MB, 500GB or 2TiB, found “\(text)”")
        }
        return Int(bytes)
    }

    /// A whole number with one of some units.
    private static func number(_ text: String, _ units: [(String, Int64)]) -> Int64? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            guard let number = Int64(text.dropLast(unit.count)), number >= 0 else { continue }
            let (product, isTooMuch) = number.multipliedReportingOverflow(by: factor)
            return isTooMuch ? nil : product
        }
        return nil
    }
}

/// What is kept of which executions: a rule by name stands for itself, and does not add to that of the others.
package struct RetentionPolicy: Sendable {
    /// Of those that are not named.
    package var others = RetentionRule()
    /// By the name of an execution.
    package var named: [ExactText: RetentionRule] = [:]

    package init() {}

    func rule(for execution: String) -> RetentionRule {
        named[ExactText(execution)] ?? others
    }

    var isNone: Bool { others.isNone && named.values.allSatisfy(\.isNone) }
}
