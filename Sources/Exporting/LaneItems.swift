import Causality

/// What stands in a lane of a space-time diagram.
struct LaneItem {
    enum Kind: Equatable {
        /// One event, and whether it sent or took a message.
        case event(isOfMessage: Bool)
        /// Several that had to do with no message.
        case run
        case gap
    }

    var kind: Kind
    var lane: Int
    /// Of its events, the first and the last.
    var events: ClosedRange<Int>
    /// How many there are.
    var count = 1
    var gap: ShownGap?
}

/// A message between two lanes, by the rows in which its ends stand.
struct LaneMessage {
    var fromLane: Int
    /// Where its send stands; of one that is not shown, where it arrives.
    var fromRow: Int
    var toLane: Int
    var toRow: Int
    /// Where its sender is seen again before it arrives; nil where it is not.
    var nextRow: Int?
    /// Whether the send is not shown.
    var isDotted = false

    func hasSameSend(as other: LaneMessage) -> Bool {
        fromLane == other.fromLane && fromRow == other.fromRow && !isDotted && !other.isDotted
    }

    func hasSameReceive(as other: LaneMessage) -> Bool {
        toLane == other.toLane && toRow == other.toRow
    }
}

/// What a space-time diagram shows, before it is drawn: items in causal order, in rows of one, or of a send and its receive.
struct LaneItems {
    typealias Piece = (text: String, style: TextStyle)

    let events: [ShownRow]
    /// The processes, in the order in which they first appear.
    private(set) var lanes: [String] = []
    private(set) var items: [LaneItem] = []
    /// By row: its items.
    private(set) var rows: [[Int]] = []
    private(set) var messages: [LaneMessage] = []
    /// By lane: the rows in which it is drawn.
    private(set) var spans: [ClosedRange<Int>?] = []
    private var laneOf: [ExactText: Int] = [:]
    /// By id.
    private var eventOf: [ExactText: Int] = [:]
    /// By event: whether a message came from it to one that is shown.
    private var isSender: [Bool]
    /// By event: its item.
    private var itemOf: [Int]

    /// - Parameter isWhole: False where there are more events than these.
    init(_ events: [ShownRow], _ gaps: [ShownGap], isWhole: Bool) {
        self.events = events
        isSender = Array(repeating: false, count: events.count)
        itemOf = Array(repeating: 0, count: events.count)
        for (index, event) in events.enumerated() {
            eventOf[ExactText(event.id)] = index
            if laneOf[ExactText(event.process)] == nil {
                laneOf[ExactText(event.process)] = lanes.count
                lanes.append(event.process)
            }
        }
        for event in events {
            for cause in event.causes {
                if let sender = eventOf[ExactText(cause)] { isSender[sender] = true }
            }
        }
        makeItems(gaps, isWhole)
        makeRows()
    }

    /// Processes by how many events are shown of them, the most first.
    var busiest: [String] {
        var counts = Array(repeating: 0, count: lanes.count)
        for event in events { counts[laneOf[ExactText(event.process)]!] += 1 }
        return lanes.indices.sorted { (counts[$1], $0) < (counts[$0], $1) }.map { lanes[$0] }
    }

    // MARK: Items

    private func isLocal(_ event: Int) -> Bool {
        !isSender[event] && events[event].causes.isEmpty && events[event].kind != "send"
            && (events[event].level ?? .info).rawValue < Level.warning.rawValue
    }

    private mutating func makeItems(_ gaps: [ShownGap], _ isWhole: Bool) {
        var gapsOf = Array(repeating: [ShownGap](), count: lanes.count)
        for gap in gaps {
            if let lane = laneOf[ExactText(gap.process)] { gapsOf[lane].append(gap) }
        }
        for lane in lanes.indices { gapsOf[lane].sort { $0.first > $1.first } }
        // By lane: local events that wait for what ends their run, and the number of the event before.
        var waiting = Array(repeating: [Int](), count: lanes.count)
        var before = Array(repeating: UInt64(0), count: lanes.count)
        // Runs stand where their last event does: so what comes in between is sorted again.
        var placed: [(event: Int, item: LaneItem)] = []
        func endRun(_ lane: Int) {
            let run = waiting[lane]
            waiting[lane] = []
            guard run.count > 2 else {
                for event in run {
                    let item = LaneItem(
                        kind: .event(isOfMessage: false), lane: lane, events: event...event)
                    placed.append((event, item))
                }
                return
            }
            let (first, last) = (run[0], run[run.count - 1])
            placed.append(
                (last, LaneItem(kind: .run, lane: lane, events: first...last, count: run.count)))
        }
        for (index, event) in events.enumerated() {
            let lane = laneOf[ExactText(event.process)]!
            while let gap = gapsOf[lane].last, gap.first < event.sequence {
                gapsOf[lane].removeLast()
                // One that lies before all that is shown is not asked about, but for where it meets it.
                guard before[lane] > 0 || gap.last &+ 1 == event.sequence else { continue }
                endRun(lane)
                placed.append(
                    (
                        index,
                        LaneItem(kind: .gap, lane: lane, events: index...index, count: 0, gap: gap)
                    ))
            }
            before[lane] = event.sequence
            if isLocal(index) {
                waiting[lane].append(index)
                continue
            }
            endRun(lane)
            let item = LaneItem(
                kind: .event(
                    isOfMessage: !event.causes.isEmpty || event.kind == "send" || isSender[index]),
                lane: lane, events: index...index)
            placed.append((index, item))
        }
        for lane in lanes.indices { endRun(lane) }
        // A gap comes before the event that follows it, and was appended before it.
        let order = placed.indices.sorted { (placed[$0].event, $0) < (placed[$1].event, $1) }
        items = order.map { placed[$0].item }
        if isWhole {
            for lane in lanes.indices {
                guard let gap = gapsOf[lane].last, gap.first == before[lane] &+ 1 else { continue }
                let last = events.count - 1
                items.append(
                    LaneItem(kind: .gap, lane: lane, events: last...last, count: 0, gap: gap))
            }
        }
        for (number, item) in items.enumerated() where item.count == 1 {
            itemOf[item.events.lowerBound] = number
        }
    }

    // MARK: Rows

    /// Which item follows another in its lane.
    private func followers() -> [Int?] {
        var next = [Int?](repeating: nil, count: items.count)
        var last = [Int?](repeating: nil, count: lanes.count)
        for (number, item) in items.enumerated() {
            if let before = last[item.lane] { next[before] = number }
            last[item.lane] = number
        }
        return next
    }

    private mutating func makeRows() {
        let next = followers()
        // By item: the items from which messages came, of those that are shown in other lanes.
        var senders = [[Int]](repeating: [], count: items.count)
        var hasDelayed = [Bool](repeating: false, count: items.count)
        for (number, item) in items.enumerated() {
            guard case .event = item.kind else { continue }
            for cause in events[item.events.lowerBound].causes {
                guard let sender = eventOf[ExactText(cause)] else { continue }
                let from = itemOf[sender]
                guard items[from].lane != item.lane, from < number else { continue }
                senders[number].append(from)
                if let after = next[from], after < number { hasDelayed[from] = true }
            }
        }
        var rowOf = [Int](repeating: 0, count: items.count)
        var number = 0
        while number < items.count {
            rowOf[number] = rows.count
            let receiver = number + 1
            let isPair =
                receiver < items.count && senders[receiver] == [number] && !hasDelayed[number]
                && causes(of: number).isEmpty && causes(of: receiver).count == 1
            if isPair { rowOf[receiver] = rows.count }
            rows.append(isPair ? [number, receiver] : [number])
            number += isPair ? 2 : 1
        }
        for (receiver, from) in senders.enumerated() {
            for sender in from {
                messages.append(
                    LaneMessage(
                        fromLane: items[sender].lane, fromRow: rowOf[sender],
                        toLane: items[receiver].lane, toRow: rowOf[receiver],
                        nextRow: next[sender].flatMap { $0 < receiver ? rowOf[$0] : nil }))
            }
        }
        addUnshown(rowOf)
        measure(rowOf)
    }

    private func causes(of item: Int) -> [String] {
        guard case .event = items[item].kind else { return [] }
        return events[items[item].events.lowerBound].causes
    }

    /// Messages whose sends are not shown, from lanes that are.
    private mutating func addUnshown(_ rowOf: [Int]) {
        for (number, item) in items.enumerated() {
            for cause in causes(of: number) where eventOf[ExactText(cause)] == nil {
                let process = EventID.processText(ofEvent: cause)
                guard let lane = laneOf[ExactText(process)], lane != item.lane else { continue }
                messages.append(
                    LaneMessage(
                        fromLane: lane, fromRow: rowOf[number], toLane: item.lane,
                        toRow: rowOf[number], isDotted: true))
            }
        }
    }

    private mutating func measure(_ rowOf: [Int]) {
        spans = Array(repeating: nil, count: lanes.count)
        func widen(_ lane: Int, _ row: Int) {
            let span = spans[lane] ?? row...row
            spans[lane] = min(span.lowerBound, row)...max(span.upperBound, row)
        }
        for (number, item) in items.enumerated() { widen(item.lane, rowOf[number]) }
        for message in messages where message.nextRow == nil {
            widen(message.fromLane, message.toRow)
        }
    }

    // MARK: Words

    /// When what stands in a row happened: of a message, when it arrived.
    func time(ofRow row: Int) -> WallTime? {
        let item = items[rows[row][rows[row].count - 1]]
        return item.kind == .gap ? nil : events[item.events.upperBound].time
    }

    func label(ofRow row: Int, isASCII: Bool) -> [Piece] {
        let arrow: Piece = (isASCII ? " -> " : " → ", .dim)
        guard rows[row].count == 2 else {
            return label(of: items[rows[row][0]], isASCII)
        }
        let sent = events[items[rows[row][0]].events.lowerBound]
        let received = events[items[rows[row][1]].events.lowerBound]
        let isSame =
            ExactText.isSame(sent.name, received.name) && ExactText.isSame(sent.text, received.text)
        let said = words(of: sent)
        let heard: [Piece] = isSame || said.isEmpty ? [] : [(" \(arrow.text.dropLast())", .dim)]
        return [id(of: sent), arrow, id(of: received)] + (isSame ? [] : said) + heard
            + words(of: received)
    }

    private func label(of item: LaneItem, _ isASCII: Bool) -> [Piece] {
        let dash = isASCII ? "-" : "–"
        if let gap = item.gap {
            let range = gap.first == gap.last ? "\(gap.first)" : "\(gap.first)\(dash)\(gap.last)"
            return [
                (printable("\(gap.process):\(range)"), .process(gap.process)),
                (gap.first == gap.last ? " is missing" : " are missing", .level(.warning)),
            ]
        }
        let first = events[item.events.lowerBound]
        guard item.kind != .run else {
            let last = events[item.events.upperBound]
            let said = [first.said, last.said].map { printable($0) }.filter { !$0.isEmpty }
            let dots = isASCII ? " ... " : " … "
            return [
                (printable("\(first.id)\(dash)\(last.sequence)"), .process(first.process)),
                ("  \(item.count) events", .plain),
                (said.isEmpty ? "" : "  \(said.joined(separator: dots))", .dim),
            ]
        }
        var pieces = [id(of: first)]
        for (index, cause) in first.causes.enumerated() {
            pieces.append((index == 0 ? (isASCII ? " <- " : " ← ") : ", ", .dim))
            pieces.append((printable(cause), .process(EventID.processText(ofEvent: cause))))
            if first.ghosts.contains(where: { ExactText.isSame($0, cause) }) {
                pieces.append((" (missing)", .level(.warning)))
            }
        }
        if first.causes.isEmpty, item.kind == .event(isOfMessage: true) {
            pieces.append((isASCII ? " ->" : " →", .dim))
        }
        return pieces + words(of: first)
    }

    private func id(of event: ShownRow) -> Piece { (printable(event.id), .process(event.process)) }

    private func words(of event: ShownRow) -> [Piece] {
        var pieces: [Piece] = []
        if let level = event.level, level.rawValue >= Level.warning.rawValue {
            pieces.append(("  \(level.text.uppercased())", .level(level)))
        }
        if !event.name.isEmpty { pieces.append(("  \(printable(event.name))", .bold)) }
        if !event.text.isEmpty { pieces.append(("  \(printable(event.text))", .plain)) }
        return pieces
    }
}

extension ShownRow {
    /// Its name, or else its text.
    fileprivate var said: String { name.isEmpty ? text : name }
}
