import ArgumentParser
import Querying

/// An event and which of its relatives are meant: for past, future and concurrent.
struct SliceArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The event, PROCESS:SEQ.", valueName: "event"))
    var event: String

    @Argument(help: ArgumentHelp("Which of them.", valueName: "selection"))
    var selection: String?

    @Flag(help: "Only how many there are, and whether that is all.")
    var count = false

    var parameters: QuestionParameters {
        var parameters = QuestionParameters()
        parameters["event"] = [event]
        if let selection { parameters["where"] = [selection] }
        if count { parameters["count"] = ["true"] }
        return parameters
    }
}

/// Two events: for order and path.
struct PairArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("An event, PROCESS:SEQ.", valueName: "a"))
    var a: String

    @Argument(help: ArgumentHelp("Another event.", valueName: "b"))
    var b: String

    var parameters: QuestionParameters {
        var parameters = QuestionParameters()
        parameters["a"] = [a]
        parameters["b"] = [b]
        return parameters
    }
}
