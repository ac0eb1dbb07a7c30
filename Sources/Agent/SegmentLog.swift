import Causality
import Disks
import Segments

/// The agent's data folder: the segments that it writes, until the collector has them.
///
///     DATA/lock, DATA/agent-id, DATA/agent-key, DATA/reserve, DATA/segments/<segment id>.lcseg
///
/// A commit is one or more frames, the last of which says how far their sources were read, then one fsync. Only
/// whole commits are shipped; on restart what lies after the last whole commit is cut off, and read again from its
/// source. A segment begins with the checkpoints of all sources, so that older ones may be deleted.
///
/// The clock of a process's first event in a segment is whole. So a segment is sealed between two commits only, and whoever
/// appends to the batches then begins with whole clocks.
///
/// `agent-key` is the key with which segments are signed when they are sealed: 64 hexadecimal digits, for this user alone.
///
/// `reserve` is room that is given up when the disk is full, for a footer or for the first commit of the next segment: without
/// either nothing that the collector has could be deleted.
struct SegmentLog: ~Copyable {
    let index: SegmentIndex
    /// What the machine is called whose sources are read.
    private let hostName: String
    /// How far each source was read, by its number.
    private(set) var checkpoints: [UInt64: SourceCheckpoint]
    /// The highest number that a source was given.
    private(set) var sourceNumberMax: UInt64
    private let disk: any Disk
    private let folder: String
    private let path: String
    private var identity: Identity128
    private let key: SigningKey
    private let lock: any DiskFile
    private var open: OpenSegment?
    private let identities: @Sendable () -> Identity128
    /// Of the newest segment: the next one is later, whatever the wall clock does.
    private var lastCreated: WallTime

    private struct OpenSegment: ~Copyable {
        let file: any DiskFile
        /// As of the last commit.
        var writer: SegmentWriter
        var hasEvents = false
    }

    /// Opens a data folder, and brings it in order after a crash. Warnings tell what was cut off or is damaged.
    init(
        _ path: String, host hostName: String,
        identities: @escaping @Sendable () -> Identity128, disk: any Disk,
        warn: (String) -> Void
    ) throws {
        let folder = path + "/segments"
        try disk.make(folder: folder)
        let lock = try disk.open(path + "/lock", .write)
        guard try lock.lock() else { throw AgentError("\(path) is in use by another agent") }
        let identity = try SegmentLog.identity(path + "/agent-id", identities, disk, warn)
        let key = try SegmentLog.key(in: path, on: disk) {
            SigningKey(secret: identities().bytes + identities().bytes)
        }
        var found: [Recovered] = []
        for name in try disk.names(folder) where name.hasSuffix(".lcseg") {
            if let recovered = try SegmentLog.recovered(
                "\(folder)/\(name)", path, key, disk, warn)
            {
                found.append(recovered)
            }
        }
        found.sort { ($0.created, $0.entry.path) < ($1.created, $1.entry.path) }
        let index = SegmentIndex()
        var checkpoints: [UInt64: SourceCheckpoint] = [:]
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
        self.key = key
        self.index = index
        self.checkpoints = checkpoints
        sourceNumberMax = checkpoints.keys.max() ?? 0
        lastCreated = found.last?.created ?? WallTime(nanoseconds: 0)
        keepReserve()
    }

    /// The key with which the agent of a data folder signs.
    static func key(
        in path: String, on disk: any Disk, making make: () -> SigningKey? = { SigningKey() }
    ) throws -> SigningKey {
        try SigningKey(at: path + "/agent-key", on: disk, making: make)
    }

    /// A segment of an earlier run; nil where it holds nothing. Where the disk is full the reserve of the data folder has room for
    /// its footer.
    private static func recovered(
        _ segment: String, _ path: String, _ key: SigningKey, _ disk: any Disk,
        _ warn: (String) -> Void
    ) throws -> Recovered? {
        do {
            return try Recovered(segment, key, disk, warn)
        } catch let error as DiskError {
            guard error.isDiskFull, giveUpReserve(of: path, disk) else { throw error }
            return try Recovered(segment, key, disk, warn)
        }
    }

    /// Who the agent is to the collector. A file that holds no identity is replaced: what was written under the lost one keeps it.
    private static func identity(
        _ path: String, _ identities: () -> Identity128, _ disk: any Disk, _ warn: (String) -> Void
    ) throws -> Identity128 {
        if try disk.status(path) != nil {
            let text = String(
                decoding: try disk.open(path, .read).read(at: 0, count: 64), as: UTF8.self)
            if let identity = Identity128(hex: text.filter { !$0.isWhitespace }) { return identity }
            warn(
                "\(path): expected 32 hexadecimal digits, found “\(text)”: the agent takes a new identity"
            )
        }
        let identity = identities()
        // Whole or not at all.
        try disk.replace(path, with: Array("\(identity)\n".utf8), permissions: 0o640)
        return identity
    }

    /// Bytes of the open segment as of its last commit, and whether it holds events; nil where none is open.
    var openSegment: (byteCount: Int, hasEvents: Bool)? {
        switch open {
        case .some(let segment): (segment.writer.byteCount, segment.hasEvents)
        case .none: nil
        }
    }

    /// Makes events and checkpoints durable together. Where this throws, nothing changed, and it can be tried again.
    mutating func commit(
        _ batch: EventBatch, _ sources: [SourceCheckpoint], readUpTo: WallTime? = nil, now: WallTime
    ) throws(DiskError) {
        if open == nil { try begin(now) }
        // Taken out and put back: what is noncopyable cannot be changed in an optional across a throw.
        guard var segment = open.take() else { return }
        var writer = segment.writer
        let start = writer.byteCount
        let bytes = writer.commit(
            batch, Commit(host: hostName, readUpTo: readUpTo, checkpoints: sources))
        do {
            try segment.file.write(bytes, at: start)
            try segment.file.sync()
        } catch {
            try? segment.file.truncate(to: start)
            open = consume segment
            throw error
        }
        segment.writer = writer
        if !batch.isEmpty { segment.hasEvents = true }
        for source in sources { checkpoints[source.number] = source.withoutLines }
        sourceNumberMax = max(sourceNumberMax, sources.last?.number ?? 0)
        let (id, end) = (writer.header.segment, writer.byteCount)
        index.update(id) { $0.durableByteCount = end }
        open = consume segment
    }

    /// Forgets a source that is gone for good: later segments do not repeat its checkpoint.
    mutating func forget(_ number: UInt64) { checkpoints[number] = nil }

    private mutating func begin(_ now: WallTime) throws(DiskError) {
        do {
            try beginOnce(now)
        } catch  where error.isDiskFull && giveUpReserve() {
            try beginOnce(now)
        }
    }

    private mutating func beginOnce(_ now: WallTime) throws(DiskError) {
        let id = identities()
        let path = "\(folder)/\(id).lcseg"
        let next = lastCreated.nanoseconds == .max ? .max : lastCreated.nanoseconds + 1
        let created = WallTime(nanoseconds: max(now.nanoseconds, next))
        var writer = SegmentWriter(SegmentHeader(agent: identity, segment: id, created: created))
        forgetFinished()
        var bytes = writer.header.encoded()
        var pending: [SourceCheckpoint] = []
        var pendingBytes = 0
        for checkpoint in checkpoints.values.sorted(by: { $0.number < $1.number }) {
            pending.append(checkpoint)
            pendingBytes += checkpoint.byteEstimate
            guard pendingBytes >= Limits.commitCostMax else { continue }
            bytes += writer.commit(EventBatch(), Commit(host: hostName, checkpoints: pending))
            (pending, pendingBytes) = ([], 0)
        }
        bytes += writer.commit(EventBatch(), Commit(host: hostName, checkpoints: pending))
        do {
            let file = try disk.open(path, .create)
            try file.write(bytes, at: 0)
            try file.sync()
            try disk.sync(folder: folder)
            open = OpenSegment(file: file, writer: writer)
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
            latest[checkpoint.path] = max(latest[checkpoint.path] ?? 0, checkpoint.number)
        }
        let old = checkpoints.values.filter {
            $0.isFinished && $0.number < latest[$0.path] ?? 0
        }
        let excess = old.count - Limits.finishedSourcesMax
        guard excess > 0 else { return }
        for checkpoint in old.sorted(by: { $0.number < $1.number }).prefix(excess) {
            checkpoints[checkpoint.number] = nil
        }
    }

    /// Seals the open segment. Where this throws, nothing changed, and it can be tried again.
    mutating func seal() throws(DiskError) {
        guard let segment = open.take() else { return }
        var writer = segment.writer
        let start = writer.byteCount
        let footer = writer.footer(signedBy: key)
        do {
            do {
                try segment.file.write(footer, at: start)
            } catch  where error.isDiskFull && giveUpReserve() {
                try segment.file.write(footer, at: start)
            }
            try segment.file.sync()
        } catch {
            try? segment.file.truncate(to: start)
            open = consume segment
            throw error
        }
        let (id, end) = (writer.header.segment, writer.byteCount)
        index.update(id) {
            $0.durableByteCount = end
            $0.isSealed = true
        }
    }

    // MARK: Room

    /// Keeps some room for when the disk is full, where there is enough now.
    func keepReserve() {
        let place = path + "/reserve"
        if let status = try? disk.status(place), status.byteCount >= Limits.reserveBytes { return }
        do {
            let file = try disk.open(place, .write)
            try file.write([UInt8](repeating: 1, count: Limits.reserveBytes), at: 0)
            try file.sync()
        } catch {
            try? disk.remove(file: place)
        }
    }

    /// True where there was a reserve, which is free room now.
    private func giveUpReserve() -> Bool { SegmentLog.giveUpReserve(of: path, disk) }

    private static func giveUpReserve(of path: String, _ disk: any Disk) -> Bool {
        let place = path + "/reserve"
        guard let status = try? disk.status(place), status.byteCount > 0 else { return false }
        return (try? disk.remove(file: place)) != nil
    }

    // MARK: Identity

    /// Takes a new identity, since another agent writes under this one: what the collector does not have is written anew, as
    /// segments of the new identity, so that nothing is lost. The open segment must have been sealed.
    mutating func renewIdentity() throws {
        identity = identities()
        try disk.replace(
            "\(path)/agent-id", with: Array("\(identity)\n".utf8), permissions: 0o640)
        for entry in index.all where !entry.isShipped {
            let copy = try rewrite(entry)
            index.replace(entry.id, with: copy)
            try disk.remove(file: entry.path)
        }
    }

    /// The frames of a segment as a segment of this identity.
    private mutating func rewrite(_ entry: SegmentIndex.Entry) throws -> SegmentIndex.Entry {
        let id = identities()
        let path = "\(folder)/\(id).lcseg"
        var scanner = try SegmentScanner(disk.open(entry.path, .read))
        var writer: SegmentWriter?
        let file = try disk.open(path, .create)
        do {
            var offset = 0
            while let item = try scanner.next() {
                guard case .frame(let frame) = item else { continue }
                var current =
                    writer
                    ?? SegmentWriter(
                        SegmentHeader(
                            agent: identity, segment: id,
                            created: scanner.header?.created ?? lastCreated))
                let head = writer == nil ? current.header.encoded() : []
                let bytes = try head + current.copy(frame)
                try file.write(bytes, at: offset)
                offset += bytes.count
                writer = current
            }
            guard var writer else { throw AgentError("\(entry.path) holds no whole frame") }
            try file.write(writer.footer(signedBy: key), at: offset)
            try file.sync()
            try disk.sync(folder: folder)
            return SegmentIndex.Entry(
                id: id, path: path, durableByteCount: writer.byteCount, isSealed: true)
        } catch {
            try? disk.remove(file: path)
            throw error
        }
    }
}

extension SourceCheckpoint {
    /// As later segments repeat it: without the lines that one segment shows already.
    var withoutLines: SourceCheckpoint {
        var checkpoint = self
        checkpoint.unmatched = []
        checkpoint.unmatchedCount = 0
        return checkpoint
    }
}

/// A segment of an earlier run: cut back to its last whole commit, and sealed.
private struct Recovered {
    let created: WallTime
    let entry: SegmentIndex.Entry
    private(set) var checkpoints: [UInt64: SourceCheckpoint] = [:]

    /// nil where it holds no whole commit, and was removed.
    init?(
        _ path: String, _ key: SigningKey, _ disk: any Disk, _ warn: (String) -> Void
    ) throws {
        var scanner = try SegmentScanner(disk.open(path, .read))
        var pending: [StoredFrame] = []
        var found: SegmentWriter?
        var named: [UInt64: SourceCheckpoint.Progress] = [:]
        var isDamaged = false
        while let item = try scanner.next() {
            guard case .frame(let frame) = item, !isDamaged else {
                // What is intact behind damage is kept for a person, and not used: a torn commit looks the same.
                if case .frame = item { try Recovered.keepAside(path, disk, warn) }
                if case .frame = item { break }
                isDamaged = true
                continue
            }
            if found == nil, let header = scanner.header { found = SegmentWriter(header) }
            pending.append(frame)
            guard frame.header.endsCommit else { continue }
            do {
                guard let commit = try frame.commit(named: &named) else { continue }
                var writer = found
                for frame in pending { try writer?.take(frame) }
                found = writer
                for checkpoint in commit.checkpoints {
                    checkpoints[checkpoint.number] = checkpoint.withoutLines
                }
            } catch {
                warn("\(path): the frame at byte \(frame.offset) cannot be read: \(error)")
                isDamaged = true
            }
            pending = []
        }
        guard var writer = found, writer.frameCount > 0, let header = scanner.header else {
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
            // Before the footer says that nothing is left to do: the agent before may have died of a sync that failed.
            try disk.makeDurable(path, from: 0, to: end)
            let footer = writer.footer(signedBy: key)
            try file.write(footer, at: end)
            try file.sync()
            end += footer.count
        }
        created = header.created
        entry = SegmentIndex.Entry(
            id: header.segment, path: path, durableByteCount: end, isSealed: true)
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
}
