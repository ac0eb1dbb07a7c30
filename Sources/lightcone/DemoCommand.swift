import Archiving
import ArgumentParser
import Causality
import Collector
import FoundationEssentials
import Glibc
import Segments

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Shows the whole journey: three agents, a collector, questions and an export, with real processes.",
        discussion: """
            Nothing outside the folder is touched, and nothing listens beyond this machine.

            Example:
              lightcone demo
            """)

    @Option(help: "The folder to work in (default: a new one under /tmp).", completion: .directory)
    var directory: String?

    func run() async throws {
        let folder = try directory ?? Self.temporaryFolder()
        try Folder.make(folder + "/logs")
        let demo = Demo(folder: folder)
        defer { demo.stopAll() }
        try await demo.run()
    }

    private static func temporaryFolder() throws -> String {
        var template = Array("/tmp/lightcone-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(
                "cannot make a folder under /tmp: \(String(cString: strerror(errno)))")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// One run of the demo.
private final class Demo {
    private let folder: String
    private var children: [(name: String, process: ChildProcess)] = []

    init(folder: String) { self.folder = folder }

    func run() async throws {
        say("A shop of three machines writes logs with vector clocks: \(folder)/logs")
        let shop = try Shop(folder: folder + "/logs")
        try shop.write()

        say(
            "A collector, and an agent on each of two machines. The third, warehouse, is out of reach for now."
        )
        let collector = try start(
            "collector", ["collector", "--data", folder + "/data", "--listen", "127.0.0.1:0"])
        let url = try await address(of: collector)
        for host in ["web", "orders"] { try startAgent(host, url) }
        try await waitFor(url, events: shop.count(of: ["web", "orders"]))

        say("What each saw, in causal order (not by wall clock: nobody's clocks agree):")
        try await show(["timeline"], url)
        say("Exact answers where the evidence suffices …")
        try await show(["order", "web:2", "orders:3"], url)
        try await show(["order", "web:3", "orders:2"], url)
        say("… and “unknown” where it does not: the log of warehouse is missing.")
        try await show(["order", "web:2", "warehouse:1"], url)
        try await show(["gaps"], url)

        say("Now the agent of warehouse gets through.")
        try startAgent("warehouse", url)
        try await waitFor(url, events: shop.count(of: ["web", "orders", "warehouse"]))
        try await show(["order", "web:2", "warehouse:1"], url)
        try await show(["path", "web:2", "web:5"], url)
        try await show(["past", "warehouse:3", "--count"], url)
        say("The graph for other tools: \(folder)/shop.dot and \(folder)/shop.perfetto.json")
        for (format, name) in [("dot", "shop.dot"), ("perfetto", "shop.perfetto.json")] {
            try await show(["export", "--format", format, "-o", "\(folder)/\(name)"], url)
        }
        stopAll()
        say("Everything stopped. The collector's folder can be asked without it:")
        print("  lightcone timeline --source \(folder)/data")
    }

    func stopAll() {
        for child in children.reversed() { child.process.stop() }
        children = []
    }

    private func say(_ text: String) {
        Terminal.write("\n\(text)\n")
        Terminal.flush()
    }

    private func start(_ name: String, _ arguments: [String]) throws -> ChildProcess {
        let process = try ChildProcess(arguments, output: nil, errors: "\(folder)/\(name).log")
        children.append((name, process))
        return process
    }

    private func startAgent(_ host: String, _ url: String) throws {
        _ = try start(
            "agent-\(host)",
            [
                "agent", "--collector", url, "--host", host, "--spool", "\(folder)/spool-\(host)",
                "--follow", "govector:\(folder)/logs/\(host).log",
            ])
    }

    private func show(_ arguments: [String], _ url: String) async throws {
        Terminal.write("$ lightcone \(arguments.joined(separator: " "))\n")
        Terminal.flush()
        let process = try ChildProcess(
            arguments + ["--source", url], output: nil, errors: nil, inheritsOutput: true)
        _ = process.wait()
    }

    /// The URL that the collector chose, from its log.
    private func address(of collector: ChildProcess) async throws -> String {
        for _ in 0..<200 {
            let log = (try? Self.text("\(folder)/collector.log")) ?? ""
            if let range = log.range(of: "listen=http://") {
                let rest = log[range.upperBound...]
                return "http://"
                    + rest.prefix {
                        !$0.isWhitespace && $0 != "]" || $0 == "]" && rest.first == "["
                    }
            }
            guard collector.isRunning else { throw CommandFailure("the collector ended:\n\(log)") }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw CommandFailure("the collector did not start within 10 s: see \(folder)/collector.log")
    }

    private static func text(_ path: String) throws -> String {
        let file = try File(path, .read)
        return String(decoding: try file.read(at: 0, count: file.byteCount), as: UTF8.self)
    }

    /// Waits until the collector has so many events.
    private func waitFor(_ url: String, events: Int) async throws {
        for _ in 0..<300 {
            let store = ArchiveStore(try Archive(folder + "/data", .readOnly))
            if try store.executions().contains("main"),
                try store.graph(of: "main").history.eventCount >= events
            {
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw CommandFailure("the events did not arrive within 30 s: see \(folder)/*.log")
    }
}

/// The logs of the demo: a small shop, simulated with true vector clocks and untrue wall clocks.
private final class Shop {
    private let folder: String
    private var clocks: [String: VectorClock] = [:]
    private var lines: [String: [String]] = [:]
    /// Milliseconds by which each machine's wall clock is wrong.
    private let skew: [String: Int64] = ["web": 0, "orders": -42_000, "warehouse": 7_500]
    private var milliseconds: Int64 = 1_700_000_000_000

    init(folder: String) throws { self.folder = folder }

    func count(of hosts: [String]) -> Int { hosts.reduce(0) { $0 + (lines[$1]?.count ?? 0) } }

    private func event(_ host: String, _ text: String, from clock: VectorClock? = nil)
        -> VectorClock
    {
        let process = ProcessID(name: host)
        var mine = clocks[host] ?? VectorClock()
        if let clock { mine.merge(clock) }
        mine[process] += 1
        clocks[host] = mine
        milliseconds += 250
        let entries = mine.entries.sorted { listingOrder($0.key, $1.key) }
            .map { "\"\($0.key.name)\":\($0.value)" }.joined(separator: ", ")
        let time = (milliseconds + (skew[host] ?? 0)) * 1_000_000
        lines[host, default: []].append("\(time) \(host) {\(entries)}\n\(text)\n")
        return mine
    }

    func write() throws {
        for host in ["web", "orders", "warehouse"] { _ = event(host, "INFO started") }
        let order = event("web", "INFO POST /orders: to orders")
        _ = event("web", "DEBUG cache refreshed")
        _ = event("orders", "INFO configuration reloaded")
        _ = event("orders", "INFO order 4711 received from web", from: order)
        let reserve = event("orders", "INFO reserve 2 x lamp: to warehouse")
        _ = event("warehouse", "WARNING stock of lamps is low")
        let reserved = event("warehouse", "INFO reserved 2 x lamp: to orders", from: reserve)
        _ = event("web", "DEBUG health check")
        let done = event(
            "orders", "INFO reservation confirmed by warehouse: to web", from: reserved)
        _ = event("web", "INFO 201 Created", from: done)
        for (host, lines) in lines {
            let path = "\(folder)/\(host).log"
            try Folder.remove(file: path)
            try File(path, .write).write(Array(lines.joined().utf8), at: 0)
        }
    }
}
