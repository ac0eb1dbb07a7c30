import Causality
import HappensBefore
import Querying

/// What is said of a match beside its events.
struct MatchRemarks {
    /// Why it may be none.
    var doubt: String?
    /// Of one that is followed.
    var isLate = false
    var waits = false

    var texts: [String] {
        (doubt.map { ["unknown, because \($0)"] } ?? []) + (isLate ? ["late"] : [])
            + (waits ? ["waits for what it has seen"] : [])
    }
}

extension Match {
    /// A line for each of its events, with the name of its term in front, one for each remark, and an empty line behind them;
    /// where each match is one event, a line a match. The end of the last line is left out.
    func write(lines text: inout ByteWriter, live: LiveEvent? = nil) {
        let isOne = events.count == 1
        let width = events.reduce(0) { max($0, $1.name.count) }
        for (name, event) in events {
            if !isOne { text.text(name + String(repeating: " ", count: width - name.count + 2)) }
            switch event {
            case .event(let listed): listed.write(line: &text)
            case .unreadable(let id): text.text(printable("\(Lack.unreadable(id))"))
            }
            if !isOne { text.byte(UInt8(ascii: "\n")) }
        }
        for remark in remarks(live).texts.map({ printable($0) }) {
            text.text(isOne ? "  (\(remark))" : remark + "\n")
        }
    }

    fileprivate func remarks(_ live: LiveEvent?) -> MatchRemarks {
        MatchRemarks(
            doubt: doubt, isLate: live?.isLate ?? false, waits: live?.isWaiting ?? false)
    }
}

extension EventJSON {
    /// A match, with the clocks of its events where these were asked for.
    mutating func write(_ match: Match, to text: inout ByteWriter, live: LiveEvent? = nil) {
        JSONWriter.append(to: &text) { writer in
            writer.object { writer in
                writer.key("match")
                writer.object { writer in
                    for (name, event) in match.events {
                        writer.key(text: name)
                        switch event {
                        case .event(let listed): write(listed, listed.clock, &writer)
                        case .unreadable(let id): writer.unreadable(id)
                        }
                    }
                }
                let remarks = match.remarks(live)
                writer.member("known", remarks.doubt == nil)
                if let doubt = remarks.doubt { writer.member("because", doubt) }
                if remarks.isLate { writer.member("late", true) }
                if remarks.waits { writer.member("waits", true) }
            }
        }
    }
}
