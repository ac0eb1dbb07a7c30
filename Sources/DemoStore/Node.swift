import Recording

/// One node of a small replicated key-value store, and how it records what it does.
///
/// Nodes elect a leader for a term, as Raft's do (Ongaro and Ousterhout, “In Search of an Understandable Consensus
/// Algorithm”, 2014). The leader takes puts, appends them to its log and replicates that. One thing is wrong on purpose, as it
/// is in real systems: the leader says that a put is done before any other node has it. So a leader that was cut off goes on
/// saying so, and where another one has been elected meanwhile, what it promised to keep is lost: a conflict. A second thing
/// is only left out: nothing is on disk, and a node that restarts has forgotten its votes and gets its log from its leader.
///
/// Messages, ticks and puts go in; messages and facts come out, in `takeActions`. No clock and no socket is here.
package struct Node {
    package let name: String
    /// The other nodes. Without them a node waits.
    package var peers: Set<String> = []
    let recorder: Recorder
    var term = 0
    var role = Role.follower(of: nil)
    /// Whom it voted for in this term.
    var vote: String?
    var log: [Entry] = []
    var conflicts: Set<Conflict> = []

    enum Role: Equatable {
        case follower(of: String?)
        case candidate(votes: Set<String>)
        case leader
    }

    /// How many ticks it waits for a leader before it wants to be one.
    private let patience: Range<Int>
    var ticksLeft: Int
    private var actions: [Action] = []

    /// What the caller has to do.
    package enum Action {
        case send(Message, to: Set<String>)
        case tell(Fact)
    }

    /// - Parameter patience: In ticks. Each wait is drawn from it, so that two candidates seldom meet.
    package init(_ name: String, patience: Range<Int>, recorder: Recorder) {
        self.name = name
        self.patience = patience
        self.recorder = recorder
        ticksLeft = Int.random(in: patience)
        recorder.record("started", "\(name) starts with an empty log")
    }

    /// What is to be done since the last call, in this order.
    package mutating func takeActions() -> [Action] {
        defer { actions = [] }
        return actions
    }

    mutating func tell(_ fact: Fact) { actions.append(.tell(fact)) }

    mutating func renewPatience() { ticksLeft = Int.random(in: patience) }

    /// Time passes.
    package mutating func tick() {
        guard !peers.isEmpty else { return }
        ticksLeft -= 1
        guard ticksLeft <= 0 else { return }
        if role == .leader { sendHeartbeat() } else { requestVotes() }
    }
}

// MARK: Messages, and the tokens that travel with them

extension Node {
    /// Sends a message: one event, however many get it.
    mutating func send(_ content: Message.Content, to receivers: Set<String>) {
        let token = recorder.send(
            content.name, content.text, level: content.level, attributes: ["term": .init(term)])
        let message = Message(from: name, term: term, content: content, lightcone: token.text)
        actions.append(.send(message, to: receivers))
    }

    /// Takes a message: from here on, this node has seen what its sender had seen.
    package mutating func receive(_ message: Message) {
        let content = message.content
        guard peers.contains(message.from), (0...Limits.termMax).contains(message.term),
            let token = try? Token(message.lightcone)
        else { return }
        recorder.receive(
            token, content.name, content.text, level: content.level,
            attributes: ["term": .init(message.term), "from": .init(message.from)])
        if message.term > term { enter(message.term) }
        // A message of a term that is over changes nothing.
        guard message.term == term else { return }
        switch content {
        case .requestVotes(let logEnd): consider(message.from, logEnd)
        case .grantVote: count(message.from)
        case .heartbeat(let logEnd, let conflicts):
            follow(message.from)
            compare(with: message.from, logEnd, conflicts)
        case .differ(let conflicts): help(message.from, conflicts)
        case .replicate(let end, let entries):
            follow(message.from)
            adopt(entries, after: end)
        }
    }
}
