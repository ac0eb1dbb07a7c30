import ArgumentParser
import Querying

struct ExecutionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "executions",
        abstract: "Lists the executions: sets of processes, such as prod or a test run.",
        discussion: """
            An execution is a named set of processes whose clocks belong together; it is main where nobody has named one. Shows \
            how many processes and events each has, and what was dropped.

            Example:
              lightcone executions --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("executions")
    }
}
