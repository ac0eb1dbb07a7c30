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
}

/// Columns into bytes and back. One home for what each column looks like before compression:
///
///     sequence  = run count, (distance from the end of the run before, length)*
///     kind      = bytes: event kind, + 16 times the stamp's quality
///     time      = bytes: 1 where there is a time; then for each of those the difference of differences (zigzag)
///     processes = count, (name, incarnation)*              what cause and stamp refer to by index
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

    static func decodeSequence(_ bytes: [UInt8], count: Int) throws(SegmentError) -> [UInt64] {
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

    static func decodeKind(_ bytes: [UInt8], count: Int) throws(SegmentError) -> (
        [EventKind], [StampQuality]
    ) {
        var reader = ByteReader(bytes)
        let raw = try decodeBytes(count: count, &reader, "kind column")
        try reader.expectEnd("kind column")
        var kinds: [EventKind] = []
        var stamps: [StampQuality] = []
        for byte in raw {
            guard let kind = EventKind(rawValue: byte & 15),
                let stamp = StampQuality(rawValue: byte >> 4)
            else {
                throw reader.malformed("kind column: \(byte) is no event kind")
            }
            kinds.append(kind)
            stamps.append(stamp)
        }
        return (kinds, stamps)
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

    static func decodeTime(_ bytes: [UInt8], count: Int) throws(SegmentError) -> [Int64] {
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
        for process in columns.processes {
            writer.string(process.name)
            writer.varint(UInt64(process.incarnation))
        }
        return writer.bytes
    }

    static func decodeProcesses(_ bytes: [UInt8]) throws(SegmentError) -> [ProcessID] {
        var reader = ByteReader(bytes)
        var processes: [ProcessID] = []
        for _ in 0..<(try reader.count(Limits.blockRawBytesMax, "process column")) {
            processes.append(try ProcessID(decoding: &reader))
        }
        try reader.expectEnd("process column")
        return processes
    }

    static func cause(_ columns: CausalColumns) -> [UInt8] {
        var writer = ByteWriter()
        writer.varint(columns.causes.count)
        var row = 0
        var last = [UInt64](repeating: 0, count: columns.processes.count)
        for cause in columns.causes {
            writer.varint(cause.row - row)
            writer.varint(cause.process)
            writer.zigzag(Int64(bitPattern: cause.sequence &- last[cause.process]))
            row = cause.row
            last[cause.process] = cause.sequence
        }
        return writer.bytes
    }

    static func decodeCause(_ bytes: [UInt8], count: Int, processes: Int) throws(SegmentError)
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
    ) throws(SegmentError) {
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
    ) throws(SegmentError) -> Int {
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
    ) throws(SegmentError) -> [UInt8] {
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
