import ArgumentParser
import Querying

struct ProcessesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Lists the processes of an execution.",
        discussion: """
            Example:
              lightcone processes --source shop --json
            """)

    @Flag(help: "Also processes that are only cited.")
    var ghosts = false

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        if ghosts { parameters["ghosts"] = ["true"] }
        try await options.ask("processes", parameters)
    }
}
