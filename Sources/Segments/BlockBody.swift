import Causality

/// The body of a block: a directory of its columns, and the columns, each packed by itself so that a
/// reader unpacks only those that it needs.
///
///     body      = column count, (column, codec, raw length, stored length)*, column bytes*
package struct BlockBody: Sendable {
    struct Entry {
        var column: Column
        var codec: Codec
        var rawCount: Int
        var start: Int
        var storedCount: Int
    }

    let bytes: [UInt8]
    let entries: [Entry]
    let count: Int

    /// The sizes of each column: raw and stored, for `segment inspect`.
    package var columnSizes: [(column: Column, rawBytes: Int, storedBytes: Int)] {
        entries.map { ($0.column, $0.rawCount, $0.storedCount) }
    }

    /// Packs events: of one process, ascending by sequence number, at most `Limits.blockEventsMax`.
    static func encode(
        _ events: [Event], of own: ProcessReference
    ) -> (bytes: [UInt8], causal: CausalColumns) {
        let causal = CausalColumns(events, of: own)
        let (shape, attributes) = EventColumns.attributes(events)
        var columns: [(Column, [UInt8])] = [
            (.sequence, EventColumns.sequence(causal)),
            (.kind, EventColumns.kind(causal)),
            (.time, EventColumns.time(causal)),
            (.processes, EventColumns.processes(causal)),
            (.cause, EventColumns.cause(causal.causes, processes: causal.processes.count)),
            (.rulings, EventColumns.cause(causal.rulings, processes: causal.processes.count)),
            (.loss, EventColumns.loss(causal)),
            (.stamp, EventColumns.stamp(causal)),
            (.name, EventColumns.strings(events.map(\.name))),
            (.text, EventColumns.strings(events.map(\.text))),
            (.level, EventColumns.level(events)),
            (.shape, shape),
        ]
        columns += attributes.map { (.attribute, $0) }
        var directory = ByteWriter()
        var content: [UInt8] = []
        directory.varint(columns.count)
        for (column, raw) in columns {
            let (codec, packed) = Codec.pack(raw)
            directory.byte(column.rawValue)
            directory.byte(codec.rawValue)
            directory.varint(raw.count)
            directory.varint(packed.count)
            content += packed
        }
        return (directory.bytes + content, causal)
    }

    /// Reads the directory of a body of `count` events.
    package init(_ bytes: [UInt8], count: Int) throws(FormatError) {
        var reader = ByteReader(bytes)
        var entries: [Entry] = []
        var total = 0
        for _
            in 0..<(try reader.count(
                Limits.blockEventsMax * Causality.Limits.attributesMax, "columns"))
        {
            let number = try reader.byte("column")
            guard let column = Column(rawValue: number) else {
                throw reader.malformed("column: \(number) is unknown to this program")
            }
            let codecNumber = try reader.byte("codec")
            guard let codec = Codec(rawValue: codecNumber) else {
                throw reader.malformed("codec: \(codecNumber) is unknown to this program")
            }
            let rawCount = try reader.count(Limits.blockRawBytesMax, "column length")
            let storedCount = try reader.count(bytes.count, "column length")
            total += rawCount
            guard total <= Limits.blockRawBytesMax else {
                throw reader.malformed("columns of more than \(Limits.blockRawBytesMax) bytes")
            }
            entries.append(
                Entry(
                    column: column, codec: codec, rawCount: rawCount, start: 0,
                    storedCount: storedCount))
        }
        for index in entries.indices {
            entries[index].start = reader.offset
            try reader.skip(entries[index].storedCount, "column")
        }
        try reader.expectEnd("block body")
        self.bytes = bytes
        self.entries = entries
        self.count = count
    }

    private func unpack(_ entry: Entry) throws(FormatError) -> [UInt8] {
        try entry.codec.unpack(
            Array(bytes[entry.start..<entry.start + entry.storedCount]), rawCount: entry.rawCount,
            "\(entry.column) column")
    }

    private func unpack(_ column: Column) throws(FormatError) -> [UInt8] {
        let matching = entries.filter { $0.column == column }
        guard matching.count == 1 else {
            throw FormatError(
                what: "expected one \(column) column, found \(matching.count)", offset: 0)
        }
        return try unpack(matching[0])
    }

    /// What ordering needs. O(rows + changed clock entries); unpacks eight columns.
    package func causalColumns() throws(FormatError) -> CausalColumns {
        var columns = CausalColumns()
        columns.sequences = try EventColumns.decodeSequence(unpack(.sequence), count: count)
        (columns.kinds, columns.stamps) = try EventColumns.decodeKind(
            unpack(.kind), loss: unpack(.loss), count: count)
        columns.times = try EventColumns.decodeTime(unpack(.time), count: count)
        try EventColumns.decodeProcesses(unpack(.processes), into: &columns)
        columns.causes = try EventColumns.decodeCause(
            unpack(.cause), count: count, processes: columns.processes.count)
        columns.rulings = try EventColumns.decodeCause(
            unpack(.rulings), count: count, processes: columns.processes.count)
        try EventColumns.decodeStamp(unpack(.stamp), into: &columns, count: count)
        return columns
    }

    /// Decodes every column, and makes no events of them: their clocks, each whole, would take far more.
    package func verify() throws(FormatError) {
        _ = try causalColumns()
        _ = try EventColumns.decodeStrings(unpack(.name), count: count, "name column")
        _ = try EventColumns.decodeStrings(unpack(.text), count: count, "text column")
        _ = try EventColumns.decodeLevel(unpack(.level), count: count)
        var columns: [[UInt8]] = []
        for entry in entries where entry.column == .attribute { columns.append(try unpack(entry)) }
        _ = try EventColumns.decodeAttributes(shape: unpack(.shape), columns: columns, count: count)
    }

    /// The whole events. O(rows · clock entries).
    package func events(of key: ProcessKey) throws(FormatError) -> [Event] {
        let own = key.reference
        let causal = try causalColumns()
        let names = try EventColumns.decodeStrings(unpack(.name), count: count, "name column")
        let texts = try EventColumns.decodeStrings(unpack(.text), count: count, "text column")
        let levels = try EventColumns.decodeLevel(unpack(.level), count: count)
        var attributeColumns: [[UInt8]] = []
        for entry in entries where entry.column == .attribute {
            attributeColumns.append(try unpack(entry))
        }
        let attributes = try EventColumns.decodeAttributes(
            shape: unpack(.shape), columns: attributeColumns, count: count)
        var clock = VectorClock()
        var clockEntries = 0
        var cause = 0
        var ruling = 0
        var events: [Event] = []
        events.reserveCapacity(count)
        for row in 0..<count {
            for change in causal.changes[causal.changeStarts[row]..<causal.changeStarts[row + 1]] {
                clock[causal.processes[change.process]] = change.value
            }
            clock[own] = causal.sequences[row]
            clockEntries += clock.entries.count
            guard clockEntries <= Limits.blockClockEntriesMax else {
                throw FormatError(
                    what: "clocks of more than \(Limits.blockClockEntriesMax) entries in one block",
                    offset: 0)
            }
            var event = Event(
                id: EventID(key.process, causal.sequences[row]), kind: causal.kinds[row],
                time: causal.times[row] == CausalColumns.noTime
                    ? nil : WallTime(nanoseconds: causal.times[row]),
                name: names[row], text: texts[row], level: levels[row], attributes: attributes[row],
                clock: clock, stamp: causal.stamps[row])
            if cause < causal.causes.count, causal.causes[cause].row == row {
                event.cause = causal.reference(causal.causes[cause])
                cause += 1
            }
            if ruling < causal.rulings.count, causal.rulings[ruling].row == row {
                event.rulesOut = causal.reference(causal.rulings[ruling])
                ruling += 1
            }
            events.append(event)
        }
        return events
    }
}
