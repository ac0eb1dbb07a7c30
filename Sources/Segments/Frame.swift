import Causality

extension EventBatch {
    /// The batch that a frame's sections say: rows by process. O(what they hold).
    init(_ order: DecodedOrder, _ content: DecodedContent?) {
        self.init()
        let slots = order.keys.map { slot(of: $0) }
        let references = zip(order.references, order.claimed).map { reference($0, called: $1) }
        var nameNumbers: [Int] = []
        if let content {
            for range in content.names {
                nameNumbers.append(name(content.nameSource.span.extracting(range)))
            }
        }
        var next = [Int](repeating: 0, count: content?.values.count ?? 0)
        var (row, nextCause, nextRuling) = (0, 0, 0)
        for (process, count) in order.counts.enumerated() {
            var predecessor = order.predecessors[process]
            for index in 0..<count {
                if index > 0 { predecessor = order.isWhole[row] ? 0 : order.sequences[row - 1] }
                for change in order.changes[order.changeStarts[row]..<order.changeStarts[row + 1]] {
                    appendChange(references[change.process], change.value)
                }
                while nextCause < order.causes.count, order.causes[nextCause].row == row {
                    let cause = order.causes[nextCause]
                    appendCause(references[cause.process], cause.sequence, cause.evidence)
                    nextCause += 1
                }
                if nextRuling < order.rulings.count, order.rulings[nextRuling].row == row {
                    let ruling = order.rulings[nextRuling]
                    appendRuling(references[ruling.process], ruling.sequence)
                    nextRuling += 1
                }
                if let content { append(content, row, &next) }
                endRow(
                    slot: slots[process], sequence: order.sequences[row], kind: order.kinds[row],
                    time: order.times[row], level: content?.levels[row] ?? 0,
                    stamp: order.stamps[row],
                    name: content.map { nameNumbers[$0.nameOf[row]] } ?? 0,
                    predecessor: predecessor)
                row += 1
            }
        }
    }

    private mutating func append(
        _ content: DecodedContent, _ row: Int, _ next: inout [Int]
    ) {
        appendText(content.texts.bytes.span.extracting(content.texts[row]))
        for column in content.shapes[content.shapeOf[row]] {
            let values = content.values[column]!
            appendAttribute(
                key: content.keySource.span.extracting(content.keys[column / 2]),
                isJSON: column % 2 == 1,
                value: values.bytes.span.extracting(values[next[column]]))
            next[column] += 1
        }
    }
}

/// True where bytes are valid UTF-8. O(n), without a copy.
func isUTF8(_ bytes: [UInt8]) -> Bool {
    (try? UTF8Span(validating: bytes.span)) != nil
}
