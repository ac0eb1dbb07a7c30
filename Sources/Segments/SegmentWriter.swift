import Causality

/// Writes segments. Everything is little-endian; counts, lengths and numbers without a width are LEB128 varints;
/// zigzag maps signed to unsigned; a string is its length in bytes and as much UTF-8.
///
///     segment      = file header, block*, [footer]
///     file header  = "LCSEG\r\n\x1A", version u16 = 1, 0 u16, host id 16, segment id 16,
///                    creation time i64 (ns since 1970), crc32 of what precedes
///     block        = block header, body
///     block header = "LCBK", header bytes u32, body bytes u32, kind u8, digest 16, crc32 of body u32,
///                    [events], crc32 of what precedes u32
///     events       = key (BlockHeader.swift), count, first sequence number, last - first,
///                    flags u8 (1: has times, 2: stamps complete), [least time, greatest time (zigzag)]
///     kind         = 1 events: body as in BlockBody.swift; 2 sources: body as in Commit.swift
///     digest       = first 16 bytes of the SHA-256 of the block before; of the file header for the first
///     footer       = "LCFT", 0 u32, block count, (offset, bytes, kind, [process, count, first, last - first])*,
///                    process count, key*, digest 16,
///                    crc32 of what precedes u32, offset of the footer u64, "LCND"
///
/// What a reader does at a defect: a file header that is wrong is reported, and blocks are read all the same. A block
/// whose header or body fails its checksum or cannot be decoded is reported with its offset; reading goes on at
/// the next block header whose checksum holds. A digest that does not match the block before it is reported where
/// no damage explains it. What follows the last intact block of a segment without a footer is reported as its tail.
/// No block needs another to be decoded.
package struct SegmentWriter: Sendable {
    package let header: SegmentHeader
    /// Bytes written so far.
    package private(set) var byteCount: Int
    private var index: [IndexEntry] = []
    private var digest: [UInt8]

    struct IndexEntry: Hashable, Sendable {
        var offset: Int
        var byteCount: Int
        var kind: BlockKind
        var events: Events?

        struct Events: Hashable, Sendable {
            var key: ProcessKey
            var count: Int
            var first: UInt64
            var last: UInt64
        }
    }

    /// Begins a segment. Its first bytes are `header.encoded()`, which the caller writes.
    package init(_ header: SegmentHeader) {
        self.header = header
        let bytes = header.encoded()
        byteCount = bytes.count
        digest = SegmentWriter.digest(bytes)
    }

    /// What the block after `bytes` (a block, or the file header) says of them.
    package static func digest(_ bytes: some Collection<UInt8>) -> [UInt8] {
        Array(SHA256.digest(bytes).prefix(16))
    }

    /// How many blocks were written.
    package var blockCount: Int { index.count }

    /// The next block: events of one process, ascending strictly by sequence number, at most
    /// `Limits.blockEventsMax` of them and `Limits.blockBytesMax` bytes (`split` sees to that).
    package mutating func block(_ events: [Event], of key: ProcessKey) -> [UInt8] {
        precondition(
            !events.isEmpty && events.count <= Limits.blockEventsMax,
            "a block has 1 to 8,192 events")
        let (body, causal) = BlockBody.encode(events, of: key.reference)
        let times = causal.times.filter { $0 != CausalColumns.noTime }
        let range = times.min().map {
            WallTime(nanoseconds: $0)...WallTime(nanoseconds: times.max()!)
        }
        let summary = BlockHeader.Summary(
            key: key, count: events.count, first: events[0].id.sequence,
            last: events.last!.id.sequence,
            times: range, isComplete: causal.stamps.allSatisfy { $0 == .complete })
        return seal(.events, body, summary)
    }

    /// The block that ends a commit: how far the sources were read.
    package mutating func block(_ commit: Commit) -> [UInt8] {
        seal(.sources, commit.encoded(), nil)
    }

    /// A block of another segment, as the next one of this segment.
    package mutating func copy(_ block: StoredBlock) -> [UInt8] {
        var header = block.header
        header.previousDigest = digest
        let bytes = header.encoded() + block.bytes.suffix(header.bodyByteCount)
        note(header, bytes)
        return bytes
    }

    private mutating func seal(_ kind: BlockKind, _ body: [UInt8], _ events: BlockHeader.Summary?)
        -> [UInt8]
    {
        let header = BlockHeader(
            kind: kind, bodyByteCount: body.count, previousDigest: digest,
            bodyChecksum: Segments.bodyChecksum(body),
            events: events)
        let bytes = header.encoded() + body
        note(header, bytes)
        return bytes
    }

    /// Takes note of a block that is in the segment already.
    package mutating func note(_ header: BlockHeader, _ bytes: [UInt8]) {
        index.append(
            IndexEntry(
                offset: byteCount, byteCount: bytes.count, kind: header.kind,
                events: header.events.map {
                    IndexEntry.Events(key: $0.key, count: $0.count, first: $0.first, last: $0.last)
                }))
        byteCount += bytes.count
        digest = SegmentWriter.digest(bytes)
    }

    /// The footer, after which nothing may follow.
    package mutating func footer() -> [UInt8] {
        let bytes = SegmentFooter(index: index, digest: digest).encoded(at: byteCount)
        byteCount += bytes.count
        return bytes
    }

    /// Events, ascending by sequence number, in runs that fit a block each: at most 8,192 events and 4 MiB.
    package static func split(_ events: [Event]) -> [ArraySlice<Event>] {
        var runs: [ArraySlice<Event>] = []
        var start = 0
        var bytes = 0
        for (index, event) in events.enumerated() {
            let size = byteEstimate(event)
            let isRepeated = index > start && events[index - 1].id.sequence >= event.id.sequence
            if index > start,
                index - start == Limits.blockEventsMax || bytes + size > Limits.blockBytesMax
                    || isRepeated
            {
                runs.append(events[start..<index])
                start = index
                bytes = 0
            }
            bytes += size
        }
        if start < events.count { runs.append(events[start...]) }
        return runs
    }

    /// Bytes that one changed clock entry takes at the most: its process and the difference, as varints.
    private static let stampBytesMax = 12

    /// About the bytes of an event before compression.
    package static func byteEstimate(_ event: Event) -> Int {
        var bytes =
            16 + event.name.utf8.count + event.text.utf8.count + stampBytesMax
            * event.clock.entries.count
        for attribute in event.attributes {
            bytes += attribute.key.utf8.count + attribute.value.text.utf8.count + 4
        }
        return bytes
    }
}

/// The end of a sealed segment: where its blocks are.
struct SegmentFooter: Hashable, Sendable {
    var index: [SegmentWriter.IndexEntry]
    /// Of the last block.
    var digest: [UInt8]

    static let magic = Array("LCFT".utf8)
    static let endMagic = Array("LCND".utf8)
    static let trailerByteCount = 16

    func encoded(at offset: Int) -> [UInt8] {
        var processes: [ProcessKey] = []
        var indexOf: [ProcessKey: Int] = [:]
        var entries = ByteWriter()
        for entry in index {
            entries.varint(entry.offset)
            entries.varint(entry.byteCount)
            entries.byte(entry.kind.rawValue)
            guard let events = entry.events else { continue }
            if indexOf[events.key] == nil {
                indexOf[events.key] = processes.count
                processes.append(events.key)
            }
            entries.varint(indexOf[events.key]!)
            entries.varint(events.count)
            entries.varint(events.first)
            entries.varint(events.last - events.first)
        }
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed32(0)
        writer.varint(index.count)
        writer.bytes(entries.bytes)
        writer.varint(processes.count)
        for key in processes {
            writer.key(key)
        }
        writer.bytes(digest)
        writer.fixed32(crc32(writer.bytes))
        writer.fixed64(UInt64(offset))
        writer.bytes(Self.endMagic)
        return writer.bytes
    }

    /// Checks the bytes from `offset` to the end of a segment as a footer that lists exactly `index`.
    /// A footer adds nothing to what the blocks say, so anything else is damage.
    static func check(
        _ bytes: [UInt8], at offset: Int, index: [SegmentWriter.IndexEntry], digest: [UInt8]
    ) throws(FormatError) {
        guard bytes.count >= 8 + 16 + trailerByteCount, bytes.starts(with: magic) else {
            throw FormatError(what: "expected a footer, found something else", offset: offset)
        }
        let end = bytes.count - trailerByteCount
        var trailer = ByteReader(bytes, from: end)
        guard try trailer.fixed32("footer") == crc32(bytes[..<end]),
            try trailer.fixed64("footer") == UInt64(offset),
            try trailer.bytes(4, "footer") == endMagic
        else {
            throw FormatError(what: "footer: the checksum is wrong", offset: offset)
        }
        guard SegmentFooter(index: index, digest: digest).encoded(at: offset) == bytes else {
            throw FormatError(
                what: "footer: it does not list the blocks that are here", offset: offset)
        }
    }
}
