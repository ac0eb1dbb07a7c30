import Causality
import Disks
import LogFormats
import Segments

/// One file that is being read as it grows: found by its name, told from others by its device, inode and first bytes.
final class FollowedFile {
    /// Where it was found first.
    let path: String
    /// Among the files that were found there one after another.
    let generation: UInt64
    let device: UInt64
    let inode: UInt64
    /// The place in the configuration that it belongs to.
    let follow: Int
    private let file: any DiskFile
    private(set) var reader: LogReader
    /// Bytes from the start of the file that were turned into events.
    private(set) var offset: UInt64
    /// A hash over the first bytes before `offset`, at most `Limits.fingerprintBytesMax`.
    private var fingerprint: SHA256
    /// The first bytes: compared when the file grows.
    private(set) var head: [UInt8]
    /// Bytes after `offset` that are part of a record that is not whole yet.
    private var pending: [UInt8] = []
    private var grewSeconds: Double
    /// When the file's name was seen to mean another file, or none.
    var lostNameSeconds: Double?
    private(set) var isFinished = false
    /// True where something changed since the last checkpoint.
    private var isDirty = false
    private var unmatchedCount: UInt64 = 0
    private var unmatched: [UnmatchedLine] = []

    /// What became of a file since the last look.
    enum Growth {
        case none
        case some
        /// It is shorter than what was read, or begins with other bytes.
        case truncated
    }

    /// Opens a file from its start, or where a checkpoint that has been found to be of this file's content left off.
    /// `reader` knows already what that checkpoint, or the file before this one, has to tell.
    init(
        _ path: String, openedAt place: String, generation: UInt64, follow: Int, reader: LogReader,
        from checkpoint: SourceCheckpoint?, nowSeconds: Double, disk: any Disk
    ) throws {
        file = try disk.open(place, .read)
        let status = try file.status()
        guard status.isRegular else { throw AgentError("\(place) is no regular file") }
        self.path = path
        self.generation = generation
        self.follow = follow
        (device, inode) = (status.device, status.inode)
        offset = checkpoint?.offset ?? 0
        fingerprint = try checkpoint.map { try SHA256(restoring: $0.contentHash) } ?? SHA256()
        self.reader = reader
        head = try file.read(at: 0, count: min(Limits.headBytesMax, status.byteCount))
        grewSeconds = nowSeconds
    }

    var key: Spool.SourceKey { Spool.SourceKey(device: device, inode: inode) }

    /// Reads what is new, up to `Limits.readBytesMax` bytes.
    func read(nowSeconds: Double, _ body: (ProcessKey, Event) -> Void) throws -> Growth {
        guard !isFinished else { return .none }
        let size = try file.status().byteCount
        let start = Int(offset) + pending.count
        guard size >= start, try hasSameHead(size) else { return .truncated }
        guard size > start else { return .none }
        let bytes = try file.read(at: start, count: min(size - start, Limits.readBytesMax))
        guard !bytes.isEmpty else { return .none }
        grewSeconds = nowSeconds
        pending += bytes
        consume(pending.count, isFinal: false, body)
        return .some
    }

    private func hasSameHead(_ size: Int) throws -> Bool {
        let bytes = try file.read(at: 0, count: min(Limits.headBytesMax, size))
        guard bytes.starts(with: head) else { return false }
        head = bytes
        return true
    }

    /// A record that lacks only its successor to be whole counts as whole after a time without growth.
    func settle(nowSeconds: Double, _ body: (ProcessKey, Event) -> Void) {
        guard reader.needsSuccessor, !pending.isEmpty,
            nowSeconds - grewSeconds >= Limits.recordSecondsMax,
            let newline = pending.lastIndex(of: UInt8(ascii: "\n")),
            pending.count(where: { $0 == UInt8(ascii: "\n") }) >= 2
        else { return }
        consume(newline + 1, isFinal: true, body)
    }

    /// True where a file that lost its name has been quiet long enough.
    func isQuiet(nowSeconds: Double) -> Bool {
        guard let lostNameSeconds else { return false }
        return nowSeconds - max(grewSeconds, lostNameSeconds) >= Limits.renamedSecondsMax
    }

    /// Reads what is pending as the end of the file.
    func finish(_ body: (ProcessKey, Event) -> Void) {
        consume(pending.count, isFinal: true, body)
        isFinished = true
        isDirty = true
    }

    private func consume(_ count: Int, isFinal: Bool, _ body: (ProcessKey, Event) -> Void) {
        var events: [(ProcessKey, Event)] = []
        let bytes = count == pending.count ? pending : Array(pending[..<count])
        let consumed = reader.read(bytes, isFinal: isFinal) { item in
            switch item {
            case .event(let key, let event): events.append((key, event))
            case .unmatched(let line):
                unmatchedCount += 1
                if unmatched.count < Segments.Limits.unmatchedLinesMax { unmatched.append(line) }
            }
        }
        for (key, event) in events { body(key, event) }
        // A reader may emit a record and yet wait with its bytes: its state says so.
        guard consumed > 0 || !events.isEmpty || !unmatched.isEmpty else { return }
        if offset < Limits.fingerprintBytesMax {
            fingerprint.update(pending[..<min(consumed, Int(Limits.fingerprintBytesMax - offset))])
        }
        offset += UInt64(consumed)
        pending.removeFirst(consumed)
        isDirty = true
    }

    /// How far the file was read.
    var checkpointNow: SourceCheckpoint {
        SourceCheckpoint(
            path: path, generation: generation, device: device, inode: inode, offset: offset,
            line: reader.lineCount,
            contentHash: fingerprint.stored(), readerState: reader.storedState(),
            isFinished: isFinished,
            unmatchedCount: unmatchedCount, unmatched: unmatched)
    }

    /// How far the file was read, where that changed since the last time.
    func takeCheckpoint() -> SourceCheckpoint? {
        guard isDirty else { return nil }
        defer {
            isDirty = false
            unmatchedCount = 0
            unmatched = []
        }
        return checkpointNow
    }

    /// Whether the file at a path begins as a checkpoint says, and is at least as long as what was read.
    static func isContinued(
        _ checkpoint: SourceCheckpoint, at path: String, on disk: any Disk
    ) throws -> Bool {
        let file = try disk.open(path, .read)
        guard file.byteCount >= Int(clamping: checkpoint.offset) else { return false }
        let expected = try SHA256(restoring: checkpoint.contentHash)
        var found = SHA256()
        found.update(
            try file.read(at: 0, count: Int(min(checkpoint.offset, Limits.fingerprintBytesMax))))
        return found == expected
    }
}
