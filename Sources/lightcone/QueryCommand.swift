import ArgumentParser
import Causality
import Collector
import Exporting
import Querying

struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Finds events by their order: patterns, joins and numbers of their matches.",
        discussion: """
            A term in braces is a selection, as in timeline. Between two terms: -> before, <- after, || concurrent, ~> by one \
            message, ->1 nearest, . on the same process, !-> and !<- none such.

            Example:
              lightcone query --source shop \\
                '{ level >= error } as a -> { name = "restart" } as b within 30s'
              lightcone query --source shop \\
                '{ name = ask } as a !-> { name = reply } as b where a.id = b.id'
              lightcone query --source shop '{ level >= warn } | count() by (process)'
            """)

    @Argument(help: ArgumentHelp("What is looked for.", valueName: "query"))
    var query: String

    @Flag(
        help: "The query as it was read, as a tree in JSON, which is a query too; nothing is asked."
    )
    var ast = false

    @Flag(
        help:
            "What the query does, step by step: how many events are expected and found, what is read."
    )
    var explain = false

    @OptionGroup var view: ViewOptions
    @OptionGroup var options: AskOptions

    func run() async throws {
        if ast { return print(try Query(query, now: .now).tree.json) }
        var parameters = QuestionParameters()
        parameters["q"] = [query]
        if explain { parameters["explain"] = ["true"] }
        try await options.ask("query", parameters, as: view)
    }
}
