import ArgumentParser
import Querying

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Shows events as they come, each after all that it has seen.",
        discussion: """
            What waits for events that are not here is told after a second, with what it waits for. An event that comes after \
            what was shown of its process is marked late. Where the collector is away, tail goes on when it is back.

            Example:
              lightcone tail --source http://127.0.0.1:4780 '{ level >= warn }'
              lightcone tail --source http://127.0.0.1:4780 --last 100 --json
            """)

    @Argument(
        help: ArgumentHelp(
            "Which events, such as { process = \"web-1/api\" }.", valueName: "selection"))
    var selection: String?

    @Option(help: "At first so many events that are here already, the last ones.")
    var last = 10

    @Flag(help: "At first all events that are here already.")
    var all = false

    @Flag(help: "Events are shown before what they wait for has come, and marked.")
    var eager = false

    @OptionGroup var view: ViewOptions
    @OptionGroup var options: AskOptions

    func validate() throws {
        if view.lanes { throw ValidationError("--lanes: a diagram is drawn of what is there") }
    }

    func run() async throws {
        var parameters = QuestionParameters()
        if let selection { parameters["where"] = [selection] }
        if all { parameters["all"] = ["true"] } else { parameters["last"] = [String(last)] }
        if eager { parameters["eager"] = ["true"] }
        try await options.follow(parameters, as: view)
    }
}
