import Causality
import Segments

/// A block as it is written: events of one process, ascending by number, in columns of which each is read by itself.
/// Everything is little-endian; counts, lengths and numbers without a width are LEB128 varints.
///
///     block   = header, column*
///     header  = "LCBK", rows u32, (codec u8, bytes u32, bytes before compression u32, crc32 u32)* for each column,
///               crc32 of what precedes u32
///     columns = sources (BlockSource.swift), then in the order of their numbers (RowColumn.swift): tables, sequences, kinds,
///               times, changes, causes; forms, texts, values. Each as in a frame's sections (FrameOrder.swift,
///               FrameContent.swift), the unit of time before the times; packed by itself
///
/// The clock of the first row is whole, and that of each row where another source begins; all others are changes. What such
/// a row was written as stands with its source, so that what a segment's chains say can be checked for ever. Only where a
/// segment does not say which clock its first row goes on from, the block goes on from an event that is not in it.
///
/// What a reader does at a defect: a header whose checksum is wrong costs the block. A column whose checksum is wrong costs
/// those questions that need it: order is read without what events say. Everything else in the file is read as before.
package struct EncodedBlock: Sendable {
    package let bytes: [UInt8]
    /// The words in it, as they are written.
    package let filter: [UInt8]
    package let entry: BlockEntry

    /// O(what the batch holds).
    ///
    /// - Parameter batch: Rows of one process, ascending by number.
    package init(_ batch: EventBatch, _ sources: BlockSources, _ effort: Codec.Effort) {
        let rows = RowColumns(batch)
        var packed: [UInt8] = []
        var columns: [BlockHeader.Column] = []
        for column in [nil] + RowColumn.allCases.map(Optional.some) {
            let (raw, marks) = column.map { rows.encoded($0) } ?? (sources.encoded(), [])
            let isOfNumbers = column.map { $0.isOfNumbers } ?? false
            let (codec, bytes) = Codec.pack(
                raw, effort == .thorough && isOfNumbers ? .thoroughForNumbers : effort,
                marks: marks)
            columns.append(
                BlockHeader.Column(
                    codec: codec, byteCount: bytes.count, rawCount: raw.count,
                    checksum: checksum(bytes)))
            packed += bytes
        }
        let header = BlockHeader(rowCount: batch.count, columns: columns)
        bytes = header.encoded() + packed
        filter = WordFilter(batch).encoded()
        entry = BlockEntry(batch, header, filterByteCount: filter.count)
    }
}

/// What the index says of a block.
package struct BlockEntry: Hashable, Sendable {
    /// Of the events in it, the first and the last number.
    package var first: UInt64
    package var last: UInt64
    package var rowCount: Int
    /// Nanoseconds of wall time; none where `timeMin` is greater.
    package var timeMin: Int64
    package var timeMax: Int64
    /// 0 where no event has one.
    package var levelMax: UInt8
    /// Where it lies in the file; its filter follows.
    package var offset = 0
    /// Bytes up to the end of the sources, of what ordering needs, and of all.
    package var sourcesByteCount: Int
    package var orderByteCount: Int
    package var byteCount: Int
    package var filterByteCount: Int
    /// The highest number, and the latest time, of the run's blocks up to this one; the earliest time from this one on: what
    /// blocks that overlap are found by.
    package var lastReach: UInt64
    package var timeReach: Int64
    package var timeFloor: Int64

    init(_ batch: EventBatch, _ header: BlockHeader, filterByteCount: Int) {
        (first, last) = (batch.sequences.first!, batch.sequences.last!)
        rowCount = batch.count
        (timeMin, timeMax) = (.max, .min)
        for time in batch.times where time != EventBatch.noTime {
            timeMin = min(timeMin, time)
            timeMax = max(timeMax, time)
        }
        levelMax = batch.levels.max() ?? 0
        sourcesByteCount = header.sourcesByteCount
        orderByteCount = header.orderByteCount
        byteCount = header.blockByteCount
        self.filterByteCount = filterByteCount
        (lastReach, timeReach, timeFloor) = (last, timeMax, timeMin)
    }

    /// first u64, last u64, its reach u64, earliest and latest time i64, their reach and floor i64, offset u64, rows u32, bytes of
    /// sources u32, of order u32, of all u32, of the filter u32, highest level u8, 0 × 3
    static let encodedByteCount = 88

    func encode(_ writer: inout ByteWriter) {
        for number in [first, last, lastReach] { writer.fixed64(number) }
        for time in [timeMin, timeMax, timeReach, timeFloor] {
            writer.fixed64(UInt64(bitPattern: time))
        }
        writer.fixed64(UInt64(offset))
        for count in [rowCount, sourcesByteCount, orderByteCount, byteCount, filterByteCount] {
            writer.fixed32(UInt32(count))
        }
        writer.byte(levelMax)
        writer.bytes([0, 0, 0])
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        func number() throws(FormatError) -> UInt64 { try reader.fixed64("block entry") }
        func time() throws(FormatError) -> Int64 { Int64(bitPattern: try number()) }
        func count() throws(FormatError) -> Int { Int(try reader.fixed32("block entry")) }
        (first, last, lastReach) = (try number(), try number(), try number())
        (timeMin, timeMax) = (try time(), try time())
        (timeReach, timeFloor) = (try time(), try time())
        offset = Int(truncatingIfNeeded: try number())
        (rowCount, sourcesByteCount) = (try count(), try count())
        (orderByteCount, byteCount, filterByteCount) = (try count(), try count(), try count())
        levelMax = try reader.byte("block entry")
        guard (0...Limits.fileBytesMax).contains(offset), first >= 1, first <= last,
            last <= Causality.Limits.sequenceMax,
            (1...Limits.blockRowsMax).contains(rowCount), sourcesByteCount <= orderByteCount,
            orderByteCount <= byteCount, byteCount <= 2 * Limits.blockExpandedBytesMax,
            filterByteCount <= 2 * Limits.blockRowsMax
        else { throw reader.malformed("block entry: numbers that contradict each other") }
    }
}
