import Causality
import HappensBefore

/// Where the events of one process lie, from one position up to another, and when they were; of which kinds they are, and which
/// messages they got and sent, is read by itself (`EventMessagesBlock.swift`).
///
///     block = start, rows, times, arrival count, departure count, kinds, bits
///     rows = count, (position, 0 | segment + 1, offset (zigzag), row)*
///     times = count, (0 | 1, least (zigzag), greatest)*
///     kinds = form u8, exception count
///     bits = [arrivals], [departures], [exceptions]       columns (`BitColumns.swift`), where there are any
///     arrivals = positions, senders, numbers (zigzag)
///     departures = numbers, receivers, positions (zigzag)
///     exceptions = positions, kinds
///
/// All numbers before the bits are varints. Rows: from a position on, events follow on one another in a frame of a segment from a
/// row on, or lay in parts already (0) when the file was written; the first is at the start. Times: the wall times, in
/// nanoseconds, of each `Limits.rowsOfSummary` events from the start on, where one has any. Positions, offsets, least times and
/// the numbers of departures are written as distances from the one before, the first position from the start; numbers of
/// arrivals and positions of departures as distances from the last of the same process. Departures are those of the numbers
/// from that of the first event on up to that of the next block's, and of the first block of those before too. Kinds: an event
/// has the kind of the form's lowest two bits; but where the form has 4, one at which a message arrived is a receive, and else
/// one from which one departed a send. Exceptions have another; their positions are distances as those of arrivals are.
struct EventFactsBlock: Sendable {
    /// The position of its first event.
    let start: Int
    let rows: [Rows]
    let times: [ClosedRange<Int64>?]
    /// What follows: most questions about places and times ask for nothing else.
    let rest: ByteReader

    /// From a position on, where the events lie.
    struct Rows: Hashable, Sendable {
        var position: Int
        /// Nil: in parts.
        var place: RowPlace?
    }

    /// Where the event at `position` lies, and up to which position those that follow on it do, as far as the block tells.
    /// O(log entries).
    func rows(at position: Int) -> (place: RowPlace?, end: Int?) {
        let next = partitionPoint(count: rows.count) { rows[$0].position <= position }
        var place = rows[next - 1].place
        place?.row += position - rows[next - 1].position
        return (place, next < rows.count ? rows[next].position : nil)
    }

    /// The first position from `position` on in a summary that has times in a span; nil where none has.
    func position(from position: Int, during span: ClosedRange<Int64>) -> Int? {
        let first = max(0, position - start) / Limits.rowsOfSummary
        let found = times.indices.dropFirst(first).first { times[$0]?.overlaps(span) ?? false }
        return found.map { max(position, start + $0 * Limits.rowsOfSummary) }
    }

    /// The summaries that have some of a range of positions, of a block that ends before one.
    func spans(in positions: Range<Int>, end: Int) -> [TimeSpan] {
        times.enumerated().compactMap { index, times in
            let first = start + index * Limits.rowsOfSummary
            let span = first..<min(first + Limits.rowsOfSummary, end)
            return span.overlaps(positions) ? TimeSpan(span, times) : nil
        }
    }

    /// The positions of the last summary whose least time is not later; nil where there is none.
    func lastPositions(by time: Int64, eventCount: Int) -> Range<Int>? {
        guard let index = times.lastIndex(where: { $0.map { $0.lowerBound <= time } ?? false })
        else { return nil }
        let first = start + index * Limits.rowsOfSummary
        return first..<min(first + Limits.rowsOfSummary, eventCount)
    }
}

/// Where an event lies: a row of a frame of a segment.
package struct RowPlace: Hashable, Sendable {
    package var agent: Identity128
    package var segment: Identity128
    /// Where the frame begins in the segment.
    package var offset: Int
    package var row: Int

    package init(agent: Identity128, segment: Identity128, offset: Int, row: Int) {
        self.agent = agent
        self.segment = segment
        self.offset = offset
        self.row = row
    }
}

// MARK: Bytes

extension EventFactsBlock {
    /// Reads a block of a process of `eventCount` events, up to its messages. `segments` are those of the file, by number.
    init(
        _ reader: inout ByteReader, eventCount: Int, _ segments: [SegmentName]
    ) throws(FormatError) {
        start = try reader.count(eventCount, "start")
        rows = try Self.rows(&reader, from: start, eventCount, segments)
        times = try Self.times(&reader, from: start, eventCount)
        rest = reader
    }

    private static func rows(
        _ reader: inout ByteReader, from start: Int, _ eventCount: Int, _ segments: [SegmentName]
    ) throws(FormatError) -> [Rows] {
        var rows: [Rows] = []
        var (position, offset) = (start, 0)
        for index in 0..<(try reader.count(reader.remaining / 2, "rows")) {
            let distance = try reader.count(eventCount, "position")
            position += distance
            guard index == 0 ? distance == 0 : distance > 0, position < eventCount else {
                throw reader.malformed("rows: a position of \(position) is out of order")
            }
            let number = try reader.count(segments.count, "segment")
            guard number > 0 else {
                rows.append(Rows(position: position, place: nil))
                continue
            }
            let (sum, isTooFar) = offset.addingReportingOverflow(
                Int(try reader.zigzag("offset")))
            guard !isTooFar, sum >= 0 else {
                throw reader.malformed("offset: expected none below 0, found \(sum)")
            }
            offset = sum
            let row = try reader.count(Int(UInt32.max), "row")
            let segment = segments[number - 1]
            rows.append(
                Rows(
                    position: position,
                    place: RowPlace(
                        agent: segment.agent, segment: segment.segment, offset: offset, row: row)))
        }
        guard eventCount == start || !rows.isEmpty else {
            throw reader.malformed("rows: expected one at least, found none")
        }
        return rows
    }

    private static func times(
        _ reader: inout ByteReader, from start: Int, _ eventCount: Int
    ) throws(FormatError) -> [ClosedRange<Int64>?] {
        var times: [ClosedRange<Int64>?] = []
        var last: Int64 = 0
        let summaries = (eventCount - start + Limits.rowsOfSummary - 1) / Limits.rowsOfSummary
        for _ in 0..<(try reader.count(summaries, "times")) {
            guard try reader.byte("time") != 0 else {
                times.append(nil)
                continue
            }
            last &+= try reader.zigzag("time")
            let length = try reader.varint("time")
            let greatest = Int64(truncatingIfNeeded: UInt64(bitPattern: last) &+ length)
            guard greatest >= last else {
                throw reader.malformed("time: expected one from \(last) on, found \(greatest)")
            }
            times.append(last...greatest)
        }
        return times
    }
}

/// Cuts what there is to say of the events of a process into blocks.
struct EventFactsBlocks {
    private let line: ProcessHistory
    /// By the history's index of a process: its number in the file.
    private let numbers: [Int]
    private let arrivals: [Arrival]
    private let departures: [Departure]
    private var rows: [Rows] = []
    private var starts: [Int]

    private struct Rows {
        var position: Int
        /// Number of the segment, and where in it.
        var place: (segment: Int, offset: Int, row: Int)?
    }

    /// - Parameter place: Where an event lies: nil for one that is in parts.
    init(
        of process: Int, in history: History, _ messages: MessageEdges, _ numbers: [Int],
        place: (Int) -> (segment: Int, offset: Int)?
    ) {
        line = history.processes[process]
        self.numbers = numbers
        starts = [line.base]
        arrivals = messages.arrivals(at: process, in: line.base..<line.count)
        departures = messages.allDepartures(from: process).sorted { a, b in
            (a.sequence, numbers[a.receipt.process], a.receipt.position)
                < (b.sequence, numbers[b.receipt.process], b.receipt.position)
        }
        var next = line.base
        while next < line.count {
            let found = history.rows(at: EventPosition(process: process, position: next))
            let frame = place(found.frame)
            if frame != nil || rows.isEmpty || rows.last?.place != nil {
                // The first may begin below the slice.
                let row = found.row + next - found.positions.lowerBound
                rows.append(
                    Rows(position: next, place: frame.map { ($0.segment, $0.offset, row) }))
            }
            next = found.positions.upperBound
        }
        findStarts()
    }

    private mutating func findStarts() {
        let size = Limits.rowsOfSummary
        var counts = [Int](repeating: 1, count: max(1, (line.count - line.base + size - 1) / size))
        func note(_ position: Int) {
            counts[min(max(0, position - line.base) / size, counts.count - 1)] += 1
        }
        for rows in rows { note(rows.position) }
        for arrival in arrivals { note(arrival.position) }
        for departure in departures { note(line.count(upTo: departure.sequence) - 1) }
        var entries = 0
        for (summary, count) in counts.enumerated() {
            if entries >= Limits.knowledgeEntries {
                starts.append(line.base + summary * size)
                entries = 0
            }
            entries += count
        }
    }

    /// True where there is nothing to say.
    var isEmpty: Bool { line.count == line.base && departures.isEmpty }

    /// Calls `body` with the start and the bytes of each block.
    func forEach<Failure>(
        _ body: (Int, [UInt8]) throws(Failure) -> Void
    ) throws(Failure) {
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? starts[index + 1] : line.count
            var writer = ByteWriter()
            writer.varint(start)
            writeRows(start..<end, &writer)
            writeTimes(start..<end, &writer)
            let arrivals = arrivals(start..<end)
            let departures = departures(start..<end)
            writer.varint(arrivals.count)
            writer.varint(departures.count)
            var bits = BitWriter()
            if !arrivals.isEmpty { columns(arrivals, from: start).forEach { bits.column($0) } }
            if !departures.isEmpty { columns(departures).forEach { bits.column($0) } }
            writeKinds(start..<end, arrivals, departures, &writer, &bits)
            bits.finish()
            writer.bytes(bits.bytes)
            try body(start, writer.bytes)
        }
    }

    private func writeRows(_ range: Range<Int>, _ writer: inout ByteWriter) {
        let first = partitionPoint(count: rows.count) { rows[$0].position <= range.lowerBound } - 1
        let end = partitionPoint(count: rows.count) { rows[$0].position < range.upperBound }
        guard first >= 0 else { return writer.varint(0) }
        writer.varint(end - first)
        var (last, lastOffset) = (range.lowerBound, 0)
        for rows in rows[first..<end] {
            let position = max(rows.position, range.lowerBound)
            writer.varint(position - last)
            last = position
            guard let place = rows.place else {
                writer.varint(0)
                continue
            }
            writer.varint(place.segment + 1)
            writer.zigzag(Int64(place.offset - lastOffset))
            lastOffset = place.offset
            writer.varint(place.row + position - rows.position)
        }
    }

    private func writeTimes(_ range: Range<Int>, _ writer: inout ByteWriter) {
        let starts = stride(from: range.lowerBound, to: range.upperBound, by: Limits.rowsOfSummary)
        writer.varint(Array(starts).count)
        var last: Int64 = 0
        for start in starts {
            var span: ClosedRange<Int64>?
            for position in start..<min(start + Limits.rowsOfSummary, range.upperBound) {
                guard let time = line.time(at: position)?.nanoseconds else { continue }
                span = min(time, span?.lowerBound ?? time)...max(time, span?.upperBound ?? time)
            }
            guard let span else {
                writer.byte(0)
                continue
            }
            writer.byte(1)
            writer.zigzag(span.lowerBound &- last)
            last = span.lowerBound
            writer.varint(UInt64(bitPattern: span.upperBound &- span.lowerBound))
        }
    }

    private func arrivals(_ range: Range<Int>) -> ArraySlice<Arrival> {
        let first = partitionPoint(count: arrivals.count) {
            arrivals[$0].position < range.lowerBound
        }
        let end = partitionPoint(count: arrivals.count) {
            arrivals[$0].position < range.upperBound
        }
        return arrivals[first..<end]
    }

    private func columns(_ arrivals: ArraySlice<Arrival>, from start: Int) -> [[UInt64]] {
        var position = start
        var lasts: [Int: UInt64] = [:]
        return [
            arrivals.map { arrival in
                defer { position = arrival.position }
                return UInt64(arrival.position - position)
            },
            arrivals.map { UInt64(numbers[$0.event.process]) },
            arrivals.map { arrival in
                let (sender, number) = (arrival.event.process, arrival.event.sequence)
                defer { lasts[sender] = number }
                return zigzag(Int64(bitPattern: number &- lasts[sender, default: 0]))
            },
        ]
    }

    private func departures(_ range: Range<Int>) -> ArraySlice<Departure> {
        let first =
            range.lowerBound == line.base
            ? 0
            : partitionPoint(count: departures.count) {
                departures[$0].sequence < line.sequence(at: range.lowerBound)
            }
        let end =
            range.upperBound == line.count
            ? departures.count
            : partitionPoint(count: departures.count) {
                departures[$0].sequence < line.sequence(at: range.upperBound)
            }
        return departures[first..<end]
    }

    private func columns(_ departures: ArraySlice<Departure>) -> [[UInt64]] {
        var sequence: UInt64 = 0
        var lasts: [Int: Int] = [:]
        return [
            departures.map { departure in
                defer { sequence = departure.sequence }
                return departure.sequence - sequence
            },
            departures.map { UInt64(numbers[$0.receipt.process]) },
            departures.map { departure in
                let receipt = departure.receipt
                defer { lasts[receipt.process] = receipt.position }
                return zigzag(Int64(receipt.position - lasts[receipt.process, default: 0]))
            },
        ]
    }

    private func writeKinds(
        _ range: Range<Int>, _ arrivals: ArraySlice<Arrival>, _ departures: ArraySlice<Departure>,
        _ writer: inout ByteWriter, _ bits: inout BitWriter
    ) {
        let byMessages = kinds(range, arrivals, departures)
        let others = kinds(range, [], [])
        let isByMessages = byMessages.exceptions.count < others.exceptions.count
        let (most, exceptions) = isByMessages ? byMessages : others
        writer.byte(most.rawValue | (isByMessages ? 4 : 0))
        writer.varint(exceptions.count)
        guard !exceptions.isEmpty else { return }
        var last = range.lowerBound
        bits.column(
            exceptions.map { position in
                defer { last = position }
                return UInt64(position - last)
            })
        bits.column(exceptions.map { UInt64(line.kind(at: $0).rawValue) })
    }

    /// The kind that most events have of which messages do not tell it, and where another is than is told then.
    private func kinds(
        _ range: Range<Int>, _ arrivals: ArraySlice<Arrival>, _ departures: ArraySlice<Departure>
    ) -> (most: EventKind, exceptions: [Int]) {
        let (arrived, departed) = (
            Set(arrivals.map(\.position)), Set(departures.map(\.sequence))
        )
        func told(_ position: Int) -> EventKind? {
            if arrived.contains(position) { return .receive }
            return !departed.isEmpty && departed.contains(line.sequence(at: position)) ? .send : nil
        }
        var counts = [Int](repeating: 0, count: 4)
        for position in range where told(position) == nil {
            counts[Int(line.kind(at: position).rawValue)] += 1
        }
        let most = EventKind(rawValue: UInt8(counts.indices.max { counts[$0] < counts[$1] }!))!
        return (most, range.filter { line.kind(at: $0) != told($0) ?? most })
    }
}
