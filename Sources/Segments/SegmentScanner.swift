import Causality

/// A block as it lies in its segment; header and checksums have been checked, its columns not yet decoded.
package struct StoredBlock: Sendable {
    /// Where it begins in the segment.
    package let offset: Int
    package let header: BlockHeader
    /// Header and body.
    package let bytes: [UInt8]

    init(offset: Int, header: BlockHeader, bytes: [UInt8]) {
        self.offset = offset
        self.header = header
        self.bytes = bytes
    }

    /// A block whose bytes were found at `offset` of a segment; throws where they are not intact.
    package init(decoding bytes: [UInt8], at offset: Int) throws(FormatError) {
        let (headerCount, bodyCount) = try BlockHeader.byteCounts(
            Array(bytes.prefix(BlockHeader.prefixByteCount)))
        guard headerCount + bodyCount == bytes.count else {
            throw FormatError(
                what: "a block of \(headerCount + bodyCount) bytes: expected \(bytes.count)",
                offset: offset)
        }
        header = try BlockHeader(decoding: Array(bytes[..<headerCount]))
        guard bodyChecksum(bytes[headerCount...]) == header.bodyChecksum else {
            throw FormatError(
                what: "block body: the checksum is wrong", offset: offset + headerCount)
        }
        self.offset = offset
        self.bytes = bytes
    }

    /// The block's header as it stands in the segment.
    package var headerBytes: [UInt8] { Array(bytes[..<(bytes.count - header.bodyByteCount)]) }

    /// What the next block of the segment says of this one.
    package var digest: [UInt8] { SegmentWriter.digest(bytes) }

    private var body: [UInt8] { Array(bytes[(bytes.count - header.bodyByteCount)...]) }

    /// The columns of a block of events.
    package func columns() throws(FormatError) -> BlockBody {
        guard let events = header.events else {
            throw FormatError(
                what: "expected a block of events, found one of sources", offset: offset)
        }
        return try BlockBody(body, count: events.count)
    }

    /// What ordering needs of a block of events, checked against the header.
    package func causalColumns() throws(FormatError) -> CausalColumns {
        let columns = try columns().causalColumns()
        guard columns.sequences.first == header.events?.first,
            columns.sequences.last == header.events?.last
        else {
            throw FormatError(
                what: "the sequence numbers are not those of the block header", offset: offset)
        }
        return columns
    }

    /// The events of a block of events.
    package func events() throws(FormatError) -> [Event] {
        guard let summary = header.events else { return [] }
        _ = try causalColumns()
        return try columns().events(of: summary.key)
    }

    /// What a block of sources says.
    package func commit() throws(FormatError) -> Commit { try Commit(decoding: body) }

    /// Throws where the block cannot be decoded in full.
    package func verify() throws(FormatError) {
        switch header.kind {
        case .events:
            _ = try causalColumns()
            try columns().verify()
        case .sources: _ = try commit()
        }
    }
}

/// Bytes of a segment that cannot be read.
package struct SegmentDamage: Hashable, Sendable {
    package let offset: Int
    package let byteCount: Int
    package let text: String
    /// True where nothing intact follows in a segment without a footer: an append that was cut short.
    package let isTail: Bool
}

/// Reads a segment block by block, past whatever damage it has. Memory: one block, whatever the segment's size.
package struct SegmentScanner<Source: ByteSource & ~Copyable>: ~Copyable {
    package enum Item: Sendable {
        case block(StoredBlock)
        case damage(SegmentDamage)
    }

    private let source: Source
    private let end: Int
    /// nil until the first `next()`, and where it is damaged.
    package private(set) var header: SegmentHeader?
    /// True once an intact footer was read.
    package private(set) var isSealed = false
    /// The end of the last intact block (or header, or footer).
    package private(set) var intactEnd = 0
    private var isBegun = false
    private var offset = 0
    /// True where nothing behind damage is wanted.
    private var stopsAtDamage = false
    /// Where to look for the next block if the one being read turns out to be damaged.
    private var resumeOffset = 0
    private var digest: [UInt8]?
    private var index: [SegmentWriter.IndexEntry] = []
    private var isWhole = true
    private var queued: [Item] = []

    /// Scans `source` up to `end`, or all of it.
    package init(_ source: consuming Source, to end: Int? = nil) {
        self.end = min(end ?? .max, source.byteCount)
        self.source = source
    }

    /// Scans what was appended to a segment at `start`, up to the end of `source`. Whether a footer lists the
    /// right blocks cannot be told from a part. It ends at the first damage: nobody wants what follows.
    package init(_ source: consuming Source, appendedAt start: Int, after digest: [UInt8]) {
        end = source.byteCount
        self.source = source
        isBegun = true
        stopsAtDamage = true
        isWhole = false
        offset = start
        intactEnd = start
        self.digest = digest
    }

    /// The next block or damage, or nil at the end. Throws only where reading itself fails.
    package mutating func next() throws(SegmentError) -> Item? {
        if !queued.isEmpty { return queued.removeFirst() }
        if !isBegun {
            isBegun = true
            if let damage = try readHeader() { return .damage(damage) }
        }
        while offset < end, !isSealed {
            do {
                if let block = try readBlock(at: offset) { return admit(block) }
                try readFooter()
            } catch .malformed(let error) {
                return try skip(because: "\(error.what) (at byte \(offset + error.offset))")
            }
        }
        return nil
    }

    private mutating func readHeader() throws(SegmentError) -> SegmentDamage? {
        let bytes = try source.bytes(at: 0, count: min(SegmentHeader.byteCount, end))
        do throws(FormatError) {
            header = try SegmentHeader(decoding: bytes)
            digest = SegmentWriter.digest(bytes)
            offset = SegmentHeader.byteCount
            intactEnd = offset
            return nil
        } catch {
            isWhole = false
            offset = try nextHeader(after: 0) ?? end
            return SegmentDamage(
                offset: 0, byteCount: offset, text: "\(error)",
                isTail: offset == end)
        }
    }

    /// The block at `offset`, or nil where a footer begins there.
    private mutating func readBlock(at offset: Int) throws(SegmentError) -> StoredBlock? {
        let prefix = try source.bytes(
            at: offset, count: min(BlockHeader.prefixByteCount, end - offset))
        if prefix.starts(with: SegmentFooter.magic) { return nil }
        let (headerCount, bodyCount) = try SegmentError.decoding {
            () throws(FormatError) in try BlockHeader.byteCounts(prefix)
        }
        guard headerCount + bodyCount <= end - offset else {
            throw .malformed(
                FormatError(
                    what:
                        "a block of \(headerCount + bodyCount) bytes: only \(end - offset) are left",
                    offset: 0))
        }
        let headerBytes = try source.bytes(at: offset, count: headerCount)
        let header = try SegmentError.decoding {
            () throws(FormatError) in try BlockHeader(decoding: headerBytes)
        }
        let body = try source.bytes(at: offset + headerCount, count: bodyCount)
        // The header tells where the block ends; nothing inside it can be another block.
        resumeOffset = offset + headerCount + bodyCount
        guard bodyChecksum(body) == header.bodyChecksum else {
            throw .malformed(
                FormatError(what: "block body: the checksum is wrong", offset: headerCount))
        }
        return StoredBlock(offset: offset, header: header, bytes: headerBytes + body)
    }

    private mutating func admit(_ block: StoredBlock) -> Item {
        let expected = digest
        digest = SegmentWriter.digest(block.bytes)
        offset = block.offset + block.bytes.count
        intactEnd = offset
        index.append(
            SegmentWriter.IndexEntry(
                offset: block.offset, byteCount: block.bytes.count, kind: block.header.kind,
                events: block.header.events.map {
                    .init(key: $0.key, count: $0.count, first: $0.first, last: $0.last)
                }))
        guard let expected, expected != block.header.previousDigest else { return .block(block) }
        isWhole = false
        queued.append(.block(block))
        return .damage(
            SegmentDamage(
                offset: block.offset, byteCount: 0,
                text:
                    "the digest of the block before does not match: a block was taken out or replaced "
                    + "(at byte \(block.offset))", isTail: false))
    }

    private mutating func readFooter() throws(SegmentError) {
        guard end - offset <= Limits.footerBytesMax else {
            throw .malformed(
                FormatError(what: "footer: more than \(Limits.footerBytesMax) bytes", offset: 0))
        }
        let bytes = try source.bytes(at: offset, count: end - offset)
        if isWhole, let digest {
            do throws(FormatError) {
                try SegmentFooter.check(bytes, at: offset, index: index, digest: digest)
            } catch {
                throw .malformed(FormatError(what: error.what, offset: 0))
            }
        } else if bytes.count < SegmentFooter.trailerByteCount
            || !bytes.suffix(4).elementsEqual(SegmentFooter.endMagic)
        {
            throw .malformed(FormatError(what: "footer: cut short", offset: 0))
        }
        isSealed = true
        offset = end
        intactEnd = end
    }

    /// Damage at `offset`: goes on at the next block whose header is intact.
    private mutating func skip(because text: String) throws(SegmentError) -> Item {
        let start = offset
        offset =
            stopsAtDamage ? end : try nextHeader(after: max(start, resumeOffset - 1)) ?? end
        digest = nil
        isWhole = false
        return .damage(
            SegmentDamage(
                offset: start, byteCount: offset - start, text: text, isTail: offset == end))
    }

    /// The next offset above `start` at which a block header is intact, or a footer begins.
    private func nextHeader(after start: Int) throws(SegmentError) -> Int? {
        let window = 64 * 1024
        var position = start + 1
        while position < end {
            let bytes = try source.bytes(at: position, count: min(window + 3, end - position))
            for index in bytes.indices where bytes[index] == UInt8(ascii: "L") {
                guard index + 4 <= bytes.count else { break }
                if bytes[index..<index + 4].elementsEqual(BlockHeader.magic),
                    try hasHeader(at: position + index)
                {
                    return position + index
                }
                if bytes[index..<index + 4].elementsEqual(SegmentFooter.magic),
                    try hasFooter(at: position + index)
                {
                    return position + index
                }
            }
            position += window
        }
        return nil
    }

    private func hasHeader(at offset: Int) throws(SegmentError) -> Bool {
        let prefix = try source.bytes(
            at: offset, count: min(BlockHeader.prefixByteCount, end - offset))
        guard let (headerCount, _) = try? BlockHeader.byteCounts(prefix) else { return false }
        let bytes = try source.bytes(at: offset, count: min(headerCount, end - offset))
        return bytes.count == headerCount && (try? BlockHeader(decoding: bytes)) != nil
    }

    private func hasFooter(at offset: Int) throws(SegmentError) -> Bool {
        guard end - offset >= SegmentFooter.trailerByteCount + 8,
            end - offset <= Limits.footerBytesMax
        else {
            return false
        }
        let trailer = try source.bytes(
            at: end - SegmentFooter.trailerByteCount, count: SegmentFooter.trailerByteCount)
        var reader = ByteReader(trailer, from: 4)
        return (try? reader.fixed64("footer")) == UInt64(offset)
    }
}

/// Where things lie in a segment, without decoding them.
package enum SegmentLayout {
    /// Bytes of the block at `offset`, or of the footer, which reaches to `end`.
    package static func byteCount(
        _ source: borrowing some ByteSource & ~Copyable, at offset: Int, end: Int
    ) throws(SegmentError) -> Int {
        let prefix = try source.bytes(at: offset, count: BlockHeader.prefixByteCount)
        if prefix.starts(with: SegmentFooter.magic) { return end - offset }
        let (header, body) = try SegmentError.decoding {
            () throws(FormatError) in try BlockHeader.byteCounts(prefix)
        }
        guard header + body <= end - offset else {
            throw .malformed(
                FormatError(
                    what: "a block of \(header + body) bytes: only \(end - offset) are left",
                    offset: offset))
        }
        return header + body
    }
}
