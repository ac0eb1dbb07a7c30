import Causality

/// One event that a program asks the agent of its host to record: a line of JSON.
///
///     {"process": "deploy", "kind": "receive", "token": "…", "name": "…", "text": "…", "level": "info",
///      "time": "2026-01-01T00:00:00Z", "attributes": {…}, "execution": "main", "lost": 2}
///
/// A receive whose message came with something that is no token has `"unreadable": true` in the place of `token`: what its sender
/// had seen is lost. `lost` counts the events of the process that its client could not bring here since the last one that it could: their numbers
/// are a gap, and what they had received is not known. Only `process` is required; `token` is where `kind` is `receive`, and nowhere else. A key that is none of these is refused: it
/// is a misspelling more often than an attribute. A null is as good as nothing.
package struct EventRequest: Sendable, Hashable {
    package var process: String
    package var execution: String?
    package var kind: EventKind
    /// As it was given: it is not checked here.
    package var token: String?
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
        "process", "execution", "kind", "token", "unreadable", "name", "text", "level", "time",
        "attributes", "lost",
    ]

    /// Reads a line. O(bytes).
    package init(_ line: [UInt8]) throws(Defect) {
        let members: [JSONMember]
        do {
            members = try JSONScanner.object(line)
        } catch {
            throw Defect(field: nil, error.reason)
        }
        var values: [String: JSONValue] = [:]
        for member in members where !member.value.isNull {
            guard EventRequest.fields.contains(member.key) else {
                throw Defect(
                    field: member.key,
                    "unknown: expected one of \(EventRequest.fields.joined(separator: ", "))"
                        + Suggestion.ending(for: member.key, among: EventRequest.fields))
            }
            values[member.key] = member.value
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
        guard let process = try name("process") else {
            throw Defect(field: "process", "missing: expected the name of a process")
        }
        self.process = process
        execution = try name("execution")
        kind = .local
        if let word = try text("kind") {
            guard let kind = EventKind(text: word) else {
                throw Defect(field: "kind", "expected local, send or receive, found “\(word)”")
            }
            self.kind = kind
        }
        token = try text("token")
        isUnreadable = false
        if let value = values["unreadable"] {
            guard value.text == "true" || value.text == "false" else {
                throw Defect(
                    field: "unreadable", "expected true or false, found \(value.kind)")
            }
            isUnreadable = value.text == "true"
        }
        guard !isUnreadable || kind == .receive && token == nil else {
            throw Defect(field: "unreadable", "expected it of a receive, in the place of its token")
        }
        guard (kind == .receive) == (token != nil || isUnreadable) else {
            throw Defect(
                field: "token",
                kind == .receive
                    ? "missing: a receive needs the token that came with the message"
                    : "a \(kind.text) event has none: expected kind to be receive")
        }
        self.name = try text("name") == "" ? "" : try name("name") ?? ""
        self.text = try text("text") ?? ""
        if let word = try text("level") {
            guard let level = Level(text: word) else {
                throw Defect(
                    field: "level",
                    "expected one of \(Level.allCases.map(\.text).joined(separator: ", ")), found “\(word)”"
                )
            }
            self.level = level
        }
        if let value = values["time"] {
            guard let time = LogReader.time(value) else {
                throw Defect(
                    field: "time",
                    "expected RFC 3339 or a number since 1970, found \(Bytes.quoted(value.text))")
            }
            self.time = time
        }
        lost = 0
        if let value = values["lost"] {
            guard case .number(let text) = value, let lost = UInt64(text), lost <= Limits.lostMax
            else {
                throw Defect(
                    field: "lost",
                    "expected a number of events from 0 to \(Limits.lostMax), found \(Bytes.quoted(value.text))"
                )
            }
            self.lost = lost
        }
        attributes = []
        try readAttributes(values["attributes"])
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
