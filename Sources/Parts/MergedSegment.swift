import Causality
import Segments

/// A segment whose events are in a part, and what is kept of it besides them.
package struct MergedSegment: Hashable, Sendable {
    package var header: SegmentHeader
    /// Where it ended, sealed.
    package var byteCount: Int
    /// Of its last frame.
    package var digest: [UInt8]
    /// The machine that its agent read, and how far in time it had; empty and nil where it is none.
    package var host: String
    package var readUpTo: WallTime?
    /// The lines of sources that were no events, as far as the catalogue lists them.
    package var unmatched: [Unmatched]
    /// By run: what its events in the segment can be checked against, for ever.
    package var chains: [ChainedRun: RunChain]

    package struct Unmatched: Hashable, Sendable {
        package var path: String
        package var line: UnmatchedLine

        package init(path: String, line: UnmatchedLine) {
            self.path = path
            self.line = line
        }
    }

    package init(
        header: SegmentHeader, byteCount: Int, digest: [UInt8], host: String = "",
        readUpTo: WallTime? = nil, unmatched: [Unmatched] = [],
        chains: [ChainedRun: RunChain] = [:]
    ) {
        self.header = header
        self.byteCount = byteCount
        self.digest = digest
        self.host = host
        self.readUpTo = readUpTo
        self.unmatched = unmatched
        self.chains = chains
    }
}

extension MergedSegment {
    /// Leaves out what is kept of executions that were dropped.
    package mutating func leaveOut(_ dropped: Set<ExactText>) {
        chains = chains.filter { !dropped.contains(ExactText($0.key.execution)) }
        unmatched.removeAll { dropped.contains(ExactText($0.line.execution)) }
    }

    /// Of the digest of a frame.
    private static let digestByteCount = 16

    /// The record of a segment, packed: agent 16, segment 16, creation time (zigzag), bytes, digest 16, host, has a time u8,
    /// [time (zigzag)], count, (path, unmatched line)*, chains (RunChain.swift)
    func encoded() -> [UInt8] {
        var raw = ByteWriter()
        raw.bytes(header.agent.bytes)
        raw.bytes(header.segment.bytes)
        raw.zigzag(header.created.nanoseconds)
        raw.varint(byteCount)
        raw.bytes(digest)
        raw.string(host)
        raw.byte(readUpTo == nil ? 0 : 1)
        if let readUpTo { raw.zigzag(readUpTo.nanoseconds) }
        raw.varint(unmatched.count)
        for entry in unmatched {
            raw.string(entry.path)
            raw.unmatched(entry.line)
        }
        raw.chains(chains)
        let (codec, packed) = Codec.pack(raw.bytes, .thorough)
        var writer = ByteWriter()
        writer.byte(codec.rawValue)
        writer.varint(raw.count)
        writer.bytes(packed)
        return writer.bytes
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        var outer = ByteReader(bytes)
        let number = try outer.byte("codec")
        guard let codec = Codec(rawValue: number) else {
            throw outer.malformed("codec: \(number) is unknown to this program")
        }
        let rawCount = try outer.count(Limits.recordBytesMax, "segment record")
        let raw = try codec.unpack(
            outer.bytes(outer.remaining, "segment record")[...], rawCount: rawCount,
            "segment record")
        var reader = ByteReader(raw)
        let agent = Identity128(bytes: try reader.bytes(16, "agent"))
        let segment = Identity128(bytes: try reader.bytes(16, "segment"))
        header = SegmentHeader(
            agent: agent, segment: segment,
            created: WallTime(nanoseconds: try reader.zigzag("creation time")))
        byteCount = try reader.count(Int(Causality.Limits.sequenceMax), "bytes")
        digest = try reader.bytes(MergedSegment.digestByteCount, "digest")
        host = try reader.string(Causality.Limits.nameBytesMax, "host")
        readUpTo =
            try reader.byte("flags") & 1 == 0
            ? nil : WallTime(nanoseconds: try reader.zigzag("time"))
        unmatched = []
        for _ in 0..<(try reader.count(reader.remaining, "unmatched lines")) {
            unmatched.append(
                Unmatched(
                    path: try reader.string(SourceCheckpoint.pathBytesMax, "path"),
                    line: try reader.unmatched()))
        }
        chains = try reader.chains()
        try reader.expectEnd("segment record")
    }
}

/// How much more is kept of the lines of a segment that were no events: the first of them, whatever an agent sends.
package struct UnmatchedRoom: Sendable {
    private var lines: Int
    private var bytes: Int

    /// What a line takes besides its texts, in bytes.
    package static let lineByteCount = 64

    /// - Parameters:
    ///   - lines: How many it has taken already.
    ///   - byteCount: What the path, the execution, the reason and the text of each of these take, together.
    package init(taken lines: Int = 0, byteCount: Int = 0) {
        self.lines = Limits.unmatchedOfSegmentMax - lines
        bytes = Limits.unmatchedBytesOfSegmentMax - Self.lineByteCount * lines - byteCount
    }

    /// Whether there is room for one more, which it takes then.
    package mutating func take(_ line: UnmatchedLine, of path: String) -> Bool {
        let cost =
            Self.lineByteCount + path.utf8.count + line.execution.utf8.count
            + line.reason.utf8.count + line.text.utf8.count
        guard lines > 0, cost <= bytes else { return false }
        lines -= 1
        bytes -= cost
        return true
    }
}

/// What the table of segments says of one: segment 16, agent 16, offset of the record u64, bytes of it u32. They ascend by
/// segment.
struct SegmentEntry: Hashable, Sendable {
    var segment: Identity128
    var agent: Identity128
    var recordOffset: Int
    var recordByteCount: Int

    static let encodedByteCount = 44

    func encode(_ writer: inout ByteWriter) {
        writer.bytes(segment.bytes)
        writer.bytes(agent.bytes)
        writer.fixed64(UInt64(recordOffset))
        writer.fixed32(UInt32(recordByteCount))
    }

    init(
        segment: Identity128, agent: Identity128, recordOffset: Int, recordByteCount: Int
    ) {
        self.segment = segment
        self.agent = agent
        self.recordOffset = recordOffset
        self.recordByteCount = recordByteCount
    }

    init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        segment = Identity128(bytes: try reader.bytes(16, "segment entry"))
        agent = Identity128(bytes: try reader.bytes(16, "segment entry"))
        recordOffset = Int(truncatingIfNeeded: try reader.fixed64("segment entry"))
        recordByteCount = Int(try reader.fixed32("segment entry"))
        guard (0...Limits.fileBytesMax).contains(recordOffset),
            recordByteCount <= Limits.recordBytesMax
        else {
            throw reader.malformed("segment entry: numbers that contradict each other")
        }
    }
}
