import Causality

/// The head of a frame, of a fixed size: what its sections take and hold. The grammar is in `SegmentWriter.swift`.
package struct FrameHeader: Hashable, Sendable {
    /// True where the frame ends a commit: then it has a commit section.
    package var endsCommit: Bool
    var orderCodec: Codec
    var contentCodec: Codec
    package var rowCount: Int
    /// How many processes the rows are of.
    package var processCount: Int
    /// Bytes of the sections, before compression.
    package var orderRawCount: Int
    package var contentRawCount: Int
    /// Bytes of the sections, as they are stored.
    package var orderByteCount: Int
    package var contentByteCount: Int
    package var commitByteCount: Int
    /// The first 128 bits of the SHA-256 of the frame before it in its segment, of the file header for the first.
    package var previousDigest: [UInt8]
    var orderChecksum: UInt32
    var contentChecksum: UInt32
    var commitChecksum: UInt32

    static let magic = Array("LCFR".utf8)
    package static let byteCount = 68

    /// Bytes of the whole frame.
    package var frameByteCount: Int {
        FrameHeader.byteCount + orderByteCount + contentByteCount + commitByteCount
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.byte(endsCommit ? 1 : 0)
        writer.byte(orderCodec.rawValue)
        writer.byte(contentCodec.rawValue)
        writer.byte(0)
        for count in [
            rowCount, processCount, orderRawCount, contentRawCount, orderByteCount,
            contentByteCount, commitByteCount,
        ] { writer.fixed32(UInt32(count)) }
        writer.bytes(previousDigest)
        for checksum in [orderChecksum, contentChecksum, commitChecksum] {
            writer.fixed32(checksum)
        }
        writer.fixed32(0)
        // In the place of the zero: what precedes it.
        var bytes = writer.bytes
        let check = checksum(bytes[..<(Self.byteCount - 4)])
        for index in 0..<4 { bytes[Self.byteCount - 4 + index] = UInt8(check >> (8 * index) & 255) }
        return bytes
    }

    package init(
        endsCommit: Bool, orderCodec: Codec, contentCodec: Codec, rowCount: Int, processCount: Int,
        orderRawCount: Int, contentRawCount: Int, orderByteCount: Int, contentByteCount: Int,
        commitByteCount: Int, previousDigest: [UInt8], orderChecksum: UInt32,
        contentChecksum: UInt32, commitChecksum: UInt32
    ) {
        self.endsCommit = endsCommit
        self.orderCodec = orderCodec
        self.contentCodec = contentCodec
        self.rowCount = rowCount
        self.processCount = processCount
        self.orderRawCount = orderRawCount
        self.contentRawCount = contentRawCount
        self.orderByteCount = orderByteCount
        self.contentByteCount = contentByteCount
        self.commitByteCount = commitByteCount
        self.previousDigest = previousDigest
        self.orderChecksum = orderChecksum
        self.contentChecksum = contentChecksum
        self.commitChecksum = commitChecksum
    }

    /// The header at the start of `bytes`, whatever follows. Every size is within the limits then.
    package init(atStartOf bytes: some Collection<UInt8>) throws(FormatError) {
        let bytes = Array(bytes.prefix(Self.byteCount))
        var reader = ByteReader(bytes)
        guard try reader.bytes(4, "frame header") == Self.magic else {
            throw FormatError(what: "expected a frame, found something else", offset: 0)
        }
        guard bytes.count == Self.byteCount else {
            throw FormatError(
                what: "frame header: expected \(Self.byteCount) bytes, found \(bytes.count)",
                offset: 0)
        }
        var check = ByteReader(bytes, from: Self.byteCount - 4)
        guard try check.fixed32("frame header") == checksum(bytes[..<(Self.byteCount - 4)]) else {
            throw FormatError(
                what: "frame header: the checksum is wrong", offset: Self.byteCount - 4)
        }
        let flags = try reader.byte("frame header")
        let codecs = try reader.bytes(2, "frame header")
        let reserved = try reader.byte("frame header")
        guard flags < 2, reserved == 0, let order = Codec(rawValue: codecs[0]),
            let content = Codec(rawValue: codecs[1])
        else { throw reader.malformed("frame header: flags that are unknown to this program") }
        endsCommit = flags == 1
        (orderCodec, contentCodec) = (order, content)
        func size(_ limit: Int, _ what: String) throws(FormatError) -> Int {
            let value = Int(try reader.fixed32("frame header"))
            guard value <= limit else {
                throw reader.malformed("\(what): expected at most \(limit), found \(value)")
            }
            return value
        }
        rowCount = try size(Limits.frameRowsMax, "rows of a frame")
        processCount = try size(
            min(rowCount, Limits.frameProcessesMax), "processes of a frame")
        orderRawCount = try size(Limits.frameExpandedBytesMax, "bytes of an order section")
        contentRawCount = try size(Limits.frameExpandedBytesMax, "bytes of a content section")
        orderByteCount = try size(Limits.frameExpandedBytesMax, "bytes of an order section")
        contentByteCount = try size(Limits.frameExpandedBytesMax, "bytes of a content section")
        commitByteCount = try size(Limits.frameExpandedBytesMax, "bytes of a commit section")
        previousDigest = try reader.bytes(16, "digest of the frame before")
        orderChecksum = try reader.fixed32("frame header")
        contentChecksum = try reader.fixed32("frame header")
        commitChecksum = try reader.fixed32("frame header")
        guard endsCommit == (commitByteCount > 0) else {
            throw reader.malformed("frame header: a commit section where none ends")
        }
        guard (rowCount == 0) == (orderRawCount == 0), (rowCount == 0) == (processCount == 0) else {
            throw reader.malformed(
                "frame header: \(rowCount) rows of \(processCount) processes in \(orderRawCount) bytes"
            )
        }
    }
}
