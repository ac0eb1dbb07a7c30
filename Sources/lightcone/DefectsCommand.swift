import ArgumentParser
import Querying

struct DefectsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "defects",
        abstract: "Lists contradictions in what was recorded.",
        discussion: """
            Such as a clock that runs backwards, two runs with one name and number, or a receive of what was never sent. They are \
            reported, never repaired; an answer that needs what they contradict is unknown. No line: none, and the exit code is 1.

            Example:
              lightcone defects --source shop
            """)

    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("defects")
    }
}
