import ArgumentParser

struct ConcurrentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "concurrent",
        abstract: "Lists what an event neither could have affected nor been affected by.",
        discussion: """
            Concurrent claims: no recorded message leads from one event to the other, and nothing that could have recorded one is \
            missing.

            Example:
              lightcone concurrent --source shop api:7 --count
            """)

    @OptionGroup var arguments: SliceArguments
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("concurrent", arguments.parameters, as: arguments.view)
    }
}
