import Recording

extension Node {
    private var majority: Int { (peers.count + 1) / 2 + 1 }

    /// Takes over a later term. In it, this node has not voted and knows no leader yet.
    mutating func enter(_ newTerm: Int) {
        if role == .leader {
            recorder.record(
                "stepped down", "\(name) led term \(term), and hears of term \(newTerm)",
                level: .notice, attributes: ["term": .init(term)])
        }
        term = newTerm
        vote = nil
        role = .follower(of: nil)
    }

    /// Wants to be the leader of a new term.
    mutating func requestVotes() {
        enter(term + 1)
        vote = name
        role = .candidate(votes: [name])
        renewPatience()
        send(.requestVotes(logEnd: LogEnd(of: log)), to: peers)
    }

    /// Votes for a candidate: for one in a term, and for none whose log has less than its own.
    mutating func consider(_ candidate: String, _ logEnd: LogEnd) {
        guard vote == nil || vote == candidate, logEnd.reaches(LogEnd(of: log)) else { return }
        vote = candidate
        renewPatience()
        send(.grantVote, to: [candidate])
    }

    /// Counts a vote, and leads once it has a majority.
    mutating func count(_ voter: String) {
        guard case .candidate(var votes) = role else { return }
        votes.insert(voter)
        role = .candidate(votes: votes)
        guard votes.count >= majority else { return }
        role = .leader
        recorder.record(
            "leader elected",
            "\(name) leads term \(term), by the votes of \(votes.sorted().joined(separator: " and "))",
            level: .notice, attributes: ["term": .init(term)])
        tell(.elected(term: term))
        sendHeartbeat()
    }

    mutating func sendHeartbeat() {
        ticksLeft = Limits.heartbeatTicks
        send(.heartbeat(logEnd: LogEnd(of: log), conflicts: conflicts), to: peers)
    }

    /// Hears from the leader of its term.
    mutating func follow(_ leader: String) {
        renewPatience()
        guard role != .follower(of: leader) else { return }
        role = .follower(of: leader)
        tell(.follows(leader: leader, term: term))
    }
}
