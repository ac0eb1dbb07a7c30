import ArgumentParser

struct PathCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Finds a shortest chain of messages from one event to another.",
        discussion: """
            Example:
              lightcone path --source shop web:1 db:4
            """)

    @OptionGroup var arguments: PairArguments
    @OptionGroup var options: AskOptions

    func run() async throws {
        try await options.ask("path", arguments.parameters)
    }
}
