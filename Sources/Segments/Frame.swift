import Causality

extension EventBatch {
    /// The batch that a frame's sections say: rows by process. O(what they hold).
    init(_ order: DecodedOrder, _ content: ContentColumns?) {
        self.init()
        let slots = order.keys.map { slot(of: $0) }
        let references = zip(order.references, order.claimed).map { reference($0, called: $1) }
        var content = content.map { RowContent($0, nil, &self) }
        reserve(rows: order.sequences.count, contentBytes: content?.byteCount ?? 0)
        var named = NamedEvents(order, references)
        var row = 0
        for (process, count) in order.counts.enumerated() {
            var predecessor = order.predecessors[process]
            for index in 0..<count {
                if index > 0 { predecessor = order.isWhole[row] ? 0 : order.sequences[row - 1] }
                for change in order.changes[order.changeStarts[row]..<order.changeStarts[row + 1]] {
                    appendChange(references[change.process], change.value)
                }
                named.append(row, to: &self)
                content?.append(row, to: &self)
                endRow(
                    slot: slots[process], sequence: order.sequences[row], kind: order.kinds[row],
                    time: order.times[row], level: content?.level(row) ?? 0,
                    stamp: order.stamps[row], name: content?.name(row) ?? 0,
                    predecessor: predecessor)
                row += 1
            }
        }
    }

    /// Some rows, which ascend, of the batch that a frame's sections say, all of them but their clocks. O(those rows + how many
    /// rows there are).
    init(_ order: DecodedOrder, _ columns: ContentColumns, rows: [Int]) {
        self.init()
        let slots = order.keys.map { slot(of: $0) }
        let references = zip(order.references, order.claimed).map { reference($0, called: $1) }
        var content = RowContent(columns, rows, &self)
        reserve(rows: rows.count, contentBytes: content.byteCount)
        var named = NamedEvents(order, references)
        var (process, end) = (0, order.counts.first ?? 0)
        for row in rows {
            while row >= end {
                process += 1
                end += order.counts[process]
            }
            named.append(row, to: &self)
            content.append(row, to: &self)
            endRow(
                slot: slots[process], sequence: order.sequences[row], kind: order.kinds[row],
                time: order.times[row], level: content.level(row), stamp: order.stamps[row],
                name: content.name(row), predecessor: 0)
        }
    }
}

/// What rows name: their causes, and what they rule out.
private struct NamedEvents {
    private let order: DecodedOrder
    private let references: [Int]
    private var (cause, ruling) = (0, 0)

    /// - Parameter references: By their numbers in the order: those in the batch.
    init(_ order: DecodedOrder, _ references: [Int]) {
        self.order = order
        self.references = references
    }

    /// Rows ascend.
    mutating func append(_ row: Int, to batch: inout EventBatch) {
        while cause < order.causes.count, order.causes[cause].row <= row {
            let named = order.causes[cause]
            if named.row == row {
                batch.appendCause(references[named.process], named.sequence, named.evidence)
            }
            cause += 1
        }
        while ruling < order.rulings.count, order.rulings[ruling].row <= row {
            let named = order.rulings[ruling]
            if named.row == row {
                batch.appendRuling(references[named.process], named.sequence)
            }
            ruling += 1
        }
    }
}

/// What some rows say, as they are appended one after the other.
private struct RowContent {
    private let columns: ContentColumns
    private let names: [Int]
    private let keys: [[UInt8]]
    private let texts: ContentColumns.Texts
    private var nextText = 0
    /// By column: the values of these rows, and the one that comes next.
    private var values: [ContentColumns.Texts?]
    private var next: [Int]

    /// Of these rows.
    var byteCount: Int { values.reduce(texts.bytes.count) { $0 + ($1?.bytes.count ?? 0) } }

    /// - Parameter rows: Nil for all of them.
    init(_ columns: ContentColumns, _ rows: [Int]?, _ batch: inout EventBatch) {
        self.columns = columns
        names = columns.names.map { batch.name(Array($0.utf8).span) }
        keys = columns.keys.map { Array($0.utf8) }
        texts = rows.map { columns.texts.joined($0) } ?? columns.texts.joined()
        next = Array(repeating: 0, count: columns.values.count)
        values = rows.map { columns.values(of: $0) } ?? columns.joinedValues()
    }

    func level(_ row: Int) -> UInt8 { columns.form(ofRow: row).level }
    func name(_ row: Int) -> Int { names[Int(columns.form(ofRow: row).name)] }

    mutating func append(_ row: Int, to batch: inout EventBatch) {
        batch.appendText(texts.bytes.span.extracting(texts[nextText]))
        nextText += 1
        for column in columns.shape(ofRow: row) {
            let (key, texts) = (keys[column / 2], values[column]!)
            batch.appendAttribute(
                key: key.span, isJSON: column % 2 == 1,
                value: texts.bytes.span.extracting(texts[next[column]]))
            next[column] += 1
        }
    }
}
