import ArgumentParser
import Collector

struct BrowseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "browse",
        abstract: "Shows the happens-before graph in a web browser.",
        discussion: """
            Serves the page for a folder on this machine alone, until it is interrupted, and opens it in the browser. A \
            collector serves the same page at its address: of one that runs, give that instead of its folder.

            Example:
              lightcone browse shop
              lightcone browse http://127.0.0.1:4780
            """)

    @Argument(
        help: ArgumentHelp(
            "A folder that import made, or a collector's data, or a collector's address.",
            valueName: "folder-or-url"),
        completion: .directory)
    var source: String

    @Option(
        help: ArgumentHelp(
            "The port on 127.0.0.1; 0 lets the machine choose.", valueName: "port"))
    var port = 0

    @Flag(help: "Only prints the address, and opens no browser.")
    var noOpen = false

    func run() async throws {
        guard (0...65_535).contains(port) else {
            Terminal.complain("--port: expected 0 to 65535, found \(port)")
            throw Ended(exit: .misuse)
        }
        let opens = !noOpen
        if source.hasPrefix("http://") || source.hasPrefix("https://") {
            return Self.show(source, opens: opens)
        }
        let service = BrowsingService(
            source, port: port, logger: try makeLogger("lightcone.browse", "warning"))
        try await service.run { address in
            Self.show(address + "/", opens: opens)
            Terminal.note("Ctrl-C ends it.")
        }
    }

    /// Prints an address, and has the system's browser open it.
    private static func show(_ address: String, opens: Bool) {
        Terminal.write(address + "\n")
        Terminal.flush()
        guard opens else { return }
        do {
            try ChildProcess.open(address)
        } catch {
            Terminal.note("no browser was opened: \(error)")
        }
    }
}
