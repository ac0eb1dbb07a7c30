import Causality

/// A line of a listing in JSON, read again: what a picture of it for people is made of, wherever the listing comes from.
package enum ListingRow: Sendable {
    case event(ShownRow)
    /// Events that a query has found together, by the names of their terms; and what is said of them as a match.
    case match([(name: String, row: ListingRow)], remarks: [String])
    /// An event that is there and cannot be read.
    case unreadable(id: String, text: String)
    /// The listing ends here, though there is more.
    case stopped(String)

    /// Nil for what is no such line. O(n)
    package init?(json line: [UInt8]) {
        var members: [JSONSpan] = []
        guard (try? JSONScanner.scan(line, line.indices, into: &members)) != nil else {
            return nil
        }
        var texts: [String: JSONSpan] = [:]
        for member in members {
            let key = JSONScanner.text(line, member.key, hasEscapes: member.keyHasEscapes)
            texts[key] = member
        }
        func text(_ key: String) -> String? {
            guard let member = texts[key], member.kind == .string else { return nil }
            return JSONScanner.text(line, member)
        }
        func isTrue(_ key: String) -> Bool {
            texts[key].map { JSONScanner.text(line, $0) == "true" } ?? false
        }
        if let stopped = text("stopped") {
            self = .stopped(stopped)
            return
        }
        if let match = texts["match"], match.kind == .object {
            guard let named = Self.rows(in: match, of: line) else { return nil }
            let remarks = MatchRemarks(
                doubt: text("because"), isLate: isTrue("late"), waits: isTrue("waits"))
            self = .match(named, remarks: remarks.texts)
            return
        }
        guard let id = text("id") else { return nil }
        if let reason = text("unreadable") {
            self = .unreadable(id: id, text: reason)
            return
        }
        guard let process = text("process") else { return nil }
        let sequence = texts["seq"].flatMap { UInt64(JSONScanner.text(line, $0)) } ?? 0
        func list(_ key: String) -> [String] {
            guard let member = texts[key], member.kind == .array else { return [] }
            return (JSONScanner.array(line, member.value) ?? []).map { JSONScanner.text(line, $0) }
        }
        self = .event(
            ShownRow(
                id: id, process: process, host: text("host") ?? "", sequence: sequence,
                kind: text("kind") ?? "", name: text("name") ?? "", text: text("text") ?? "",
                level: text("level").flatMap { Level(text: $0) },
                time: text("time").flatMap { WallTime(text: $0) },
                attributes: texts["attributes"].flatMap {
                    try? JSONScanner.object(Array(line[$0.value]))
                } ?? [], causes: list("causes"), ghosts: list("ghosts"), isLate: isTrue("late"),
                waits: isTrue("waits")))
    }
}

extension ListingRow {
    /// The events of a match.
    private static func rows(
        in match: JSONSpan, of line: [UInt8]
    ) -> [(name: String, row: ListingRow)]? {
        var members: [JSONSpan] = []
        guard (try? JSONScanner.scan(line, match.value, into: &members)) != nil else {
            return nil
        }
        var rows: [(name: String, row: ListingRow)] = []
        for member in members {
            let name = JSONScanner.text(line, member.key, hasEscapes: member.keyHasEscapes)
            guard let row = ListingRow(json: Array(line[member.value])) else { return nil }
            rows.append((name, row))
        }
        return rows
    }
}

/// An event as a listing tells of it.
package struct ShownRow: Hashable, Sendable {
    package var id: String
    package var process: String
    package var host: String
    package var sequence: UInt64
    package var kind: String
    package var name: String
    package var text: String
    package var level: Level?
    package var time: WallTime?
    package var attributes: [JSONMember]
    /// The events from which messages arrived.
    package var causes: [String]
    /// Those of them that are not here.
    package var ghosts: [String]
    /// Of one that is followed: it came after an event of its process that was shown.
    package var isLate = false
    /// And this one is shown though what it has seen has not come.
    package var waits = false
}
