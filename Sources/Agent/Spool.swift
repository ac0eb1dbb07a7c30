import Causality
import Disks
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
    /// What the machine is called whose sources are read.
    private let hostName: String
    private(set) var checkpoints: [SourceKey: SourceCheckpoint]
    private let disk: any Disk
    private let folder: String
    private let path: String
    private var identity: Identity128
    private let lock: any DiskFile
    private var open: OpenSegment?
    private let identities: @Sendable () -> Identity128
    /// Of the newest segment: the next one is later, whatever the wall clock does.
    private var lastCreated: WallTime

    private struct OpenSegment: ~Copyable {
        let file: any DiskFile
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
    init(
        _ path: String, host hostName: String,
        identities: @escaping @Sendable () -> Identity128, disk: any Disk,
        warn: (String) -> Void
    ) throws {
        let folder = path + "/segments"
        try disk.make(folder: folder)
        let lock = try disk.open(path + "/lock", .write)
        guard try lock.lock() else { throw AgentError("\(path) is in use by another agent") }
        let identity = try Spool.identity(path + "/host-id", identities, disk)
        var found: [Recovered] = []
        for name in try disk.names(folder) where name.hasSuffix(".lcseg") {
            if let recovered = try Spool.recover("\(folder)/\(name)", disk, warn) {
                found.append(recovered)
            }
        }
        found.sort { ($0.created, $0.entry.path) < ($1.created, $1.entry.path) }
        let index = SpoolIndex()
        var checkpoints: [SourceKey: SourceCheckpoint] = [:]
        for segment in found {
            index.add(segment.entry)
            checkpoints.merge(segment.checkpoints) { $1 }
        }
        self.disk = disk
        self.folder = folder
        self.lock = lock
        self.path = path
        self.hostName = hostName
        self.identities = identities
        self.identity = identity
        self.index = index
        self.checkpoints = checkpoints
        lastCreated = found.last?.created ?? WallTime(nanoseconds: 0)
    }

    private static func identity(
        _ path: String, _ identities: () -> Identity128, _ disk: any Disk
    ) throws -> Identity128 {
        if try disk.status(path) != nil {
            let text = String(
                decoding: try disk.open(path, .read).read(at: 0, count: 64), as: UTF8.self)
            guard let identity = Identity128(hex: text.filter { !$0.isWhitespace }) else {
                throw AgentError("\(path): expected 32 hexadecimal digits, found “\(text)”")
            }
            return identity
        }
        let identity = identities()
        // Whole or not at all: half of one would keep the agent from starting again.
        try disk.replace(path, with: Array("\(identity)\n".utf8), permissions: 0o640)
        return identity
    }

    /// A segment of an earlier run.
    private struct Recovered {
        let created: WallTime
        let entry: SpoolIndex.Entry
        let checkpoints: [SourceKey: SourceCheckpoint]
    }

    /// Cuts a segment of an earlier run back to its last whole commit, and seals it.
    private static func recover(
        _ path: String, _ disk: any Disk, _ warn: (String) -> Void
    ) throws -> Recovered? {
        var scanner = SegmentScanner(try disk.open(path, .read))
        var pending: [StoredBlock] = []
        var writer: SegmentWriter?
        var checkpoints: [SourceKey: SourceCheckpoint] = [:]
        var isDamaged = false
        while let item = try scanner.next() {
            guard case .block(let block) = item, !isDamaged else {
                // What is intact behind damage is kept for a person, and not used: a torn commit looks the same.
                if case .block = item { try keepAside(path, disk, warn) }
                if case .block = item { break }
                isDamaged = true
                continue
            }
            if writer == nil, let header = scanner.header { writer = SegmentWriter(header) }
            pending.append(block)
            guard block.header.kind == .sources else { continue }
            guard let commit = try? block.commit() else {
                warn("\(path): the checkpoint at byte \(block.offset) cannot be read")
                isDamaged = true
                continue
            }
            for checkpoint in commit.checkpoints {
                checkpoints[SourceKey(checkpoint)] = remembered(checkpoint)
            }
            for block in pending { writer?.note(block.header, block.bytes) }
            pending = []
        }
        guard var writer, writer.blockCount > 0, let header = scanner.header else {
            warn("\(path) holds no whole commit and is removed")
            try disk.remove(file: path)
            return nil
        }
        var end = writer.byteCount
        let size = try disk.status(path)?.byteCount ?? 0
        if scanner.isSealed, !isDamaged {
            end = size
        } else {
            if size > end {
                warn(
                    "\(path): \(size - end) bytes after the last commit are cut off and read again")
            }
            let file = try disk.open(path, .write)
            try file.truncate(to: end)
            let footer = writer.footer()
            try file.write(footer, at: end)
            try file.sync()
            end += footer.count
        }
        let entry = SpoolIndex.Entry(
            id: header.segment, path: path, durableByteCount: end, isSealed: true)
        return Recovered(created: header.created, entry: entry, checkpoints: checkpoints)
    }

    /// Copies a damaged segment beside itself, before it is cut.
    private static func keepAside(
        _ path: String, _ disk: any Disk, _ warn: (String) -> Void
    ) throws {
        let copy = path + ".damaged"
        let source = try disk.open(path, .read)
        let target = try disk.open(copy, .write)
        var offset = 0
        while true {
            let bytes = try source.read(at: offset, count: Limits.readBytesMax)
            if bytes.isEmpty { break }
            try target.write(bytes, at: offset)
            offset += bytes.count
        }
        try target.sync()
        warn(
            "\(path) is damaged: what follows the damage is not shipped; the whole is kept as \(copy)"
        )
    }

    /// Makes events and checkpoints durable together. Where this throws, nothing changed, and it can be tried again.
    mutating func commit(
        _ events: [ProcessKey: [Event]], _ sources: [SourceCheckpoint], readUpTo: WallTime? = nil,
        now: WallTime
    ) throws(DiskError) {
        if open == nil { try begin(now) }
        // Taken out and put back: what is noncopyable cannot be changed in an optional across a throw.
        guard var segment = open.take() else { return }
        let start = segment.committed.byteCount
        var bytes: [UInt8] = []
        for (key, all) in events.sorted(by: { ProcessKey.listedBefore($0.key, $1.key) }) {
            let sorted = all.enumerated()
                .sorted {
                    ($0.element.id.sequence, $0.offset) < ($1.element.id.sequence, $1.offset)
                }.map(\.element)
            for run in SegmentWriter.split(sorted) {
                bytes += segment.writer.block(Array(run), of: key)
            }
        }
        bytes += segment.writer.block(
            Commit(host: hostName, readUpTo: readUpTo, checkpoints: sources))
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

    /// Forgets a source that is gone for good: later segments do not repeat its checkpoint.
    mutating func forget(_ key: SourceKey) { checkpoints[key] = nil }

    /// A checkpoint as later segments repeat it: without the lines that one segment shows already.
    private static func remembered(_ checkpoint: SourceCheckpoint) -> SourceCheckpoint {
        var checkpoint = checkpoint
        checkpoint.unmatched = []
        checkpoint.unmatchedCount = 0
        return checkpoint
    }

    private mutating func begin(_ now: WallTime) throws(DiskError) {
        let id = identities()
        let path = "\(folder)/\(id).lcseg"
        let created = WallTime(nanoseconds: max(now.nanoseconds, lastCreated.nanoseconds + 1))
        var writer = SegmentWriter(SegmentHeader(host: identity, segment: id, created: created))
        forgetFinished()
        var bytes = writer.header.encoded()
        var pending: [SourceCheckpoint] = []
        var pendingBytes = 0
        for checkpoint in checkpoints.values.sorted(by: {
            ($0.device, $0.inode) < ($1.device, $1.inode)
        }) {
            pending.append(checkpoint)
            pendingBytes += checkpoint.byteEstimate
            guard pendingBytes >= Limits.commitBytesMax else { continue }
            bytes += writer.block(Commit(host: hostName, checkpoints: pending))
            (pending, pendingBytes) = ([], 0)
        }
        bytes += writer.block(Commit(host: hostName, checkpoints: pending))
        do {
            let file = try disk.open(path, .create)
            try file.write(bytes, at: 0)
            try file.sync()
            try disk.sync(folder: folder)
            open = OpenSegment(
                file: file, writer: writer, committed: writer,
                beganSeconds: Double(now.nanoseconds) / 1e9)
        } catch {
            try? disk.remove(file: path)
            throw error
        }
        lastCreated = created
        index.add(
            .init(
                id: id, path: path, durableByteCount: bytes.count, isSealed: false, acknowledged: 0)
        )
    }

    /// Forgets the oldest finished sources beyond the limit, but never the last one of a path: the next file there
    /// goes on from it.
    private mutating func forgetFinished() {
        var latest: [String: UInt64] = [:]
        for checkpoint in checkpoints.values {
            latest[checkpoint.path] = max(latest[checkpoint.path] ?? 0, checkpoint.generation)
        }
        let old = checkpoints.filter {
            $0.value.isFinished && $0.value.generation < latest[$0.value.path] ?? 0
        }
        let excess = old.count - Limits.finishedSourcesMax
        guard excess > 0 else { return }
        for (key, _) in old.sorted(by: { $0.value.generation < $1.value.generation }).prefix(excess)
        {
            checkpoints[key] = nil
        }
    }

    /// Seals the open segment where it is large or old enough, or `always`.
    mutating func seal(
        now: WallTime, bytesMax: Int, secondsMax: Double, always: Bool = false
    ) throws(DiskError) {
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

    /// Takes a new identity, since another agent writes under this one: what the collector does not have is written anew, as
    /// segments of the new identity, so that nothing is lost.
    mutating func renewIdentity(now: WallTime) throws {
        try seal(now: now, bytesMax: 0, secondsMax: 0, always: true)
        identity = identities()
        try disk.replace("\(path)/host-id", with: Array("\(identity)\n".utf8), permissions: 0o640)
        for entry in index.all where !entry.isShipped {
            let copy = try rewrite(entry)
            index.replace(entry.id, with: copy)
            try disk.remove(file: entry.path)
        }
    }

    /// The blocks of a segment as a segment of this identity.
    private mutating func rewrite(_ entry: SpoolIndex.Entry) throws -> SpoolIndex.Entry {
        let id = identities()
        let path = "\(folder)/\(id).lcseg"
        var scanner = SegmentScanner(try disk.open(entry.path, .read))
        var writer: SegmentWriter?
        let file = try disk.open(path, .create)
        do {
            var offset = 0
            while let item = try scanner.next() {
                guard case .block(let block) = item else { continue }
                var current =
                    writer
                    ?? SegmentWriter(
                        SegmentHeader(
                            host: identity, segment: id,
                            created: scanner.header?.created ?? lastCreated))
                let bytes = (writer == nil ? current.header.encoded() : []) + current.copy(block)
                try file.write(bytes, at: offset)
                offset += bytes.count
                writer = current
            }
            guard var writer else { throw AgentError("\(entry.path) holds no whole block") }
            try file.write(writer.footer(), at: offset)
            try file.sync()
            try disk.sync(folder: folder)
            return SpoolIndex.Entry(
                id: id, path: path, durableByteCount: writer.byteCount, isSealed: true)
        } catch {
            try? disk.remove(file: path)
            throw error
        }
    }
}
