import ArgumentParser
import DemoStore
import FoundationEssentials
import Glibc
import UnixSignals

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Shows the whole journey: a live system that gets two leaders, and the questions that find out how.",
        discussion: """
            Three nodes of a small replicated store, three agents and a collector run here as processes of their own. One node \
            is killed, one loses its network. Nothing outside a new folder is touched, and nothing listens beyond this \
            machine. Takes about 10 s. Exit code 1: something that the demo promises to show did not come out.

            Example:
              lightcone demo
            """)

    // Not /tmp, which is in memory on many machines: what has to outlive a spool would be kept elsewhere then.
    @Option(help: "Where to make a new folder to work in.", completion: .directory)
    var directory = "/var/tmp"

    @Flag(help: "Leaves the collector up until it is interrupted, and prints its page's address.")
    var keep = false

    func run() async throws {
        var template = Array("\(directory)/lightcone-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(
                "cannot make a folder in \(directory): \(String(cString: strerror(errno)))")
        }
        let folder = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // However this program ends, short of SIGKILL, the others do too.
        atexit { ChildProcess.endAll() }
        Task {
            for await signal in await UnixSignalsSequence(trapping: .sighup, .sigint, .sigterm) {
                Glibc.exit(128 + signal.rawValue)
            }
        }
        let machines = DemoMachines(folder: folder)
        defer { machines.stopAll() }
        var demo = Demo(machines)
        try await demo.run(isKept: keep)
    }
}

/// One run of the demo: what happens, and the questions that find it out again.
private struct Demo {
    private let machines: DemoMachines
    /// The first leader, the one that is cut off when it is elected, and the one that is elected then. Which node is
    /// which comes out as it happens.
    private var killed = "", cutOff = "", elected = ""
    /// The second run of the one that was killed.
    private var restarted = ""
    private var stepCount = 0

    init(_ machines: DemoMachines) { self.machines = machines }

    mutating func run(isKept: Bool) async throws {
        say(
            """
            Three nodes of a small key-value store elect a leader, which takes puts and replicates them. They record
            with the library what they do; an agent beside each ships that to one collector.

            """)
        let url = try await machines.startCollecting()
        setenv("LIGHTCONE_SOURCE", url, 1)
        try await happen()
        let count = try await collect()
        say(
            """

            The \(count) events that they recorded have arrived. What happened? Only the events tell:

              export LIGHTCONE_SOURCE=\(url)
            """)
        try ask()
        if isKept {
            say(
                """

                The collector is still up. See it all in a browser, until Ctrl-C ends it:

                  \(url)/
                """)
            // A signal ends the program, and with it the collector.
            while true { try await Task.sleep(for: .seconds(3600)) }
        }
        machines.stopAll()
        say(
            """

            Everything has stopped. The collector's folder answers the same questions without it, and shows them in a
            browser:

              export LIGHTCONE_SOURCE=\(machines.folder)/data
              lightcone browse \(machines.folder)/data
            """)
    }

    // MARK: What happens

    private mutating func happen() async throws {
        // Of very different patience, so that two candidates seldom meet.
        for (host, patience) in zip(DemoMachines.hosts, [20, 30, 40]) {
            try await machines.startNode(host, patience: patience)
        }
        killed = try await machines.waitForLeader(among: DemoMachines.hosts).host
        let others = DemoMachines.hosts.filter { $0 != killed }
        try await put("lamp", "10", at: killed)
        for host in others { try await machines.wait(for: .holds(entryCount: 1), of: host) }
        step("\(killed) is elected, and takes a put: lamp = 10. All three have it.")

        for host in others { machines.tell(host, "isolate-when-elected") }
        for host in others { try await machines.wait(for: .ready, of: host) }
        machines.kill(killed)
        cutOff = try await machines.waitForLeader(among: others).host
        try await machines.wait(for: .isolated, of: cutOff)
        elected = others.first { $0 != cutOff } ?? ""
        machines.tell(elected, "connect")
        try await machines.wait(for: .connected, of: elected)
        step(
            "\(killed) is killed (SIGKILL). \(cutOff) wins the votes, and at that moment loses its network."
        )

        restarted = try await machines.startNode(killed, patience: 60)
        _ = try await machines.waitForLeader(among: [elected])
        try await machines.wait(for: .holds(entryCount: 1), of: killed)
        step(
            "\(killed) comes back, and elects \(elected) with it. Now two nodes believe that they lead."
        )

        try await put("lamp", "7", at: cutOff)
        try await put("lamp", "12", at: elected)
        try await machines.wait(for: .holds(entryCount: 2), of: killed)
        step(
            "Both take a put of one key: lamp = 7 at \(cutOff), lamp = 12 at \(elected). Both say “done”."
        )

        machines.tell(cutOff, "connect")
        for host in DemoMachines.hosts {
            try await machines.wait(for: "a conflict", of: host) {
                if case .met(let conflict) = $0 { conflict } else { nil }
            }
        }
        step("The network is back. One of the two puts has to give way, and everybody hears of it.")
    }

    private func put(_ key: String, _ value: String, at host: String) async throws {
        machines.tell(host, "put \(key) \(value)")
        try await machines.wait(for: "that \(key) is \(value)", of: host) {
            switch $0 {
            case .accepted(let entry) where entry.value == value: true
            default: nil
            }
        }
    }

    /// Ends the nodes, and waits until the collector has every event; how many.
    private func collect() async throws -> Int {
        let counts = try await machines.endNodes()
        return try await machines.wait(until: "the collector has all events") {
            let processes = (try? answers(ProcessLine.self, "processes", "--ghosts")) ?? []
            // Of the process that was killed, its successor tells the end: the last event that is missed.
            let isAll =
                processes.count == counts.count + 1
                && processes.allSatisfy {
                    $0.gaps == 0 && counts[$0.process] ?? $0.last == $0.last
                }
            return isAll ? processes.reduce(0) { $0 + $1.events } : nil
        }
    }

    // MARK: The questions

    private func ask() throws {
        let elections = "{ name = \"leader elected\" }"
        say("\nWho was elected?")
        try show("timeline", elections)
        let leaders = try answers(EventLine.self, "timeline", elections)
        let first = try find("the election of \(killed)", leaders) { $0.process == killed }
        let lost = try find("the election of \(cutOff)", leaders) { $0.process == cutOff }
        let rival = try find("the election of \(elected)", leaders) { $0.process == elected }

        say("\nTwo leaders at once are two elections of which neither has seen the other:")
        try show("concurrent", lost.id, elections)
        try order(lost.id, rival.id, is: "concurrent")
        try require(order(first.id, lost.id) == "before", "\(first.id) is before \(lost.id)")
        say(
            "\nWhat had each of them seen? \(cutOff) nothing of \(restarted), whose vote made \(elected) a leader:"
        )
        for election in [lost, rival] { try show("cut", election.id) }

        say("\nWhat did the leaders promise, and what became of it?")
        let promises = "{ name =~ \"put|stepped down|conflict\" }"
        try show("timeline", promises)
        let events = try answers(EventLine.self, "timeline", promises)
        try require(events.filter { $0.name == "put" }.count == 3, "three puts were done")
        let conflicts = events.filter { $0.name == "conflict" }
        let found = try find("the conflict on \(cutOff)", conflicts) { $0.process == cutOff }
        let last = try find("the conflict on \(restarted)", conflicts) { $0.process == restarted }
        say("\nBy which messages did the news of the lost put reach \(restarted)?")
        try show("path", found.id, last.id)
        let path = try find("a path", answers(PathLine.self, "path", found.id, last.id))
        try require(path.messages == 2, "the news came by two messages, over the leader")

        say("\nIs \(restarted) a restart of \(killed)? Is anything missing, or in contradiction?")
        let before = try find(
            "an event of \(killed)",
            answers(EventLine.self, "timeline", "--process", killed).suffix(1))
        try order(before.id, "\(restarted):1", is: "before")
        for verb in ["gaps", "defects"] {
            try show(verb)
            try require(answers(Anything.self, verb).isEmpty, "there are no \(verb)")
        }

        say("\nAll of it, with a column for each process and an arrow for each message:")
        try show("timeline", "--lanes", "{ level >= info }")
    }

    private func order(_ a: String, _ b: String, is expected: String) throws {
        try show("order", a, b)
        try require(order(a, b) == expected, "\(a) is \(expected) \(b)")
    }

    private func order(_ a: String, _ b: String) throws -> String? {
        try answers(OrderLine.self, "order", a, b).first?.order
    }

    private struct EventLine: Decodable { var id, process, name: String }
    private struct OrderLine: Decodable { var order: String }
    private struct PathLine: Decodable { var messages: Int? }
    private struct Anything: Decodable {}
    private struct ProcessLine: Decodable {
        var process: String
        var last: UInt64?
        var events, gaps: Int
    }

    private func find<Line>(
        _ what: String, _ lines: some Sequence<Line>,
        where isMeant: (Line) -> Bool = { _ in true }
    ) throws -> Line {
        guard let line = lines.first(where: isMeant) else {
            Terminal.complain("the demo promises to find \(what), and did not")
            throw Ended(exit: .no)
        }
        return line
    }

    private func require(_ holds: Bool, _ what: String) throws {
        _ = try find("that \(what)", holds ? [()] : [])
    }

    /// Asks a question as a person would, who sees the answer.
    private func show(_ words: String...) throws {
        let shown = words.map { $0.contains(" ") ? "'\($0)'" : $0 }.joined(separator: " ")
        Terminal.write("$ lightcone \(shown)\n")
        Terminal.flush()
        let process = try ChildProcess(words, output: nil, errors: nil, inheritsOutput: true)
        if process.wait() > Exit.no.rawValue {
            throw CommandFailure("lightcone \(shown) has failed")
        }
    }

    /// Asks a question as a program would: the lines of the answer.
    private func answers<Line: Decodable>(_ type: Line.Type, _ words: String...) throws -> [Line] {
        let output = machines.folder + "/answer.json"
        let process = try ChildProcess(
            words + ["--json"], output: output, errors: machines.folder + "/answer.log")
        guard process.wait() <= Exit.no.rawValue else {
            throw CommandFailure(DemoMachines.text(machines.folder + "/answer.log"))
        }
        return try DemoMachines.text(output).split(separator: "\n").map {
            try JSONDecoder().decode(type, from: Data($0.utf8))
        }
    }

    private mutating func step(_ text: String) {
        stepCount += 1
        say("\(stepCount). \(text)")
    }

    private func say(_ text: String) {
        Terminal.write(text + "\n")
        Terminal.flush()
    }
}
