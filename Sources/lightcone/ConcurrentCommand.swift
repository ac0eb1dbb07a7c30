import ArgumentParser
import Querying

struct ConcurrentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "concurrent",
        abstract: "Lists what an event neither could have affected nor been affected by.",
        discussion: """
            Example:
              lightcone concurrent --source shop api:7 --count
            """)

    @Argument(help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"))
    var event: String

    @Argument(help: ArgumentHelp("Which of them.", valueName: "selection"))
    var selection: String?

    @Flag(help: "Only how many there are, and whether that is all.")
    var count = false

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["event"] = [event]
        if let selection { parameters["where"] = [selection] }
        if count { parameters["count"] = ["true"] }
        try await options.ask("concurrent", parameters)
    }
}
