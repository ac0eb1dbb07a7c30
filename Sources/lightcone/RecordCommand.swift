import ArgumentParser
import AsyncHTTPClient
import Causality
import Disks
import Exporting
import FoundationEssentials
import Journals
import NIOCore
import Querying
import Recording
import Shipping

struct RecordCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "record",
        abstract: "Records one event, for shell scripts and cron jobs.",
        discussion: """
            Prints the event's id, or with --send the token that travels with the message. The agent of this machine keeps \
            the clock of the process; without an agent the event goes into the spool as a run of its own, and the next agent \
            takes it. Exit codes: 0 recorded, 2 misuse, 3 not recorded.

            Example:
              TOKEN=$(lightcone record --process deploy --name "image pushed" --send)
              ssh web-1 \\
                "lightcone record --process rollout --name started --receive $TOKEN"
            """)

    @Option(help: "The name of the process that the event belongs to.")
    var process: String

    @Option(help: "A short stable name of what happened.")
    var name = ""

    @Flag(help: "A message is sent: prints its token.")
    var send = false

    @Option(
        help: ArgumentHelp(
            "A message arrived with this token. May be repeated: all arrived at once.",
            valueName: "token"))
    var receive: [String] = []

    @Option(
        name: .customLong("attr"),
        help: ArgumentHelp(
            "An attribute, may be repeated. A number, true, false, null, or JSON in [] or {} is taken as such.",
            valueName: "key=value"))
    var attributes: [String] = []

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        completion: Completing.levels)
    var level = "info"

    @Option(help: "The set of processes whose clocks belong together (default: the agent's).")
    var execution: String?

    @Option(
        help: ArgumentHelp(
            "The folder shared with the agent (default: $LIGHTCONE_SPOOL, else /dev/shm/lightcone).",
            valueName: "dir"), completion: .directory)
    var spool: String?

    @Argument(help: "What the event says.")
    var text: [String] = []

    mutating func validate() throws {
        for (option, value) in [("--process", process), ("--execution", execution ?? "main")]
        where !(1...Causality.Limits.nameBytesMax).contains(value.utf8.count) {
            throw ValidationError(
                "\(option): expected 1 to \(Causality.Limits.nameBytesMax) bytes, found \(value.utf8.count)"
            )
        }
        guard Level(text: level) != nil else {
            throw ValidationError(
                "--level: expected one of \(Level.allCases.map(\.text).joined(separator: ", ")), found “\(level)”"
            )
        }
        if send, !receive.isEmpty {
            throw ValidationError("--send and --receive: an event is one or the other")
        }
        guard receive.count <= Causality.Limits.causesMax else {
            throw ValidationError(
                "--receive: expected at most \(Causality.Limits.causesMax), found \(receive.count)")
        }
        _ = try receive.map(RecordCommand.token)
        for attribute in attributes where RecordCommand.sides(attribute) == nil {
            throw ValidationError("--attr: expected KEY=VALUE, found “\(attribute)”")
        }
    }

    private static func token(_ text: String) throws -> Token {
        do throws(TokenError) {
            return try Token(text)
        } catch {
            throw ValidationError("--receive: \(error)")
        }
    }

    private static func sides(_ attribute: String) -> (key: String, value: String)? {
        guard let equals = attribute.firstIndex(of: "="), equals != attribute.startIndex,
            attribute[..<equals].utf8.count <= Causality.Limits.nameBytesMax
        else { return nil }
        return (String(attribute[..<equals]), String(attribute[attribute.index(after: equals)...]))
    }

    func run() async throws {
        let folder = SpoolFolder(spool)
        let answer: String
        if try RealDisk().status(folder.socket) != nil, let reply = try await askAgent(folder) {
            answer = reply
        } else {
            let isThere = try RealDisk().status(folder.path) != nil
            answer = try recordHere(folder)
            Terminal.note(
                isThere
                    ? "no agent answers in \(folder.path): the event waits there for one"
                    : "there was no spool \(folder.path), and no agent: it is made, and the event waits there for one"
            )
        }
        Terminal.write(answer + "\n")
        Terminal.flush()
    }

    // MARK: Through the agent

    private struct Reply: Decodable {
        var id: String
        var token: String?
    }

    private struct Problem: Decodable {
        var detail: String
    }

    /// The id or the token, from the agent; nil where none answers on the socket.
    private func askAgent(_ folder: SpoolFolder) async throws -> String? {
        var request = HTTPClientRequest(
            url: "http+unix://\(RecordCommand.escaped(folder.socket))/v1/events")
        request.method = .POST
        request.body = .bytes(ByteBuffer(string: line))
        let response: HTTPClientResponse
        do {
            response = try await HTTPTransport.client.execute(request, timeout: .seconds(5))
        } catch let error as HTTPClientError
            where [.deadlineExceeded, .readTimeout, .remoteConnectionClosed].contains(error)
        {
            // It may have been recorded: once more would be twice.
            throw CommandFailure(
                "the agent did not answer, and may have recorded the event: "
                    + HTTPTransport.reason(error))
        } catch {
            // An agent that was killed leaves its socket behind.
            return nil
        }
        let body = try await response.body.collect(upTo: 1 << 20)
        let bytes = Data(body.readableBytesView)
        guard response.status == .ok else {
            let detail = (try? JSONDecoder().decode(Problem.self, from: bytes))?.detail
            throw CommandFailure("the agent refused: \(detail ?? "\(response.status)")")
        }
        let reply = try JSONDecoder().decode(Reply.self, from: bytes)
        return reply.token ?? reply.id
    }

    /// The path of a socket as a URL's host.
    static func escaped(_ path: String) -> String {
        PercentEscaping.escape(path) { byte in
            !(UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
                || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_"))
        }
    }

    /// The event as `EventRequest` reads it.
    private var line: String {
        JSONWriter.object { writer in
            writer.member("process", process)
            if let execution { writer.member("execution", execution) }
            writer.member("kind", send ? "send" : receive.isEmpty ? "local" : "receive")
            if !receive.isEmpty { writer.member("tokens", receive) }
            writer.member("name", name)
            writer.member("text", text.joined(separator: " "))
            writer.member("level", level)
            writer.key("attributes")
            writer.object { writer in
                for (key, value) in attributes.compactMap(RecordCommand.sides) {
                    writer.key(text: key)
                    if RecordCommand.isJSON(value) {
                        writer.raw(value)
                    } else {
                        writer.value(value)
                    }
                }
            }
        }
    }

    /// Whether a value is meant as JSON: whatever is, but strings, which a shell quotes in its own way.
    private static func isJSON(_ value: String) -> Bool {
        !value.hasPrefix("\"") && JSONScanner.isValue(value)
    }

    // MARK: Without an agent

    /// Records into the spool: a run of the process of its own, which has seen what the one before had.
    private func recordHere(_ folder: SpoolFolder) throws -> String {
        let recorder = Recorder(
            process: process, host: nil, execution: execution ?? ProcessKey.executionDefault,
            spool: folder, isKeptByName: true, chunkByteCount: 64 << 10, chunksMax: 64,
            redaction: RecorderRedaction.of(folder, patterns: nil))
        // Who records under the name next must know of this.
        if let problem = recorder.numberProblem { throw CommandFailure("not recorded: \(problem)") }
        let level = Level(text: level)!
        var values = Attributes()
        for (key, value) in attributes.compactMap(RecordCommand.sides) {
            values.add(key, RecordCommand.isJSON(value) ? .json(value) : .text(value))
        }
        let text = text.joined(separator: " ")
        let answer: String
        if !receive.isEmpty {
            let tokens = try receive.map(RecordCommand.token)
            answer =
                recorder.receive(tokens, EventName(name), text, level: level, attributes: values)
                .description
        } else if send {
            answer = recorder.send(EventName(name), text, level: level, attributes: values).text
        } else {
            answer =
                recorder.record(EventName(name), text, level: level, attributes: values)!
                .description
        }
        let status = recorder.status
        if status.lost > 0 {
            throw CommandFailure("not recorded: \(status.problem ?? "the spool cannot be written")")
        }
        return answer
    }
}
