import ArgumentParser
import Querying

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how agents, executions and the disk are doing.",
        discussion: """
            Waiting are events that are here and have seen what is missing: what was concurrent with them, or came after them, \
            is not known yet. Exit code 1: something needs a person, and the last lines say what.

            Example:
              lightcone status --source http://127.0.0.1:4780
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("status")
    }
}
