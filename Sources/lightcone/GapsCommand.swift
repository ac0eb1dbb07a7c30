import ArgumentParser
import Querying

struct GapsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gaps",
        abstract: "Lists events that are known to exist and are not here.",
        discussion: """
            Others have seen them, or later events of their process are here. Each line says why they are missing, where that is \
            known. No line: nothing is missing, and the exit code is 1.

            Example:
              lightcone gaps --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("gaps")
    }
}
