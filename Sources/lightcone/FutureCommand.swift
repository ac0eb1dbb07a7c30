import ArgumentParser

struct FutureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "future",
        abstract: "Lists what an event could have affected.",
        discussion: """
            Its causal future: every event to which messages and processes lead from it. More can always arrive; a note tells \
            up to which event of each process the answer is complete.

            Example:
              lightcone future --source shop api:7 --count
            """)

    @OptionGroup var arguments: SliceArguments
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("future", arguments.parameters, as: arguments.view)
    }
}
