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
              lightcone timeline --source shop --since -15m --last 20
              lightcone timeline --source shop --lanes --process web --process api
            """)

    @Argument(
        help: ArgumentHelp(
            "Which events, such as { process = \"web-1/api\" }.", valueName: "selection"))
    var selection: String?

    @Option(help: "Only this process; may be repeated.")
    var process: [String] = []

    @Option(help: "Only this host; may be repeated.")
    var host: [String] = []

    @Flag(help: "Goes on with what comes, as tail does. Only of a collector.")
    var follow = false

    @OptionGroup var times: TimeArguments
    @OptionGroup var listing: ListingArguments
    @OptionGroup var view: ViewOptions
    @OptionGroup var options: AskOptions

    func validate() throws {
        guard follow else { return }
        for (isGiven, name) in [(listing.reverse, "--reverse"), (view.lanes, "--lanes")]
        where isGiven {
            throw ValidationError("--follow and \(name): expected one of them, found both")
        }
    }

    func run() async throws {
        var parameters = QuestionParameters()
        times.add(to: &parameters)
        listing.add(to: &parameters)
        if let selection { parameters["where"] = [selection] }
        parameters["process"] = process
        parameters["host"] = host
        if follow {
            if listing.last == nil { parameters["all"] = ["true"] }
            return try await options.follow(parameters, as: view)
        }
        try await options.ask("timeline", parameters, as: view)
    }
}
