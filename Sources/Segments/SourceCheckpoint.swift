import Causality

/// How far one source was read by the events before it in its segment, and which of its lines were no events.
///
/// Committed in the same segment as the events that it covers: after a crash both are there or neither.
package struct SourceCheckpoint: Hashable, Sendable {
    /// Where the source was found first.
    package var path: String
    /// 1, 2, 3 … among the files that were found at this path one after another.
    package var generation: UInt64
    package var device: UInt64
    package var inode: UInt64
    /// Bytes that were read as events, from the start of the file.
    package var offset: UInt64
    /// Lines that begin before `offset`.
    package var line: UInt64
    /// The state of a hash over the bytes before `offset`: what tells a file from one that took its name or inode.
    package var contentHash: [UInt8]
    /// What the reader of the source's format must remember.
    package var readerState: [UInt8]
    /// True where the source will not be read again.
    package var isFinished: Bool
    /// Lines since the last checkpoint of the source that could not be read as events; the first are shown.
    package var unmatchedCount: UInt64
    package var unmatched: [UnmatchedLine]

    package init(
        path: String, generation: UInt64 = 1, device: UInt64 = 0, inode: UInt64 = 0, offset: UInt64,
        line: UInt64,
        contentHash: [UInt8] = [], readerState: [UInt8] = [], isFinished: Bool,
        unmatchedCount: UInt64 = 0, unmatched: [UnmatchedLine] = []
    ) {
        self.path = path
        self.generation = generation
        self.device = device
        self.inode = inode
        self.offset = offset
        self.line = line
        self.contentHash = contentHash
        self.readerState = readerState
        self.isFinished = isFinished
        self.unmatchedCount = unmatchedCount
        self.unmatched = unmatched
    }
}

extension SourceCheckpoint {
    private static let pathBytesMax = 64 * 1024
    private static let stateBytesMax = Limits.blockRawBytesMax

    /// About the bytes that the checkpoint takes before compression.
    package var byteEstimate: Int {
        unmatched.reduce(64 + path.utf8.count + contentHash.count + readerState.count) {
            $0 + 16 + $1.execution.utf8.count + $1.reason.utf8.count + $1.text.utf8.count
        }
    }

    /// A checkpoint in bytes:
    ///
    ///     path, generation, device, inode, offset, line, content hash, reader state, flags, unmatched count,
    ///     count, (line, execution, reason, text)*
    func encode(into raw: inout ByteWriter) {
        raw.string(path)
        raw.varint(generation)
        raw.varint(device)
        raw.varint(inode)
        raw.varint(offset)
        raw.varint(line)
        raw.varint(contentHash.count)
        raw.bytes(contentHash)
        raw.varint(readerState.count)
        raw.bytes(readerState)
        raw.byte(isFinished ? 1 : 0)
        raw.varint(unmatchedCount)
        raw.varint(unmatched.count)
        for unmatched in unmatched {
            raw.varint(unmatched.line)
            raw.string(unmatched.execution)
            raw.string(unmatched.reason)
            raw.string(unmatched.text)
        }
    }

    init(decoding reader: inout ByteReader) throws(FormatError) {
        path = try reader.string(Self.pathBytesMax, "path")
        generation = try reader.varint("generation")
        device = try reader.varint("device")
        inode = try reader.varint("inode")
        offset = try reader.varint("offset")
        line = try reader.varint("line")
        contentHash = try reader.bytes(
            try reader.count(Self.stateBytesMax, "content hash"), "content hash")
        readerState = try reader.bytes(
            try reader.count(Self.stateBytesMax, "reader state"), "reader state")
        isFinished = try reader.byte("flags") & 1 != 0
        unmatchedCount = try reader.varint("unmatched lines")
        unmatched = []
        for _ in 0..<(try reader.count(Limits.unmatchedLinesMax, "unmatched lines")) {
            unmatched.append(
                UnmatchedLine(
                    line: try reader.varint("line number"),
                    execution: try reader.string(Causality.Limits.nameBytesMax, "execution"),
                    reason: try reader.string(Self.pathBytesMax, "reason"),
                    text: try reader.string(Self.pathBytesMax, "text")))
        }
    }
}
