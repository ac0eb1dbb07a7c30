import Archiving
import ArgumentParser
import Collector
import Exporting
import Querying

struct CatalogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalogue", abstract: "Looks after the catalogue of an archive.",
        discussion: """
            The catalogue is a collector's list of its files.

            Example:
              lightcone catalogue rebuild --data /var/lib/lightcone/data
            """,
        subcommands: [Rebuild.self])

    struct Rebuild: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Makes the catalogue and the order files anew from parts and segments. The collector must be stopped.",
            discussion: """
                It repairs: the new catalogue is made beside the old one, whatever that is, and replaces it when it is whole. A file that \
                is damaged, or not where it belongs, costs what it held, and is named. What had been acknowledged and is not here any \
                more is a gap, and listed under `lightcone defects`; an agent that still has it sends it again. Exit codes: 0 made, \
                1 made, and something is wrong, 2 misuse, 3 failure.

                Example:
                  lightcone catalogue rebuild --data /var/lib/lightcone/data
                """)

        @Option(
            help: "A collector's data folder, or a folder that import made.", completion: .directory
        )
        var data: String

        @Flag(help: "One JSON object.")
        var json = false

        func run() throws {
            let (archive, problems) = try Archive.rebuild(data)
            for problem in problems { Terminal.note(problem) }
            let executions = try archive.executions()
            let store = ArchiveStore(archive)
            for execution in executions { try store.keepOrder(of: execution) }
            archive.tellLog()
            let processes = try executions.reduce(0) { $0 + (try archive.processes(of: $1).count) }
            Terminal.write(
                json
                    ? JSONWriter.object {
                        $0.member("executions", executions.count)
                        $0.member("processes", processes)
                        $0.member("problems", problems)
                    } + "\n"
                    : "\(count(executions.count, "execution", "executions")), "
                        + "\(count(processes, "process", "processes"))\n")
            Terminal.flush()
            if !problems.isEmpty { throw Ended(exit: .no) }
        }
    }
}
