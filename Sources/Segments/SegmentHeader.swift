import Causality

/// The first bytes of a segment: whose it is. The grammar is in `SegmentWriter.swift`.
package struct SegmentHeader: Hashable, Sendable {
    package var agent: Identity128
    package var segment: Identity128
    package var created: WallTime

    package init(agent: Identity128, segment: Identity128, created: WallTime) {
        self.agent = agent
        self.segment = segment
        self.created = created
    }

    static let magic = Array("LCSEG\r\n\u{1A}".utf8)
    static let version: UInt16 = 4
    /// magic 8, version 2, reserved 2, agent 16, segment 16, created 8, crc 4
    package static let byteCount = 56

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed16(Self.version)
        writer.fixed16(0)
        writer.bytes(agent.bytes)
        writer.bytes(segment.bytes)
        writer.fixed64(UInt64(bitPattern: created.nanoseconds))
        writer.fixed32(crc32(writer.bytes))
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        let magic = try reader.bytes(8, "segment header")
        guard magic == Self.magic else {
            throw FormatError(what: "not a segment: the magic number is wrong", offset: 0)
        }
        guard bytes.count >= Self.byteCount else {
            throw FormatError(
                what: "segment header: expected \(Self.byteCount) bytes, found \(bytes.count)",
                offset: 0)
        }
        let version = try reader.fixed16("segment header")
        _ = try reader.fixed16("segment header")
        agent = Identity128(bytes: try reader.bytes(16, "agent id"))
        segment = Identity128(bytes: try reader.bytes(16, "segment id"))
        created = WallTime(nanoseconds: Int64(bitPattern: try reader.fixed64("creation time")))
        let expected = crc32(bytes[..<(Self.byteCount - 4)])
        guard try reader.fixed32("segment header") == expected else {
            throw FormatError(
                what: "segment header: the checksum is wrong", offset: Self.byteCount - 4)
        }
        guard version == Self.version else {
            throw FormatError(
                what: "segment of version \(version): this program reads version \(Self.version)",
                offset: 8)
        }
    }
}
