import Agent
import ArgumentParser
import FoundationEssentials
import Logging

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract:
            "Follows logs on this machine, keeps their events in segments, and ships these to a collector.",
        discussion: """
            Settings: flags, then the environment (LIGHTCONE_COLLECTOR, LIGHTCONE_HOST, LIGHTCONE_SPOOL …), then the file of \
            --config. FORMAT is govector, shiviz, jsonl, text, or a name under formats: in the file. SIGTERM: what is there \
            is read, sealed and shipped, as far as the collector takes it.

            Example:
              lightcone agent --collector http://127.0.0.1:4780 --host web-1 --spool /var/lib/lightcone/spool \\
                --follow 'govector:/var/log/shop/*.log'
            """)

    @Option(help: "A configuration file, YAML.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(help: "The collector's URL.")
    var collector: String?

    @Option(help: "The name of this machine.")
    var host: String?

    @Option(help: "The folder for what the collector does not have yet.", completion: .directory)
    var spool: String?

    @Option(help: "The execution of logs that name none (default: main).")
    var execution: String?

    @Option(
        help: ArgumentHelp(
            "A log to follow; may be repeated. The path may be a pattern such as '*.log'.",
            valueName: "format:path"))
    var follow: [String] = []

    @Flag(help: "Only checks the configuration.")
    var check = false

    @Option(help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel = "info"

    func run() async throws {
        var flags = AgentFlags()
        flags.collector = collector
        flags.host = host
        flags.spool = spool
        flags.execution = execution
        flags.follow = follow
        let configuration: AgentConfiguration
        do {
            configuration = try await AgentConfiguration.load(
                file: config, flags: flags, environment: ProcessInfo.processInfo.environment)
        } catch let error as AgentError {
            Terminal.complain("\(error)")
            throw Ended(exit: .misuse)
        }
        let logger = try makeLogger("lightcone.agent", logLevel)
        if check {
            Terminal.write(
                "the configuration is in order: \(configuration.follow.count) to follow\n")
            Terminal.flush()
            return
        }
        try await AgentService(configuration, logger: logger).run()
    }
}

/// A logger to standard error.
func makeLogger(_ label: String, _ level: String) throws -> Logger {
    guard let level = Logger.Level(rawValue: level) else {
        throw ValidationError(
            "--log-level: expected one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")), found “\(level)”"
        )
    }
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
}
