import Causality
import Disks
import Segments

/// Writes a part: the events of many segments, sorted by process, once and for all. Everything is little-endian.
///
///     part    = file header, run*, segment*, blocks, runs, segments, footer
///     file header = "LCPRT\r\n\x1A", version u16 = 2, 0 u16, crc32 of what precedes u32
///     run     = record (its process, as a frame has it), (block, record (its filter))*
///     segment = record (MergedSegment.swift)
///     record  = bytes, crc32 of them u32
///     blocks, runs, segments = tables in pages (PagedTable.swift); their entries BlockEntry, RunEntry, SegmentEntry
///     footer  = "LCPFT\r\n\x1A", version u16 = 2, 0 × 6, blocks u64, runs u64, segments u64, events u64, offset of the blocks'
///               table u64, crc32 of what precedes u32, "LCPE"
///
/// Runs ascend by their execution's name, their identity and their process; the entries of a run's blocks by their first
/// number. So a run is found by binary search in the pages of the runs, and its blocks by number and by time by binary search
/// in the pages of the blocks. A part says of each segment in it where it ended: the catalogue can be made of parts alone.
///
/// What a reader does at a defect: a file header that is wrong costs nothing; a footer that is wrong costs the index: blocks are
/// then found by walking through the file (`PartWalk`). A page whose checksum is wrong costs the entries in it, a record what it says, a block its events. Each is
/// reported with its place, and everything else is read as before.
package struct PartWriter: ~Copyable {
    private let file: any DiskFile
    private var buffer: [UInt8] = []
    private var flushed = 0
    private var blocks = ByteWriter()
    private var blockCount = 0
    private var runs = ByteWriter()
    private var runCount = 0
    private var segments: [SegmentEntry] = []
    private var eventCount = 0
    private var lastPlace: RunPlace?
    /// Of the run that is being written.
    private var entries: [BlockEntry] = []
    private var record = (offset: 0, byteCount: 0)

    static let magic = Array("LCPRT\r\n\u{1A}".utf8)
    static let version: UInt16 = 2
    static let headerByteCount = 16

    /// Begins a part in a new, empty file.
    package init(_ file: any DiskFile) {
        self.file = file
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed16(Self.version)
        writer.fixed16(0)
        writer.fixed32(checksum(writer.bytes))
        buffer = writer.bytes
    }

    private var offset: Int { flushed + buffer.count }

    private mutating func write(_ bytes: [UInt8]) throws(PartError) {
        buffer += bytes
        if buffer.count >= Limits.writtenBytesMin { try flush() }
    }

    private mutating func flush() throws(PartError) {
        let (bytes, start) = (buffer, flushed)
        try PartError.onDisk { () throws(DiskError) in try file.write(bytes, at: start) }
        flushed += bytes.count
        buffer.removeAll(keepingCapacity: true)
    }

    /// Returns where it begins.
    private mutating func writeRecord(_ bytes: [UInt8]) throws(PartError) -> Int {
        let start = offset
        var writer = ByteWriter()
        writer.fixed32(checksum(bytes))
        try write(bytes + writer.bytes)
        return start
    }

    /// Begins a run; it comes after all that were written.
    package mutating func begin(_ place: RunPlace) throws(PartError) {
        precondition(
            lastPlace.map { RunPlace.isBefore($0, place) } ?? true, "runs that do not ascend")
        lastPlace = place
        let key = place.key.encoded()
        record = (try writeRecord(key), key.count)
    }

    /// Adds a block of the run.
    package mutating func append(_ block: EncodedBlock) throws(PartError) {
        try append(block.entry, block.bytes, filter: block.filter)
    }

    /// Adds a block of the run as it lies in another part.
    package mutating func append(
        _ entry: BlockEntry, _ bytes: [UInt8], filter: [UInt8]
    ) throws(PartError) {
        var entry = entry
        entry.offset = offset
        entries.append(entry)
        eventCount += entry.rowCount
        try write(bytes)
        _ = try writeRecord(filter)
    }

    /// Ends a run.
    ///
    /// - Parameters:
    ///   - last: The highest number that was ever taken of it.
    ///   - taken: How many events were.
    package mutating func endRun(last: UInt64, taken: Int) throws(PartError) {
        let place = lastPlace!
        entries.sort { ($0.first, $0.last, $0.offset) < ($1.first, $1.last, $1.offset) }
        for index in entries.indices.dropFirst() {
            entries[index].lastReach = max(entries[index].last, entries[index - 1].lastReach)
            entries[index].timeReach = max(entries[index].timeMax, entries[index - 1].timeReach)
        }
        for index in entries.indices.dropLast().reversed() {
            entries[index].timeFloor = min(entries[index].timeMin, entries[index + 1].timeFloor)
        }
        let entry = RunEntry(
            execution: place.execution, identity: place.identity, firstBlock: blockCount,
            blockCount: entries.count, last: last, taken: taken, recordOffset: record.offset,
            recordByteCount: record.byteCount)
        entry.encode(&runs)
        runCount += 1
        for entry in entries { entry.encode(&blocks) }
        blockCount += entries.count
        entries.removeAll(keepingCapacity: true)
    }

    /// Adds a segment whose events are in the part, after the last run. In any order.
    package mutating func add(_ segment: MergedSegment) throws(PartError) {
        let bytes = segment.encoded()
        try addRecord(bytes, of: segment.header.segment, agent: segment.header.agent)
    }

    /// Adds a segment as its record lies in another part.
    mutating func addRecord(
        _ bytes: [UInt8], of segment: Identity128, agent: Identity128
    ) throws(PartError) {
        segments.append(
            SegmentEntry(
                segment: segment, agent: agent, recordOffset: try writeRecord(bytes),
                recordByteCount: bytes.count))
    }

    /// Ends the part, and has it synced. Returns how many bytes and events it has.
    package consuming func finish() throws(PartError) -> (byteCount: Int, eventCount: Int) {
        segments.sort { RunPlace.isBefore($0.segment, $1.segment) }
        var entries = ByteWriter()
        for segment in segments { segment.encode(&entries) }
        let footer = PartFooter(
            blockCount: blockCount, runCount: runCount, segmentCount: segments.count,
            eventCount: eventCount, tablesOffset: offset)
        try write(footer.blocks.pages(blocks.bytes))
        try write(footer.runs.pages(runs.bytes))
        try write(footer.segments.pages(entries.bytes))
        try write(footer.encoded())
        try flush()
        try PartError.onDisk { () throws(DiskError) in try file.sync() }
        return (flushed, eventCount)
    }
}

/// The end of a part: what it holds, and where its tables lie.
package struct PartFooter: Hashable, Sendable {
    package var blockCount: Int
    package var runCount: Int
    package var segmentCount: Int
    package var eventCount: Int
    var tablesOffset: Int

    static let magic = Array("LCPFT\r\n\u{1A}".utf8)
    static let endMagic = Array("LCPE".utf8)
    static let byteCount = 64

    var blocks: PagedTable {
        PagedTable(
            name: "blocks", offset: tablesOffset, entryByteCount: BlockEntry.encodedByteCount,
            count: blockCount)
    }
    var runs: PagedTable {
        PagedTable(
            name: "runs", offset: blocks.offset + blocks.byteCount,
            entryByteCount: RunEntry.encodedByteCount, count: runCount)
    }
    var segments: PagedTable {
        PagedTable(
            name: "segments", offset: runs.offset + runs.byteCount,
            entryByteCount: SegmentEntry.encodedByteCount, count: segmentCount)
    }
    var offset: Int { segments.offset + segments.byteCount }

    func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed16(PartWriter.version)
        writer.bytes([0, 0, 0, 0, 0, 0])
        for count in [blockCount, runCount, segmentCount, eventCount, tablesOffset] {
            writer.fixed64(UInt64(count))
        }
        writer.fixed32(checksum(writer.bytes))
        writer.bytes(Self.endMagic)
        return writer.bytes
    }

    init(
        blockCount: Int, runCount: Int, segmentCount: Int, eventCount: Int, tablesOffset: Int
    ) {
        self.blockCount = blockCount
        self.runCount = runCount
        self.segmentCount = segmentCount
        self.eventCount = eventCount
        self.tablesOffset = tablesOffset
    }

    /// The footer that is the end of a file of `fileByteCount` bytes.
    init(decoding bytes: [UInt8], fileByteCount: Int) throws(FormatError) {
        guard bytes.count == Self.byteCount, bytes.starts(with: Self.magic),
            bytes.suffix(4).elementsEqual(Self.endMagic)
        else { throw FormatError(what: "expected a footer, found something else", offset: 0) }
        var check = ByteReader(bytes, from: Self.byteCount - 8)
        let (expected, found) = (
            try check.fixed32("footer"), checksum(bytes[..<(Self.byteCount - 8)])
        )
        guard expected == found else { throw wrongChecksum("footer", expected, found, at: 0) }
        var reader = ByteReader(bytes, from: 8)
        let version = try reader.fixed16("footer")
        guard version == PartWriter.version else {
            throw FormatError(
                what:
                    "part of version \(version): this program reads version \(PartWriter.version)",
                offset: 8)
        }
        try reader.skip(6, "footer")
        func count() throws(FormatError) -> Int {
            let value = try reader.fixed64("footer")
            guard value <= UInt64(fileByteCount) * UInt64(Limits.blockRowsMax) else {
                throw reader.malformed("footer: \(value) in \(fileByteCount) bytes")
            }
            return Int(value)
        }
        (blockCount, runCount, segmentCount) = (try count(), try count(), try count())
        (eventCount, tablesOffset) = (try count(), try count())
        guard offset + Self.byteCount == fileByteCount else {
            throw FormatError(
                what:
                    "footer: expected a file of \(offset + Self.byteCount) bytes, found \(fileByteCount)",
                offset: 0)
        }
    }
}
