import ArgumentParser
import Exporting
import Querying

struct TimelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "timeline",
        abstract: "Lists events in causal order, one a line.",
        discussion: """
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

    @OptionGroup var times: TimeArguments
    @OptionGroup var listing: ListingArguments
    @OptionGroup var view: ViewOptions
    @Flag(help: "A space-time diagram: a lane for each process, an arrow for each message.")
    var lanes = false

    @Flag(help: "The diagram in plain ASCII.")
    var ascii = false

    @OptionGroup var options: AskOptions

    func validate() throws {
        guard lanes else {
            if ascii { throw ValidationError("--ascii: expected --lanes, whose diagram it draws") }
            return
        }
        for (isGiven, name) in [
            (options.json, "--json"), (listing.reverse, "--reverse"),
            (view.columns != nil, "--columns"),
        ] where isGiven {
            throw ValidationError("--lanes and \(name): expected one of them, found both")
        }
    }

    func run() async throws {
        var parameters = QuestionParameters()
        times.add(to: &parameters)
        listing.add(to: &parameters)
        if let selection { parameters["where"] = [selection] }
        parameters["process"] = process
        parameters["host"] = host
        guard lanes else {
            return try await options.ask("timeline", parameters, as: view.picture)
        }
        var options = options
        if listing.last == nil {
            options.limit = min(options.limit ?? .max, LanesText.eventsMax + 1)
        }
        try await options.ask("timeline", parameters, as: diagram(try await gaps()))
    }

    private func diagram(_ gaps: [ShownGap]) -> LanesText {
        LanesText(
            LanesForm(
                width: view.width, isColored: view.isColored, isASCII: ascii, zone: view.zone),
            gaps: gaps)
    }

    /// The gaps of the execution.
    private func gaps() async throws -> [ShownGap] {
        try await options.text("gaps", QuestionParameters()).split(separator: "\n").compactMap {
            ShownGap(json: Array($0.utf8))
        }
    }
}
