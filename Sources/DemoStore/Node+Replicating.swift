import Recording

extension Node {
    /// Takes a put, if it leads.
    package mutating func put(_ key: String, _ value: String) {
        guard role == .leader else { return tell(.refused(reason: "\(name) does not lead")) }
        guard log.count < Limits.entriesMax,
            max(key.utf8.count, value.utf8.count) <= Limits.wordBytesMax
        else { return tell(.refused(reason: "the store is small")) }
        let end = LogEnd(of: log)
        let entry = Entry(term: term, key: key, value: value)
        log.append(entry)
        recorder.record("put", entry.description, attributes: entry.attributes)
        // Wrong on purpose: nobody else has it yet.
        tell(.accepted(entry: entry))
        send(.replicate(after: end, entries: [entry]), to: peers)
    }

    /// Learns what its leader knows, and tells it where something else is here.
    mutating func compare(with leader: String, _ logEnd: LogEnd, _ known: Set<Conflict>) {
        for conflict in known { learn(conflict) }
        guard logEnd != LogEnd(of: log) || known != conflicts else { return }
        send(.differ(conflicts: conflicts), to: [leader])
    }

    /// Sends its log to a node that has something else, and tells all nodes what is news to itself.
    mutating func help(_ node: String, _ found: Set<Conflict>) {
        guard role == .leader else { return }
        let news = found.subtracting(conflicts)
        for conflict in news { learn(conflict) }
        if !news.isEmpty { sendHeartbeat() }
        send(.replicate(after: LogEnd(of: []), entries: log), to: [node])
    }

    /// Makes its log end as the leader's does. What it had otherwise gives way.
    mutating func adopt(_ entries: [Entry], after end: LogEnd) {
        // Where entries before these are missing, the next heartbeat shows it.
        guard (0...log.count).contains(end.count), LogEnd(of: log.prefix(end.count)) == end
        else { return }
        let mine = log.dropFirst(end.count)
        let common = zip(mine, entries).prefix { $0 == $1 }.count
        log.replaceSubrange(end.count..., with: entries)
        for lost in mine.dropFirst(common) {
            learn(Conflict(lost: lost, kept: log.last { $0.key == lost.key }))
        }
        tell(.holds(entryCount: log.count))
    }

    private mutating func learn(_ conflict: Conflict) {
        guard conflicts.count < Limits.conflictsMax, conflicts.insert(conflict).inserted
        else { return }
        recorder.record(
            "conflict", conflict.description, level: .error, attributes: conflict.lost.attributes)
        tell(.met(conflict: conflict))
    }
}

extension Entry {
    fileprivate var attributes: Attributes {
        ["term": .init(term), "key": .init(key), "value": .init(value)]
    }
}
