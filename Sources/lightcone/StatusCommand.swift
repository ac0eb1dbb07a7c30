import ArgumentParser
import AsyncHTTPClient
import Causality
import Exporting
import FoundationEssentials
import Journals
import NIOCore
import Querying
import Shipping

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how agents, executions and the disk are doing.",
        discussion: """
            “waiting” counts events that are here and have seen events that are not: what is concurrent with them, or comes after \
            them, is not fully known until the missing ones arrive. “missing” counts those.

            With --spool it asks the agent of this machine how often each rule of what is not recorded found something since the agent \
            began. What programs have redacted themselves is not counted there.

            Exit code 1: something needs a person, and the last lines say what.

            Example:
              lightcone status --source http://127.0.0.1:4780
              lightcone status --spool /dev/shm/lightcone
            """)

    @Option(
        help: ArgumentHelp(
            "Ask the agent of this spool what it redacted, in the place of a collector.",
            valueName: "dir"), completion: .directory)
    var spool: String?

    @OptionGroup var options: AskOptions

    func run() async throws {
        guard let spool else { return try await options.ask("status") }
        try await askAgent(SpoolFolder(spool))
    }

    private struct RedactionCount: Decodable {
        var rule: String
        var count: Int
    }

    private func askAgent(_ folder: SpoolFolder) async throws {
        let request = HTTPClientRequest(
            url: "http+unix://\(RecordCommand.escaped(folder.socket))/v1/redaction")
        let body: ByteBuffer
        do {
            let response = try await HTTPTransport.client.execute(request, timeout: .seconds(5))
            guard response.status == .ok else {
                throw CommandFailure("the agent refused: \(response.status)")
            }
            body = try await response.body.collect(upTo: 1 << 20)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("no agent answers in \(folder.path): \(error)")
        }
        let lines = body.readableBytesView.split(separator: UInt8(ascii: "\n"))
        let counts = try lines.map { try JSONDecoder().decode(RedactionCount.self, from: Data($0)) }
        if options.json {
            for line in lines { Terminal.write(String(decoding: line, as: UTF8.self) + "\n") }
        } else if counts.isEmpty {
            Terminal.write("nothing is redacted here: the agent has no rules\n")
        } else {
            let rows =
                [["rule", "redacted"]] + counts.map { [printable($0.rule), grouped($0.count)] }
            for line in StatusAnswer.table(rows, numbersFrom: 1) { Terminal.write(line + "\n") }
        }
        Terminal.flush()
    }
}
