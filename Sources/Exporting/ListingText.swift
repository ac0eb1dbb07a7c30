import Causality
import HappensBefore
import Querying

/// The text of a listing: an event a line.
struct ListingText: TextSource {
    private var events: any EventSequence
    private let form: AnswerForm
    private(set) var stopped: QuestionStopped?

    init(_ events: any EventSequence, _ form: AnswerForm) {
        self.events = events
        self.form = form
    }

    mutating func next() throws -> String? {
        guard stopped == nil else { return nil }
        do {
            guard let step = try events.next() else { return nil }
            return step.line(form).map { $0 + "\n" } ?? ""
        } catch let error as QuestionStopped {
            stopped = error
            return error.line(form) + "\n"
        }
    }

    mutating func release() { events.release() }
}

/// The events of a view as the end of a JSON object. Throws where they end early: half an object is none.
struct EventArrayText: TextSource {
    private var events: any EventSequence
    private var isFirst = true
    private var isEnded = false

    init(_ events: any EventSequence) { self.events = events }

    mutating func next() throws -> String? {
        guard !isEnded else { return nil }
        guard let step = try events.next() else {
            isEnded = true
            return "]}\n"
        }
        guard let line = step.line(.json) else { return "" }
        defer { isFirst = false }
        return isFirst ? line : "," + line
    }

    mutating func release() { events.release() }
}

extension EventStep {
    /// What a listing says of it; nil where nothing.
    fileprivate func line(_ form: AnswerForm) -> String? {
        switch (self, form) {
        case (.passed, _): return nil
        case (.event(let listed), .text): return listed.line
        case (.event(let listed), .json):
            var writer = JSONWriter()
            listed.write(&writer, listed.known)
            return writer.text
        case (.unreadable(let id), .text): return printable("\(Lack.unreadable(id))")
        case (.unreadable(let id), .json):
            return JSONWriter.object {
                $0.member("id", id.description)
                $0.member("unreadable", "\(Lack.unreadable(id))")
            }
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
