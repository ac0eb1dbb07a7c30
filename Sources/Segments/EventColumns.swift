import Causality

/// The columns of a block of events. The numbers are on disk: never renumbered.
package enum Column: UInt8, Sendable, CaseIterable {
    case sequence = 1
    case kind = 2
    case time = 3
    case processes = 4
    case cause = 5
    case stamp = 6
    case name = 7
    case text = 8
    case level = 9
    /// Which attribute keys each event has, in its order.
    case shape = 10
    /// The values of one attribute key: one column for each.
    case attribute = 11
    /// Why stamps may lack something, of the rows where that is so.
    case loss = 12
    /// What rows rule out.
    case rulings = 13
}

/// Columns into bytes and back. One home for what each column looks like before compression:
///
///     sequence  = run count, (distance from the end of the run before, length)*
///     kind      = bytes: event kind, + 16 times the stamp's number
///     loss      = for the rows whose stamp is lossy: (length, reason, sequence number since when, number)*
///     time      = bytes: 1 where there is a time; then for each of those the difference of differences (zigzag)
///     processes = count, (type u8, process)*               what cause, rulings and stamp refer to by index
///                 type 0: a run's key u64; 1: the same, then name and incarnation; 2: name and incarnation
///     rulings   = as cause
///     cause     = count, (rows since the last one, process, difference to the process's last cause (zigzag))*
///     stamp     = for each row: count, (process, difference to the entry in the row before (zigzag, modulo 2^64))*
///     level     = bytes: 0 for none
///     shape     = count, (count, key*)*, index*
///     attribute = key; values, in the order of rows: bytes (1 where JSON), texts
///
/// `bytes` of a row each are run-length coded: (length, byte)*.
enum EventColumns {
    static func sequence(_ columns: CausalColumns) -> [UInt8] {
        var runs: [(start: UInt64, length: UInt64)] = []
        for sequence in columns.sequences {
            if let run = runs.last, run.start + run.length == sequence {
                runs[runs.count - 1].length += 1
            } else {
                runs.append((sequence, 1))
            }
        }
        var writer = ByteWriter()
        writer.varint(runs.count)
        var end: UInt64 = 0
        for run in runs {
            writer.varint(run.start - end)
            writer.varint(run.length)
            end = run.start + run.length
        }
        return writer.bytes
    }

    static func decodeSequence(_ bytes: [UInt8], count: Int) throws(FormatError) -> [UInt64] {
        var reader = ByteReader(bytes)
        var sequences: [UInt64] = []
        sequences.reserveCapacity(count)
        var end: UInt64 = 0
        for _ in 0..<(try reader.count(count, "sequence runs")) {
            let distance = try reader.varint("sequence run")
            let length = try reader.count(count - sequences.count, "sequence run")
            guard distance <= Causality.Limits.sequenceMax,
                end + distance <= Causality.Limits.sequenceMax,
                length >= 1, end + distance >= 1
            else { throw reader.malformed("a sequence run is out of range") }
            for index in 0..<UInt64(length) { sequences.append(end + distance + index) }
            end += distance + UInt64(length)
        }
        guard sequences.count == count else {
            throw reader.malformed("expected \(count) sequence numbers, found \(sequences.count)")
        }
        try reader.expectEnd("sequence column")
        return sequences
    }

    static func kind(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        encodeBytes(
            zip(columns.kinds, columns.stamps).map { $0.rawValue | $1.rawValue << 4 }, &writer)
        return writer.bytes
    }

    static func loss(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        var run: (loss: Loss, length: Int)?
        func end() {
            guard let run else { return }
            writer.varint(run.length)
            writer.byte(run.loss.reason.rawValue)
            writer.varint(run.loss.since)
            writer.varint(UInt64(run.loss.number))
        }
        for case .lossy(let loss) in columns.stamps {
            if run?.loss == loss {
                run!.length += 1
            } else {
                end()
                run = (loss, 1)
            }
        }
        end()
        return writer.bytes
    }

    /// The kinds and stamps of the rows, from the columns `kind` and `loss`.
    static func decodeKind(_ bytes: [UInt8], loss: [UInt8], count: Int) throws(FormatError) -> (
        [EventKind], [Stamp]
    ) {
        var reader = ByteReader(bytes)
        let raw = try decodeBytes(count: count, &reader, "kind column")
        try reader.expectEnd("kind column")
        var losses = LossReader(loss)
        var kinds: [EventKind] = []
        var stamps: [Stamp] = []
        for byte in raw {
            guard let kind = EventKind(rawValue: byte & 15),
                let stamp = try Stamp(
                    rawValue: byte >> 4, loss: { () throws(FormatError) in try losses.next() })
            else {
                throw reader.malformed("kind column: \(byte) is no event kind")
            }
            kinds.append(kind)
            stamps.append(stamp)
        }
        try losses.expectEnd()
        return (kinds, stamps)
    }

    private struct LossReader {
        private var reader: ByteReader
        private var loss = Loss(since: 1, .eventsLost)
        private var remaining = 0

        init(_ bytes: [UInt8]) { reader = ByteReader(bytes) }

        mutating func next() throws(FormatError) -> Loss {
            if remaining == 0 {
                remaining = try reader.count(Limits.blockEventsMax, "loss column")
                let number = try reader.byte("loss column")
                let since = try reader.varint("loss column")
                let order = try reader.count(Int(UInt32.max), "loss column")
                guard remaining > 0, let reason = Loss.Reason(rawValue: number),
                    (1...Causality.Limits.sequenceMax).contains(since)
                else { throw reader.malformed("loss column: no such loss") }
                loss = Loss(since: since, reason, number: UInt32(order))
            }
            remaining -= 1
            return loss
        }

        func expectEnd() throws(FormatError) {
            guard remaining == 0 else { throw reader.malformed("loss column: a run too long") }
            try reader.expectEnd("loss column")
        }
    }

    static func time(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        encodeBytes(columns.times.map { $0 == CausalColumns.noTime ? 0 : 1 }, &writer)
        var (last, lastDelta): (Int64, Int64) = (0, 0)
        for time in columns.times where time != CausalColumns.noTime {
            let delta = time &- last
            writer.zigzag(delta &- lastDelta)
            (last, lastDelta) = (time, delta)
        }
        return writer.bytes
    }

    static func decodeTime(_ bytes: [UInt8], count: Int) throws(FormatError) -> [Int64] {
        var reader = ByteReader(bytes)
        var times: [Int64] = []
        times.reserveCapacity(count)
        var (last, lastDelta): (Int64, Int64) = (0, 0)
        for present in try decodeBytes(count: count, &reader, "time column") {
            if present == 0 {
                times.append(CausalColumns.noTime)
            } else {
                lastDelta = lastDelta &+ (try reader.zigzag("time column"))
                last = last &+ lastDelta
                times.append(last)
            }
        }
        try reader.expectEnd("time column")
        return times
    }

    static func processes(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(columns.processes.count)
        for (process, name) in zip(columns.processes, columns.names) {
            switch process {
            case .run(let key):
                writer.byte(name == nil ? 0 : 1)
                writer.fixed64(key.bits)
                if let name { writer.process(name) }
            case .named(let id):
                writer.byte(2)
                writer.process(id)
            }
        }
        return writer.bytes
    }

    static func decodeProcesses(
        _ bytes: [UInt8], into columns: inout CausalColumns
    ) throws(FormatError) {
        var reader = ByteReader(bytes)
        for _ in 0..<(try reader.count(Limits.blockRawBytesMax, "process column")) {
            let type = try reader.byte("process column")
            switch type {
            case 0, 1:
                columns.processes.append(
                    .run(RunKey(bits: try reader.fixed64("process column"))))
                columns.names.append(type == 0 ? nil : try ProcessID(decoding: &reader))
            case 2:
                columns.processes.append(.named(try ProcessID(decoding: &reader)))
                columns.names.append(nil)
            default:
                throw reader.malformed("process column: expected a type of 0 to 2, found \(type)")
            }
        }
        try reader.expectEnd("process column")
    }

    /// The column of causes, or that of rulings: what rows name, ascending by row.
    static func cause(_ causes: [RowCause], processes: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(causes.count)
        var row = 0
        var last = [UInt64](repeating: 0, count: processes)
        for cause in causes {
            writer.varint(cause.row - row)
            writer.varint(cause.process)
            writer.zigzag(Int64(bitPattern: cause.sequence &- last[cause.process]))
            row = cause.row
            last[cause.process] = cause.sequence
        }
        return writer.bytes
    }

    static func decodeCause(_ bytes: [UInt8], count: Int, processes: Int) throws(FormatError)
        -> [RowCause]
    {
        var reader = ByteReader(bytes)
        var causes: [RowCause] = []
        var row = 0
        var last = [UInt64](repeating: 0, count: processes)
        for index in 0..<(try reader.count(count, "cause column")) {
            let step = try reader.count(count, "cause column")
            row += step
            guard row < count, index == 0 || step > 0 else {
                throw reader.malformed("cause column: no such row")
            }
            let process = try processIndex(&reader, processes, "cause column")
            let sequence = last[process] &+ UInt64(bitPattern: try reader.zigzag("cause column"))
            guard (1...Causality.Limits.sequenceMax).contains(sequence) else {
                throw reader.malformed("cause column: \(sequence) is no sequence number")
            }
            last[process] = sequence
            causes.append(RowCause(row: row, process: process, sequence: sequence))
        }
        try reader.expectEnd("cause column")
        return causes
    }

    static func stamp(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        var current = [UInt64](repeating: 0, count: columns.processes.count)
        for row in 0..<columns.rowCount {
            let changes = columns.changes[columns.changeStarts[row]..<columns.changeStarts[row + 1]]
            writer.varint(changes.count)
            for change in changes {
                writer.varint(change.process)
                writer.zigzag(Int64(bitPattern: change.value &- current[change.process]))
                current[change.process] = change.value
            }
        }
        return writer.bytes
    }

    static func decodeStamp(
        _ bytes: [UInt8], into columns: inout CausalColumns, count: Int
    ) throws(FormatError) {
        var reader = ByteReader(bytes)
        let processes = columns.processes.count
        var current = [UInt64](repeating: 0, count: processes)
        for _ in 0..<count {
            for _ in 0..<(try reader.count(processes, "stamp column")) {
                let process = try processIndex(&reader, processes, "stamp column")
                let value =
                    current[process] &+ UInt64(bitPattern: try reader.zigzag("stamp column"))
                guard value <= Causality.Limits.sequenceMax else {
                    throw reader.malformed("stamp column: \(value) is no sequence number")
                }
                current[process] = value
                columns.changes.append(ClockChange(process: process, value: value))
            }
            columns.changeStarts.append(columns.changes.count)
        }
        try reader.expectEnd("stamp column")
    }

    private static func processIndex(
        _ reader: inout ByteReader, _ count: Int, _ what: String
    ) throws(FormatError) -> Int {
        guard count > 0 else {
            throw reader.malformed("\(what): refers to a process, and none is named")
        }
        return try reader.count(count - 1, what)
    }

    /// Bytes of a row each, run-length coded.
    static func encodeBytes(_ values: [UInt8], _ writer: inout ByteWriter) {
        var index = 0
        while index < values.count {
            var end = index + 1
            while end < values.count, values[end] == values[index] { end += 1 }
            writer.varint(end - index)
            writer.byte(values[index])
            index = end
        }
    }

    static func decodeBytes(
        count: Int, _ reader: inout ByteReader, _ what: String
    ) throws(FormatError) -> [UInt8] {
        var values: [UInt8] = []
        values.reserveCapacity(count)
        while values.count < count {
            let length = try reader.count(count - values.count, what)
            guard length >= 1 else { throw reader.malformed("\(what): a run of no length") }
            values.append(contentsOf: repeatElement(try reader.byte(what), count: length))
        }
        return values
    }
}
