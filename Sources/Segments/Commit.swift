import Causality

/// What ends a commit: who read its events, how far in time, and how far the sources were read that changed.
///
///     commit = codec u8, raw length, packed: host (empty: nobody's), flags u8 (1: has a time), [time (zigzag)], count, checkpoint*
///
/// Checkpoints are in the order of their numbers.
package struct Commit: Hashable, Sendable {
    /// The machine whose sources were read; empty where files were imported.
    package var host: String
    /// Everything that happened here before this time, and was recorded, had been read; nil where nobody says so.
    package var readUpTo: WallTime?
    package var checkpoints: [SourceCheckpoint]

    package init(
        host: String = "", readUpTo: WallTime? = nil, checkpoints: [SourceCheckpoint] = []
    ) {
        self.host = host
        self.readUpTo = readUpTo
        self.checkpoints = checkpoints.sorted { $0.number < $1.number }
    }
}

extension Commit {
    func encoded(named: inout Set<UInt64>) -> [UInt8] {
        var raw = ByteWriter()
        raw.string(host)
        raw.byte(readUpTo == nil ? 0 : 1)
        if let readUpTo { raw.zigzag(readUpTo.nanoseconds) }
        raw.varint(checkpoints.count)
        for checkpoint in checkpoints { checkpoint.encode(into: &raw, named: &named) }
        let (codec, packed) = Codec.pack(raw.bytes)
        var writer = ByteWriter()
        writer.byte(codec.rawValue)
        writer.varint(raw.count)
        writer.bytes(packed)
        return writer.bytes
    }

    init(
        decoding bytes: [UInt8], named: inout [UInt64: SourceCheckpoint.Progress]
    ) throws(FormatError) {
        var outer = ByteReader(bytes)
        let number = try outer.byte("codec")
        guard let codec = Codec(rawValue: number) else {
            throw outer.malformed("codec: \(number) is unknown to this program")
        }
        let rawCount = try outer.count(Limits.frameExpandedBytesMax, "commit")
        let raw = try codec.unpack(
            outer.bytes(outer.remaining, "commit")[...], rawCount: rawCount, "commit")
        var reader = ByteReader(raw)
        let hostCount = try reader.count(Causality.Limits.nameBytesMax, "host")
        host = try reader.validString(ofLength: hostCount, "host")
        guard !host.utf8.contains(0) else { throw reader.malformed("host: a NUL byte in it") }
        readUpTo =
            try reader.byte("flags") & 1 == 0
            ? nil : WallTime(nanoseconds: try reader.zigzag("time"))
        checkpoints = []
        for _ in 0..<(try reader.count(raw.count, "sources")) {
            checkpoints.append(try SourceCheckpoint(decoding: &reader, named: &named))
        }
        try reader.expectEnd("commit")
    }
}
