import Recording

/// What one node says to others: a line of JSON on a TCP connection.
package struct Message: Codable, Hashable, Sendable {
    package var from: String
    /// The sender's term. Who hears of a later one than its own takes it over.
    package var term: Int
    package var content: Content
    /// The token of the event that sent the message.
    package var lightcone: String

    package enum Content: Codable, Hashable, Sendable {
        /// A candidate asks all nodes for their votes.
        case requestVotes(logEnd: LogEnd)
        case grantVote
        /// A leader tells all nodes that it leads, and what it has.
        case heartbeat(logEnd: LogEnd, conflicts: Set<Conflict>)
        /// A node that has something else tells its leader.
        case differ(conflicts: Set<Conflict>)
        /// A leader sends entries, from behind `after` to the end of its log.
        case replicate(after: LogEnd, entries: [Entry])
    }
}

/// One put, at its place in the log.
package struct Entry: Codable, Hashable, Sendable {
    /// The term of the leader that took it. No two leaders have one term.
    package var term: Int
    package var key: String
    package var value: String
}

/// Where a log ends. Two logs that end alike are alike: who appends makes sure of that.
package struct LogEnd: Codable, Hashable, Sendable {
    package var count = 0
    /// The term of the last entry, 0 where there is none.
    package var term = 0

    init(of log: some Collection<Entry>) {
        count = log.count
        for entry in log { term = entry.term }
    }

    /// Whether nothing is lost where a log that ends here takes the place of one that ends there.
    func reaches(_ other: LogEnd) -> Bool { (term, count) >= (other.term, other.count) }
}

/// A put that was acknowledged, and gave way to what another leader took at its place.
package struct Conflict: Codable, Hashable, Sendable {
    package var lost: Entry
    /// What the key has instead; nil where it has nothing.
    package var kept: Entry?
}

extension Message.Content {
    /// What the events are called that send and receive it.
    var name: EventName {
        switch self {
        case .requestVotes: "request votes"
        case .grantVote: "grant vote"
        case .heartbeat: "heartbeat"
        case .differ: "differ"
        case .replicate: "replicate"
        }
    }

    var level: Level {
        if case .heartbeat = self { .debug } else { .info }
    }

    var text: String {
        switch self {
        case .requestVotes(let end): "log of \(end.count)"
        case .grantVote: ""
        case .heartbeat(let end, let conflicts):
            "log of \(end.count), conflicts: \(conflicts.count)"
        case .differ(let conflicts): "conflicts: \(conflicts.count)"
        case .replicate(_, let entries): entries.map(\.description).joined(separator: ", ")
        }
    }
}

extension Entry: CustomStringConvertible {
    package var description: String { "\(key) = \(value) (term \(term))" }
}

extension Conflict: CustomStringConvertible {
    package var description: String {
        "\(lost) is lost, \(kept?.description ?? "nothing") is kept"
    }
}
