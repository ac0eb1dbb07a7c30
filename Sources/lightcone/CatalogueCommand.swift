import Archiving
import ArgumentParser
import Collector
import Querying

struct CatalogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalogue", abstract: "Looks after the catalogue of an archive.",
        subcommands: [Rebuild.self])

    struct Rebuild: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Makes the catalogue and the order files anew from parts and segments. The collector must be stopped.",
            discussion: """
                Example:
                  lightcone catalogue rebuild --data /var/lib/lightcone/data
                """)

        @Option(
            help: "A collector's data folder, or a folder that import made.", completion: .directory
        )
        var data: String

        func run() throws {
            let archive = try Archive(data, .readWrite)
            let problems = try archive.rebuild()
            for problem in problems { Terminal.note(problem) }
            let executions = try archive.executions()
            let store = ArchiveStore(archive)
            for execution in executions { try store.keepOrder(of: execution) }
            let processes = try executions.reduce(0) { $0 + (try archive.processes(of: $1).count) }
            Terminal.write(
                "\(count(executions.count, "execution", "executions")), "
                    + "\(count(processes, "process", "processes"))\n")
            Terminal.flush()
            if !problems.isEmpty { throw Ended(exit: .no) }
        }
    }
}
