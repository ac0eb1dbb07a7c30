import Causality
import Disks
import LogFormats
import Segments

/// Names a file as long as it is there, whatever it is called.
struct FileKey: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }

    init(_ status: DiskStatus) { self.init(device: status.device, inode: status.inode) }
    init(_ file: FileProgress) { self.init(device: file.device, inode: file.inode) }
}

/// One file that is being read as it grows: found by its name, told from others by its device, inode and first bytes.
final class FollowedFile {
    /// The source's number.
    let number: UInt64
    /// Where it was found first.
    let path: String
    /// Among the files that were found there one after another.
    let generation: UInt64
    let key: FileKey
    /// The place in the configuration that it belongs to.
    let follow: Int
    private let file: any DiskFile
    private(set) var reader: LogReader
    /// Bytes from the start of the file that were turned into events.
    private(set) var offset: UInt64
    /// A hash over the first bytes before `offset`, at most `Limits.fingerprintBytesMax`.
    private var fingerprint: ContentHash
    /// The first bytes: compared when the file grows.
    private(set) var head: [UInt8]
    /// Bytes after `offset` that are part of a record that is not whole yet.
    private var pending: [UInt8] = []
    private(set) var grewSeconds: Double
    /// When the file's name was seen to mean another file, or none.
    var lostNameSeconds: Double?
    /// True from then on until there is another file of its name.
    var awaitsSuccessor = false
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
    /// `reader` knows already what that checkpoint has to tell.
    init(
        number: UInt64, _ path: String, openedAt place: String, generation: UInt64, follow: Int,
        reader: LogReader, from progress: FileProgress?, nowSeconds: Double, disk: any Disk
    ) throws {
        file = try disk.open(place, .read)
        let status = try file.status()
        guard status.isRegular else { throw AgentError("\(place) is no regular file") }
        self.number = number
        self.path = path
        self.generation = generation
        self.follow = follow
        key = FileKey(status)
        offset = progress?.offset ?? 0
        fingerprint = progress?.fingerprint ?? ContentHash()
        self.reader = reader
        self.reader.times.asOf = Self.asOf(status)
        head = try file.read(at: 0, count: min(Limits.headBytesMax, status.byteCount))
        grewSeconds = nowSeconds
    }

    /// Goes on where the file before this one left off, which is finished now.
    func goOn(after before: FollowedFile, isBroken: Bool) {
        // One that was begun goes on from itself: of a log that is both renamed and cut, copies are found in any order.
        guard offset == 0 else { return }
        reader = before.reader
        reader.startNextFile(isBroken: isBroken)
    }

    /// Reads what is new, up to `Limits.readBytesMax` bytes.
    func read(nowSeconds: Double, into sink: inout LogSink) throws -> Growth {
        guard !isFinished else { return .none }
        let status = try file.status()
        let size = status.byteCount
        reader.times.asOf = Self.asOf(status)
        let start = Int(offset) + pending.count
        guard size >= start, try hasSameHead(size) else { return .truncated }
        guard size > start else { return .none }
        let bytes = try file.read(at: start, count: min(size - start, Limits.readBytesMax))
        guard !bytes.isEmpty else { return .none }
        grewSeconds = nowSeconds
        pending += bytes
        consume(pending.count, isFinal: false, &sink)
        return .some
    }

    /// When the file was written to last.
    private static func asOf(_ status: DiskStatus) -> WallTime {
        WallTime(saturatingSeconds: status.changedSeconds, nanoseconds: 0)
    }

    private func hasSameHead(_ size: Int) throws -> Bool {
        let bytes = try file.read(at: 0, count: min(Limits.headBytesMax, size))
        guard bytes.starts(with: head) else { return false }
        head = bytes
        return true
    }

    /// True where everything was read that is there now, but for a last line without its end.
    func isReadToEnd() throws -> Bool { try file.byteCount() <= Int(offset) + pending.count }

    /// A record that lacks only its successor to be whole counts as whole after a time without growth.
    func settle(nowSeconds: Double, into sink: inout LogSink) {
        guard let linesMin = reader.openRecordLinesMin, !pending.isEmpty,
            nowSeconds - grewSeconds >= Limits.recordSecondsMax,
            let newline = pending.lastIndex(of: UInt8(ascii: "\n")),
            pending.count(where: { $0 == UInt8(ascii: "\n") }) >= linesMin
        else { return }
        consume(newline + 1, isFinal: true, &sink)
    }

    /// Reads what is pending as the end of the file.
    func finish(into sink: inout LogSink) {
        consume(pending.count, isFinal: true, &sink)
        isFinished = true
        isDirty = true
    }

    private func consume(_ count: Int, isFinal: Bool, _ sink: inout LogSink) {
        let before = sink.batch.count
        let consumed =
            count == pending.count
            ? reader.read(pending, isFinal: isFinal, into: &sink)
            : reader.read(Array(pending[..<count]), isFinal: isFinal, into: &sink)
        let (lines, lineCount) = sink.takeUnmatched()
        unmatchedCount += lineCount
        unmatched += lines.prefix(Segments.Limits.unmatchedLinesMax - unmatched.count)
        // A reader may emit a record and yet wait with its bytes: its state says so.
        guard consumed > 0 || sink.batch.count > before || lineCount > 0 else { return }
        if offset < Limits.fingerprintBytesMax {
            fingerprint.update(pending[..<min(consumed, Int(Limits.fingerprintBytesMax - offset))])
        }
        offset += UInt64(consumed)
        pending.removeFirst(consumed)
        isDirty = true
    }

    /// Notes something that a person should know of the source, beside its unmatched lines.
    func note(_ reason: String, execution: String) {
        unmatchedCount += 1
        isDirty = true
        guard unmatched.count < Segments.Limits.unmatchedLinesMax else { return }
        unmatched.append(
            UnmatchedLine(
                line: reader.lineCount, execution: execution, reason: reason, text: ""))
    }

    /// How far the file was read.
    var progress: FileProgress {
        FileProgress(
            path: path, generation: generation, device: key.device, inode: key.inode,
            offset: offset, fingerprint: fingerprint, readerState: reader.storedState())
    }

    /// How far the file was read, where that changed since the last time.
    func takeCheckpoint() -> SourceCheckpoint? {
        guard isDirty else { return nil }
        defer {
            isDirty = false
            unmatchedCount = 0
            unmatched = []
        }
        return SourceCheckpoint(
            number: number, .file(progress), isFinished: isFinished,
            unmatchedCount: unmatchedCount, unmatched: unmatched)
    }

    /// Has the next `takeCheckpoint` give one, though nothing was read.
    func markDirty() { isDirty = true }

    /// Whether the file at a path begins as was read, and is at least as long as that.
    static func isContinued(
        _ progress: FileProgress, at path: String, on disk: any Disk
    ) throws -> Bool {
        let file = try disk.open(path, .read)
        guard try file.byteCount() >= Int(clamping: progress.offset) else { return false }
        var found = ContentHash()
        found.update(
            try file.read(at: 0, count: Int(min(progress.offset, Limits.fingerprintBytesMax))))
        return found == progress.fingerprint
    }
}
