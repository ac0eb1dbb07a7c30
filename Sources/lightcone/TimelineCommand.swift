import ArgumentParser
import Querying

struct TimelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Lists events in causal order, one a line.",
        discussion: """
            Each event comes after all that it had seen; of those that may come next, the one with the earliest wall time does.

            Example:
              lightcone timeline --source shop '{ level >= warn && text =~ "timeout" }'
              lightcone timeline --source shop web:3..7
              lightcone timeline --source shop --since -15m --last 20
              lightcone timeline --source shop --lanes --process web --process api
            """)

    @Argument(
        help: ArgumentHelp(
            "Which events: numbers of one process such as web:3..7 (or web:3..last), a selection such as { level >= warn }, or both.",
            valueName: "range|selection"), completion: Completing.events)
    var chosen: [String] = []

    @Option(help: "Only this process; may be repeated.", completion: Completing.processes)
    var process: [String] = []

    @Option(help: "Only this host; may be repeated.", completion: Completing.hosts)
    var host: [String] = []

    @Flag(help: "Goes on with what comes, as tail does. Only of a collector.")
    var follow = false

    @OptionGroup var times: TimeArguments
    @OptionGroup var listing: ListingArguments
    @OptionGroup var view: ViewOptions
    @OptionGroup var options: AskOptions

    func validate() throws {
        guard follow else { return }
        var parameters = QuestionParameters()
        parameters.choose(chosen)
        guard parameters["range"].isEmpty else {
            throw ValidationError(
                "--follow: a range has an end; { process = web && seq >= 3 } goes on with what comes"
            )
        }
        for (isGiven, name) in [(listing.reverse, "--reverse"), (view.lanes, "--lanes")]
        where isGiven {
            throw ValidationError("--follow and \(name): expected one of them, found both")
        }
    }

    func run() async throws {
        var parameters = QuestionParameters()
        times.add(to: &parameters)
        listing.add(to: &parameters)
        parameters.choose(chosen)
        parameters["process"] = process
        parameters["host"] = host
        if follow {
            if listing.last == nil { parameters["all"] = ["true"] }
            return try await options.follow(parameters, as: view)
        }
        try await options.ask("timeline", parameters, as: view)
    }
}
