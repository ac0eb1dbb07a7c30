import ArgumentParser
import Collector

struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collector",
        abstract: "Receives segments from agents, keeps them, and answers questions over HTTP.",
        discussion: """
            The questions of this command line are at /v1/VERB, with the same words: /v1/order?a=web:3&b=db:2. /healthz tells \
            that it lives, /readyz that it can store and answer, which it tries. A question may work for 30 s, or as long as it asks \
            for (&timeout=2m).

            Example:
              lightcone collector --data /var/lib/lightcone/data --listen 127.0.0.1:4780
            """)

    @Option(help: "The folder for the segments and their catalogue.", completion: .directory)
    var data: String

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 lets the machine choose.", valueName: "host:port"))
    var listen = "127.0.0.1:4780"

    @Option(
        help: ArgumentHelp(
            "Seconds between two looks for sealed segments and parts to merge.",
            valueName: "seconds"))
    var mergeSeconds = 10

    @Flag(
        help:
            "Allows to listen beyond this machine, though there is no TLS and no authentication yet."
    )
    var insecure = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func run() async throws {
        guard (1...3_600).contains(mergeSeconds) else {
            Terminal.complain("--merge-seconds: expected 1 to 3600, found \(mergeSeconds)")
            throw Ended(exit: .misuse)
        }
        var configuration: CollectorService.Configuration
        do {
            configuration = try CollectorService.Configuration(
                data: data, listen: listen, isInsecureAllowed: insecure)
        } catch {
            Terminal.complain("\(error)")
            throw Ended(exit: .misuse)
        }
        configuration.mergeSeconds = mergeSeconds
        try await CollectorService(
            configuration, logger: makeLogger("lightcone.collector", logLevel)
        ).run()
    }
}
