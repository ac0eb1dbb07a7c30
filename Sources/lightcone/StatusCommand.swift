import ArgumentParser
import Querying

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how agents, executions and the disk are doing.",
        discussion: """
            “waiting” counts events that are here and have seen events that are not: what is concurrent with them, or comes after \
            them, is not fully known until the missing ones arrive. “missing” counts those.

            Exit code 1: something needs a person, and the last lines say what.

            Example:
              lightcone status --source http://127.0.0.1:4780
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("status")
    }
}
