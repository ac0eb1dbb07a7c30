import Causality
import HappensBefore
import Querying

/// What a graph can be written as.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// One object: processes, events, message edges.
    case json
    /// One event a line, in Lightcone's own schema: `import --format jsonl` reads it back.
    case ndjson
    /// Graphviz.
    case dot
    /// GraphML, as networkx, Gephi and yEd read it.
    case graphml
    /// A Mermaid sequence diagram.
    case mermaid
    /// A log that ShiViz reads: pattern, delimiter, events.
    case shiviz
    /// Trace Event JSON, which Perfetto and chrome://tracing read.
    case perfetto
}

/// The part of the graph that is exported, before a selection takes from it.
package enum ExportScope: Sendable {
    case whole
    case pastOf(EventText)
    case futureOf(EventText)
}

/// An export as it is asked for.
package struct ExportQuestion: Sendable {
    package let format: ExportFormat
    package let scope: ExportScope
    package let selection: Selection
    /// Only events of one process between two numbers; nil for all.
    package let range: EventRange?

    /// Parameters: `format`, at most one of `past-of` and `future-of` (events), `where` (a selection), `range`, and `since`
    /// and `until` (times).
    package init(_ parameters: QuestionParameters) throws(QuestionError) {
        try parameters.expect(only: [
            "execution", "limit", "timeout", "format", "past-of", "future-of", "where", "range",
            "since", "until",
        ])
        let name = try parameters.required("format")
        guard let format = ExportFormat(rawValue: name) else {
            let all = ExportFormat.allCases.map(\.rawValue)
            throw QuestionError(
                .misuse,
                "no format “\(name)”: expected one of \(all.joined(separator: ", "))"
                    + Suggestion.ending(for: name, among: all))
        }
        self.format = format
        selection = try parameters.selection()
        range = try parameters.range()
        switch (try parameters.one("past-of"), try parameters.one("future-of")) {
        case (nil, nil): scope = .whole
        case (_?, nil): scope = .pastOf(try parameters.event("past-of"))
        case (nil, _?): scope = .futureOf(try parameters.event("future-of"))
        case (_?, _?):
            throw QuestionError(
                .misuse, "past-of and future-of: expected one of them, found both")
        }
    }
}

extension Answering {
    /// Writes a part of the graph in another tool's format. A past and a future hold their event too.
    package func export(_ question: ExportQuestion) throws -> WrittenAnswer {
        var answering = self
        answering.options.hasClock = true
        answering.options.hasMessages =
            type(of: Self.format(question.format)).asksForMessages
        return try answering.asking { try answering.export(question, from: $0) }
    }

    private func export(
        _ question: ExportQuestion, from execution: some IndexedExecution
    ) throws -> WrittenAnswer {
        let selection = question.selection
        var slice = try part(question.scope, execution.index)
        if let range = question.range {
            slice = try execution.index.part(of: slice, in: range)
        }
        if question.format == .mermaid, let refusal = try tooLarge(slice, selection, execution) {
            throw refusal
        }
        let text = try ExportText(
            Self.format(question.format), ExportedGraph(slice, selection, execution.index),
            events(slice, selection, execution), of: execution, options.cancellation)
        let notes = slice.isComplete ? [] : ["incomplete, because \(Lack.listed(slice.lacks))"]
        return WrittenAnswer(notes: notes, text: [text])
    }

    private static func format(_ format: ExportFormat) -> any GraphFormat {
        switch format {
        case .json: JSONGraphFormat()
        case .ndjson: NDJSONFormat()
        case .dot: DotFormat()
        case .graphml: GraphMLFormat()
        case .mermaid: MermaidFormat()
        case .shiviz: ShiVizFormat()
        case .perfetto: PerfettoFormat()
        }
    }

    private func part(_ scope: ExportScope, _ index: some CausalIndex) throws -> Slice {
        switch scope {
        case .whole: return try index.whole()
        case .pastOf(let text), .futureOf(let text):
            let event = try index.event(text)
            try require(event, index)
            let isPast = if case .pastOf = scope { true } else { false }
            let slice = isPast ? try index.past(of: event)! : try index.future(of: event)!
            var ranges = slice.ranges
            if let place = try index.position(of: event) {
                let range = ranges[place.process]
                ranges[place.process] =
                    isPast
                    ? range.lowerBound..<place.position + 1
                    : place.position..<max(range.upperBound, place.position + 1)
            }
            return Slice(ranges: ranges, lacks: slice.lacks)
        }
    }

    private func tooLarge(
        _ slice: Slice, _ selection: Selection, _ execution: some IndexedExecution
    ) throws -> QuestionError? {
        var total = try countEvents(slice, selection, execution).events
        if let limit = options.limit { total = min(total, limit) }
        guard total > Querying.Limits.mermaidEventsMax else { return nil }
        return QuestionError(
            .misuse,
            "a Mermaid diagram of \(total) events: expected at most \(Querying.Limits.mermaidEventsMax). Choose fewer with a "
                + "selection, --past-of, --future-of or --limit, or export dot or perfetto, which hold more"
        )
    }
}

/// Why an export ends before its end.
package struct ExportError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }
}

extension Event {
    /// What a diagram writes of it, cut: its name, its text, or both.
    var label: Substring {
        let parts = [name, text].filter { !$0.isEmpty }
        return parts.joined(separator: ": ").prefix(Limits.labelCharactersMax)
    }
}
