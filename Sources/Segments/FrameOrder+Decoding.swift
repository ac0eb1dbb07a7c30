import Causality

/// What an order section says, checked: the tables, and the parts of each row.
struct DecodedOrder {
    var keys: [ProcessKey] = []
    var references: [ProcessReference] = []
    var claimed: [ProcessID?] = []
    /// By process.
    var counts: [Int] = []
    var predecessors: [UInt64] = []
    /// By row.
    var sequences: [UInt64] = []
    var isWhole: [Bool] = []
    var kinds: [EventKind] = []
    var stamps: [Stamp] = []
    var times: [Int64] = []
    var changeStarts: [Int] = [0]
    var changes: [ClockChange] = []
    var causes: [RowCause] = []
    var rulings: [RowCause] = []
}

extension DecodedOrder {
    /// Reads an order section of `rowCount` rows of `processCount` processes, which the frame's header claims and the caller has
    /// checked against the limits. O(what it holds), within the budget.
    init(
        _ bytes: [UInt8], rowCount: Int, processCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        var reader = ByteReader(bytes)
        try budget.charge(
            EventCost.row * rowCount + EventCost.process * processCount, reader, "rows")
        let unit = try DecodedOrder.readUnit(&reader)
        try readTables(&reader, processCount, &budget)
        try readSequences(&reader, rowCount)
        let hasTimes = try readKinds(&reader, rowCount)
        try readTimes(&reader, hasTimes, unit: unit)
        try readChanges(&reader, rowCount, &budget)
        try readCauses(&reader, rowCount, &budget)
        try reader.expectEnd("order section")
    }

    /// Reads the columns of the order, each by itself, as `init(_:rowCount:processCount:_:)` reads them together. Without the
    /// column of the changes, where there are no causes, which are written by them: all but clocks.
    init(
        columns: [RowColumn: [UInt8]], rowCount: Int, processCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        var hasTimes: [UInt8] = []
        for column in RowColumn.order {
            guard let bytes = columns[column] else {
                if column == .changes, columns[.causes] == FrameOrder.noCauses {
                    changeStarts = [Int](repeating: 0, count: rowCount + 1)
                    continue
                }
                throw FormatError(what: "\(column): the column is missing", offset: 0)
            }
            var reader = ByteReader(bytes)
            switch column {
            case .tables:
                try budget.charge(
                    EventCost.row * rowCount + EventCost.process * processCount, reader, "rows")
                try readTables(&reader, processCount, &budget)
            case .sequences: try readSequences(&reader, rowCount)
            case .kinds: hasTimes = try readKinds(&reader, rowCount)
            case .times:
                let unit = try DecodedOrder.readUnit(&reader)
                try readTimes(&reader, hasTimes, unit: unit)
            case .changes: try readChanges(&reader, rowCount, &budget)
            default: try readCauses(&reader, rowCount, &budget)
            }
            try reader.expectEnd("\(column)")
        }
    }

    /// Reads two columns alone, in which the kinds and the times are.
    init(kinds: [UInt8], times: [UInt8], rowCount: Int) throws(FormatError) {
        var reader = ByteReader(kinds)
        let hasTimes = try readKinds(&reader, rowCount)
        try reader.expectEnd("\(RowColumn.kinds)")
        reader = ByteReader(times)
        let unit = try DecodedOrder.readUnit(&reader)
        try readTimes(&reader, hasTimes, unit: unit)
        try reader.expectEnd("\(RowColumn.times)")
    }

    private static func readUnit(_ reader: inout ByteReader) throws(FormatError) -> Int64 {
        let exponent = try reader.byte("time unit")
        guard let unit = [0: 1, 3: 1_000, 6: 1_000_000, 9: 1_000_000_000][Int(exponent)] else {
            throw reader.malformed("time unit: expected 0, 3, 6 or 9, found \(exponent)")
        }
        return Int64(unit)
    }

    private mutating func readTables(
        _ reader: inout ByteReader, _ processCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        try readProcesses(&reader, processCount, &budget)
        try readFurther(&reader, &budget)
    }

    private mutating func readCauses(
        _ reader: inout ByteReader, _ rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        causes = try readNamed(&reader, rowCount, hasEvidence: true, &budget)
        rulings = try readNamed(&reader, rowCount, hasEvidence: false, &budget)
        for (ruling, next) in zip(rulings, rulings.dropFirst()) where ruling.row == next.row {
            throw reader.malformed("rulings: two of one row")
        }
    }

    private static func names(
        _ reader: inout ByteReader, _ what: String, _ budget: inout Budget
    ) throws(FormatError) -> [String] {
        var names: [String] = []
        for _ in 0..<(try reader.count(Limits.frameProcessesMax, what)) {
            let name = try reader.name(what)
            try budget.charge(32 + name.utf8.count, reader, what)
            names.append(name)
        }
        return names
    }

    private mutating func readProcesses(
        _ reader: inout ByteReader, _ processCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        keys = try DecodedOrder.processes(&reader, processCount, &budget)
        references = keys.map(\.reference)
        claimed = Array(repeating: nil, count: keys.count)
    }

    /// Processes by themselves, `processCount` of them.
    static func processes(
        _ reader: inout ByteReader, _ processCount: Int, _ budget: inout Budget
    ) throws(FormatError) -> [ProcessKey] {
        let executions = try names(&reader, "execution", &budget)
        let hosts = try names(&reader, "host", &budget)
        let count = try reader.count(Limits.frameRowsMax, "processes")
        guard count == processCount, !executions.isEmpty, !hosts.isEmpty else {
            throw reader.malformed("processes: expected \(processCount), found \(count)")
        }
        var keys: [ProcessKey] = []
        for _ in 0..<count {
            let execution = executions[try reader.count(executions.count - 1, "execution")]
            let host = hosts[try reader.count(hosts.count - 1, "host")]
            let key = try reader.process(execution: execution, host: host)
            try budget.charge(key.process.name.utf8.count, reader, "processes")
            keys.append(key)
        }
        guard Set(keys).count == count else {
            throw reader.malformed("processes: one is there twice")
        }
        return keys
    }

    private mutating func readFurther(
        _ reader: inout ByteReader, _ budget: inout Budget
    ) throws(FormatError) {
        for _ in 0..<(try reader.count(Limits.frameReferencesMax, "references")) {
            try budget.charge(EventCost.reference, reader, "references")
            let reference = try reader.reference("reference")
            if case .named(let process) = reference {
                try budget.charge(process.name.utf8.count, reader, "references")
            }
            references.append(reference)
            claimed.append(nil)
        }
        var number = 0
        for index in 0..<(try reader.count(references.count, "names of runs")) {
            let distance = try reader.count(references.count, "names of runs")
            number += distance
            guard number < references.count, index == 0 || distance > 0 else {
                throw reader.malformed("names of runs: no such reference")
            }
            let flag = try reader.byte("names of runs")
            switch flag {
            case 0 where number < keys.count: claimed[number] = keys[number].process
            case 1:
                let process = try reader.processID("names of runs")
                try budget.charge(process.name.utf8.count, reader, "names of runs")
                claimed[number] = process
            default: throw reader.malformed("names of runs: expected 0 or 1, found \(flag)")
            }
        }
    }

    private mutating func readSequences(
        _ reader: inout ByteReader, _ rowCount: Int
    ) throws(FormatError) {
        var total = 0
        for _ in keys {
            counts.append(try reader.count(rowCount - total, "rows of a process"))
            total += counts.last!
            guard counts.last! > 0 else { throw reader.malformed("a process without rows") }
        }
        guard total == rowCount else {
            throw reader.malformed("expected \(rowCount) rows, found \(total)")
        }
        var distances: [UInt64] = []
        for _ in keys { distances.append(try reader.varint("predecessor")) }
        sequences.reserveCapacity(rowCount)
        for (count, distance) in zip(counts, distances) {
            let first = sequences.count
            var end: UInt64 = 0
            while sequences.count - first < count {
                let start = end &+ UInt64(bitPattern: try reader.zigzag("sequence number"))
                let length = try reader.count(first + count - sequences.count, "sequence numbers")
                guard length >= 1, start >= 1, start <= Causality.Limits.sequenceMax,
                    UInt64(length - 1) <= Causality.Limits.sequenceMax - start
                else { throw reader.malformed("a sequence number out of range") }
                for index in 0..<UInt64(length) { sequences.append(start + index) }
                end = start + UInt64(length)
            }
            guard distance < sequences[first] else {
                throw reader.malformed("a clock goes on from event \(distance) before the first")
            }
            predecessors.append(distance == 0 ? 0 : sequences[first] - distance)
        }
        try readWholes(&reader, rowCount)
    }

    private mutating func readWholes(
        _ reader: inout ByteReader, _ rowCount: Int
    ) throws(FormatError) {
        isWhole = Array(repeating: false, count: rowCount)
        var row = 0
        for index in 0..<(try reader.count(rowCount, "whole clocks")) {
            let step = try reader.count(rowCount, "whole clocks")
            row += step
            guard row < rowCount, index == 0 || step > 0 else {
                throw reader.malformed("whole clocks: no such row")
            }
            isWhole[row] = true
        }
        row = 0
        for (process, count) in counts.enumerated() {
            guard !isWhole[row] else {
                throw reader.malformed("whole clocks: the first row of a process is none of them")
            }
            isWhole[row] = predecessors[process] == 0
            for next in row + 1..<max(row + 1, row + count)
            where sequences[next] <= sequences[next - 1] && !isWhole[next] {
                throw reader.malformed("a clock that goes on from a later event")
            }
            row += count
        }
    }

    /// What a byte says of a row, but for whether it has a time; nil where a loss belongs to it, or it says nothing.
    private static let lossless: [(EventKind, Stamp)?] = (0..<128).map { (byte: UInt8) in
        let stamps: [Stamp] = [.complete, .generating, .chained, .silent]
        guard let kind = EventKind(rawValue: byte & 15), byte >> 4 < stamps.count else {
            return nil
        }
        return (kind, stamps[Int(byte >> 4)])
    }

    /// The kinds and stamps; which rows have a time.
    private mutating func readKinds(
        _ reader: inout ByteReader, _ rowCount: Int
    ) throws(FormatError) -> [UInt8] {
        let bytes = try reader.bytes(rowCount, "kinds")
        var losses = LossReader()
        kinds.reserveCapacity(rowCount)
        stamps.reserveCapacity(rowCount)
        let lossless = DecodedOrder.lossless
        for byte in bytes {
            if let (kind, stamp) = lossless[Int(byte & 127)] {
                kinds.append(kind)
                stamps.append(stamp)
                continue
            }
            guard let kind = EventKind(rawValue: byte & 15),
                let stamp = try Stamp(
                    rawValue: byte >> 4 & 7,
                    loss: { () throws(FormatError) in try losses.next(&reader) })
            else { throw reader.malformed("kinds: \(byte) is no event kind") }
            kinds.append(kind)
            stamps.append(stamp)
        }
        guard losses.remaining == 0 else { throw reader.malformed("losses: a run too long") }
        return bytes
    }

    private struct LossReader {
        private var loss = Loss(since: 1, .eventsLost)
        private(set) var remaining = 0

        mutating func next(_ reader: inout ByteReader) throws(FormatError) -> Loss {
            if remaining == 0 {
                remaining = try reader.count(Limits.frameRowsMax, "losses")
                let number = try reader.byte("losses")
                let since = try reader.varint("losses")
                let order = try reader.count(Int(UInt32.max), "losses")
                guard remaining > 0, let reason = Loss.Reason(rawValue: number),
                    (1...Causality.Limits.sequenceMax).contains(since)
                else { throw reader.malformed("losses: no such loss") }
                loss = Loss(since: since, reason, number: UInt32(order))
            }
            remaining -= 1
            return loss
        }
    }

    private mutating func readTimes(
        _ reader: inout ByteReader, _ kinds: [UInt8], unit: Int64
    ) throws(FormatError) {
        times.reserveCapacity(kinds.count)
        let differences = try ClassedNumbers.decode(
            kinds.count { $0 & 128 != 0 }, &reader, "time")
        var (next, last): (Int, Int64) = (0, 0)
        for byte in kinds {
            guard byte & 128 != 0 else {
                times.append(EventBatch.noTime)
                continue
            }
            last = last &+ differences[next]
            next += 1
            let (time, isTooFar) = last.multipliedReportingOverflow(by: unit)
            guard !isTooFar else { throw reader.malformed("time: \(last) is out of range") }
            times.append(time)
        }
    }

    private mutating func readChanges(
        _ reader: inout ByteReader, _ rowCount: Int, _ budget: inout Budget
    ) throws(FormatError) {
        changeStarts.reserveCapacity(rowCount + 1)
        let entriesMax = min(references.count, Causality.Limits.clockEntriesMax)
        for _ in 0..<rowCount {
            let count = try reader.count(entriesMax, "clock changes")
            try budget.charge(EventCost.change * count, reader, "clock changes")
            changeStarts.append(changeStarts.last! + count)
        }
        guard changeStarts.last! <= Limits.frameChangesMax else {
            throw reader.malformed(
                "clock changes: expected at most \(Limits.frameChangesMax), found \(changeStarts.last!)"
            )
        }
        changes.reserveCapacity(changeStarts.last!)
        for row in 0..<rowCount {
            var number = 0
            for index in changeStarts[row]..<changeStarts[row + 1] {
                let step = try reader.count(references.count, "clock change")
                number += step
                guard number < references.count, step > 0 || index == changeStarts[row] else {
                    throw reader.malformed("clock change: no such process")
                }
                changes.append(ClockChange(process: number, value: 0))
            }
        }
        var last = [UInt64](repeating: 0, count: references.count)
        let differences = try ClassedNumbers.decode(changes.count, &reader, "clock change")
        for index in changes.indices {
            let process = changes[index].process
            let value = last[process] &+ UInt64(bitPattern: differences[index])
            guard value <= Causality.Limits.sequenceMax else {
                throw reader.malformed("clock change: \(value) is no sequence number")
            }
            last[process] = value
            changes[index].value = value
        }
    }

    private func readNamed(
        _ reader: inout ByteReader, _ rowCount: Int, hasEvidence: Bool, _ budget: inout Budget
    ) throws(FormatError) -> [RowCause] {
        let what = hasEvidence ? "causes" : "rulings"
        let count = try reader.count(Limits.frameRowsMax * 16, what)
        try budget.charge(EventCost.cause * count, reader, what)
        guard count <= reader.remaining else {
            throw reader.malformed("\(what): \(count) of them, and the section ends")
        }
        var rows: [Int] = []
        rows.reserveCapacity(count)
        for _ in 0..<count {
            rows.append((rows.last ?? 0) + (try reader.count(rowCount, what)))
            guard rows.last! < rowCount else { throw reader.malformed("\(what): no such row") }
            let first = rows.count - 1 - Causality.Limits.causesMax
            guard first < 0 || rows[first] < rows.last! else {
                throw reader.malformed(
                    "\(what): expected at most \(Causality.Limits.causesMax) of an event")
            }
        }
        let numbers = try reader.numbers(count, references.count - 1, what)
        var named: [RowCause] = []
        named.reserveCapacity(count)
        var last = [UInt64](repeating: 0, count: references.count)
        for (row, number) in zip(rows, numbers) {
            let number = Int(number)
            let changes = changes[changeStarts[row]..<changeStarts[row + 1]]
            let expected =
                (hasEvidence ? FrameOrder.value(of: number, in: changes) : nil) ?? last[number]
            let sequence = expected &+ UInt64(bitPattern: try reader.zigzag(what))
            guard (1...Causality.Limits.sequenceMax).contains(sequence) else {
                throw reader.malformed("\(what): \(sequence) is no sequence number")
            }
            last[number] = sequence
            named.append(RowCause(row: row, process: number, sequence: sequence, .rule))
        }
        guard hasEvidence else { return named }
        for index in named.indices {
            let number = try reader.byte(what)
            guard let evidence = Evidence(rawValue: number) else {
                throw reader.malformed("\(what): evidence \(number) is unknown to this program")
            }
            named[index].evidence = evidence
        }
        return named
    }
}
