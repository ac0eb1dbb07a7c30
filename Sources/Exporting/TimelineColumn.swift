import Causality

/// A column of a timeline on a terminal.
package enum TimelineColumn: Hashable, Sendable {
    case id, process, host, seq, time, kind, from, level, name, text, attributes
    /// One attribute.
    case attribute(String)

    /// Those that a timeline has where nobody says.
    package static let usual: [TimelineColumn] = [
        .time, .id, .from, .level, .name, .text, .attributes,
    ]

    private static let words: [(String, TimelineColumn)] = [
        ("id", .id), ("process", .process), ("host", .host), ("seq", .seq), ("time", .time),
        ("kind", .kind), ("from", .from), ("level", .level), ("name", .name), ("text", .text),
        ("attributes", .attributes),
    ]

    /// Reads `id,host,time,attr.KEY`.
    package static func list(_ text: String) throws(TimelineColumnError) -> [TimelineColumn] {
        var columns: [TimelineColumn] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let word = word.trimmed
            if let known = words.first(where: { $0.0 == word }) {
                columns.append(known.1)
            } else if word.hasPrefix("attr."), word.utf8.count > 5 {
                columns.append(.attribute(String(word.dropFirst(5))))
            } else {
                let all = words.map(\.0)
                throw TimelineColumnError(
                    text: "no column “\(word)”: expected \(all.joined(separator: ", ")) or "
                        + "attr.KEY\(Suggestion.ending(for: word, among: all))")
            }
        }
        return columns
    }
}

/// Why a text is no list of columns.
package struct TimelineColumnError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }
}

extension Substring {
    /// Without spaces around it.
    fileprivate var trimmed: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
