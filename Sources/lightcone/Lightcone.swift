import ArgumentParser
import CMalloc
import Causality
import Glibc
import Querying

/// The command line: one file a subcommand.
struct Lightcone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lightcone",
        abstract:
            "Collects the events of many machines, and tells which could have caused which.",
        discussion: """
            In a distributed system there is no single timeline. Lightcone orders events by their vector clocks only, \
            answers exactly where the evidence suffices, and says “unknown, because …” where it does not.

            Exit codes: 0 yes; 1 no, or nothing found; 2 misuse; 3 failure, or an answer that ends early and says so.

            Example:
              lightcone import --into shop --format govector web.log api.log db.log
              lightcone order --source shop api:7 db:3
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(
                name: "Collecting",
                subcommands: [
                    AgentCommand.self, RecordCommand.self, CollectorCommand.self,
                    ImportCommand.self,
                ]),
            CommandGroup(
                name: "Asking",
                subcommands: [
                    StatusCommand.self, TopCommand.self, ExecutionsCommand.self,
                    ProcessesCommand.self,
                    GapsCommand.self,
                    DefectsCommand.self,
                    RuleOutCommand.self,
                    TimelineCommand.self, TailCommand.self, QueryCommand.self, WhyCommand.self,
                    ShowCommand.self,
                    OrderCommand.self, PastCommand.self,
                    FutureCommand.self,
                    ConcurrentCommand.self, PathCommand.self, CutCommand.self, SnapshotCommand.self,
                    ViewCommand.self, BrowseCommand.self,
                    ExportCommand.self,
                ]),
            CommandGroup(
                name: "Looking after",
                subcommands: [
                    EnrollTokenCommand.self, HostsCommand.self, TokenCommand.self,
                    SegmentCommand.self, PartCommand.self, CatalogueCommand.self, DropCommand.self,
                    VerifyCommand.self, ProveCommand.self, VerifyProofCommand.self,
                    DemoCommand.self, DemoNodeCommand.self,
                ]),
        ])
}

/// What a command's end means to the shell.
enum Exit: Int32 {
    case yes = 0
    case no = 1
    case misuse = 2
    case failure = 3
}

/// Ends a command that has said everything already.
struct Ended: Error {
    let exit: Exit
}

@main
enum Main {
    static func main() async {
        // A reader that has gone is told by the write, and so is a node of the demo that has ended.
        signal(SIGPIPE, SIG_IGN)
        keepFreedMemory()
        refuseUnknownCommand(Array(CommandLine.arguments.dropFirst()))
        do {
            var command = try Lightcone.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let ended as Ended {
            exit(ended.exit.rawValue)
        } catch let error as QuestionError {
            // The mark below what cannot be read stands on a line of its own.
            Terminal.notes("lightcone: \(error)")
            exit((error.kind == .misuse ? Exit.misuse : Exit.no).rawValue)
        } catch {
            finish(error)
        }
    }

    /// Has the allocator keep some megabytes that were given back: columns are made and let go of block by block, and else their
    /// pages would be given to the system and taken again each time, a sixth of what a search takes.
    private static func keepFreedMemory() {
        mallopt(M_TRIM_THRESHOLD, 8 << 20)
        mallopt(M_MMAP_THRESHOLD, 4 << 20)
    }

    /// The opposite: for an import, which takes no longer for it, and much memory in one stage that the next could have.
    static func giveBackFreedMemory() {
        mallopt(M_TRIM_THRESHOLD, 1 << 20)
        mallopt(M_MMAP_THRESHOLD, 256 << 10)
    }

    /// What other tools call what our commands do.
    private static let elsewhere = [
        "trace": "why", "find": "query", "search": "query", "grep": "query",
        "services": "processes",
        "logs": "timeline", "events": "timeline", "ls": "executions", "follow": "tail",
        "ui": "browse", "open": "browse", "web": "browse",
        "watch": "top", "health": "status", "serve": "collector", "server": "collector",
    ]

    /// Ends the program where its arguments begin with a command that there is not: the parser takes that for one argument
    /// too many.
    private static func refuseUnknownCommand(_ arguments: [String]) {
        var command: any ParsableCommand.Type = Lightcone.self
        for argument in arguments {
            let known = command.configuration.subcommands
            guard !known.isEmpty, !argument.hasPrefix("-"), argument != "help" else { return }
            if let next = known.first(where: {
                $0._commandName == argument || $0.configuration.aliases.contains(argument)
            }) {
                command = next
                continue
            }
            let shown = known.filter { $0.configuration.shouldDisplay }.map { $0._commandName }
            let nearest =
                elsewhere[argument].flatMap { shown.contains($0) ? $0 : nil }
                ?? Suggestion.nearest(to: argument, among: shown)
            let hint =
                nearest.map { "perhaps “\($0)”" }
                ?? "expected one of \(shown.joined(separator: ", "))"
            Terminal.complain("no command “\(printable(argument))”: \(hint)")
            exit(Exit.misuse.rawValue)
        }
    }

    /// Help and versions go to standard output; misuse and failures to standard error.
    private static func finish(_ error: any Error) -> Never {
        let code = Lightcone.exitCode(for: error)
        let message = Lightcone.fullMessage(for: error)
        if code == .success {
            Terminal.write(message.isEmpty ? "" : message + "\n")
            Terminal.flush()
            exit(Exit.yes.rawValue)
        }
        if code == .validationFailure {
            Terminal.notes(message)
            exit(Exit.misuse.rawValue)
        }
        Terminal.complain("\(error)")
        exit(Exit.failure.rawValue)
    }
}
