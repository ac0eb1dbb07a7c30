import ArgumentParser

struct OrderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract:
            "Tells how two events are ordered: before, after, equal, concurrent or unknown, and why.",
        discussion: """
            Concurrent claims: no recorded message leads from one event to the other, and nothing that could have recorded one is \
            missing. Where something is, the answer is unknown, names it, and says what is excluded all the same.

            Example:
              lightcone order --source shop web:3 db:2
            """)

    @OptionGroup var arguments: PairArguments
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("order", arguments.parameters)
    }
}
