import ArgumentParser
import Querying

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract:
            "Shows events as they come, each after all that it has seen, or matches of a pattern.",
        discussion: """
            What waits for events that are not here is told after a second, with what it waits for. An event that comes after \
            what was shown of its process is marked late. Where the collector is away, tail goes on when it is back.

            Of a pattern, as query has it, each match comes once, with the last of its events. What later events could make \
            wrong is refused: !->, ready-made patterns, conditions on kind, and what stands behind a |.

            Example:
              lightcone tail --source http://127.0.0.1:4780 '{ level >= warn }'
              lightcone tail --source http://127.0.0.1:4780 --last 100 --json
              lightcone tail '{ name = deploy } -> { level >= error }'
            """)

    @Argument(
        help: ArgumentHelp(
            "Which events, such as { process = \"web-1/api\" }, or matches of which pattern.",
            valueName: "selection-or-pattern"))
    var followed: String?

    @Option(help: "At first so many events, or matches, that are here already, the last ones.")
    var last = 10

    @Flag(help: "At first all events, or matches, that are here already.")
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
        if let followed { parameters.follow(followed) }
        if all { parameters["all"] = ["true"] } else { parameters["last"] = [String(last)] }
        if eager { parameters["eager"] = ["true"] }
        try await options.follow(parameters, as: view)
    }
}
