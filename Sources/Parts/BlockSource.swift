import Causality
import Segments

/// Where rows of a block came from: rows of one segment, in its order, without one of the run left out between them.
///
/// What tells forks and clones apart is who recorded an event, and in which of its files; whether a clock goes on from
/// another is a question within one file. So neither is forgotten when files are merged.
package struct BlockSource: Hashable, Sendable {
    /// The segment, and whose it is.
    package var segment: SegmentHeader
    /// How many events of the run the segment has before the first of these.
    package var ordinal: Int
    /// The rows in the block.
    package var rows: Range<Int>
    package var start: Start
    /// True where the first row was in one frame with the row before it in the segment, and the numbers between are missing
    /// there: that is for all to see, and what is cut in two must not hide it.
    package var continuesFrame: Bool

    /// What the clock of the first row was written as.
    package enum Start: Hashable, Sendable {
        /// Whole, as it is here.
        case whole
        /// As these changes against an event of the run; here it is whole.
        case completed(after: UInt64, [Change])
        /// As it is here, against an event of the run whose clock is not known. Such rows have a block of their own.
        case unknown(after: UInt64)
    }

    /// An entry of a clock that differed from the event before.
    package struct Change: Hashable, Sendable {
        package var process: ProcessReference
        package var value: UInt64

        package init(process: ProcessReference, value: UInt64) {
            self.process = process
            self.value = value
        }
    }

    package init(
        segment: SegmentHeader, ordinal: Int, rows: Range<Int>, start: Start,
        continuesFrame: Bool = false
    ) {
        self.segment = segment
        self.ordinal = ordinal
        self.rows = rows
        self.start = start
        self.continuesFrame = continuesFrame
    }
}

/// The sources of a block:
///
///     sources  = count, (agent 16, segment 16, creation time (zigzag))*, count, source*, count, (first row, source)*
///     source   = number of the segment, ordinal, rows, form u8, [number of the event before], [count, (reference, value)*]
///     form     = 0 whole, 1 completed (then the event before, and the changes as they were written), 2 unknown (then the
///                event before); 4 more: continues a frame
///
/// The first ones own the rows, one after another; the others tell who else recorded the very same rows.
package struct BlockSources: Hashable, Sendable {
    package var owners: [BlockSource]
    package var repeats: [BlockSource]

    package init(owners: [BlockSource], repeats: [BlockSource] = []) {
        self.owners = owners
        self.repeats = repeats
    }

    /// Owners and repeats.
    package var all: [BlockSource] { owners + repeats }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        var numbers: [SegmentHeader: Int] = [:]
        var segments: [SegmentHeader] = []
        for source in all where numbers[source.segment] == nil {
            numbers[source.segment] = segments.count
            segments.append(source.segment)
        }
        writer.varint(segments.count)
        for segment in segments {
            writer.bytes(segment.agent.bytes)
            writer.bytes(segment.segment.bytes)
            writer.zigzag(segment.created.nanoseconds)
        }
        writer.varint(owners.count)
        for source in owners { write(source, numbers, &writer) }
        writer.varint(repeats.count)
        for source in repeats {
            writer.varint(source.rows.lowerBound)
            write(source, numbers, &writer)
        }
        return writer.bytes
    }

    private func write(
        _ source: BlockSource, _ numbers: [SegmentHeader: Int], _ writer: inout ByteWriter
    ) {
        writer.varint(numbers[source.segment]!)
        writer.varint(source.ordinal)
        writer.varint(source.rows.count)
        let flag: UInt8 = source.continuesFrame ? 4 : 0
        switch source.start {
        case .whole: writer.byte(flag)
        case .completed(let before, let changes):
            writer.byte(1 | flag)
            writer.varint(before)
            writer.varint(changes.count)
            for change in changes {
                writer.reference(change.process)
                writer.varint(change.value)
            }
        case .unknown(let before):
            writer.byte(2 | flag)
            writer.varint(before)
        }
    }

    /// Reads the sources of a block of `rowCount` rows. O(bytes), within the budget.
    init(decoding bytes: [UInt8], rowCount: Int, _ budget: inout Budget) throws(FormatError) {
        var reader = ByteReader(bytes)
        var segments: [SegmentHeader] = []
        for _ in 0..<(try reader.count(reader.remaining, "segments")) {
            try budget.charge(64, reader, "segments")
            segments.append(
                SegmentHeader(
                    agent: Identity128(bytes: try reader.bytes(16, "agent")),
                    segment: Identity128(bytes: try reader.bytes(16, "segment")),
                    created: WallTime(nanoseconds: try reader.zigzag("creation time"))))
        }
        (owners, repeats) = ([], [])
        var row = 0
        for _ in 0..<(try reader.count(rowCount, "sources")) {
            let source = try BlockSources.source(&reader, segments, row, rowCount, &budget)
            row = source.rows.upperBound
            owners.append(source)
        }
        guard row == rowCount else {
            throw reader.malformed("sources: expected \(rowCount) rows, found \(row)")
        }
        for owner in owners {
            if case .unknown = owner.start, owners.count > 1 {
                throw reader.malformed("sources: an unknown clock beside others")
            }
        }
        for _ in 0..<(try reader.count(reader.remaining, "repeats")) {
            let first = try reader.count(rowCount, "repeats")
            repeats.append(
                try BlockSources.source(&reader, segments, first, rowCount, &budget))
        }
        try reader.expectEnd("sources")
    }

    private static func source(
        _ reader: inout ByteReader, _ segments: [SegmentHeader], _ row: Int, _ rowCount: Int,
        _ budget: inout Budget
    ) throws(FormatError) -> BlockSource {
        try budget.charge(96, reader, "sources")
        guard !segments.isEmpty else { throw reader.malformed("sources: no segment is named") }
        let segment = segments[try reader.count(segments.count - 1, "segment")]
        let ordinal = try reader.count(Int(Causality.Limits.sequenceMax), "ordinal")
        let count = try reader.count(rowCount - row, "rows of a source")
        guard count > 0 else { throw reader.malformed("a source without rows") }
        let form = try reader.byte("source")
        let start: BlockSource.Start
        switch form & ~4 {
        case 0: start = .whole
        case 1:
            let before = try reader.varint("event before")
            var changes: [BlockSource.Change] = []
            for _ in 0..<(try reader.count(reader.remaining, "clock changes")) {
                try budget.charge(64, reader, "clock changes")
                changes.append(
                    BlockSource.Change(
                        process: try reader.reference("clock change"),
                        value: try reader.varint("clock change")))
            }
            start = .completed(after: before, changes)
        case 2: start = .unknown(after: try reader.varint("event before"))
        default: throw reader.malformed("source: a form of \(form) is unknown to this program")
        }
        return BlockSource(
            segment: segment, ordinal: ordinal, rows: row..<row + count, start: start,
            continuesFrame: form & 4 != 0)
    }
}
