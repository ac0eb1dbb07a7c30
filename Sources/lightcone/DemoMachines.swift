import DemoStore
import Disks
import FoundationEssentials
import Glibc

/// The machines of the demo, all of them here: a collector, and three hosts with an agent and a node of the store each.
final class DemoMachines {
    static let hosts = ["n1", "n2", "n3"]
    /// Seconds to wait for anything: far more than it takes, also where the machine is busy.
    private static let waitSecondsMax = 30

    let folder: String
    private var children: [(name: String, program: ChildProcess)] = []
    private var nodes: [String: Node] = [:]

    /// One run of a node.
    private struct Node {
        let program: ChildProcess
        let output: String
        /// As Lightcone names it: `n1`, then `n1#2`.
        var process = ""
        var port = 0

        /// What it has told so far.
        func facts() -> [Fact] {
            DemoMachines.text(output).split(separator: "\n").compactMap {
                try? JSONDecoder().decode(Fact.self, from: Data($0.utf8))
            }
        }
    }

    init(folder: String) { self.folder = folder }

    /// Starts the collector and the agents; the URL that the collector chose.
    func startCollecting() async throws -> String {
        let collector = try start(
            "collector", ["collector", "--data", folder + "/data", "--listen", "127.0.0.1:0"])
        let url = try await address(of: collector)
        for host in Self.hosts {
            _ = try start(
                "agent-\(host)",
                ["agent", "--collector", url, "--host", host, "--spool", "\(folder)/\(host)"])
        }
        return url
    }

    /// Starts a node, or starts it again, and tells all nodes where it is. Its process.
    @discardableResult
    func startNode(_ host: String, patience: Int) async throws -> String {
        let run = nodes[host] == nil ? 1 : 2
        let output = "\(folder)/node-\(host)-\(run).out"
        let program = try start(
            "node-\(host)-\(run)",
            [
                "demo-node", "--name", host, "--spool", "\(folder)/\(host)", "--patience",
                "\(patience)",
            ], output: output)
        nodes[host] = Node(program: program, output: output)
        let (process, port) = try await wait(for: "that it has started", of: host) {
            if case .started(let process, let port) = $0 { (process, port) } else { nil }
        }
        nodes[host]?.process = process
        nodes[host]?.port = port
        guard nodes.count == Self.hosts.count else { return process }
        let places = nodes.map { "\($0.key)=\($0.value.port)" }.joined(separator: " ")
        for host in Self.hosts { tell(host, "peers \(places)") }
        return process
    }

    /// Gives a node a command.
    func tell(_ host: String, _ command: String) { nodes[host]?.program.write(line: command) }

    /// Kills a node (SIGKILL).
    func kill(_ host: String) {
        let program = nodes[host]?.program
        program?.kill()
        children.removeAll { $0.program === program }
    }

    /// Ends the nodes in order; how many events each process recorded that lived so long.
    func endNodes() async throws -> [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for (host, node) in nodes {
            children.removeAll { $0.program === node.program }
            node.program.endInput()
            counts[node.process] = try await wait(for: "its end", of: host) {
                if case .ended(let count) = $0 { count } else { nil }
            }
            node.program.stop()
        }
        return counts
    }

    func stopAll() {
        for child in children.reversed() { child.program.stop() }
        children = []
    }

    private func start(_ name: String, _ arguments: [String], output: String? = nil) throws
        -> ChildProcess
    {
        let program = try ChildProcess(
            arguments, output: output, errors: "\(folder)/\(name).log", takesInput: output != nil)
        children.append((name, program))
        return program
    }

    // MARK: Waiting for facts

    /// Waits until a node tells a fact.
    func wait(for fact: Fact, of host: String) async throws {
        try await wait(for: "\(fact)", of: host) { $0 == fact ? $0 : nil }
    }

    /// Waits until a node tells a fact in which something is found.
    @discardableResult
    func wait<Found>(
        for what: String, of host: String, _ find: (Fact) -> Found?
    ) async throws -> Found {
        try await wait(until: "\(host) tells \(what)") {
            nodes[host]?.facts().lazy.compactMap(find).first
        }
    }

    /// Waits until one of several nodes has been elected: which, and in which term.
    func waitForLeader(among hosts: [String]) async throws -> (host: String, term: Int) {
        try await wait(until: "one of \(hosts.joined(separator: " and ")) leads") {
            for host in hosts {
                for case .elected(let term) in nodes[host]?.facts() ?? [] { return (host, term) }
            }
            return nil
        }
    }

    /// Looks again and again until there is something.
    func wait<Found>(until what: String, _ look: () throws -> Found?) async throws -> Found {
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(Self.waitSecondsMax))
        while clock.now < end {
            if let found = try look() { return found }
            for child in children where !child.program.isRunning {
                throw CommandFailure(
                    "\(child.name) has ended: see \(folder)/\(child.name).log\n"
                        + Self.text("\(folder)/\(child.name).log"))
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw CommandFailure(
            "waited \(Self.waitSecondsMax) s in vain until \(what): see \(folder)/*.log")
    }

    /// The URL that the collector chose, from its log.
    private func address(of collector: ChildProcess) async throws -> String {
        try await wait(until: "the collector listens") {
            let log = Self.text("\(folder)/collector.log")
            guard let range = log.range(of: "listen=http://") else { return nil }
            let rest = log[range.upperBound...].prefix { !$0.isWhitespace }
            // The log may end in the middle of the line.
            guard rest.endIndex < log.endIndex else { return nil }
            return "http://" + (rest.hasSuffix("]") ? rest.dropLast() : rest)
        }
    }

    /// What is in a file; nothing where there is none.
    static func text(_ path: String) -> String {
        guard let file = try? RealDisk().open(path, .read),
            let bytes = try? file.read(at: 0, count: file.byteCount())
        else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }
}
