import ArgumentParser
import Querying

struct CutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cut",
        abstract:
            "Tells how far each process had come: at an event, or at a time by the wall clocks.",
        discussion: """
            At an event: how many events of each process it had seen. At a time: how many each process had recorded by its own \
            wall clock. Since clocks differ, such a cut may be inconsistent: it then has an event, but not all that it had seen; \
            the greatest consistent cut inside it is shown, too.

            Example:
              lightcone cut --source shop api:7
              lightcone cut --source shop --at 2026-11-23T10:20:30Z
            """, aliases: ["seen-by"])

    @Argument(
        help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"),
        completion: Completing.events)
    var event: String?

    @Option(help: "A time, RFC 3339, instead of an event.")
    var at: String?

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        if let event { parameters["event"] = [event] }
        if let at { parameters["at"] = [at] }
        try await options.ask("cut", parameters)
    }
}

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot",
        abstract: "Tells how far each process had come at a time, by the wall clocks (cut --at).",
        discussion: """
            Example:
              lightcone snapshot --source shop 2026-11-23T10:20:30Z
            """)

    @Argument(help: ArgumentHelp("A time, RFC 3339.", valueName: "time"))
    var time: String

    @OptionGroup var options: AskOptions

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["at"] = [time]
        try await options.ask("cut", parameters)
    }
}
