import Causality
import Crypto

/// Writes segments. Everything is little-endian; counts, lengths and numbers without a width are LEB128 varints;
/// zigzag maps signed to unsigned; a string is its length in bytes and as much UTF-8.
///
///     segment     = file header, frame*, [footer]
///     file header = "LCSEG\r\n\x1A", version u16 = 4, 0 u16, agent id 16, segment id 16,
///                   creation time i64 (ns since 1970), crc32 of what precedes
///     frame       = frame header, order section, content section, [commit section]
///     frame header = "LCFR", flags u8 (1: ends a commit), codec of the order section u8, of the content section u8, 0 u8,
///                   rows u32, processes u32, order bytes before compression u32, content bytes before compression u32,
///                   order bytes u32, content bytes u32, commit bytes u32, digest 16,
///                   crc32 of the order section u32, of the content section u32, of the commit section u32,
///                   crc32 of what precedes u32
///     sections    = FrameOrder.swift, FrameContent.swift, Commit.swift
///     digest      = first 16 bytes of the SHA-256 of the frame before; of the file header for the first
///     footer      = "LCFT", 0 u32, frame count, run count, (execution, run 16, events, count, digest 32*)* (RunChain.swift),
///                   whether it is signed u8, [public key 32, signature 64] (SegmentHead.swift), digest 16, crc32 of what precedes u32, offset of the footer u64, "LCND"
///
/// A group commit is one or more frames; the last one ends it. Only whole commits are shipped. A frame needs no other to be
/// decoded; the clock of a process's first row in it may go on from an event of the frame before that has the process: that is
/// never so in a segment's first one.
///
/// What a reader does at a defect: a file header that is wrong is reported, and frames are read all the same. A frame
/// whose header or sections fail their checksums is reported with its offset; reading goes on at the next frame header whose
/// checksum holds, or the footer that the end of the file names. Where the header of the damaged frame holds, and the frame
/// would end in the file, that is looked for from this end on: what lies in a frame is no other one, whatever an event says.
/// A frame that is intact and cannot be decoded costs itself alone. A digest that does not match the frame before it is
/// reported where no damage explains it. What follows the last intact frame of a segment without a footer is reported as its
/// tail.
package struct SegmentWriter: Sendable {
    package let header: SegmentHeader
    /// Bytes written so far.
    package private(set) var byteCount: Int
    /// Frames written so far.
    package private(set) var frameCount = 0
    private var digest: [UInt8]
    private var chains: RunChains
    package static let digestByteCount = 16
    /// The sources that were named.
    private var named: Set<UInt64> = []

    /// Begins a segment. Its first bytes are `header.encoded()`, which the caller writes.
    package init(_ header: SegmentHeader) {
        self.header = header
        let bytes = header.encoded()
        byteCount = bytes.count
        digest = SegmentWriter.digest(bytes)
        chains = RunChains(segment: header.segment)
    }

    /// What the frame after `bytes` (a frame, or the file header) says of them.
    package static func digest(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array(bytes))
        return Array(hash.finalize().prefix(digestByteCount))
    }

    /// The frames of one commit: the events of a batch, and how far their sources were read. The same batch gives the same
    /// bytes. O(what the batch holds).
    package mutating func commit(_ batch: EventBatch, _ commit: Commit) -> [UInt8] {
        var bytes: [UInt8] = []
        var before = [UInt64](repeating: 0, count: batch.processes.count)
        let parts = batch.framed()
        for part in parts.dropLast() {
            bytes += frame(batch, part, &before, commit: [])
        }
        bytes += frame(
            batch, parts.last ?? 0..<0, &before, commit: commit.encoded(named: &named))
        return bytes
    }

    private mutating func frame(
        _ batch: EventBatch, _ part: Range<Int>, _ before: inout [UInt64], commit: [UInt8]
    ) -> [UInt8] {
        let rows = FrameRows(batch, part, after: before)
        for row in part { before[Int(batch.slots[row])] = batch.sequences[row] }
        let order = part.isEmpty ? [] : FrameOrder.encode(batch, rows)
        let content = part.isEmpty ? [] : FrameContent(batch, rows).encode()
        let (orderCodec, packedOrder) = Codec.pack(order)
        let (contentCodec, packedContent) = Codec.pack(content)
        let header = FrameHeader(
            endsCommit: !commit.isEmpty, orderCodec: orderCodec, contentCodec: contentCodec,
            rowCount: part.count, processCount: rows.slots.count, orderRawCount: order.count,
            contentRawCount: content.count, orderByteCount: packedOrder.count,
            contentByteCount: packedContent.count, commitByteCount: commit.count,
            previousDigest: digest, orderChecksum: checksum(packedOrder),
            contentChecksum: checksum(packedContent), commitChecksum: checksum(commit))
        chains.append(batch, rows)
        let bytes = header.encoded() + packedOrder + packedContent + commit
        note(bytes)
        return bytes
    }

    private mutating func note(_ bytes: [UInt8]) {
        byteCount += bytes.count
        frameCount += 1
        digest = SegmentWriter.digest(bytes)
    }

    /// A frame of another segment, as the next one of this segment.
    package mutating func copy(_ frame: StoredFrame) throws(FormatError) -> [UInt8] {
        var header = frame.header
        header.previousDigest = digest
        let bytes = header.encoded() + frame.bytes.dropFirst(FrameHeader.byteCount)
        try take(StoredFrame(decoding: bytes, at: byteCount))
        return bytes
    }

    /// Takes note of a frame that is in the segment already. O(what it holds): the chains go on behind it.
    package mutating func take(_ frame: StoredFrame) throws(FormatError) {
        chains.append(try frame.batch())
        if let commit = try frame.commit() {
            named.formUnion(commit.checkpoints.map(\.number))
        }
        note(frame.bytes)
    }

    /// The footer, after which nothing may follow.
    ///
    /// - Parameter key: Nil where nobody vouches for what is in it.
    package mutating func footer(signedBy key: SigningKey? = nil) -> [UInt8] {
        var footer = SegmentFooter(
            frameCount: frameCount, chains: chains.sealed, digest: digest)
        footer.signature = key?.sign(footer.head(of: header, at: byteCount))
        let bytes = footer.encoded(at: byteCount)
        byteCount += bytes.count
        return bytes
    }
}

/// The end of a sealed segment: how many frames it has, and the chains of its runs.
package struct SegmentFooter: Hashable, Sendable {
    package var frameCount: Int
    package var chains: [ChainedRun: RunChain]
    package var signature: HeadSignature?
    /// Of the last frame.
    var digest: [UInt8]

    static let magic = Array("LCFT".utf8)
    static let endMagic = Array("LCND".utf8)
    static let trailerByteCount = 16

    func encoded(at offset: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed32(0)
        writer.varint(frameCount)
        writer.chains(chains)
        writer.signature(signature)
        writer.bytes(digest)
        writer.fixed32(checksum(writer.bytes))
        writer.fixed64(UInt64(offset))
        writer.bytes(Self.endMagic)
        return writer.bytes
    }

    /// What the agent signs of the segment that this ends.
    package func head(of header: SegmentHeader, at offset: Int) -> SegmentHead {
        SegmentHead(header: header, byteCount: offset, digest: digest, chains: chains)
    }

    init(frameCount: Int, chains: [ChainedRun: RunChain], digest: [UInt8]) {
        self.frameCount = frameCount
        self.chains = chains
        self.digest = digest
    }

    /// Reads an intact footer. O(bytes).
    package init(decoding footer: [UInt8]) throws(FormatError) {
        var reader = ByteReader(
            footer, from: 8, to: max(8, footer.count - Self.trailerByteCount))
        frameCount = try reader.count(.max, "frames")
        chains = try reader.chains()
        signature = try reader.signature()
        digest = try reader.bytes(SegmentWriter.digestByteCount, "digest")
        try reader.expectEnd("footer")
    }

    /// Checks the bytes from `offset` to the end of a segment as the footer of a segment of `frameCount` frames, the last
    /// of which has `digest`; nil for either where it is not known. Whether the chains are right is another question.
    static func check(
        _ bytes: [UInt8], at offset: Int, frameCount: Int?, digest: [UInt8]?
    ) throws(FormatError) {
        guard bytes.count >= 8 + 16 + trailerByteCount, bytes.starts(with: magic) else {
            throw FormatError(what: "expected a footer, found something else", offset: offset)
        }
        let end = bytes.count - trailerByteCount
        var trailer = ByteReader(bytes, from: end)
        guard try trailer.fixed32("footer") == checksum(bytes[..<end]),
            try trailer.fixed64("footer") == UInt64(offset),
            try trailer.bytes(4, "footer") == endMagic
        else { throw FormatError(what: "footer: the checksum is wrong", offset: offset) }
        var reader = ByteReader(bytes, from: 8)
        let count = try reader.varint("footer")
        if let frameCount, count != UInt64(frameCount) {
            throw FormatError(
                what: "footer: it is of \(count) frames, and \(frameCount) are here",
                offset: offset)
        }
        if let digest, !bytes[(end - 16)..<end].elementsEqual(digest) {
            throw FormatError(
                what: "footer: it does not follow on the frames that are here", offset: offset)
        }
    }
}
