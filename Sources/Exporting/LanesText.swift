import Causality
import Querying

/// A gap as a listing of them tells it.
package struct ShownGap: Hashable, Sendable {
    package var process: String
    package var first: UInt64
    package var last: UInt64

    package init(process: String, first: UInt64, last: UInt64) {
        self.process = process
        self.first = first
        self.last = last
    }

    /// Reads a line of `gaps` in JSON. Nil for what is none. O(n)
    package init?(json line: [UInt8]) {
        guard let members = try? JSONScanner.object(line) else { return nil }
        func value(_ key: String) -> String? {
            members.first { ExactText.isSame($0.key, key) }?.value.text
        }
        guard let process = value("process"), let first = value("first").flatMap({ UInt64($0) }),
            let last = value("last").flatMap({ UInt64($0) }), first <= last
        else { return nil }
        self.init(process: process, first: first, last: last)
    }
}

/// How a space-time diagram is laid out.
package struct LanesForm: Sendable {
    /// Columns of the screen; nil where lines are not cut.
    package var width: Int?
    package var isColored: Bool
    /// Without box-drawing characters.
    package var isASCII: Bool
    package var zone: @Sendable (WallTime) -> Int

    package init(
        width: Int?, isColored: Bool, isASCII: Bool,
        zone: @escaping @Sendable (WallTime) -> Int = { _ in 0 }
    ) {
        self.width = width
        self.isColored = isColored
        self.isASCII = isASCII
        self.zone = zone
    }
}

/// A space-time diagram in text (Lamport, 1978): a lane for each process, time from top to bottom in causal order, an arrow for
/// each message, a break in the lane for each gap. Runs of three and more events that have to do with no message, and are no
/// warnings, are one row.
///
/// An arrow begins at the last event that stands above it in the lane of its sender. One whose sender went on meanwhile begins
/// at the send, and goes down beside the lane of its receiver; where there is no room for that, the rows say in words what
/// belongs together. A dotted one begins at an event that is not shown: it is missing, or was not asked for.
package struct LanesText: ListingPicture {
    private let form: LanesForm
    private let gaps: [ShownGap]
    private var events: [ShownRow] = []
    private var notes: [String] = []
    private var isWhole = true

    /// - Parameter gaps: Those of the execution, in any order.
    package init(_ form: LanesForm, gaps: [ShownGap]) {
        self.form = form
        self.gaps = gaps
    }

    package mutating func add(_ row: ListingRow) -> String {
        switch row {
        case .event(let event):
            if events.count < Self.eventsMax {
                events.append(event)
            } else if isWhole {
                isWhole = false
                notes.append("only the first \(Self.eventsMax) events are shown")
            }
        case .unreadable(_, let text): notes.append(printable(text))
        case .match: break
        case .stopped(let text):
            notes.append("stopped: \(printable(text))")
            isWhole = false
        }
        return ""
    }

    /// Events of one diagram: what can be scrolled through. More are left out, and it is told.
    package static let eventsMax = Querying.Limits.lastEventsMax

    /// Throws where the processes do not fit side by side.
    package mutating func finish() throws(QuestionError) -> String {
        defer { (events, notes) = ([], []) }
        guard !events.isEmpty else { return notes.map { $0 + "\n" }.joined() }
        let items = LaneItems(events, gaps, isWhole: isWhole)
        let layout = try LaneLayout(form, items)
        var drawing = LaneDrawing(form, items, layout)
        return drawing.text() + notes.map { $0 + "\n" }.joined()
    }
}

/// Where the lanes of a diagram are.
struct LaneLayout {
    /// Columns from one lane to the next.
    let spacing: Int
    /// Columns of the times before them: 0 where there are none, or no room.
    let timeColumns: Int

    /// Columns from lane to lane: room for an arrow's head on either side, and one that passes between.
    private static let spacingMin = 4
    private static let spacingMax = 16
    /// Columns of what is said about an event: as it should be, and at the least.
    private static let labelUsual = 32
    private static let labelMin = 16

    init(_ form: LanesForm, _ items: LaneItems) throws(QuestionError) {
        let names = items.lanes.map { TextWidth.columns(printable($0)) }
        let lanes = names.count
        let wanted = min(max((names.max() ?? 0) + 2, 6), Self.spacingMax)
        let time = items.events.contains { $0.time != nil } ? 14 : 0
        guard let width = form.width else {
            (spacing, timeColumns) = (wanted, time)
            return
        }
        func fits(_ spacing: Int, _ time: Int, _ label: Int) -> Bool {
            time + (lanes - 1) * spacing + 3 + label <= width
        }
        for (time, label) in [(time, Self.labelUsual), (time, Self.labelMin), (0, Self.labelMin)] {
            let most = (Self.spacingMin...wanted).last { fits($0, time, label) }
            if let most {
                (spacing, timeColumns) = (most, time)
                return
            }
        }
        let fitting = max(1, (width - 3 - Self.labelMin) / Self.spacingMin + 1)
        let busiest = items.busiest.prefix(min(fitting, 4)).map { "--process \(printable($0))" }
        throw QuestionError(
            .misuse,
            "\(lanes) processes do not fit side by side into \(width) columns, \(fitting) do: "
                + "choose some, such as \(busiest.joined(separator: " ")), or make the diagram wider "
                + "with --wide")
    }
}

/// A diagram on its way to text: a grid of cells in which lines leave in four directions.
struct LaneDrawing {
    private struct Lines: OptionSet {
        let rawValue: UInt8
        static let up = Lines(rawValue: 1)
        static let down = Lines(rawValue: 2)
        static let left = Lines(rawValue: 4)
        static let right = Lines(rawValue: 8)
    }

    private struct Cell {
        var lines: Lines = []
        /// What stands there instead of lines.
        var sign: Character?
        var isDotted = false
        /// Whose colour it has.
        var lane = 0
    }

    private let form: LanesForm
    private let items: LaneItems
    private let layout: LaneLayout
    private var grid: [[Cell]]
    /// Rows in which a column beside a lane is taken by a message that is under way.
    private var taken: [Int: [ClosedRange<Int>]] = [:]
    /// By row: the columns that lie under the lines of messages.
    private var lines: [[(columns: ClosedRange<Int>, message: LaneMessage)]]

    /// Rows after a send in which its message may leave the lane.
    private static let rowsTried = 4

    init(_ form: LanesForm, _ items: LaneItems, _ layout: LaneLayout) {
        self.form = form
        self.items = items
        self.layout = layout
        lines = Array(repeating: [], count: items.rows.count)
        let width = (items.lanes.count - 1) * layout.spacing + 1
        grid = Array(
            repeating: Array(repeating: Cell(), count: width), count: items.rows.count)
    }

    mutating func text() -> String {
        drawLanes()
        // Those that go straight leave room for the others, or do not.
        for message in items.messages where message.nextRow == nil { draw(message) }
        for message in items.messages where message.nextRow != nil { draw(message) }
        for (row, parts) in items.rows.enumerated() {
            for item in parts { drawSign(of: items.items[item], row) }
        }
        var text = header()
        var day: String?
        for row in items.rows.indices { text += line(row, &day) }
        return text
    }

    private func column(_ lane: Int) -> Int { lane * layout.spacing }

    /// A lane is a line from the first to the last of what is known of its process.
    private mutating func drawLanes() {
        for lane in items.lanes.indices {
            guard let span = items.spans[lane] else { continue }
            for row in span {
                var lines: Lines = []
                if row > span.lowerBound { lines.insert(.up) }
                if row < span.upperBound { lines.insert(.down) }
                grid[row][column(lane)] = Cell(lines: lines, lane: lane)
            }
        }
    }

    private mutating func drawSign(of item: LaneItem, _ row: Int) {
        let sign: Character =
            switch item.kind {
            case .gap: form.isASCII ? ":" : "┊"
            case .run: form.isASCII ? "=" : "≡"
            case .event(let isOfMessage):
                isOfMessage ? (form.isASCII ? "*" : "●") : (form.isASCII ? "o" : "○")
            }
        grid[row][column(item.lane)].sign = sign
        grid[row][column(item.lane)].lane = item.lane
    }

    private mutating func draw(_ message: LaneMessage) {
        let (from, to) = (message.fromLane, message.toLane)
        let end = column(to) + (from < to ? -1 : 1)
        if message.nextRow == nil {
            drawLine(in: message.toRow, from: column(from), to: end, message)
        } else {
            guard let way = way(of: message, end) else { return }
            taken[way.column, default: []].append(way.row...message.toRow)
            drawLine(in: way.row, from: column(from), to: way.column, message)
            add(from < to ? [.left, .down] : [.right, .down], way.row, way.column, message)
            for row in way.row + 1..<message.toRow { add([.up, .down], row, way.column, message) }
            add(from < to ? [.up, .right] : [.up, .left], message.toRow, way.column, message)
            drawLine(in: message.toRow, from: way.column, to: end, message)
        }
        grid[message.toRow][end].sign = from < to ? ">" : "<"
        grid[message.toRow][end].lane = from
    }

    /// A line between two columns, their own cells left as they are but for where it leaves the first.
    private mutating func drawLine(in row: Int, from: Int, to: Int, _ message: LaneMessage) {
        let isRight = from < to
        grid[row][from].lines.insert(isRight ? .right : .left)
        let between = isRight ? from + 1..<to : to + 1..<from
        for column in between { add([.left, .right], row, column, message) }
        lines[row].append((min(from, to)...max(from, to), message))
    }

    private mutating func add(_ lines: Lines, _ row: Int, _ column: Int, _ message: LaneMessage) {
        if grid[row][column].lines.isEmpty {
            grid[row][column].lane = message.fromLane
            grid[row][column].isDotted = message.isDotted
        }
        grid[row][column].lines.formUnion(lines)
    }

    /// Where a message that is overtaken leaves the lane of its sender, and the column beside the lane of its receiver in which
    /// it goes down: so that no line lies on that of a message between others. Nil where there is no room.
    private func way(of message: LaneMessage, _ end: Int) -> (row: Int, column: Int)? {
        let (lane, isRight) = (column(message.toLane), message.fromLane < message.toLane)
        let last = min(message.nextRow ?? message.toRow, message.toRow) - 1
        // It may leave anywhere before its sender is seen again.
        for row in message.fromRow...min(last, message.fromRow + Self.rowsTried) {
            for distance in 2..<layout.spacing - 1 {
                let column = isRight ? lane - distance : lane + distance
                let isTaken = (taken[column] ?? []).contains {
                    $0.overlaps(row...message.toRow)
                }
                if !isTaken, isFree(row, self.column(message.fromLane), column, message),
                    isFree(message.toRow, column, end, message)
                {
                    return (row, column)
                }
            }
        }
        return nil
    }

    /// Whether a line in a row would lie on none but those of the same send or the same receive.
    private func isFree(_ row: Int, _ from: Int, _ to: Int, _ message: LaneMessage) -> Bool {
        let columns = min(from, to)...max(from, to)
        return lines[row].allSatisfy { line in
            !line.columns.overlaps(columns) || line.message.hasSameSend(as: message)
                || line.message.hasSameReceive(as: message)
        }
    }

    // MARK: Text

    private func header() -> String {
        let names = items.lanes.map { printable($0) }
        var text = ""
        func begin() -> StyledLine {
            var line = StyledLine(width: form.width, isColored: form.isColored)
            line.pad(to: layout.timeColumns)
            return line
        }
        if names.dropLast().allSatisfy({ TextWidth.columns($0) < layout.spacing }) {
            var line = begin()
            for (lane, name) in names.enumerated() {
                line.pad(to: layout.timeColumns + column(lane))
                line.append(name, .process(items.lanes[lane]))
            }
            return line.finished + "\n"
        }
        for (lane, name) in names.enumerated() {
            var line = begin()
            for before in 0..<lane {
                line.pad(to: layout.timeColumns + column(before))
                line.append(form.isASCII ? "|" : "│", .process(items.lanes[before]))
            }
            line.pad(to: layout.timeColumns + column(lane))
            line.append(name, .process(items.lanes[lane]))
            text += line.finished + "\n"
        }
        return text
    }

    private func line(_ row: Int, _ day: inout String?) -> String {
        var line = StyledLine(width: form.width, isColored: form.isColored)
        var before = ""
        if layout.timeColumns > 0, let time = items.time(ofRow: row) {
            let shown = LocalTime(time, form.zone)
            if shown.day != day {
                day = shown.day
                var date = StyledLine(width: form.width, isColored: form.isColored)
                let rule = form.isASCII ? "--" : "──"
                date.append("\(rule) \(shown.day) \(rule)", .dim)
                before = date.finished + "\n"
            }
            line.append(shown.clock, .dim)
        }
        line.pad(to: layout.timeColumns)
        for cell in grid[row] { line.append(String(sign(cell)), .process(items.lanes[cell.lane])) }
        line.append("  ")
        for piece in items.label(ofRow: row, isASCII: form.isASCII) {
            line.append(piece.text, piece.style)
        }
        return before + line.finished + "\n"
    }

    private func sign(_ cell: Cell) -> Character {
        if let sign = cell.sign { return sign }
        let lines = cell.lines
        guard !form.isASCII else { return Self.plainSign(lines, cell.isDotted) }
        return switch lines {
        case []: " "
        case [.left, .right], .left, .right: cell.isDotted ? "╌" : "─"
        case [.up, .down], .up, .down: "│"
        case [.left, .down]: "╮"
        case [.right, .down]: "╭"
        case [.left, .up]: "╯"
        case [.right, .up]: "╰"
        case [.up, .down, .right]: "├"
        case [.up, .down, .left]: "┤"
        case [.left, .right, .down]: "┬"
        case [.left, .right, .up]: "┴"
        default: "┼"
        }
    }

    private static func plainSign(_ lines: Lines, _ isDotted: Bool) -> Character {
        switch lines {
        case []: " "
        case [.left, .right], .left, .right: isDotted ? "." : "-"
        case [.left, .down], [.right, .down], [.left, .right, .down]: "."
        case [.left, .up], [.right, .up], [.left, .right, .up]: "'"
        case [.up, .down, .right], [.up, .down, .left]: "+"
        default: "|"
        }
    }
}
