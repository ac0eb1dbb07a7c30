import ArgumentParser
import Collector
import FoundationEssentials

struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collector",
        abstract: "Receives segments from agents, keeps them, and answers questions over HTTP.",
        discussion: """
            The questions of this command line are at /v1/VERB, with the same words: /v1/order?a=web:3&b=db:2. /healthz tells \
            that it lives, /readyz that it can store and answer, which it tries. A question may take 30 s, or as long as it says \
            (&timeout=2m).

            Other machines reach it by TLS alone, and with a certificate or a token: `lightcone collector init` makes what that needs. \
            Without, it listens on 127.0.0.1 to programs of this machine, all of which may record and ask.

            Settings: flags, then the environment (LIGHTCONE_DATA, LIGHTCONE_LISTEN, LIGHTCONE_RETAIN …), then the file of \
            --config, which may say how long each execution is kept. The order of dropped events stays known as far as \
            later events tell; `lightcone executions` tells up to when events were dropped.

            Example:
              lightcone collector --data /var/lib/lightcone/data --listen 127.0.0.1:4780
            """,
        subcommands: [Init.self, RotateTokenKey.self])

    @Option(help: "A configuration file, YAML.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(
        help: "The folder that holds all that is kept; needed here or in the settings.",
        completion: .directory)
    var data: String?

    @Option(
        help: ArgumentHelp(
            "Where to listen; port 0 lets the machine choose (default: 127.0.0.1:4780).",
            valueName: "host:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp(
            "Drops events once they are older, such as 12h, 30d or 8w (default: keeps them).",
            valueName: "time"))
    var retain: String?

    @Option(
        help: ArgumentHelp(
            "Drops the oldest events of each execution that takes more, such as 500GB or 2TiB (default: keeps them).",
            valueName: "size"))
    var retainBytes: String?

    @Option(
        help: ArgumentHelp(
            "Seconds between two searches for events to drop.", valueName: "seconds"))
    var retainSeconds = 60

    @Option(
        help: ArgumentHelp(
            "Seconds between two searches for files to merge (default: 10).",
            valueName: "seconds"))
    var mergeSeconds: Int?

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        completion: Completing.levels)
    var logLevel = "info"

    func run() async throws {
        guard (1...86_400).contains(retainSeconds) else {
            Terminal.complain("--retain-seconds: expected 1 to 86400, found \(retainSeconds)")
            throw Ended(exit: .misuse)
        }
        var flags = CollectorFlags()
        flags.data = data
        flags.listen = listen
        flags.mergeSeconds = mergeSeconds
        flags.retain = retain
        flags.retainBytes = retainBytes
        var configuration: CollectorService.Configuration
        do {
            configuration = try await CollectorService.Configuration.load(
                file: config, flags: flags, environment: ProcessInfo.processInfo.environment)
        } catch let error as CollectorError {
            Terminal.complain("\(error)")
            throw Ended(exit: .misuse)
        }
        configuration.retentionSeconds = retainSeconds
        try await CollectorService(
            configuration, logger: makeLogger("lightcone.collector", logLevel)
        ).run()
    }
}
