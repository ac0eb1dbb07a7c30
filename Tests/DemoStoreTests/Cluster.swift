import Causality
import DemoStore
import Glibc
import HappensBefore
import Journals
import Recording
import Testing

/// Nodes whose network is the test's, so that what happens is what the test says, and what they recorded.
final class Cluster {
    private let spool: SpoolFolder
    private(set) var nodes: [String: Node] = [:]
    private(set) var facts: [String: [Fact]] = [:]
    /// Those that get nothing and whose messages get lost.
    var isolated: Set<String> = []
    /// Those that are isolated when they are elected, before anybody hears of it.
    var isolatedWhenElected: Set<String> = []

    init() throws {
        var template = Array("/tmp/lightcone-spool-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        spool = SpoolFolder(
            String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        for name in ["n1", "n2", "n3"] { start(name) }
    }

    deinit {
        var pid = pid_t()
        let arguments: [String] = ["rm", "-rf", spool.path]
        let words = arguments.map { strdup($0) }
        posix_spawnp(&pid, "rm", nil, nil, words + [nil], environ)
        waitpid(pid, nil, 0)
        for word in words { free(word) }
    }

    /// Starts a node, or starts it again. Its patience is beyond any test's: who stands for election, the test says.
    func start(_ name: String) {
        var node = Node(
            name, patience: 1000..<1001,
            recorder: recorder(name))
        node.peers = Set(["n1", "n2", "n3"]).subtracting([name])
        facts[name] = []
        nodes[name] = node
    }

    func kill(_ name: String) { nodes[name] = nil }

    /// Lets a node lose its patience; every message that follows from that arrives before this returns.
    func elect(_ name: String) {
        for _ in 0..<1000 { nodes[name]?.tick() }
        settle()
    }

    func put(_ key: String, _ value: String, at name: String) {
        nodes[name]?.put(key, value)
        settle()
    }

    /// Time for a heartbeat of each leader, and for what follows from it.
    func beat() {
        for _ in 0..<4 {
            for name in nodes.keys.sorted() { nodes[name]?.tick() }
        }
        settle()
    }

    /// A token as another run of a node would send it.
    func token(of name: String) -> String {
        recorder(name).send("message").text
    }

    /// A node is a machine of its own, of the same name.
    private func recorder(_ name: String) -> Recorder {
        Recorder(
            process: name, host: name, execution: "main", spool: spool, chunkByteCount: 64 << 10,
            chunksMax: 100)
    }

    func deliver(_ message: Message, to name: String) {
        nodes[name]?.receive(message)
        settle()
    }

    private func settle() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for name in nodes.keys.sorted() {
                for action in nodes[name]?.takeActions() ?? [] {
                    isMoving = true
                    act(action, of: name)
                }
            }
        }
    }

    private func act(_ action: Node.Action, of name: String) {
        switch action {
        case .tell(let fact):
            facts[name, default: []].append(fact)
            if case .elected = fact, isolatedWhenElected.contains(name) { isolated.insert(name) }
        case .send(let message, let receivers):
            guard !isolated.contains(name) else { return }
            for receiver in receivers.sorted() where !isolated.contains(receiver) {
                nodes[receiver]?.receive(message)
            }
        }
    }

    /// The events of a name that all nodes recorded, by process.
    func events(_ name: String? = nil) throws -> [String: [Event]] {
        let all = try read().events().filter { name == nil || $0.event.name == name }
        return Dictionary(grouping: all) { "\($0.key.process)" }.mapValues { $0.map(\.event) }
    }

    /// What all nodes recorded, as one history.
    func history() throws -> History {
        var history = History(execution: "main")
        let frame = HistoryFrame(
            id: 0, source: Identity128(high: 0, low: 1), batch: try read())
        #expect(history.append(frame) == [])
        history.finish()
        return history
    }

    private func read() throws -> EventBatch {
        var batch = EventBatch()
        for journal in try JournalFolder.all(in: spool.journals) {
            var reader = JournalReader(journal)
            while try reader.read(bytesMax: 1 << 20, into: &batch, { Issue.record("\($0)") }) {}
        }
        return batch
    }
}
