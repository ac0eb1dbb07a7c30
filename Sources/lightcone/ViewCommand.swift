import ArgumentParser
import Querying

struct ViewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Tells what a host or process did, and what it had seen of every other process.",
        discussion: """
            Example:
              lightcone view --source shop api --at api:7
            """)

    @Argument(
        help: ArgumentHelp("A host or a process.", valueName: "host-or-process"),
        completion: Completing.hostsAndProcesses)
    var name: String

    @Option(help: "An event of it, PROCESS:SEQ (default: its last).", completion: Completing.events)
    var at: String?

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["of"] = [name]
        if let at { parameters["at"] = [at] }
        try await options.ask("view", parameters)
    }
}
