import ArgumentParser
import DemoStore
import FoundationEssentials
import Glibc
import Recording

struct DemoNodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo-node",
        abstract:
            "Runs a node of the demo's store: commands on standard input, facts on standard output.",
        discussion: """
            Commands: peers n1=PORT n2=PORT …, put KEY VALUE, isolate, isolate-when-elected, connect.
            """,
        shouldDisplay: false)

    @Option(help: "The node's name, which is also its machine's.")
    var name: String

    @Option(
        help: "The folder that it shares with the agent of its machine.", completion: .directory)
    var spool: String

    @Option(help: "How long it waits for a leader before it wants to be one, in ticks of 50 ms.")
    var patience = 20

    mutating func validate() throws {
        guard (1...1000).contains(patience) else {
            throw ValidationError("--patience: expected 1 to 1000 ticks, found \(patience)")
        }
    }

    func run() async throws {
        // A machine of its own, whose agent may not have said its name yet.
        setenv("LIGHTCONE_HOST", name, 1)
        let recorder = Recorder(process: name, spool: spool)
        var program = NodeProgram(
            name, patience: patience..<patience + 6, recorder: recorder, tell: Self.tell)
        try await program.run { readLine() }
    }

    private static func tell(_ fact: Fact) {
        guard let line = try? JSONEncoder().encode(fact) else { return }
        Terminal.write(String(decoding: line, as: UTF8.self) + "\n")
        Terminal.flush()
    }
}
