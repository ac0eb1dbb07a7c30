import Archiving
import ArgumentParser
import Collector
import NIOHTTP1
import Querying

struct DropCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop",
        abstract: "Drops an execution, such as a test run, for good.",
        discussion: """
            Everything that has arrived of it is dropped at once, without asking; it cannot be brought back. Files that held nothing \
            else are removed; what shares files with other executions goes when these are merged the next time. Segments that agents \
            send again do not bring it back. What arrives later, and was not here, is shown under the same name: a program that still \
            records in it, or an agent that was away. A collector that runs drops for programs of its own machine, or, where it speaks TLS, for tokens of the scope admin.

            Exit codes: 0 dropped, 1 no such execution, 2 misuse, 3 failure.

            Example:
              lightcone drop test-4711 --data /var/lib/lightcone/data
              lightcone drop test-4711 --collector http://127.0.0.1:4780
            """)

    @Argument(help: "The execution.")
    var execution: String

    @Option(
        help: ArgumentHelp(
            "The data folder of a collector that is stopped, or a folder that import made.",
            valueName: "dir"),
        completion: .directory)
    var data: String?

    @Option(help: ArgumentHelp("A collector that runs.", valueName: "url"))
    var collector: String?

    @Flag(help: "One JSON object.")
    var json = false

    @OptionGroup var access: RemoteAccess

    func validate() throws {
        if (data == nil) == (collector == nil) {
            throw ValidationError("where is it? give either --data DIR or --collector URL")
        }
    }

    func run() async throws {
        if let collector {
            var parameters = QuestionParameters()
            parameters["execution"] = [execution]
            let response = try await RemoteSource(collector, access).open(
                "executions", parameters, isJSON: json, method: .DELETE)
            Terminal.write(String(buffer: try await response.body.collect(upTo: 1 << 20)))
        } else if let data {
            // An archive is made where there is none: not to drop something from it.
            _ = try Archive(data, .readOnly)
            let archive = try Archive(data, .readWrite)
            for warning in try archive.recover() { Terminal.note(warning) }
            guard let dropped = try archive.drop(execution) else {
                throw DropAnswer.nothing(execution)
            }
            archive.tellLog()
            Terminal.write(DropAnswer(dropped).text(isJSON: json))
        }
        Terminal.flush()
    }
}
