import ArgumentParser
import Querying

struct ExecutionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executions",
        abstract: "Lists the executions.",
        discussion: """
            Example:
              lightcone executions --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("executions")
    }
}
