import ArgumentParser
import Exporting
import Querying

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the graph, or a part of it, in another tool's format.",
        discussion: """
            json: one object of processes, events and message edges. ndjson: one event a line, as import --format jsonl reads \
            it. dot: Graphviz. graphml: networkx, Gephi, yEd. mermaid: a sequence diagram of at most 200 events. shiviz: a log \
            with its pattern, for ShiViz. perfetto: Trace Event JSON, for ui.perfetto.dev.

            Example:
              lightcone export --source shop --format dot --past-of api:7 -o past.dot
            """)

    @Option(
        help: "json, ndjson, dot, graphml, mermaid, shiviz or perfetto.",
        completion: .list(ExportFormat.allCases.map(\.rawValue)))
    var format: String

    @Option(help: "Only this event and what could have caused it.", completion: Completing.events)
    var pastOf: String?

    @Option(help: "Only this event and what it could have affected.", completion: Completing.events)
    var futureOf: String?

    @Argument(
        help: ArgumentHelp(
            "Only these of them: numbers of one process such as web:3..7, a selection such as { level >= warn }, or both.",
            valueName: "range|selection"), completion: Completing.events)
    var chosen: [String] = []

    @OptionGroup var times: TimeArguments

    @Option(
        name: [.short, .long], help: "The file to write (default: standard output).",
        completion: .file())
    var output: String?

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        times.add(to: &parameters)
        parameters["format"] = [format]
        if let pastOf { parameters["past-of"] = [pastOf] }
        if let futureOf { parameters["future-of"] = [futureOf] }
        parameters.choose(chosen)
        try await options.export(parameters, to: output)
    }
}
