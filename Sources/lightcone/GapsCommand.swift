import ArgumentParser
import Querying

struct GapsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gaps",
        abstract: "Lists events that are known to exist and are not here.",
        discussion: """
            Example:
              lightcone gaps --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("gaps")
    }
}
