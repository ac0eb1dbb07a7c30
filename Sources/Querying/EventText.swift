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
        guard let place = Place(text[text.index(after: colon)...]) else { return nil }
        self.place = place
    }
}

extension EventText.Place {
    fileprivate init?(_ text: Substring) {
        switch text {
        case "first": self = .first
        case "last": self = .last
        default:
            guard let event = EventID(text: "p:\(text)") else { return nil }
            self = .sequence(event.sequence)
        }
    }
}

/// Events of one process from one number to another, both included, as somebody asks for them: `web:3..7`, `web:first..7`,
/// `web:3..last`.
package struct EventRange: Hashable, Sendable, CustomStringConvertible {
    package let first: EventText
    package let last: EventText

    package var description: String {
        "\(first)..\(last.description.dropFirst(last.process.count + 1))"
    }

    /// Nil for what is no range. Throws where it is one that cannot be meant: of two processes, or backwards.
    package init?(_ text: String) throws(QuestionError) {
        // The last two dots that an event stands before: a name may have some, too.
        let bytes = Array(text.utf8)
        guard
            let dots = bytes.indices.dropLast(1).last(where: {
                bytes[$0] == UInt8(ascii: ".") && bytes[$0 + 1] == UInt8(ascii: ".")
            }), let first = EventText(String(decoding: bytes[..<dots], as: UTF8.self))
        else { return nil }
        let end = String(decoding: bytes[(dots + 2)...], as: UTF8.self)
        guard let last = EventText(end) ?? EventText("\(first.process):\(end)") else { return nil }
        guard ExactText.isSame(first.process, last.process) else {
            throw QuestionError(
                .misuse,
                "\(printable(text)): a range is of one process, such as \(printable(first.process)):3..7 (path shows how one event "
                    + "led to another)")
        }
        let isBackwards =
            switch (first.place, last.place) {
            case (.sequence(let first), .sequence(let last)): first > last
            case (.last, let place): place != .last
            case (let place, .first): place != .first
            default: false
            }
        guard !isBackwards else {
            throw QuestionError(
                .misuse, "\(printable(text)): expected the earlier end of the range first")
        }
        (self.first, self.last) = (first, last)
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

    /// What of a slice is in a range. O(log n)
    package func part(of slice: Slice, in range: EventRange) throws -> Slice {
        let process = try process(named: range.first.process)
        let sequences = try sequences(of: process)
        let dropped = try droppedCount(of: process)
        func end(_ place: EventText.Place, isFirst: Bool) -> Int {
            switch place {
            case .first: dropped + (isFirst ? 0 : 1)
            case .last: sequences.count - (isFirst ? 1 : 0)
            case .sequence(let sequence):
                sequences.count(upTo: isFirst ? sequence - 1 : sequence)
            }
        }
        let start = max(0, end(range.first.place, isFirst: true))
        let meant = start..<max(start, end(range.last.place, isFirst: false))
        let ranges = slice.ranges.enumerated().map { number, all in
            number == process ? all.clamped(to: meant) : all.lowerBound..<all.lowerBound
        }
        return Slice(ranges: ranges, lacks: slice.lacks, upTo: slice.upTo)
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
