import ArgumentParser
import Querying

struct ProcessesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "processes",
        abstract: "Lists the processes of an execution.",
        discussion: """
            A process is one run of a program, or one process of a log. Shows the host, the first and last event, how many are \
            here, and how many are missing in between.

            Example:
              lightcone processes --source shop --json
            """)

    @Flag(help: "Also processes of which no event is here, and others' clocks tell.")
    var ghosts = false

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        if ghosts { parameters["ghosts"] = ["true"] }
        try await options.ask("processes", parameters)
    }
}
