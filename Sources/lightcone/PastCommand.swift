import ArgumentParser

struct PastCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "past",
        abstract: "Lists what could have caused an event.",
        discussion: """
            Its causal past: every event from which messages and processes lead to it. --last lists the latest ones.

            Example:
              lightcone past --source shop api:7 --count
            """)

    @OptionGroup var arguments: SliceArguments
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("past", arguments.parameters, as: arguments.view)
    }
}
