import Causality
import Disks
import Segments

/// What of an execution was dropped: everything that was here. It is kept for ever, so that neither a rebuild nor a segment that
/// is sent again brings it back.
///
///     FOLDER/dropped.lcdrops = record*
///     record  = "LCDR", bytes of the payload u32, payload, crc32 of what precedes u32
///     payload = execution, count, segment*, count, (part 16, bytes, is removed u8)*
///     segment = agent 16, segment 16, creation time (zigzag), bytes, flags u8 (1 sealed, 2 removed, 4 has a digest), digest 16
///
/// The file is written anew with each drop, before the catalogue says the same: what it says was dropped. A record that is damaged
/// is reported, and written again as the catalogue has it.
struct Drop: Hashable {
    var execution: String
    var segments: [Segment] = []
    var parts: [Part] = []

    /// A segment that has rows of it: those in frames before `byteCount` do not count.
    struct Segment: Hashable {
        var header: SegmentHeader
        var byteCount: Int
        var isSealed: Bool
        /// True where it holds nothing else, so that there is no file of it any more.
        var isRemoved: Bool
        /// Of the last frame; empty where that was not known.
        var digest: [UInt8]
    }

    /// A part that has rows of it, which all do not count.
    struct Part: Hashable {
        var name: Identity128
        /// What the blocks of the rows take.
        var byteCount: Int
        var isRemoved: Bool
    }
}

extension Drop {
    private static let magic = Array("LCDR".utf8)
    private static let digestByteCount = 16

    static func path(in folder: String) -> String { folder + "/dropped.lcdrops" }

    /// What a file of drops says, and what is wrong with it. Nothing where there is none.
    static func read(
        _ path: String, on disk: any Disk
    ) throws(DiskError) -> (drops: [Drop], problems: [String]) {
        guard let status = try disk.status(path) else { return ([], []) }
        let bytes = try disk.open(path, .read).read(at: 0, count: status.byteCount)
        var drops: [Drop] = []
        var problems: [String] = []
        var (offset, damagedFrom) = (0, -1)
        while offset < bytes.count {
            if let (drop, end) = record(in: bytes, at: offset) {
                drops.append(drop)
                offset = end
                damagedFrom = -1
            } else {
                if damagedFrom < 0 {
                    problems.append(
                        "\(path), byte \(offset): what it said of a drop is damaged: expected a record, found something else"
                    )
                    damagedFrom = offset
                }
                offset += 1
            }
        }
        return (drops, problems)
    }

    static func encode(_ drops: [Drop]) -> [UInt8] { drops.flatMap { $0.encoded() } }

    private func encoded() -> [UInt8] {
        var payload = ByteWriter()
        payload.string(execution)
        payload.varint(segments.count)
        for segment in segments {
            payload.bytes(segment.header.agent.bytes)
            payload.bytes(segment.header.segment.bytes)
            payload.zigzag(segment.header.created.nanoseconds)
            payload.varint(segment.byteCount)
            let hasDigest = segment.digest.count == Self.digestByteCount
            payload.byte(
                (segment.isSealed ? 1 : 0) | (segment.isRemoved ? 2 : 0) | (hasDigest ? 4 : 0))
            payload.bytes(
                hasDigest ? segment.digest : [UInt8](repeating: 0, count: Self.digestByteCount))
        }
        payload.varint(parts.count)
        for part in parts {
            payload.bytes(part.name.bytes)
            payload.varint(part.byteCount)
            payload.byte(part.isRemoved ? 1 : 0)
        }
        var record = ByteWriter()
        record.bytes(Self.magic)
        record.fixed32(UInt32(payload.bytes.count))
        record.bytes(payload.bytes)
        record.fixed32(checksum(record.bytes))
        return record.bytes
    }

    /// The record at a place, and where it ends; nil where there is none.
    private static func record(in bytes: [UInt8], at offset: Int) -> (Drop, end: Int)? {
        guard bytes[offset...].starts(with: magic) else { return nil }
        var reader = ByteReader(bytes, from: offset + magic.count)
        guard let count = try? Int(reader.fixed32("drop")), count <= reader.remaining - 4 else {
            return nil
        }
        let end = offset + magic.count + 4 + count
        var check = ByteReader(bytes, from: end)
        guard (try? check.fixed32("drop")) == checksum(bytes[offset..<end]) else { return nil }
        guard let drop = try? Drop(decoding: Array(bytes[offset + magic.count + 4..<end])) else {
            return nil
        }
        return (drop, end + 4)
    }

    private init(decoding payload: [UInt8]) throws(FormatError) {
        var reader = ByteReader(payload)
        execution = try reader.string(Causality.Limits.nameBytesMax, "execution")
        for _ in 0..<(try reader.count(reader.remaining, "segments")) {
            let agent = Identity128(bytes: try reader.bytes(16, "agent"))
            let segment = Identity128(bytes: try reader.bytes(16, "segment"))
            let created = WallTime(nanoseconds: try reader.zigzag("creation time"))
            let byteCount = try reader.count(Int(Causality.Limits.sequenceMax), "bytes")
            let flags = try reader.byte("flags")
            let digest = try reader.bytes(Self.digestByteCount, "digest")
            segments.append(
                Segment(
                    header: SegmentHeader(agent: agent, segment: segment, created: created),
                    byteCount: byteCount, isSealed: flags & 1 != 0, isRemoved: flags & 2 != 0,
                    digest: flags & 4 != 0 ? digest : []))
        }
        for _ in 0..<(try reader.count(reader.remaining, "parts")) {
            let name = Identity128(bytes: try reader.bytes(16, "part"))
            let byteCount = try reader.count(Int(Causality.Limits.sequenceMax), "bytes")
            parts.append(
                Part(name: name, byteCount: byteCount, isRemoved: try reader.byte("flags") != 0))
        }
    }
}
