import Causality

/// One event that a program asks the agent of its host to record: a line of JSON.
///
///     {"process": "deploy", "kind": "receive", "token": "…", "name": "…", "text": "…", "level": "info",
///      "time": "2026-01-01T00:00:00Z", "attributes": {…}, "execution": "main", "lost": 2}
///
/// A receive of several messages at once has `"tokens": ["…", "…"]` in the place of `token`, at most 1,024. A receive whose message came with something that is no token has `"unreadable": true` in the place of `token`: what its sender
/// had seen is lost. `lost` counts the events of the process that its client could not bring here since the last one that it could: their numbers
/// are a gap, and what they had received is not known. Only `process` is required; `token` is where `kind` is `receive`, and nowhere else. A key that is none of these is refused: it
/// is a misspelling more often than an attribute. A null is as good as nothing.
package struct EventRequest: Sendable, Hashable {
    package var process: String
    package var execution: String?
    package var kind: EventKind
    /// Of a receive, as they were given: they are not checked here.
    package var tokens: [String]
    /// True where they were given as a list.
    package var isBatch: Bool
    package var name: String
    package var text: String
    package var level: Level?
    package var time: WallTime?
    package var attributes: [Attribute]
    /// True for a receive whose token could not be read.
    package var isUnreadable: Bool
    /// Events before this one that the client lost.
    package var lost: UInt64

    /// What is wrong with a line, and in which field, if it is one.
    package struct Defect: Error, Hashable, Sendable, CustomStringConvertible {
        package let field: String?
        package let reason: String
        package var description: String { field.map { "\($0): \(reason)" } ?? reason }

        package init(field: String?, _ reason: String) {
            self.field = field
            self.reason = reason
        }
    }

    private static let fields = [
        "process", "execution", "kind", "token", "tokens", "unreadable", "name", "text", "level",
        "time", "attributes", "lost",
    ]

    /// Reads a line. O(bytes).
    package init(_ line: [UInt8]) throws(Defect) {
        let fields = try Fields(line)
        guard let process = try fields.name("process") else {
            throw Defect(field: "process", "missing: expected the name of a process")
        }
        self.process = process
        execution = try fields.name("execution")
        kind = try fields.kind()
        tokens = try fields.tokens()
        isBatch = fields.values["tokens"] != nil
        isUnreadable = try fields.isUnreadable()
        guard !isUnreadable || kind == .receive && tokens.isEmpty else {
            throw Defect(
                field: "unreadable", "expected it of a receive, in the place of its tokens")
        }
        guard (kind == .receive) == (!tokens.isEmpty || isUnreadable) else {
            throw Defect(
                field: isBatch ? "tokens" : "token",
                kind == .receive
                    ? "missing: a receive needs the token that came with the message"
                    : "a \(kind.text) event has none: expected kind to be receive")
        }
        name = try fields.text("name") == "" ? "" : try fields.name("name") ?? ""
        text = try fields.text("text") ?? ""
        level = try fields.level()
        time = try fields.time()
        lost = try fields.lost()
        attributes = []
        try readAttributes(fields.values["attributes"])
    }

    /// The values of a line by their keys, nulls left out.
    private struct Fields {
        private(set) var values: [String: JSONValue] = [:]

        init(_ line: [UInt8]) throws(Defect) {
            let members: [JSONMember]
            do {
                members = try JSONScanner.object(line)
            } catch {
                throw Defect(field: nil, error.reason)
            }
            for member in members where !member.value.isNull {
                guard EventRequest.fields.contains(member.key) else {
                    throw Defect(
                        field: member.key,
                        "unknown: expected one of \(EventRequest.fields.joined(separator: ", "))"
                            + Suggestion.ending(for: member.key, among: EventRequest.fields))
                }
                values[member.key] = member.value
            }
        }

        func text(_ field: String) throws(Defect) -> String? {
            guard let value = values[field] else { return nil }
            guard case .string(let text) = value else {
                throw Defect(field: field, "expected a string, found \(value.kind)")
            }
            return text
        }

        func name(_ field: String) throws(Defect) -> String? {
            guard let name = try text(field) else { return nil }
            do throws(NameError) {
                return try Name(name).text
            } catch {
                throw Defect(field: field, "\(error)")
            }
        }

        func kind() throws(Defect) -> EventKind {
            guard let word = try text("kind") else { return .local }
            guard let kind = EventKind(text: word) else {
                throw Defect(field: "kind", "expected local, send or receive, found “\(word)”")
            }
            return kind
        }

        /// One token, or a list of one at least.
        func tokens() throws(Defect) -> [String] {
            let token = try text("token")
            guard let value = values["tokens"] else { return token.map { [$0] } ?? [] }
            guard token == nil else {
                throw Defect(field: "tokens", "expected it or token, found both")
            }
            let bytes = Array(value.text.utf8)
            guard case .array = value, let elements = JSONScanner.array(bytes, bytes.indices) else {
                throw Defect(field: "tokens", "expected a list of strings, found \(value.kind)")
            }
            guard (1...Causality.Limits.causesMax).contains(elements.count) else {
                throw Defect(
                    field: "tokens",
                    "expected 1 to \(Causality.Limits.causesMax), found \(elements.count)")
            }
            var tokens: [String] = []
            for element in elements {
                guard element.kind == .string else {
                    let kind = JSONScanner.value(bytes, element).kind
                    throw Defect(field: "tokens", "expected strings, found \(kind) among them")
                }
                tokens.append(JSONScanner.text(bytes, element))
            }
            return tokens
        }

        func isUnreadable() throws(Defect) -> Bool {
            guard let value = values["unreadable"] else { return false }
            guard value.text == "true" || value.text == "false" else {
                throw Defect(
                    field: "unreadable", "expected true or false, found \(value.kind)")
            }
            return value.text == "true"
        }

        func level() throws(Defect) -> Level? {
            guard let word = try text("level") else { return nil }
            guard let level = Level(text: word) else {
                let all = Level.allCases.map(\.text).joined(separator: ", ")
                throw Defect(field: "level", "expected one of \(all), found “\(word)”")
            }
            return level
        }

        func time() throws(Defect) -> WallTime? {
            guard let value = values["time"] else { return nil }
            guard let time = LogReader.time(value) else {
                throw Defect(
                    field: "time",
                    "expected RFC 3339 or a number since 1970, found \(Bytes.quoted(value.text))")
            }
            return time
        }

        func lost() throws(Defect) -> UInt64 {
            guard let value = values["lost"] else { return 0 }
            guard case .number(let text) = value, let lost = UInt64(text), lost <= Limits.lostMax
            else {
                throw Defect(
                    field: "lost",
                    "expected a number of events from 0 to \(Limits.lostMax), found \(Bytes.quoted(value.text))"
                )
            }
            return lost
        }
    }

    private mutating func readAttributes(_ value: JSONValue?) throws(Defect) {
        guard let value else { return }
        guard case .object(let text) = value else {
            throw Defect(field: "attributes", "expected an object, found \(value.kind)")
        }
        let members: [JSONMember]
        do {
            members = try JSONScanner.object(Array(text.utf8))
        } catch {
            throw Defect(field: "attributes", error.reason)
        }
        guard members.count < Causality.Limits.attributesMax else {
            throw Defect(
                field: "attributes",
                "expected fewer than \(Causality.Limits.attributesMax), found \(members.count)")
        }
        for member in members {
            guard (1...Causality.Limits.nameBytesMax).contains(member.key.utf8.count) else {
                throw Defect(
                    field: "attributes",
                    "a key of \(member.key.utf8.count) bytes: expected 1 to \(Causality.Limits.nameBytesMax)"
                )
            }
            if case .string(let text) = member.value {
                attributes.append(Attribute(member.key, .text(text)))
            } else {
                attributes.append(Attribute(member.key, .json(member.value.text)))
            }
        }
    }
}
