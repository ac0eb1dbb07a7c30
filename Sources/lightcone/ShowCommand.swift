import ArgumentParser
import Querying

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Tells everything about an event: its clock, its causes and effects.",
        discussion: """
            Example:
              lightcone show --source shop api:7
            """)

    @Argument(
        help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"),
        completion: Completing.events)
    var event: String

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["event"] = [event]
        try await options.ask("show", parameters)
    }
}
