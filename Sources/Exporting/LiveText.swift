import Causality
import HappensBefore
import Querying

/// What somebody who follows an execution is told, as server-sent events (WHATWG HTML, “Server-sent events”).
///
/// Events come as `event: events`, each a line of data, as a listing has it; its `id` is the cursor behind all of them. So do
/// matches, which as lines for a person have as many as in a listing. `event: waiting` and `event: given-up` tell in one object of what is missing, `event: note` of what else a person must know; in
/// each, `text` says it in a sentence. `event: ended` is the last: why it does not go on.
package struct LiveText {
    private let form: AnswerForm
    private var json = EventJSON()

    /// - Parameter form: Of the data: objects, or lines for a person.
    package init(_ form: AnswerForm) { self.form = form }

    /// An event of the stream, its empty line included.
    package mutating func text(_ message: LiveMessage) -> String {
        switch message {
        case .events(let events, let cursor):
            guard !events.isEmpty else { return Self.position(cursor) }
            var text = ByteWriter()
            text.text("event: events\nid: \(cursor.text)\n")
            for event in events { write(event, to: &text) }
            text.byte(UInt8(ascii: "\n"))
            return String(decoding: text.bytes, as: UTF8.self)
        case .waiting(let wait): return told("waiting", wait.text) { $0.write(wait) }
        case .givenUp(let gap):
            return told(
                "given-up",
                "not waited for any more: \(gap.gap) (\(gap.reason)): what follows is shown without"
            ) { $0.write(gap) }
        case .note(let note): return told("note", note) { _ in }
        }
    }

    /// Where somebody has come to, without anything to show: also what keeps the connection alive.
    package static func position(_ cursor: LiveCursor?) -> String {
        cursor.map { "id: \($0.text)\n\n" } ?? ": nothing is here yet\n\n"
    }

    /// Why what is followed ends.
    ///
    /// - Parameter cursor: From where somebody may go on.
    package func ended(_ reason: String, at cursor: LiveCursor?) -> String {
        (cursor.map { "id: \($0.text)\n" } ?? "") + told("ended", reason) { _ in }
    }

    private func told(
        _ name: String, _ text: String, _ object: (inout JSONWriter) -> Void
    ) -> String {
        let data =
            switch form {
            case .text: printable(text)
            case .json:
                JSONWriter.object { writer in
                    writer.member("notice", name)
                    object(&writer)
                    writer.member("text", printable(text))
                }
            }
        return "event: \(name)\ndata: \(data)\n\n"
    }

    /// As data: a line each, of a match perhaps several.
    private mutating func write(_ event: LiveEvent, to text: inout ByteWriter) {
        if form == .text, case .match(let match) = event.step {
            var lines = ByteWriter()
            match.write(lines: &lines, live: event)
            let newline = UInt8(ascii: "\n")
            for line in lines.bytes.split(separator: newline, omittingEmptySubsequences: false) {
                text.text("data: ")
                text.bytes(line)
                text.byte(newline)
            }
            return
        }
        text.text("data: ")
        switch (form, event.step) {
        case (.json, _): json.write(event, to: &text)
        case (.text, .event(let listed)): listed.write(line: &text)
        case (.text, .unreadable(let id)): text.text(printable("\(Lack.unreadable(id))"))
        case (.text, .match), (.text, .passed): break
        }
        if form == .text {
            let remarks = MatchRemarks(isLate: event.isLate, waits: event.isWaiting)
            for remark in remarks.texts { text.text("  (\(remark))") }
        }
        text.byte(UInt8(ascii: "\n"))
    }
}

extension LiveWait {
    fileprivate var text: String {
        let who =
            waiting.map { "\($0.process) (\(count($0.events, "event", "events")))" }
            .joined(separator: ", ")
            + (others > 0 ? " and \(count(others, "more process", "more processes"))" : "")
        let agent = readUpTo.map { ", whose host's agent has read up to \($0)" } ?? ""
        return "waiting: \(who) for \(gap.gap) (\(gap.reason)\(agent))"
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ gap: ExplainedGap) {
        member("process", gap.gap.process.description)
        member("first", gap.gap.first)
        member("last", gap.gap.last)
        member("because", gap.reason)
    }

    fileprivate mutating func write(_ wait: LiveWait) {
        write(wait.gap)
        if let time = wait.readUpTo { member("readUpTo", time) }
        key("waiting")
        array { writer in
            for waiting in wait.waiting {
                writer.object {
                    $0.member("process", waiting.process.description)
                    $0.member("events", waiting.events)
                }
            }
        }
        if wait.others > 0 { member("moreProcesses", wait.others) }
    }
}
