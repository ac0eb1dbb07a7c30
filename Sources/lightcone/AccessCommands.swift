import Access
import Agent
import ArgumentParser
import Causality
import Exporting
import FoundationEssentials
import Querying

// Who may come to a collector: these commands change files in its data folder, and a collector that runs sees that within seconds.

/// The folder that these commands are about.
struct AccessOptions: ParsableArguments {
    @Option(help: "The collector's data folder.", completion: .directory)
    var data: String

    var folder: AccessFolder { AccessFolder(data: data) }
}

/// Ends with what is wrong, as misuse where that is what was asked for.
private func telling<Value>(_ body: () throws -> Value) throws -> Value {
    do {
        return try body()
    } catch let error as AccessError {
        Terminal.complain("\(error)")
        throw Ended(exit: .failure)
    }
}

private func seconds(_ text: String, _ option: String) throws -> Int64 {
    guard let seconds = QuestionParameters.seconds(text), (1...315_360_000).contains(seconds) else {
        throw ValidationError("\(option): expected a time such as 1h or 90d, found \(text)")
    }
    return Int64(seconds)
}

private func date(_ seconds: Int64) -> String {
    WallTime(nanoseconds: seconds * 1_000_000_000).description
}

extension CollectorCommand {
    struct Init: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Makes a collector's own certificate authority, and its certificate.",
            discussion: """
                Then the collector speaks TLS 1.3, hosts come with certificates (`lightcone enroll-token`), and people and programs \
                that ask with tokens (`lightcone token`). Its certificate is good for 30 days, and renews itself. Whoever can read \
                the folder can vouch for anybody: it is for the collector's user alone.

                --data names the collector's data folder.

                Example:
                  lightcone collector init --data /var/lib/lightcone/data --name lc.example
                """)

        @Option(
            help: ArgumentHelp(
                "A name or an address under which the collector is reached; repeated for more.",
                valueName: "name"))
        var name: [String]

        @ParentCommand var parent: CollectorCommand

        func run() throws {
            guard let data = parent.data else {
                throw ValidationError("--data: expected the collector's data folder")
            }
            let folder = AccessFolder(data: data)
            try telling {
                try folder.make(names: name, now: .now)
                Terminal.write(
                    "made \(folder.path): the collector speaks TLS from its next start on\n")
                Terminal.flush()
            }
        }
    }
}

extension CollectorCommand {
    struct RotateTokenKey: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-token-key",
            abstract: "Makes another key for the tokens of messages.",
            discussion: """
                Programs of enrolled hosts seal the tokens that travel with their messages, and take no others. The new key seals after \
                an hour, when all agents have it, which ask every ten minutes; the one that it follows is accepted until the next \
                change. So after a key became known, change it twice, an hour apart.

                --data names the collector's data folder.

                Example:
                  lightcone collector rotate-token-key --data /var/lib/lightcone/data
                """)

        @ParentCommand var parent: CollectorCommand

        func run() throws {
            guard let data = parent.data else {
                throw ValidationError("--data: expected the collector's data folder")
            }
            try telling {
                let time = try AccessFolder(data: data).rotateTokenKey(now: .now)
                Terminal.write("made a key: it seals from \(time) on\n")
                Terminal.flush()
            }
        }
    }
}

struct EnrollTokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enroll-token",
        abstract: "Makes a token with which the agent of a host gets its certificate.",
        discussion: """
            The token names the host, and the authority that the collector must have. It is printed once; kept is a hash.

            Example:
              lightcone enroll-token --data /var/lib/lightcone/data --host web-1
            """)

    @Option(help: "The name of the host.")
    var host: String

    @Option(help: ArgumentHelp("How long it is good.", valueName: "time"))
    var ttl = "1h"

    @Option(help: "How many times it may be used.")
    var uses = 1

    @OptionGroup var access: AccessOptions

    func run() throws {
        let lifetime = try seconds(ttl, "--ttl")
        guard (1...100_000).contains(uses) else {
            throw ValidationError("--uses: expected 1 to 100000, found \(uses)")
        }
        guard (try? Name(host)) != nil, host.utf8.count <= Causality.Limits.hostBytesMax else {
            throw ValidationError(
                "--host: expected a name of 1 to \(Causality.Limits.hostBytesMax) bytes, found “\(printable(host))”"
            )
        }
        try telling {
            let fingerprint = try access.folder.authority().fingerprint()
            let secret = try access.folder.change {
                $0.addEnrolment(of: host, seconds: lifetime, uses: uses, now: .now)
            }
            Terminal.write(secret.text(Registry.enrolmentPrefix) + "_" + fingerprint + "\n")
            Terminal.flush()
        }
    }
}

extension AgentCommand {
    struct Enroll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "enroll",
            abstract: "Gets the certificate of this host from a collector.",
            discussion: """
                The key is made here and never leaves this machine; the agent shows the certificate to the collector, and renews it. \
                The token is read from a file, or from standard input, so that no other program sees it. --data and --spool say where \
                the agent keeps what is its own, as they do for the agent.

                Example:
                  lightcone agent enroll --collector https://lc.example:4780 < token
                """)

        @Option(
            help: ArgumentHelp(
                "A file with a token of lightcone enroll-token (default: standard input).",
                valueName: "file"), completion: .file())
        var tokenFile: String?

        @ParentCommand var parent: AgentCommand

        func run() async throws {
            let token: String
            if let tokenFile {
                token = try telling { try SecretFile.text(tokenFile, isSecret: true) }
            } else {
                token = readLine() ?? ""
            }
            guard let collector = parent.collector else {
                throw ValidationError("--collector: expected the collector's URL")
            }
            var flags = AgentFlags()
            flags.collector = collector
            flags.host = "unknown"
            flags.spool = parent.spool
            flags.data = parent.data
            do {
                let configuration = try await AgentConfiguration.load(
                    file: nil, flags: flags, environment: ProcessInfo.processInfo.environment)
                let host = try await Enrolment(
                    collector: collector, data: configuration.makeDataFolder()
                ).enrol(token)
                Terminal.write(
                    "enrolled as \(printable(host)): start it with lightcone agent --collector \(collector) --host \(printable(host))\n"
                )
                Terminal.flush()
            } catch let error as AgentError {
                Terminal.complain("\(error)")
                throw Ended(exit: .failure)
            } catch let error as AccessError {
                Terminal.complain("\(error)")
                throw Ended(exit: .failure)
            }
        }
    }
}

struct HostsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hosts",
        abstract: "Lists the hosts that are enrolled, or revokes one.",
        discussion: """
            Example:
              lightcone hosts --data /var/lib/lightcone/data
              lightcone hosts revoke web-1 --data /var/lib/lightcone/data
            """,
        subcommands: [List.self, Revoke.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the hosts that are enrolled.",
            discussion: """
                Example:
                  lightcone hosts list --data /var/lib/lightcone/data
                """)

        @Flag(help: "One JSON object a line.")
        var json = false

        @OptionGroup var access: AccessOptions

        func run() throws {
            try telling {
                for host in try access.folder.registry().hosts {
                    let last = host.certificates.map(\.expires).max()
                    if json {
                        let line = JSONWriter.object {
                            $0.member("host", host.name)
                            $0.member("expires", last.map(date))
                            $0.member("revoked", host.revoked.map(date))
                        }
                        Terminal.write(line + "\n")
                        continue
                    }
                    let state =
                        host.revoked.map { "revoked \(date($0))" }
                        ?? last.map { "until \(date($0))" } ?? "no certificate"
                    Terminal.write("\(printable(host.name))  \(state)\n")
                }
                Terminal.flush()
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Lets nothing of a host in any more.",
            discussion: """
                A collector that runs refuses it within seconds. Events that were taken stay. It comes again with a new token.

                Example:
                  lightcone hosts revoke web-1 --data /var/lib/lightcone/data
                """)

        @Argument(help: "The name of the host.")
        var host: String

        @OptionGroup var access: AccessOptions

        func run() throws {
            let isKnown = try telling {
                try access.folder.change { $0.revoke(host: host, now: .now) }
            }
            guard isKnown else {
                Terminal.complain("no host “\(printable(host))” is enrolled")
                throw Ended(exit: .no)
            }
            Terminal.write("revoked \(printable(host))\n")
            Terminal.flush()
        }
    }
}

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes, lists and revokes the tokens of those who ask a collector.",
        discussion: """
            Example:
              lightcone token create grafana --scope read --data /var/lib/lightcone/data
              lightcone token list --data /var/lib/lightcone/data
              lightcone token revoke grafana --data /var/lib/lightcone/data
            """,
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Makes a token, and prints it, once.",
            discussion: """
                Scopes: read asks about everything, read:execution=NAME about one execution, admin asks and drops. Commands take the \
                token from --token-file or LIGHTCONE_TOKEN; the page asks for it. Kept is a hash.

                Example:
                  lightcone token create grafana --scope read --data /var/lib/lightcone/data
                """)

        @Argument(help: "A name for whoever has it.")
        var name: String

        @Option(help: "What it allows; repeated for more.")
        var scope: [String]

        @Option(
            help: ArgumentHelp(
                "How long it is good (default: until it is revoked).", valueName: "time"))
        var ttl: String?

        @OptionGroup var access: AccessOptions

        func run() throws {
            let lifetime = try ttl.map { try seconds($0, "--ttl") }
            let secret = try telling {
                try access.folder.change { registry in
                    try registry.addReader(name, scopes: scope, seconds: lifetime, now: .now)
                }
            }
            Terminal.write(secret.text(Registry.readerPrefix) + "\n")
            Terminal.flush()
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists the tokens, but for their secrets.",
            discussion: """
                Example:
                  lightcone token list --data /var/lib/lightcone/data
                """)

        @Flag(help: "One JSON object a line.")
        var json = false

        @OptionGroup var access: AccessOptions

        func run() throws {
            try telling {
                for reader in try access.folder.registry().readers {
                    if json {
                        let line = JSONWriter.object {
                            $0.member("name", reader.name)
                            $0.member("scopes", reader.scopes.joined(separator: " "))
                            $0.member("created", date(reader.created))
                            $0.member("expires", reader.expires.map(date))
                        }
                        Terminal.write(line + "\n")
                        continue
                    }
                    let end = reader.expires.map { "until \(date($0))" } ?? "until it is revoked"
                    Terminal.write(
                        "\(printable(reader.name))  \(printable(reader.scopes.joined(separator: " ")))  \(end)\n"
                    )
                }
                Terminal.flush()
            }
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Lets nobody in with a token any more.",
            discussion: """
                A collector that runs refuses it within seconds.

                Example:
                  lightcone token revoke grafana --data /var/lib/lightcone/data
                """)

        @Argument(help: "The name that it was made with.")
        var name: String

        @OptionGroup var access: AccessOptions

        func run() throws {
            let isKnown = try telling {
                try access.folder.change { registry in
                    let count = registry.readers.count
                    registry.readers.removeAll { ExactText.isSame($0.name, name) }
                    return registry.readers.count < count
                }
            }
            guard isKnown else {
                Terminal.complain("there is no token “\(printable(name))”")
                throw Ended(exit: .no)
            }
            Terminal.write("revoked \(printable(name))\n")
            Terminal.flush()
        }
    }
}
