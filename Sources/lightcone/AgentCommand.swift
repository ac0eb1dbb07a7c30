import Agent
import ArgumentParser
import Causality
import FoundationEssentials
import Logging

struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract:
            "Takes the events of this machine's programs and logs, keeps them in segments, and ships these to a collector.",
        discussion: """
            Programs that record through the library, the agent's socket or `lightcone record` appear by themselves: they share \
            the spool with the agent. Logs are followed where --follow says so.

            To a collector of other machines it comes by https://, with the certificate of its host: `lightcone agent enroll` gets that.

            Settings: flags, then the environment (LIGHTCONE_COLLECTOR, LIGHTCONE_HOST, LIGHTCONE_SPOOL …), then the file of \
            --config. FORMAT is govector, shiviz, jsonl, text, or a name under formats: in the file. Times in \
            logs that say no zone are UTC, or local time where TZ is set. SIGTERM: what is there \
            is read, sealed and shipped, as far as the collector takes it.

            Example:
              lightcone agent --collector http://127.0.0.1:4780 --host web-1
              lightcone agent --collector http://127.0.0.1:4780 --host web-1 \\
                --follow 'text:/var/log/*.log'
            """,
        subcommands: [Enroll.self, Names.self])

    @Option(help: "A configuration file, YAML.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(help: "The collector's URL; needed here or in the settings.")
    var collector: String?

    @Option(help: "The name of this machine; needed here or in the settings.")
    var host: String?

    @Option(
        help: ArgumentHelp(
            "The folder that programs share with the agent (default: /dev/shm/lightcone).",
            valueName: "dir"), completion: .directory)
    var spool: String?

    @Option(
        help: ArgumentHelp(
            "The folder for what the collector does not have yet (default: the spool; for a spool in memory, one in /var/lib/lightcone).",
            valueName: "dir"), completion: .directory)
    var data: String?

    @Option(
        help: ArgumentHelp(
            "A loopback address where the local interface listens, beside the socket in the spool.",
            valueName: "host:port"))
    var listen: String?

    @Option(help: "The execution of logs that name none (default: main).")
    var execution: String?

    @Option(
        help: ArgumentHelp(
            "A log to follow; may be repeated. The path may be a pattern such as '*.log'.",
            valueName: "format:path"))
    var follow: [String] = []

    @Flag(help: "Only checks the configuration.")
    var check = false

    @Option(
        help: "trace, debug, info, notice, warning, error or critical.",
        completion: Completing.levels)
    var logLevel = "info"

    func run() async throws {
        var flags = AgentFlags()
        flags.collector = collector
        flags.host = host
        flags.spool = spool
        flags.data = data
        flags.listen = listen
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

extension AgentCommand {
    struct Names: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "names",
            abstract: "Shows which user of this machine records under which name, or releases one.",
            discussion: """
                Of an agent that root runs. A name is of the user that recorded under it first, and events of others under it are refused; \
                `users:` in the agent's configuration goes before. Released, it is of whoever comes next. --data names the agent's data folder.

                Example:
                  lightcone agent names --data /var/lib/lightcone/agent
                  lightcone agent names --data /var/lib/lightcone/agent --release api
                """)

        @Option(help: ArgumentHelp("The name to release.", valueName: "name"))
        var release: String?

        @ParentCommand var parent: AgentCommand

        func run() throws {
            guard let data = parent.data else {
                throw ValidationError("--data: expected the agent's data folder")
            }
            do {
                let owners = try NameOwners(data: data)
                if let release {
                    guard try owners.release(release) else {
                        Terminal.complain("nobody has the name “\(printable(release))”")
                        throw Ended(exit: .no)
                    }
                    Terminal.write("released \(printable(release))\n")
                } else {
                    for (name, user) in owners.all {
                        Terminal.write(
                            "\(printable(name.process.text))  \(printable(name.execution.text))  user \(user)\n"
                        )
                    }
                }
                Terminal.flush()
            } catch let error as AgentError {
                Terminal.complain("\(error)")
                throw Ended(exit: .failure)
            }
        }
    }
}

/// A logger to standard error.
func makeLogger(_ label: String, _ level: String) throws -> Logger {
    guard let level = Logger.Level(rawValue: level) else {
        throw ValidationError(
            "--log-level: expected one of \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")), found “\(level)”"
        )
    }
    var logger = Logger(label: label) { StreamLogHandler(label: $0, stream: Terminal.Log()) }
    logger.logLevel = level
    return logger
}
