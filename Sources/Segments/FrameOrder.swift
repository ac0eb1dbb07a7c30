import Causality

/// The order section of a frame: whose events they are, and all that ordering needs of them.
///
///     order      = unit u8, executions, hosts, processes, further, claimed, counts, predecessors, sequences, wholes,
///                  kinds, losses, times, changes, causes, rulings
///     executions = count, name*                                hosts the same
///     processes  = count, (execution, host, form u8, [run 16], [origin run u64, origin sequence number], incarnation, name)*
///                  form: 1 has a run; 2 goes on from an event, 4 from what is unknown; 8 the name is the host's, `/`, and this
///     further    = count, (type u8, run key u64 | name, incarnation)*     who else is referred to: 0 a run, 1 a name
///     claimed    = count, (distance to the reference before, flag u8, [name, incarnation])*      what causes call runs; 0: as
///                  the process is called
///     counts     = rows of each process
///     predecessors = for each process: 0 where its first row's clock is whole, else the first sequence number minus that of
///                  the event which the clock goes on from
///     sequences  = for each process, until all its rows have one: (distance from the end of the run before (zigzag), length)*
///     wholes     = count, (rows since the last one)*           rows but the first of a process whose clocks are whole
///     kinds      = for each row u8: event kind, 16 times the stamp's number, 128 where it has a time
///     losses     = for the rows whose stamp is lossy: (length, reason u8, sequence number since when, number)*
///     times      = for the rows that have one: differences to the time before it, as numbers (ClassedNumbers.swift), in units
///                  of 10^unit ns, the first from 1970
///     changes    = for each row its count; for each change the reference, as a distance to the one before it in its row; for
///                  each change the difference of its value to that reference's value before it in the frame, as numbers
///     causes     = count, rows since the last one*, reference*, sequence number as a difference (zigzag)*, evidence u8*
///     rulings    = count, rows since the last one*, reference*, sequence number as a difference (zigzag)*
///
/// A reference below the number of processes is that process, else one of `further`: those that no cause calls anything first,
/// then by what they are called; of two that are called the same, by what they are. The difference of a cause is to the value
/// of its reference's change in the same row, where it has one, else to that reference's cause before it; that of a ruling to
/// its reference's ruling before it. The values of changes are 0 to 2^62, sequence numbers 1 to 2^62.
enum FrameOrder {
    /// The column of causes and rulings where there are none.
    static let noCauses: [UInt8] = [0, 0]

    static func encode(_ batch: EventBatch, _ frame: FrameRows) -> [UInt8] {
        var writer = ByteWriter()
        let unit = timeUnit(batch, frame)
        writer.byte(unit.exponent)
        tables(batch, frame, &writer)
        sequences(batch, frame, &writer)
        kinds(batch, frame, &writer)
        times(batch, frame, unit, &writer)
        let values = changes(batch, frame, &writer)
        named(frame, values, &writer)
        return writer.bytes
    }

    /// One column by itself: as in the section, but that the unit of time is with the times.
    static func encode(
        _ batch: EventBatch, _ frame: FrameRows, _ column: RowColumn, _ writer: inout ByteWriter
    ) {
        switch column {
        case .tables: tables(batch, frame, &writer)
        case .sequences: sequences(batch, frame, &writer)
        case .kinds: kinds(batch, frame, &writer)
        case .times:
            let unit = timeUnit(batch, frame)
            writer.byte(unit.exponent)
            times(batch, frame, unit, &writer)
        case .changes: _ = changes(batch, frame, &writer)
        case .causes:
            var unused = ByteWriter()
            let values = frame.causes.isEmpty ? [] : changes(batch, frame, &unused)
            named(frame, values, &writer)
        case .forms, .texts, .values:
            preconditionFailure("a column of the content")
        }
    }

    /// Whose events they are, and whom they refer to.
    private static func tables(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        processes(frame.slots.map { batch.processes[$0] }, &writer)
        further(batch, frame, &writer)
    }

    private static func kinds(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        writer.append(atMost: frame.rows.count) { writer in
            for row in frame.rows {
                let hasTime: UInt8 = batch.times[row] == EventBatch.noTime ? 0 : 128
                writer.byte(batch.kinds[row].rawValue | batch.stamps[row].rawValue << 4 | hasTime)
            }
        }
        losses(batch, frame, &writer)
    }

    private static func times(
        _ batch: EventBatch, _ frame: FrameRows, _ unit: (exponent: UInt8, nanoseconds: Int64),
        _ writer: inout ByteWriter
    ) {
        var last: Int64 = 0
        var differences: [Int64] = []
        differences.reserveCapacity(frame.rows.count)
        for row in frame.rows where batch.times[row] != EventBatch.noTime {
            let time = batch.times[row] / unit.nanoseconds
            differences.append(time &- last)
            last = time
        }
        ClassedNumbers.encode(differences, &writer)
    }

    private static func named(
        _ frame: FrameRows, _ ofCauses: [UInt64?], _ writer: inout ByteWriter
    ) {
        named(frame.causes, frame, ofCauses, hasEvidence: true, &writer)
        named(frame.rulings, frame, [], hasEvidence: false, &writer)
    }

    /// The largest unit of time that loses nothing: logs have milliseconds more often than nanoseconds.
    private static func timeUnit(
        _ batch: EventBatch, _ frame: FrameRows
    ) -> (exponent: UInt8, nanoseconds: Int64) {
        var units: [(exponent: UInt8, nanoseconds: Int64)] = [
            (9, 1_000_000_000), (6, 1_000_000), (3, 1_000),
        ]
        for row in frame.rows where batch.times[row] != EventBatch.noTime {
            while let unit = units.first, batch.times[row] % unit.nanoseconds != 0 {
                units.removeFirst()
            }
            if units.isEmpty { break }
        }
        return units.first ?? (0, 1)
    }

    /// Processes by themselves, as an order section has them.
    static func processes(_ keys: [ProcessKey], _ writer: inout ByteWriter) {
        let executions = numbered(keys.map(\.execution), &writer)
        let hosts = numbered(keys.map(\.host), &writer)
        writer.varint(keys.count)
        for key in keys {
            writer.varint(executions[ExactText(key.execution)]!)
            writer.varint(hosts[ExactText(key.host)]!)
            writer.process(key)
        }
    }

    /// Writes distinct texts in the order of their bytes; their numbers.
    private static func numbered(
        _ texts: [String], _ writer: inout ByteWriter
    ) -> [ExactText: Int] {
        let sorted = Set(texts.map { ExactText($0) }).sorted {
            ExactText.isBefore($0.text, $1.text)
        }
        writer.varint(sorted.count)
        for text in sorted { writer.string(text.text) }
        return Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, $0) })
    }

    private static func further(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        writer.varint(frame.further.count)
        for index in frame.further {
            writer.reference(batch.references[index])
        }
        var claimed: [(number: Int, name: ProcessID)] = []
        for (index, number) in frame.numbers.enumerated() where number >= 0 {
            if let name = batch.claimedNames[index] { claimed.append((number, name)) }
        }
        claimed.sort { $0.number < $1.number }
        writer.varint(claimed.count)
        var last = 0
        for (number, name) in claimed {
            writer.varint(number - last)
            last = number
            if number < frame.slots.count, batch.processes[frame.slots[number]].process == name {
                writer.byte(0)
            } else {
                writer.byte(1)
                writer.string(name.name)
                writer.varint(UInt64(name.incarnation))
            }
        }
    }

    private static func sequences(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        for count in frame.counts { writer.varint(count) }
        var (starts, runs) = (ByteWriter(), ByteWriter())
        var wholes: [Int] = []
        let whole = Set(batch.wholes)
        var place = 0
        for (slot, count) in zip(frame.slots, frame.counts) {
            let first = frame.rows[place]
            let predecessor = whole.contains(first) ? 0 : frame.predecessor(slot, batch)
            starts.varint(predecessor == 0 ? 0 : batch.sequences[first] - predecessor)
            var end: UInt64 = 0
            var index = place
            while index < place + count {
                let start = batch.sequences[frame.rows[index]]
                var next = index
                repeat {
                    if next > place, whole.contains(frame.rows[next]) { wholes.append(next) }
                    next += 1
                } while next < place + count
                    && batch.sequences[frame.rows[next]] == start + UInt64(next - index)
                runs.zigzag(Int64(bitPattern: start &- end))
                runs.varint(next - index)
                end = start + UInt64(next - index)
                index = next
            }
            place += count
        }
        writer.bytes(starts.bytes)
        writer.bytes(runs.bytes)
        writer.varint(wholes.count)
        var last = 0
        for row in wholes {
            writer.varint(row - last)
            last = row
        }
    }

    private static func losses(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) {
        var run: (loss: Loss, length: Int)?
        func end() {
            guard let run else { return }
            writer.varint(run.length)
            writer.byte(run.loss.reason.rawValue)
            writer.varint(run.loss.since)
            writer.varint(UInt64(run.loss.number))
        }
        for row in frame.rows {
            guard case .lossy(let loss) = batch.stamps[row] else { continue }
            if run?.loss == loss {
                run!.length += 1
            } else {
                end()
                run = (loss, 1)
            }
        }
        end()
    }

    /// Writes the changes. Returns for each cause the value of its reference's change in the same row, nil where it has none.
    private static func changes(
        _ batch: EventBatch, _ frame: FrameRows, _ writer: inout ByteWriter
    ) -> [UInt64?] {
        var last = [UInt64](repeating: 0, count: frame.slots.count + frame.further.count)
        let count = frame.rows.reduce(0) {
            $0 + batch.changeStarts[$1 + 1] - batch.changeStarts[$1]
        }
        var (numbers, values) = ([Int](), [Int64]())
        numbers.reserveCapacity(count)
        values.reserveCapacity(count)
        var ofCauses: [UInt64?] = []
        ofCauses.reserveCapacity(frame.causes.count)
        // Of one row after another.
        var changes: [ClockChange] = []
        for (place, row) in frame.rows.enumerated() {
            changes.removeAll(keepingCapacity: true)
            for index in batch.changeStarts[row]..<batch.changeStarts[row + 1] {
                let change = batch.changes[index]
                changes.append(
                    ClockChange(process: frame.numbers[change.process], value: change.value))
            }
            if changes.count > 1 { changes.sort { $0.process < $1.process } }
            var before = 0
            for change in changes {
                numbers.append(change.process - before)
                values.append(Int64(bitPattern: change.value &- last[change.process]))
                before = change.process
                last[change.process] = change.value
            }
            while ofCauses.count < frame.causes.count, frame.causes[ofCauses.count].row == place {
                let number = frame.numbers[frame.causes[ofCauses.count].process]
                ofCauses.append(value(of: number, in: changes[...]))
            }
        }
        writer.varints(
            frame.rows.map { batch.changeStarts[$0 + 1] - batch.changeStarts[$0] })
        writer.mark()
        writer.varints(numbers)
        ClassedNumbers.encode(values, &writer)
        return ofCauses
    }

    /// - Parameter changes: For each the value of its reference's change in the same row; empty where that says nothing.
    private static func named(
        _ named: [RowCause], _ frame: FrameRows, _ changes: [UInt64?], hasEvidence: Bool,
        _ writer: inout ByteWriter
    ) {
        writer.varint(named.count)
        var last = [UInt64](repeating: 0, count: frame.slots.count + frame.further.count)
        let numbers = named.map { frame.numbers[$0.process] }
        var row = 0
        writer.varints(
            named.map { cause in
                defer { row = cause.row }
                return cause.row - row
            })
        writer.mark()
        writer.varints(numbers)
        writer.mark()
        writer.zigzags(
            named.indices.map { index in
                let (number, sequence) = (numbers[index], named[index].sequence)
                let expected = (hasEvidence ? changes[index] : nil) ?? last[number]
                last[number] = sequence
                return Int64(bitPattern: sequence &- expected)
            })
        if hasEvidence { writer.bytes(named.map(\.evidence.rawValue)) }
    }

    /// The value of a reference's change, of changes that ascend. O(log changes).
    static func value(of number: Int, in changes: ArraySlice<ClockChange>) -> UInt64? {
        var (low, high) = (changes.startIndex, changes.endIndex)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].process < number { low = middle + 1 } else { high = middle }
        }
        return low < changes.endIndex && changes[low].process == number ? changes[low].value : nil
    }
}
