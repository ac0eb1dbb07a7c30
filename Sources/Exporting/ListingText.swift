import Causality
import HappensBefore
import Querying

/// The text of a listing: an event a line.
struct ListingText: TextSource {
    private var events: EventPieces
    private var lines: EventLines
    private(set) var stopped: QuestionStopped?

    init(_ events: any EventSequence, _ form: AnswerForm) {
        self.events = EventPieces(events)
        lines = EventLines(form)
    }

    mutating func next() throws -> String? {
        guard stopped == nil else { return nil }
        do {
            return try events.next(&lines)
        } catch let error as QuestionStopped {
            stopped = error
            return error.line(lines.form) + "\n"
        }
    }

    mutating func release() { events.release() }
}

/// The events of a view as the end of a JSON object. Throws where they end early: half an object is none.
struct EventArrayText: TextSource {
    private var events: EventPieces
    private var array = EventArray()
    private var isEnded = false

    init(_ events: any EventSequence) { self.events = EventPieces(events) }

    mutating func next() throws -> String? {
        guard !isEnded else { return nil }
        if let piece = try events.next(&array) { return piece }
        isEnded = true
        return "]}\n"
    }

    mutating func release() { events.release() }
}

/// Writes an event a line.
private struct EventLines: EventWriter {
    let form: AnswerForm
    private var json = EventJSON()

    init(_ form: AnswerForm) { self.form = form }

    mutating func write(_ step: EventStep, to text: inout ByteWriter) {
        switch (step, form) {
        case (.passed, _): return
        case (.event(let listed), .text): listed.write(line: &text)
        case (.event(let listed), .json): json.write(listed, to: &text)
        case (.unreadable(let id), .text): text.text(printable("\(Lack.unreadable(id))"))
        case (.unreadable(let id), .json): JSONWriter.append(to: &text) { $0.unreadable(id) }
        case (.match(let match), .text): match.write(lines: &text)
        case (.match(let match), .json): json.write(match, to: &text)
        }
        text.byte(UInt8(ascii: "\n"))
    }
}

/// Writes the events of a JSON list.
private struct EventArray: EventWriter {
    private var json = EventJSON()
    private var isFirst = true

    mutating func write(_ step: EventStep, to text: inout ByteWriter) {
        // A view lists single events.
        switch step {
        case .passed, .match: return
        case .event, .unreadable: break
        }
        if !isFirst { text.byte(UInt8(ascii: ",")) }
        isFirst = false
        switch step {
        case .passed, .match: break
        case .event(let listed): json.write(listed, to: &text)
        case .unreadable(let id): JSONWriter.append(to: &text) { $0.unreadable(id) }
        }
    }
}

extension JSONWriter {
    /// In place of an event that cannot be read.
    mutating func unreadable(_ id: EventID) {
        object {
            $0.member("id", id.description)
            $0.member("unreadable", "\(Lack.unreadable(id))")
        }
    }
}

extension QuestionStopped {
    /// The last line of a listing that ends early. No event's line begins so.
    fileprivate func line(_ form: AnswerForm) -> String {
        guard form == .json else { return "stopped: \(self)" }
        return JSONWriter.object {
            $0.member("stopped", description)
            $0.member("limit", limit)
            if case .listed(let events, let last) = progress {
                $0.member("events", events)
                $0.member("last", last?.description)
            }
        }
    }
}
