import Causality

/// How far one source was read by the events before it in its segment, and which of its lines were no events.
///
/// Committed with the events that it covers: after a crash both are there or neither.
package struct SourceCheckpoint: Hashable, Sendable {
    /// 1, 2, 3 … in the order in which the agent found its sources: never given twice.
    package var number: UInt64
    package var progress: Progress
    /// True where the source will not be read again.
    package var isFinished: Bool
    /// Lines since the last checkpoint of the source that could not be read as events; the first are shown.
    package var unmatchedCount: UInt64
    package var unmatched: [UnmatchedLine]

    package enum Progress: Hashable, Sendable {
        case file(FileProgress)
        case journal(JournalProgress)
        case imported(ImportProgress)
    }

    package init(
        number: UInt64, _ progress: Progress, isFinished: Bool, unmatchedCount: UInt64 = 0,
        unmatched: [UnmatchedLine] = []
    ) {
        self.number = number
        self.progress = progress
        self.isFinished = isFinished
        self.unmatchedCount = unmatchedCount
        self.unmatched = unmatched
    }

    /// Where the source lies, for a person.
    package var path: String {
        switch progress {
        case .file(let file): file.path
        case .journal(let journal): journal.path
        case .imported(let log): log.path
        }
    }
}

/// A log that is followed as it grows.
package struct FileProgress: Hashable, Sendable {
    /// Where it was found first.
    package var path: String
    /// 1, 2, 3 … among the files that were found at this path one after another.
    package var generation: UInt64
    package var device: UInt64
    package var inode: UInt64
    /// Bytes that were read as events, from the start of the file.
    package var offset: UInt64
    /// Of the first of these bytes: what tells a file from one that took its name or inode.
    package var fingerprint: ContentHash
    /// What the reader of the file's format must remember.
    package var readerState: [UInt8]

    package init(
        path: String, generation: UInt64, device: UInt64, inode: UInt64, offset: UInt64,
        fingerprint: ContentHash, readerState: [UInt8]
    ) {
        self.path = path
        self.generation = generation
        self.device = device
        self.inode = inode
        self.offset = offset
        self.fingerprint = fingerprint
        self.readerState = readerState
    }
}

/// A journal of a recording program.
package struct JournalProgress: Hashable, Sendable {
    package var path: String
    /// Of its lock: a journal that is made again has another.
    package var device: UInt64
    package var inode: UInt64
    /// Of the last event that was read.
    package var sequence: UInt64
    /// Of the chunk that this lies in.
    package var chunk: UInt64
    /// False where something of it could not be read.
    package var isWhole: Bool

    package init(
        path: String, device: UInt64, inode: UInt64, sequence: UInt64, chunk: UInt64, isWhole: Bool
    ) {
        self.path = path
        self.device = device
        self.inode = inode
        self.sequence = sequence
        self.chunk = chunk
        self.isWhole = isWhole
    }
}

/// A log that is read once.
package struct ImportProgress: Hashable, Sendable {
    package var path: String
    /// Bytes that were read as events.
    package var offset: UInt64

    package init(path: String, offset: UInt64) {
        self.path = path
        self.offset = offset
    }
}

extension SourceCheckpoint {
    /// Bytes of a path, and of a line or the reason why it is no event.
    package static let pathBytesMax = 64 * 1024

    /// About the bytes that the checkpoint takes before compression.
    package var byteEstimate: Int {
        var bytes = 64 + path.utf8.count
        if case .file(let file) = progress { bytes += file.readerState.count }
        return unmatched.reduce(bytes) {
            $0 + 16 + $1.execution.utf8.count + $1.reason.utf8.count + $1.text.utf8.count
        }
    }

    /// A checkpoint in bytes:
    ///
    ///     number, flags u8, [path, identity], progress, [unmatched count, count, (line, execution, reason, text)*]
    ///     flags     = 0 a file, 1 a journal, 2 an import; 4 the source is named here; 8 finished; 16 has unmatched lines
    ///     identity  = of a file generation, device, inode; of a journal device, inode
    ///     progress  = of a file offset, fingerprint 4 × u64, length, reader state; of a journal sequence number, chunk,
    ///                 u8 (1: all could be read); of an import offset
    ///
    /// A number is that of one kind of source. A source is named by the first checkpoint of its number in a segment, and
    /// wherever lines of it are shown; `named` are the numbers before this one. Who reads a part of a segment only finds the
    /// others without path and identity.
    func encode(into writer: inout ByteWriter, named: inout Set<UInt64>) {
        let hasUnmatched = unmatchedCount > 0 || !unmatched.isEmpty
        let isNew = named.insert(number).inserted || hasUnmatched
        writer.varint(number)
        let kind: UInt8 =
            switch progress {
            case .file: 0
            case .journal: 1
            case .imported: 2
            }
        writer.byte(kind | (isNew ? 4 : 0) | (isFinished ? 8 : 0) | (hasUnmatched ? 16 : 0))
        if isNew { writer.string(path) }
        switch progress {
        case .file(let file):
            if isNew { for id in [file.generation, file.device, file.inode] { writer.varint(id) } }
            writer.varint(file.offset)
            for word in file.fingerprint.words { writer.fixed64(word) }
            writer.varint(file.readerState.count)
            writer.bytes(file.readerState)
        case .journal(let journal):
            if isNew { for id in [journal.device, journal.inode] { writer.varint(id) } }
            writer.varint(journal.sequence)
            writer.varint(journal.chunk)
            writer.byte(journal.isWhole ? 1 : 0)
        case .imported(let log): writer.varint(log.offset)
        }
        guard hasUnmatched else { return }
        writer.varint(unmatchedCount)
        writer.varint(unmatched.count)
        for line in unmatched { writer.unmatched(line) }
    }

    /// - Parameter named: The sources that were named before in the segment, by number: brought up to date.
    init(
        decoding reader: inout ByteReader, named: inout [UInt64: Progress]
    ) throws(FormatError) {
        number = try reader.varint("source")
        let flags = try reader.byte("source")
        guard flags < 32, flags & 3 < 3 else {
            throw reader.malformed("source: flags of \(flags) are unknown to this program")
        }
        progress =
            flags & 4 != 0
            ? try SourceCheckpoint.named(flags & 3, &reader)
            : try SourceCheckpoint.known(flags & 3, named[number], reader)
        switch progress {
        case .file(var file):
            file.offset = try reader.varint("offset")
            var words: [UInt64] = []
            for _ in 0..<4 { words.append(try reader.fixed64("fingerprint")) }
            file.fingerprint = ContentHash(words: words)
            file.readerState = try reader.bytes(
                try reader.count(Limits.frameExpandedBytesMax, "reader state"), "reader state")
            progress = .file(file)
        case .journal(var journal):
            journal.sequence = try reader.varint("sequence number")
            journal.chunk = try reader.varint("chunk")
            journal.isWhole = try reader.byte("journal") & 1 != 0
            progress = .journal(journal)
        case .imported(var log):
            log.offset = try reader.varint("offset")
            progress = .imported(log)
        }
        named[number] = progress
        isFinished = flags & 8 != 0
        unmatchedCount = flags & 16 == 0 ? 0 : try reader.varint("unmatched lines")
        unmatched = []
        guard flags & 16 != 0 else { return }
        for _ in 0..<(try reader.count(Limits.unmatchedLinesMax, "unmatched lines")) {
            unmatched.append(try reader.unmatched())
        }
    }

    /// A source that is named here, as yet without its progress.
    private static func named(
        _ kind: UInt8, _ reader: inout ByteReader
    ) throws(FormatError) -> Progress {
        let path = try reader.string(pathBytesMax, "path")
        switch kind {
        case 0:
            return .file(
                FileProgress(
                    path: path, generation: try reader.varint("generation"),
                    device: try reader.varint("device"), inode: try reader.varint("inode"),
                    offset: 0, fingerprint: ContentHash(), readerState: []))
        case 1:
            return .journal(
                JournalProgress(
                    path: path, device: try reader.varint("device"),
                    inode: try reader.varint("inode"), sequence: 0, chunk: 0, isWhole: true))
        default: return .imported(ImportProgress(path: path, offset: 0))
        }
    }

    private static func known(
        _ kind: UInt8, _ progress: Progress?, _ reader: ByteReader
    ) throws(FormatError) -> Progress {
        switch (kind, progress) {
        case (0, .file(let file)): return .file(file)
        case (1, .journal(let journal)): return .journal(journal)
        case (2, .imported(let log)): return .imported(log)
        case (0, nil):
            return .file(
                FileProgress(
                    path: "", generation: 0, device: 0, inode: 0, offset: 0,
                    fingerprint: ContentHash(), readerState: []))
        case (1, nil):
            return .journal(
                JournalProgress(
                    path: "", device: 0, inode: 0, sequence: 0, chunk: 0, isWhole: true))
        case (2, nil): return .imported(ImportProgress(path: "", offset: 0))
        default: throw reader.malformed("source: a number of two kinds of sources")
        }
    }
}

extension ByteWriter {
    /// A line that was no event: line, execution, reason, text.
    package mutating func unmatched(_ line: UnmatchedLine) {
        varint(line.line)
        string(line.execution)
        string(line.reason)
        string(line.text)
    }
}

extension ByteReader {
    /// What `ByteWriter.unmatched` writes.
    package mutating func unmatched() throws(FormatError) -> UnmatchedLine {
        UnmatchedLine(
            line: try varint("line number"),
            execution: try string(Causality.Limits.nameBytesMax, "execution"),
            reason: try string(SourceCheckpoint.pathBytesMax, "reason"),
            text: try string(SourceCheckpoint.pathBytesMax, "text"))
    }
}
