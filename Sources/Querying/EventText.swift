import Causality
import HappensBefore

/// An event as somebody asks for it: a process's name, or the end of one that only one process has, and a number.
package struct EventText: Hashable, Sendable, CustomStringConvertible {
    package let process: String
    package let sequence: UInt64

    package var description: String { "\(process):\(sequence)" }

    /// Reads `PROCESS:SEQ`; nil where there is no `:` followed by a number from 1 on.
    package init?(_ text: String) {
        guard let event = EventID(text: text), let colon = text.lastIndex(of: ":") else {
            return nil
        }
        process = String(text[..<colon])
        sequence = event.sequence
    }
}

extension ExecutionGraph {
    /// The process that a text names: the one of exactly this name, else the only one whose name ends so at a `/`.
    /// Throws where there is none, or several.
    package func process(named text: String) throws(QuestionError) -> Int {
        let history = history
        let typed = ProcessID(text: text)
        // What branches of a fork have in common may be nothing: then nobody means it.
        let meant = history.processes.indices.filter {
            history.processes[$0].standIn == nil && history.processes[$0].end > 0
        }
        if let exact = meant.first(where: { history.processes[$0].id.description == text })
            ?? meant.first(where: { history.processes[$0].id == typed })
        {
            return exact
        }
        // Without the digits that tell runs of one name apart, or without the host in front.
        let ends = meant.filter { index in
            var id = history.processes[index].id
            let full = id.description
            id.fork = ""
            return id == typed || full.hasSuffix("/\(text)")
                || id.description.hasSuffix("/\(text)")
        }
        if ends.count == 1 { return ends[0] }
        guard ends.isEmpty else {
            let names = ends.map { history.processes[$0].id }.sorted(by: listingOrder)
            throw QuestionError(
                .misuse,
                "“\(printable(text))” may be \(Self.listed(names.map { printable("\($0)") })): say which"
            )
        }
        let names = meant.map { history.processes[$0].id.description }.sorted()
        let hint = printable(
            Suggestion.ending(for: text, among: names + names.compactMap(Self.end)))
        throw QuestionError(
            .notFound,
            "no process “\(printable(text))” in execution “\(history.execution)”\(hint) (lightcone processes lists them)"
        )
    }

    /// The name behind the host.
    private static func end(_ name: String) -> String? {
        name.split(separator: "/").last.map(String.init)
    }

    private static func listed(_ names: [String]) -> String {
        let shown = names.prefix(Limits.candidatesShownMax).joined(separator: ", ")
        return names.count > Limits.candidatesShownMax
            ? "\(shown), … (\(names.count) processes)" : shown
    }

    /// The event that a text names; throws where nobody can tell which process is meant.
    package func event(_ text: EventText) throws(QuestionError) -> EventID {
        EventID(history.processes[try process(named: text.process)].id, text.sequence)
    }
}
