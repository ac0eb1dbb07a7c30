import ArgumentParser
import Querying

/// An event and which of its relatives are meant: for past, future and concurrent.
struct SliceArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"),
        completion: Completing.events)
    var event: String

    @Argument(
        help: ArgumentHelp(
            "Which of them: numbers of one process such as web:3..7, a selection such as { level >= warn }, or both.",
            valueName: "range|selection"), completion: Completing.events)
    var chosen: [String] = []

    @Flag(help: "Only how many there are, and whether that is all.")
    var count = false

    @OptionGroup var times: TimeArguments
    @OptionGroup var listing: ListingArguments
    @OptionGroup var view: ViewOptions

    var parameters: QuestionParameters {
        var parameters = QuestionParameters()
        times.add(to: &parameters)
        listing.add(to: &parameters)
        parameters["event"] = [event]
        parameters.choose(chosen)
        if count { parameters["count"] = ["true"] }
        return parameters
    }
}

/// Two events: for order and path.
struct PairArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("An event, PROCESS:SEQ.", valueName: "a"),
        completion: Completing.events)
    var a: String

    @Argument(help: ArgumentHelp("Another event.", valueName: "b"), completion: Completing.events)
    var b: String

    var parameters: QuestionParameters {
        var parameters = QuestionParameters()
        parameters["a"] = [a]
        parameters["b"] = [b]
        return parameters
    }
}

/// The wall times of the events that are meant.
struct TimeArguments: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only events of this wall time or later: 2026-11-23T10:20:30Z, or -15m for a quarter of an hour ago.",
            valueName: "time"))
    var since: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Only events of this wall time or earlier.", valueName: "time"))
    var until: String?

    func add(to parameters: inout QuestionParameters) {
        if let since { parameters["since"] = [since] }
        if let until { parameters["until"] = [until] }
    }
}

/// Which end of a listing is meant.
struct ListingArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Only so many events, the last ones.", valueName: "count"))
    var last: Int?

    @Flag(help: "From the last event to the first: each before what it has seen.")
    var reverse = false

    func add(to parameters: inout QuestionParameters) {
        if let last { parameters["last"] = [String(last)] }
        if reverse { parameters["reverse"] = ["true"] }
    }
}
