import ArgumentParser
import Querying

struct DefectsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "defects",
        abstract: "Lists contradictions in what was recorded.",
        discussion: """
            Example:
              lightcone defects --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("defects")
    }
}
