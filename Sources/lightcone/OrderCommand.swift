import ArgumentParser
import Querying

struct OrderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "order",
        abstract:
            "Tells how two events are ordered: before, after, equal, concurrent or unknown, and why.",
        discussion: """
            Example:
              lightcone order --source shop web:3 db:2
            """)

    @Argument(help: ArgumentHelp("An event, PROCESS:SEQ.", valueName: "a"))
    var a: String

    @Argument(help: ArgumentHelp("Another event.", valueName: "b"))
    var b: String

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["a"] = [a]
        parameters["b"] = [b]
        try await options.ask("order", parameters)
    }
}
