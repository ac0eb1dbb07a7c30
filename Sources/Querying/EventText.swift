import Causality
import HappensBefore

/// An event as somebody asks for it: a process's name, or the end of one that only one process has, and a number, or `first` or
/// `last`.
package struct EventText: Hashable, Sendable, CustomStringConvertible {
    package enum Place: Hashable, Sendable {
        case sequence(UInt64)
        /// Of those that are here and were not dropped.
        case first, last
    }

    package let process: String
    package let place: Place

    package var description: String {
        switch place {
        case .sequence(let sequence): "\(process):\(sequence)"
        case .first: "\(process):first"
        case .last: "\(process):last"
        }
    }

    /// Reads `PROCESS:SEQ`, `PROCESS:first` or `PROCESS:last`; nil where there is no `:` followed by one of these.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), colon > text.startIndex else { return nil }
        process = String(text[..<colon])
        switch text[text.index(after: colon)...] {
        case "first": place = .first
        case "last": place = .last
        default:
            guard let event = EventID(text: text) else { return nil }
            place = .sequence(event.sequence)
        }
    }
}

extension CausalIndex {
    /// The process that a text names: the one of exactly this name, else the only one whose name ends so at a `/`.
    /// Throws where there is none, or several. O(1) where the name is exact, else O(processes).
    package func process(named text: String) throws -> Int {
        let typed = ProcessID(text: text)
        if let exact = try index(of: typed), try isMeant(facts(of: exact)) { return exact }
        var meant: [(index: Int, id: ProcessID)] = []
        for process in 0..<processCount {
            let facts = try facts(of: process)
            if isMeant(facts) { meant.append((process, facts.id)) }
        }
        if let exact = meant.first(where: { $0.id.description == text }) { return exact.index }
        // Without the digits that tell runs of one name apart, or without the host in front.
        let ends = meant.filter { process in
            var id = process.id
            let full = id.description
            id.fork = ""
            return id == typed || full.hasSuffix("/\(text)")
                || id.description.hasSuffix("/\(text)")
        }
        if ends.count == 1 { return ends[0].index }
        guard ends.isEmpty else {
            let names = ends.map(\.id).sorted(by: listingOrder).map { printable("\($0)") }
            throw QuestionError(
                .misuse, "“\(printable(text))” may be \(Self.listed(names)): say which")
        }
        let names = meant.map(\.id.description).sorted()
        let hint = printable(
            Suggestion.ending(for: text, among: names + names.compactMap(Self.end)))
        throw QuestionError(
            .notFound,
            "no process “\(printable(text))” in execution “\(execution)”\(hint) (lightcone processes lists them)"
        )
    }

    /// What branches of a fork have in common may be nothing: then nobody means it.
    private func isMeant(_ facts: ProcessFacts) -> Bool { facts.standIn == nil && facts.end > 0 }

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
    package func event(_ text: EventText) throws -> EventID {
        let process = try process(named: text.process)
        if case .sequence(let sequence) = text.place {
            return EventID(try id(of: process), sequence)
        }
        let sequences = try sequences(of: process)
        let dropped = try droppedCount(of: process)
        guard sequences.count > dropped else {
            throw QuestionError(
                .notFound, "no event of \(printable("\(try id(of: process))")) is here")
        }
        let position = text.place == .first ? dropped : sequences.count - 1
        return EventID(try id(of: process), sequences[position])
    }
}
