import Causality
import Querying

/// How a timeline is laid out for people.
package struct TimelineForm: Sendable {
    package var columns: [TimelineColumn]
    /// Columns of the screen, where lines end; nil where none is cut.
    package var width: Int?
    package var isColored: Bool
    /// How far the clock that times are shown by is ahead of UTC, in seconds, at a time.
    package var zone: @Sendable (WallTime) -> Int

    package init(
        columns: [TimelineColumn] = TimelineColumn.usual, width: Int?, isColored: Bool,
        zone: @escaping @Sendable (WallTime) -> Int = { _ in 0 }
    ) {
        self.columns = columns
        self.width = width
        self.isColored = isColored
        self.zone = zone
    }
}

/// What a person sees of a listing in the place of its lines.
package protocol ListingPicture {
    /// The text that is ready with this row: lines, perhaps none yet.
    mutating func add(_ row: ListingRow) -> String
    /// What is held back of it: nothing more comes for a while.
    mutating func flush() -> String
    /// The rest of it. Throws where what came cannot be shown so.
    mutating func finish() throws(QuestionError) -> String
}

extension ListingPicture {
    package mutating func flush() -> String { "" }
}

/// A timeline on a terminal: columns that are as wide as what is in them, times of the day under a line with the date.
///
/// The first rows are held back until it is known how wide they are; a later one that is wider widens its column for all
/// that follow. So memory does not grow with the listing, and the same listing gives the same text.
package struct TimelineText: ListingPicture {
    private let form: TimelineForm
    private var held: [ListingRow] = []
    private var isHolding = true
    /// Of each column, as far as it is known; 0 for one that has nothing in it.
    private var widths: [Int]
    private var day: String?
    /// Of the names of terms that stand before the events of matches; 0 where single events are listed.
    private var nameWidth = 0
    private var isBehindMatch = false

    package init(_ form: TimelineForm) {
        self.form = form
        widths = Array(repeating: 0, count: form.columns.count)
    }

    package mutating func add(_ row: ListingRow) -> String {
        guard isHolding else { return line(row) }
        held.append(row)
        return held.count < Limits.rowsHeldMax ? "" : release()
    }

    package mutating func flush() -> String { release() }

    package mutating func finish() -> String { release() }

    private mutating func release() -> String {
        isHolding = false
        for row in held { widen(row) }
        defer { held = [] }
        return held.map { line($0) }.joined()
    }

    private mutating func widen(_ row: ListingRow) {
        if case .match(let rows, _) = row {
            for (name, row) in rows {
                if rows.count > 1 { nameWidth = max(nameWidth, TextWidth.columns(name)) }
                widen(row)
            }
        }
        guard case .event(let event) = row else { return }
        for (index, column) in form.columns.enumerated() {
            let width = cell(column, event).reduce(0) { $0 + TextWidth.columns($1.text) }
            widths[index] = max(widths[index], min(width, column.widthMax))
        }
    }

    private mutating func line(_ row: ListingRow) -> String {
        guard case .match(let rows, let remarks) = row else { return line(row, of: nil, []) }
        guard rows.count != 1 else { return line(rows[0].row, of: nil, remarks) }
        // An empty line between two matches.
        var lines = isBehindMatch ? "\n" : ""
        isBehindMatch = true
        widen(row)
        for (name, row) in rows { lines += line(row, of: printable(name), []) }
        for remark in remarks {
            var line = StyledLine(width: form.width, isColored: form.isColored)
            line.append(printable(remark), .level(.warning))
            lines += line.finished + "\n"
        }
        return lines
    }

    /// - Parameters:
    ///   - name: Of the term that the event is a match of.
    ///   - remarks: What is said of the event alone as a match.
    private mutating func line(
        _ row: ListingRow, of name: String?, _ remarks: [String]
    ) -> String {
        var line = StyledLine(width: form.width, isColored: form.isColored)
        let start = name == nil ? 0 : nameWidth + 2
        if let name { line.append(name, .dim) }
        line.pad(to: start)
        switch row {
        case .match: break
        case .stopped(let text): line.append("stopped: \(printable(text))", .level(.warning))
        case .unreadable(_, let text): line.append(printable(text), .level(.error))
        case .event(let event):
            widen(row)
            let date = dateLine(event)
            var column = start
            for (index, kind) in form.columns.enumerated() where widths[index] > 0 {
                let pieces = cell(kind, event)
                if !pieces.isEmpty { line.pad(to: column) }
                for piece in pieces { line.append(piece.text, piece.style) }
                // What is longer than its column may be takes of the space behind it.
                column = max(column + widths[index], line.columns) + 2
                if isRagged(index) { column = line.columns + 2 }
            }
            for remark in remarks {
                line.append(printable("  (\(remark))"), .level(.warning))
            }
            return date + line.finished + "\n"
        }
        return line.finished + "\n"
    }

    /// Whether the column that follows is not aligned: attributes belong to the text before them.
    private func isRagged(_ index: Int) -> Bool {
        form.columns[index] == .text && index + 1 < form.columns.count
            && form.columns[index + 1] == .attributes
    }

    /// The date, where it is another than that of the row before and times are shown.
    private mutating func dateLine(_ event: ShownRow) -> String {
        guard form.columns.contains(.time), let time = event.time else { return "" }
        let shown = LocalTime(time, form.zone)
        guard shown.day != day else { return "" }
        day = shown.day
        var line = StyledLine(width: form.width, isColored: form.isColored)
        line.append("── \(shown.day) ──", .dim)
        return line.finished + "\n"
    }

    private typealias Piece = (text: String, style: TextStyle)

    /// What a column says of an event: printable.
    private func cell(_ column: TimelineColumn, _ event: ShownRow) -> [Piece] {
        func one(_ text: String, _ style: TextStyle = .plain) -> [Piece] {
            text.isEmpty ? [] : [(printable(text), style)]
        }
        switch column {
        case .id: return one(event.id, .process(event.process))
        case .process: return one(event.process, .process(event.process))
        case .host: return one(event.host)
        case .seq: return one(String(event.sequence))
        case .time: return one(event.time.map { LocalTime($0, form.zone).clock } ?? "", .dim)
        case .kind: return one(event.kind)
        case .from: return senders(of: event)
        case .level:
            return event.level.map { one($0.text.uppercased(), .level($0)) } ?? []
        case .name: return one(event.name, .bold)
        case .text:
            let marks =
                (event.isLate ? one("late ", .level(.warning)) : [])
                + (event.waits ? one("waiting ", .level(.warning)) : [])
            return marks + one(event.text)
        case .attributes:
            let all = event.attributes.map(\.text).joined(separator: " ")
            return one(all, .dim)
        case .attribute(let key): return one(event.value(of: key))
        }
    }

    /// Where messages came from, or that one went out.
    private func senders(of event: ShownRow) -> [Piece] {
        guard !event.causes.isEmpty else { return event.kind == "send" ? [("→", .dim)] : [] }
        var pieces: [Piece] = [("← ", .dim)]
        for (index, cause) in event.causes.enumerated() {
            if index > 0 { pieces.append((", ", .dim)) }
            pieces.append((printable(cause), .process(EventID.processText(ofEvent: cause))))
            if event.ghosts.contains(where: { ExactText.isSame($0, cause) }) {
                pieces.append((" (missing)", .level(.warning)))
            }
        }
        return pieces
    }
}

extension TimelineColumn {
    /// Wider ones are not waited for: they push aside what follows.
    fileprivate var widthMax: Int {
        switch self {
        case .id, .process, .host: 36
        case .from: 26
        case .name: 28
        case .text, .attributes: 60
        case .attribute: 30
        case .seq, .time, .kind, .level: 20
        }
    }
}

/// Chosen columns for a program: an event a line, values between tabs, times as RFC 3339 has them.
package struct TimelineTable: ListingPicture {
    private let columns: [TimelineColumn]

    private var isBehindMatch = false

    package init(_ columns: [TimelineColumn]) { self.columns = columns }

    /// Of matches, each event has the name of its term in front; an empty line stands between two.
    package mutating func add(_ row: ListingRow) -> String {
        switch row {
        case .match(let rows, _):
            let start = isBehindMatch && rows.count > 1 ? "\n" : ""
            isBehindMatch = true
            return rows.reduce(into: start) { text, named in
                if rows.count > 1 { text += printable(named.name) + "\t" }
                text += add(named.row)
            }
        case .stopped(let text): return "stopped: \(printable(text))\n"
        case .unreadable(_, let text): return "\(printable(text))\n"
        case .event(let event):
            return columns.map { printable(value($0, event)) }.joined(separator: "\t") + "\n"
        }
    }

    package mutating func finish() -> String { "" }

    private func value(_ column: TimelineColumn, _ event: ShownRow) -> String {
        switch column {
        case .id: event.id
        case .process: event.process
        case .host: event.host
        case .seq: String(event.sequence)
        case .time: event.time?.description ?? ""
        case .kind: event.kind
        case .from: event.causes.joined(separator: ",")
        case .level: event.level?.text ?? ""
        case .name: event.name
        case .text: event.text
        case .attributes: event.attributes.map(\.text).joined(separator: " ")
        case .attribute(let key): event.value(of: key)
        }
    }
}

extension ShownRow {
    /// The text of an attribute; empty where there is none.
    fileprivate func value(of key: String) -> String {
        attributes.first { ExactText.isSame($0.key, key) }?.value.text ?? ""
    }
}

extension JSONMember {
    /// `key=value`, as the stable form of a listing has it.
    var text: String {
        var writer = ByteWriter()
        let isJSON = if case .string = value { false } else { true }
        writer.attribute(Array(key.utf8)[...], Array(value.text.utf8)[...], isJSON: isJSON)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension EventID {
    /// The process in the text of an event's id.
    static func processText(ofEvent text: String) -> String {
        text.lastIndex(of: ":").map { String(text[..<$0]) } ?? text
    }
}

/// A time as a clock on a wall shows it.
struct LocalTime {
    /// `2026-11-23 UTC`, `2026-11-23 +01:00`.
    let day: String
    /// `10:20:30.123`.
    let clock: String

    init(_ time: WallTime, _ zone: (WallTime) -> Int) {
        let offset = zone(time)
        let ahead = Int64(offset).multipliedReportingOverflow(by: 1_000_000_000).partialValue
        let nanoseconds = time.nanoseconds.addingSaturating(ahead)
        let text = WallTime(nanoseconds: max(nanoseconds, WallTime.earliest.nanoseconds))
            .description
        let (date, rest) = (text.prefix(10), text.dropFirst(11))
        let fraction = rest.dropFirst(9).prefix { $0 != "Z" }.prefix(3)
        clock = "\(rest.prefix(8)).\(fraction.isEmpty ? "000" : String(fraction))"
        let minutes = abs(offset) / 60
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let sign = offset < 0 ? "-" : "+"
        day =
            offset == 0
            ? "\(date) UTC" : "\(date) \(sign)\(two(minutes / 60)):\(two(minutes % 60))"
    }
}
