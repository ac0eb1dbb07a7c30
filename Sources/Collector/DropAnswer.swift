import Archiving
import Causality
import Exporting
import Querying

/// What was dropped, as the command line says it of a folder and a collector over HTTP: the same bytes.
package struct DropAnswer {
    private let dropped: Dropped

    package init(_ dropped: Dropped) { self.dropped = dropped }

    package func text(isJSON: Bool) -> String {
        if isJSON {
            return JSONWriter.object {
                $0.member("execution", dropped.execution)
                $0.member("processes", dropped.processCount)
                $0.member("events", dropped.eventCount)
                $0.member("freedBytes", dropped.freedByteCount)
                $0.member("sharedFiles", dropped.sharedFileCount)
            } + "\n"
        }
        let shared = dropped.sharedFileCount
        return
            ([
                printable(dropped.execution), count(dropped.processCount, "process", "processes"),
                count(dropped.eventCount, "event", "events"),
                "\(count(dropped.freedByteCount, "byte", "bytes")) freed",
            ]
            + (shared > 0 ? ["\(count(shared, "shared file", "shared files")) to be merged"] : []))
            .joined(separator: "  ") + "\n"
    }

    /// Why nothing was dropped.
    package static func nothing(_ execution: String) -> QuestionError {
        QuestionError(
            .notFound, "no execution \(printable(execution)): `lightcone executions` lists them")
    }
}
