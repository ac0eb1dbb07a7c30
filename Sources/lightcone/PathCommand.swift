import ArgumentParser
import Querying

struct PathCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "path",
        abstract: "Finds a shortest chain of messages from one event to another.",
        discussion: """
            Example:
              lightcone path --source shop web:1 db:4
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
        try await options.ask("path", parameters)
    }
}
