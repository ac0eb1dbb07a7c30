import Archiving
import ArgumentParser
import Causality
import FoundationEssentials
import Journals
import Querying
import Segments
import Shipping

struct RuleOutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rule-out",
        abstract: "States that no message came at an event, where a token could not be read.",
        discussion: """
            Where a token could not be read, or events were lost, answers that need what came there are unknown, and name the \
            event (“a message came at web-1/api:8 whose token could not be read”). If you know that none did, state it here: the \
            statement becomes an event of its own and is kept, and answers that rely on it say so. It covers the event and what \
            was lost directly before it. It cannot be taken back.

            Example:
              lightcone rule-out web-1/api:8 --because "a health check"
            """)

    @Argument(
        help: ArgumentHelp("The event that an answer names.", valueName: "event"),
        completion: Completing.events)
    var event: String

    @Option(help: ArgumentHelp("How you know.", valueName: "text"))
    var because: String

    @OptionGroup var options: AskOptions

    mutating func validate() throws {
        guard !because.isEmpty, because.utf8.count <= Causality.Limits.eventBytesMax else {
            throw ValidationError("--because: expected a text, of at most 1 MiB")
        }
    }

    /// What `show` tells of the event.
    private struct Shown: Decodable {
        struct Event: Decodable {
            var id, stamp, execution: String
            var seq: UInt64
            var run: String?
            var lossySince: String?
        }
        var event: Event?
        var ruledOutBy: [String]?
    }

    func run() async throws {
        var parameters = QuestionParameters()
        parameters["event"] = [event]
        let text = try await options.text("show", parameters)
        let shown = try JSONDecoder().decode(Shown.self, from: Data(text.utf8))
        guard let found = shown.event else {
            throw QuestionError(.notFound, "\(event) is not here: it can be ruled out when it is")
        }
        if let by = shown.ruledOutBy?.first {
            Terminal.note("\(found.id) was ruled out before, by \(by)")
            throw Ended(exit: .no)
        }
        guard found.stamp == "lossy", let since = found.lossySince else {
            throw QuestionError(
                .misuse,
                "\(found.id) is \(found.stamp): nothing was lost there that could be ruled out")
        }
        guard since == found.id, let run = found.run.flatMap(Identity128.init(hex:)) else {
            throw QuestionError(
                .misuse, "what \(found.id) lacks was lost at \(since): rule that out")
        }
        let ruling = Ruling(
            of: EventReference(.run(RunKey(run)), found.seq), named: found.id, run: run,
            execution: found.execution, because: because)
        try await options.append(ruling.segment, as: ruling.id)
        Terminal.write("\(ruling.event.id)\n")
        Terminal.flush()
    }
}

/// An operator's word, as the only event of a process of its own, in a segment of its own: the same word twice is one.
private struct Ruling {
    let id: Identity128
    let event: Event
    let segment: [UInt8]

    init(
        of ruled: EventReference, named name: String, run: Identity128, execution: String,
        because text: String
    ) {
        let host = Name.host(SpoolFolder.systemHostName)
        id = Identity128(naming: Array("rule-out \(run) \(ruled.sequence)".utf8))
        let now = WallTime.now
        let key = ProcessKey(
            execution: execution, host: host,
            process: ProcessID(
                name: Name.recorded("rule-out \(name)".replacing(":", with: " "), on: host)),
            run: id)
        var attributes = [Attribute("event", .text(name))]
        if let user = ProcessInfo.processInfo.environment["USER"] {
            attributes.append(Attribute("user", .text(user)))
        }
        event = Event(
            id: EventID(key.process, 1), time: now, name: "ruled out", text: text,
            level: .notice, attributes: attributes, clock: VectorClock([key.reference: 1]),
            rulesOut: ruled)
        var writer = SegmentWriter(
            SegmentHeader(
                agent: Identity128(naming: Array("lightcone rule-out".utf8)), segment: id,
                created: now))
        segment =
            writer.header.encoded() + writer.commit(EventBatch([event], of: key), Commit())
            + writer.footer()
    }
}
