import Causality
import Segments

/// The agent's own disk: the segments that it writes, until the collector has them.
///
///     SPOOL/lock, SPOOL/host-id, SPOOL/segments/<segment id>.lcseg
///
/// A commit is the blocks of events, then a block of sources that says how far these were read, then one fsync. Only
/// whole commits are shipped; on restart what lies after the last whole commit is cut off, and read again from its
/// source. A segment begins with the checkpoints of all sources, so that older ones may be deleted.
struct Spool: ~Copyable {
    let index: SpoolIndex
    private(set) var checkpoints: [SourceKey: SourceCheckpoint]
    private let folder: String
    private let host: Identity128
    private let lock: File
    private var open: OpenSegment?
    private var random = SystemRandomNumberGenerator()

    private struct OpenSegment: ~Copyable {
        let file: File
        var writer: SegmentWriter
        var hasEvents = false
        /// The writer as of the last commit: what a failed one is taken back to.
        var committed: SegmentWriter
        let beganSeconds: Double
    }

    /// Names a source through all its checkpoints.
    struct SourceKey: Hashable {
        let device: UInt64
        let inode: UInt64

        init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }

        init(_ checkpoint: SourceCheckpoint) {
            self.init(device: checkpoint.device, inode: checkpoint.inode)
        }
    }

    /// Opens a spool, and brings it in order after a crash. Warnings tell what was cut off or is damaged.
    init(_ path: String, warn: (String) -> Void) throws {
        let folder = path + "/segments"
        try Folder.make(folder)
        let lock = try File(path + "/lock", .write)
        guard try lock.lock() else { throw AgentError("\(path) is in use by another agent") }
        let host = try Spool.hostIdentity(path + "/host-id")
        var found: [(created: WallTime, entry: SpoolIndex.Entry, checkpoints: [SourceCheckpoint])] =
            []
        for name in try Folder.names(folder) where name.hasSuffix(".lcseg") {
            if let recovered = try Spool.recover("\(folder)/\(name)", warn) {
                found.append(recovered)
            }
        }
        found.sort { ($0.created, $0.entry.path) < ($1.created, $1.entry.path) }
        let index = SpoolIndex()
        var checkpoints: [SourceKey: SourceCheckpoint] = [:]
        for segment in found {
            index.add(segment.entry)
            for checkpoint in segment.checkpoints {
                checkpoints[SourceKey(checkpoint)] = checkpoint
            }
        }
        self.folder = folder
        self.lock = lock
        self.host = host
        self.index = index
        self.checkpoints = checkpoints
    }

    private static func hostIdentity(_ path: String) throws -> Identity128 {
        if try File.status(path) != nil {
            let text = String(decoding: try File(path, .read).read(at: 0, count: 64), as: UTF8.self)
            guard let identity = Identity128(hex: text.filter { !$0.isWhitespace }) else {
                throw AgentError("\(path): expected 32 hexadecimal digits, found “\(text)”")
            }
            return identity
        }
        var random = SystemRandomNumberGenerator()
        let identity = Identity128(using: &random)
        let file = try File(path, .create)
        try file.write(Array("\(identity)\n".utf8), at: 0)
        try file.sync()
        try Folder.sync(Folder.parent(path))
        return identity
    }

    /// Cuts a segment of an earlier run back to its last whole commit, and seals it.
    private static func recover(_ path: String, _ warn: (String) -> Void) throws -> (
        created: WallTime, entry: SpoolIndex.Entry, checkpoints: [SourceCheckpoint]
    )? {
        var scanner = SegmentScanner(try File(path, .read))
        var pending: [StoredBlock] = []
        var writer: SegmentWriter?
        var checkpoints: [SourceCheckpoint] = []
        while let item = try scanner.next() {
            guard case .block(let block) = item else { break }
            if writer == nil, let header = scanner.header { writer = SegmentWriter(header) }
            pending.append(block)
            if block.header.kind == .sources {
                checkpoints += try block.checkpoints()
                for block in pending { writer?.note(block.header, block.bytes) }
                pending = []
            }
        }
        guard var writer, let header = scanner.header else {
            warn("\(path) holds no whole commit and is removed")
            try Folder.remove(file: path)
            return nil
        }
        var end = writer.byteCount
        let size = try File.status(path)?.byteCount ?? 0
        if scanner.isSealed {
            end = size
        } else {
            if size > end {
                warn(
                    "\(path): \(size - end) bytes after the last commit are cut off and read again")
            }
            let file = try File(path, .write)
            try file.truncate(to: end)
            let footer = writer.footer()
            try file.write(footer, at: end)
            try file.sync()
            end += footer.count
        }
        let entry = SpoolIndex.Entry(
            id: header.segment, path: path, durableByteCount: end, isSealed: true)
        return (header.created, entry, checkpoints)
    }

    /// Makes events and checkpoints durable together. Where this throws, nothing changed, and it can be tried again.
    mutating func commit(
        _ events: [ProcessKey: [Event]], _ sources: [SourceCheckpoint], now: WallTime
    ) throws(SegmentError) {
        if open == nil { try begin(now) }
        // Taken out and put back: what is noncopyable cannot be changed in an optional across a throw.
        guard var segment = open.take() else { return }
        let start = segment.committed.byteCount
        var bytes: [UInt8] = []
        for (key, all) in events.sorted(by: { listingOrder($0.key.process, $1.key.process) }) {
            let sorted = all.enumerated()
                .sorted {
                    ($0.element.id.sequence, $0.offset) < ($1.element.id.sequence, $1.offset)
                }.map(\.element)
            for run in SegmentWriter.split(sorted) {
                bytes += segment.writer.block(Array(run), of: key)
            }
        }
        bytes += segment.writer.block(sources)
        do {
            try segment.file.write(bytes, at: start)
            try segment.file.sync()
        } catch {
            try? segment.file.truncate(to: start)
            segment.writer = segment.committed
            open = consume segment
            throw error
        }
        segment.committed = segment.writer
        if !events.isEmpty { segment.hasEvents = true }
        for source in sources { checkpoints[SourceKey(source)] = Spool.remembered(source) }
        let (id, end) = (segment.writer.header.segment, segment.writer.byteCount)
        index.update(id) { $0.durableByteCount = end }
        open = consume segment
    }

    /// A checkpoint as later segments repeat it: without the lines that one segment shows already.
    private static func remembered(_ checkpoint: SourceCheckpoint) -> SourceCheckpoint {
        var checkpoint = checkpoint
        checkpoint.unmatched = []
        checkpoint.unmatchedCount = 0
        return checkpoint
    }

    private mutating func begin(_ now: WallTime) throws(SegmentError) {
        let id = Identity128(using: &random)
        let path = "\(folder)/\(id).lcseg"
        var writer = SegmentWriter(SegmentHeader(host: host, segment: id, created: now))
        forgetFinished()
        let known = checkpoints.values.sorted { ($0.device, $0.inode) < ($1.device, $1.inode) }
        let bytes = writer.header.encoded() + writer.block(known)
        do {
            let file = try File(path, .create)
            try file.write(bytes, at: 0)
            try file.sync()
            try Folder.sync(folder)
            open = OpenSegment(
                file: file, writer: writer, committed: writer,
                beganSeconds: Double(now.nanoseconds) / 1e9)
        } catch {
            try? Folder.remove(file: path)
            throw error
        }
        index.add(
            .init(
                id: id, path: path, durableByteCount: bytes.count, isSealed: false, acknowledged: 0)
        )
    }

    private mutating func forgetFinished() {
        let finished = checkpoints.filter { $0.value.isFinished }
        for key in finished.keys.prefix(max(0, finished.count - Limits.finishedSourcesMax)) {
            checkpoints[key] = nil
        }
    }

    /// Seals the open segment where it is large or old enough, or `always`.
    mutating func seal(
        now: WallTime, bytesMax: Int, secondsMax: Double, always: Bool = false
    ) throws(SegmentError) {
        guard var segment = open.take() else { return }
        let age = Double(now.nanoseconds) / 1e9 - segment.beganSeconds
        let isDue =
            segment.committed.byteCount >= bytesMax || (segment.hasEvents && age >= secondsMax)
        guard isDue || always else {
            open = consume segment
            return
        }
        let start = segment.writer.byteCount
        let footer = segment.writer.footer()
        do {
            try segment.file.write(footer, at: start)
            try segment.file.sync()
        } catch {
            try? segment.file.truncate(to: start)
            segment.writer = segment.committed
            open = consume segment
            throw error
        }
        let (id, end) = (segment.writer.header.segment, segment.writer.byteCount)
        index.update(id) {
            $0.durableByteCount = end
            $0.isSealed = true
        }
    }
}
