import Causality

/// What a block holds. The numbers are on disk: never renumbered.
package enum BlockKind: UInt8, Sendable {
    case events = 1
    /// How far the sources of the events before it were read: ends a commit.
    case sources = 2
}

/// The head of a block: enough to know whose events it holds and what they know, without its body.
package struct BlockHeader: Hashable, Sendable {
    package var kind: BlockKind
    /// Bytes of the body on disk.
    package var bodyByteCount: Int
    /// The first 128 bits of the SHA-256 of the block before it in its segment, of the file header for the first.
    package var previousDigest: [UInt8]
    package var bodyChecksum: UInt32
    /// What the events are; nil for a block of sources.
    package var events: Summary?

    package struct Summary: Hashable, Sendable {
        package var key: ProcessKey
        package var count: Int
        package var first: UInt64
        package var last: UInt64
        /// The least and greatest wall time of the events that have one.
        package var times: ClosedRange<WallTime>?
        /// True where every stamp is complete.
        package var isComplete: Bool

        init(
            key: ProcessKey, count: Int, first: UInt64, last: UInt64, times: ClosedRange<WallTime>?,
            isComplete: Bool
        ) {
            self.key = key
            self.count = count
            self.first = first
            self.last = last
            self.times = times
            self.isComplete = isComplete
        }
    }

    init(
        kind: BlockKind, bodyByteCount: Int, previousDigest: [UInt8], bodyChecksum: UInt32,
        events: Summary?
    ) {
        self.kind = kind
        self.bodyByteCount = bodyByteCount
        self.previousDigest = previousDigest
        self.bodyChecksum = bodyChecksum
        self.events = events
    }

    static let magic = Array("LCBK".utf8)
    /// magic 4, header bytes 4, body bytes 4
    static let prefixByteCount = 12

    func encoded() -> [UInt8] {
        var rest = ByteWriter()
        rest.byte(kind.rawValue)
        rest.bytes(previousDigest)
        rest.fixed32(bodyChecksum)
        if let events {
            rest.key(events.key)
            rest.varint(events.count)
            rest.varint(events.first)
            rest.varint(events.last - events.first)
            rest.byte((events.times == nil ? 0 : 1) | (events.isComplete ? 2 : 0))
            if let times = events.times {
                rest.zigzag(times.lowerBound.nanoseconds)
                rest.zigzag(times.upperBound.nanoseconds)
            }
        }
        var writer = ByteWriter()
        writer.bytes(Self.magic)
        writer.fixed32(UInt32(Self.prefixByteCount + rest.count + 4))
        writer.fixed32(UInt32(bodyByteCount))
        writer.bytes(rest.bytes)
        writer.fixed32(crc32(writer.bytes))
        return writer.bytes
    }

    /// The lengths of a block: its header's and its body's, from the first 12 bytes; checked against the limits.
    static func byteCounts(_ prefix: [UInt8]) throws(FormatError) -> (header: Int, body: Int) {
        var reader = ByteReader(prefix)
        guard try reader.bytes(4, "block header") == magic else {
            throw FormatError(what: "expected a block, found something else", offset: 0)
        }
        let header = Int(try reader.fixed32("block header"))
        let body = Int(try reader.fixed32("block header"))
        guard header >= prefixByteCount + 25, header <= Limits.blockHeaderBytesMax else {
            throw FormatError(
                what:
                    "block header: expected at most \(Limits.blockHeaderBytesMax) bytes, found \(header)",
                offset: 4)
        }
        guard body <= Limits.blockRawBytesMax else {
            throw FormatError(
                what:
                    "block body: expected at most \(Limits.blockRawBytesMax) bytes, found \(body)",
                offset: 8)
        }
        return (header, body)
    }

    /// The header at the start of `bytes`, whatever follows.
    package init(atStartOf bytes: [UInt8]) throws(FormatError) {
        let (header, _) = try BlockHeader.byteCounts(
            Array(bytes.prefix(BlockHeader.prefixByteCount)))
        try self.init(decoding: Array(bytes.prefix(header)))
    }

    /// Decodes a whole header, whose length `byteCounts` has told.
    init(decoding bytes: [UInt8]) throws(FormatError) {
        var checked = ByteReader(bytes, from: bytes.count - 4)
        guard try checked.fixed32("block header") == crc32(bytes[..<(bytes.count - 4)]) else {
            throw FormatError(what: "block header: the checksum is wrong", offset: bytes.count - 4)
        }
        bodyByteCount = try Self.byteCounts(bytes).body
        var reader = ByteReader(bytes, from: Self.prefixByteCount, to: bytes.count - 4)
        let number = try reader.byte("block kind")
        guard let kind = BlockKind(rawValue: number) else {
            throw reader.malformed("block kind: expected 1 or 2, found \(number)")
        }
        self.kind = kind
        previousDigest = try reader.bytes(16, "digest of the previous block")
        bodyChecksum = try reader.fixed32("checksum of the body")
        switch kind {
        case .events: events = try Summary(decoding: &reader)
        case .sources: events = nil
        }
        try reader.expectEnd("block header")
    }
}

extension BlockHeader.Summary {
    fileprivate init(decoding reader: inout ByteReader) throws(FormatError) {
        key = try ProcessKey(decoding: &reader)
        count = try reader.count(Limits.blockEventsMax, "event count")
        first = try reader.varint("first sequence number")
        let span = try reader.varint("last sequence number")
        guard count >= 1, (1...Causality.Limits.sequenceMax).contains(first),
            span <= Causality.Limits.sequenceMax - first, span >= UInt64(count - 1)
        else {
            throw reader.malformed(
                "\(count) events from sequence number \(first) over \(span): not possible")
        }
        last = first + span
        let flags = try reader.byte("flags")
        guard flags < 4 else { throw reader.malformed("flags: expected 0 to 3, found \(flags)") }
        isComplete = flags & 2 != 0
        if flags & 1 != 0 {
            let least = try reader.zigzag("least time")
            let greatest = try reader.zigzag("greatest time")
            guard least <= greatest else {
                throw reader.malformed("times: the least is after the greatest")
            }
            times = WallTime(nanoseconds: least)...WallTime(nanoseconds: greatest)
        } else {
            times = nil
        }
    }
}

extension ProcessID {
    init(decoding reader: inout ByteReader) throws(FormatError) {
        let name = try reader.name("process name")
        let incarnation = try reader.count(Int(Causality.Limits.incarnationMax), "incarnation")
        guard incarnation >= 1 else {
            throw reader.malformed("incarnation: expected 1 or more, found 0")
        }
        self.init(name: name, incarnation: UInt32(incarnation))
    }
}

/// Who a block's events are of:
///
///     key    = execution, host, process name, incarnation, flags u8, [run 16], [run key u64, sequence number]
///     flags  = 1 has a run (a log's process has none), 2 goes on from an event, 4 goes on from where nobody knows
extension ProcessKey {
    init(decoding reader: inout ByteReader) throws(FormatError) {
        let execution = try reader.name("execution")
        let host = try reader.name("host")
        let process = try ProcessID(decoding: &reader)
        let flags = try reader.byte("flags")
        guard flags < 8, flags & 6 != 6 else {
            throw reader.malformed("flags: expected a run and one origin, found \(flags)")
        }
        let run = flags & 1 == 0 ? nil : Identity128(bytes: try reader.bytes(16, "run"))
        var origin = flags & 4 == 0 ? Origin.nothing : .unknown
        if flags & 2 != 0 {
            let key = RunKey(bits: try reader.fixed64("origin"))
            let sequence = try reader.varint("origin")
            guard (1...Causality.Limits.sequenceMax).contains(sequence) else {
                throw reader.malformed("origin: \(sequence) is no sequence number")
            }
            origin = .event(key, sequence)
        }
        self.init(execution: execution, host: host, process: process, run: run, origin: origin)
    }
}

extension ByteWriter {
    mutating func process(_ process: ProcessID) {
        string(process.name)
        varint(UInt64(process.incarnation))
    }

    mutating func key(_ key: ProcessKey) {
        string(key.execution)
        string(key.host)
        process(key.process)
        var flags: UInt8 = key.run == nil ? 0 : 1
        switch key.origin {
        case .nothing: break
        case .event: flags |= 2
        case .unknown: flags |= 4
        }
        byte(flags)
        if let run = key.run { bytes(run.bytes) }
        if case .event(let run, let sequence) = key.origin {
            fixed64(run.bits)
            varint(sequence)
        }
    }
}
