import ArgumentParser
import Querying

struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract:
            "Lists what led to an event: the last messages before it, those before their sends, and so on.",
        discussion: """
            Of each process only the last receive and the send that follow on one another are listed; whoever only passed a \
            message on is left out. "lightcone past" lists all that may have led to it.

            Example:
              lightcone why --source shop web:1047
            """)

    @Argument(
        help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"),
        completion: Completing.events)
    var event: String

    @OptionGroup var view: ViewOptions
    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["event"] = [event]
        try await options.ask("why", parameters, as: view)
    }
}
