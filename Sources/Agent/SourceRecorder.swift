import Causality
import Disks
import LogFormats
import Logging
import Segments

/// Follows files, turns their lines into events, and makes these durable in the spool. Runs on a thread of its own.
package actor SourceRecorder {
    let configuration: AgentConfiguration
    private var disk: any Disk { configuration.disk }
    let logger: Logger
    private let executor = QueueExecutor(label: "lightcone.recorder")
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }
    package nonisolated let index: SpoolIndex
    var spool: Spool
    /// Nobody else reads the journals.
    private let lock: any DiskFile
    private var sources: [FollowedFile] = []
    var journals: [Identity128: FollowedJournal] = [:]
    /// Where the next round of journals begins.
    var firstJournal = 0
    var batch = Batch()
    private var nextDiscoverSeconds = 0.0
    private var isHeld = false
    /// When sources were looked for last, and up to when everything had been read then.
    private var discovered: WallTime?
    private var readUpTo: WallTime?
    /// When it was last said how far everything was read.
    private var toldSeconds = 0.0
    var reported: Set<String> = []
    /// Finished files that were found to be what their checkpoints say.
    private var verified: Set<String> = []

    /// What was read and is not durable yet.
    struct Batch {
        var events: [ProcessKey: [Event]] = [:]
        var checkpoints: [SourceCheckpoint] = []
        var byteCount = 0
        var beganSeconds: Double?

        var isEmpty: Bool { events.isEmpty && checkpoints.isEmpty }

        mutating func add(_ key: ProcessKey, _ event: Event) {
            events[key, default: []].append(event)
            byteCount += SegmentWriter.byteEstimate(event)
        }
    }

    package init(_ configuration: AgentConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        try configuration.spool.own()
        try configuration.spool.leave(hostName: configuration.host)
        lock = try configuration.disk.open(configuration.spool.path + "/agent.lock", .write)
        guard try lock.lock() else {
            throw AgentError("\(configuration.spool.path) is in use by another agent")
        }
        spool = try Spool(
            configuration.makeDataFolder(), host: configuration.host,
            identities: configuration.identities, disk: configuration.disk
        ) {
            logger.warning("spool", metadata: ["what": "\($0)"])
        }
        index = spool.index
    }

    /// Looks at every source once, and commits where that is due. True where there was something to read.
    package func tick(_ now: WallTime) -> Bool {
        let seconds = Double(now.nanoseconds) / 1e9
        if seconds >= nextDiscoverSeconds || seconds < nextDiscoverSeconds - 60 {
            discover(seconds)
            finishJournals(now)
            discovered = now
            nextDiscoverSeconds = seconds + Double(Limits.discoverMilliseconds) / 1000
        }
        let isAllowed = mayRead()
        let hasRead = isAllowed && readAll(seconds, now)
        // Nothing is left of what was recorded before sources were looked for.
        if isAllowed, !hasRead { readUpTo = discovered }
        let age = batch.beganSeconds.map { seconds - $0 } ?? 0
        if !batch.isEmpty,
            batch.byteCount >= Limits.commitBytesMax
                || age >= Double(configuration.commitMilliseconds) / 1000 || age < 0
        {
            commit(now)
        } else if batch.isEmpty, abs(seconds - toldSeconds) >= Limits.quietSecondsMax {
            // Nothing happens, and that is worth telling: it is not the same as an agent that is gone.
            commit(now)
        }
        seal(now, always: false)
        return hasRead
    }

    /// Reads what is there, commits and seals: before the agent stops.
    package func drain(_ now: WallTime) {
        let seconds = Double(now.nanoseconds) / 1e9
        discover(seconds)
        let deadline = ContinuousClock.now + .seconds(Limits.drainSecondsMax)
        while mayRead(), ContinuousClock.now < deadline {
            guard readAll(seconds, now) else { break }
            if batch.byteCount >= Limits.commitBytesMax { commit(now) }
        }
        if mayRead() { finishJournals(now) }
        commit(now)
        seal(now, always: true)
    }

    /// False while the spool is full, or what was read last cannot be made durable: then nothing more is read, so
    /// that the sources keep it.
    private func mayRead() -> Bool {
        let used = index.byteCount
        let isFull = used >= configuration.spoolBytesMax
        if isFull != isHeld {
            isHeld = isFull
            if isFull {
                logger.warning(
                    "the spool is full: not reading on until the collector takes some",
                    metadata: ["bytes": "\(used)"])
            } else {
                logger.notice("reading on", metadata: ["bytes": "\(used)"])
            }
        }
        return !isFull && batch.byteCount < Limits.commitBytesMax
    }

    private func readAll(_ seconds: Double, _ now: WallTime) -> Bool {
        var hasRead = readJournals()
        for source in sources {
            do {
                switch try source.read(nowSeconds: seconds, { batch.add($0, $1) }) {
                case .some: hasRead = true
                case .truncated:
                    try continueFromCopy(of: source, seconds)
                    hasRead = true
                case .none:
                    source.settle(nowSeconds: seconds) { batch.add($0, $1) }
                    if source.isQuiet(nowSeconds: seconds) {
                        source.finish { batch.add($0, $1) }
                        logger.info(
                            "finished",
                            metadata: ["file": "\(source.path)", "bytes": "\(source.offset)"])
                    }
                }
            } catch {
                report("cannot read", source.path, error)
            }
            note(source.takeCheckpoint())
            if batch.byteCount >= Limits.commitBytesMax { break }
        }
        sources.removeAll { $0.isFinished }
        if !batch.isEmpty, batch.beganSeconds == nil { batch.beganSeconds = seconds }
        return hasRead
    }

    func note(_ checkpoint: SourceCheckpoint?) {
        guard var checkpoint else { return }
        batch.byteCount += checkpoint.byteEstimate
        for line in checkpoint.unmatched.prefix(Limits.unmatchedLoggedMax) {
            logger.warning(
                "a line is no event",
                metadata: [
                    "file": "\(checkpoint.path)", "line": "\(line.line)",
                    "why": "\(line.reason.debugDescription)",
                    "text": "\(line.text.debugDescription)",
                ])
        }
        if let index = batch.checkpoints.firstIndex(where: {
            Spool.SourceKey($0) == Spool.SourceKey(checkpoint)
        }) {
            let before = batch.checkpoints[index]
            checkpoint.unmatchedCount += before.unmatchedCount
            checkpoint.unmatched = Array(
                (before.unmatched + checkpoint.unmatched).prefix(Segments.Limits.unmatchedLinesMax))
            batch.checkpoints[index] = checkpoint
        } else {
            batch.checkpoints.append(checkpoint)
        }
    }

    private func commit(_ now: WallTime) {
        do {
            try spool.commit(batch.events, batch.checkpoints, readUpTo: readUpTo, now: now)
            toldSeconds = Double(now.nanoseconds) / 1e9
            batch = Batch()
            reported.remove("commit")
            releaseJournals()
        } catch {
            // Kept, and tried again at the next tick.
            report("cannot commit: not reading on until it works", "commit", error)
        }
    }

    /// Takes a new identity: somebody else writes under the one that it has.
    package func renewIdentity(_ now: WallTime) throws { try spool.renewIdentity(now: now) }

    private func seal(_ now: WallTime, always: Bool) {
        do {
            try spool.seal(
                now: now, bytesMax: configuration.segmentBytesMax,
                secondsMax: Double(configuration.segmentSecondsMax), always: always)
        } catch {
            report("cannot seal", "seal", error)
        }
    }

    /// Logs a failure once, not at every tick.
    func report(_ what: String, _ where_: String, _ error: any Error) {
        guard reported.insert(where_).inserted else { return }
        logger.error("\(what)", metadata: ["where": "\(where_)", "error": "\(error)"])
    }
}

// Which files are followed.
extension SourceRecorder {
    /// Looks for files that appeared, and for names that mean another file now.
    private func discover(_ seconds: Double) {
        discoverJournals()
        for source in sources where source.lostNameSeconds == nil {
            let status = try? disk.status(source.path)
            if status.map({ Spool.SourceKey(device: $0.device, inode: $0.inode) }) != source.key {
                source.lostNameSeconds = seconds
            }
        }
        for (number, follow) in configuration.follow.enumerated() {
            for path in follow.isPattern ? disk.matching(follow.path) : [follow.path] {
                do {
                    try consider(path, number, seconds)
                    reported.remove(path)
                } catch {
                    report("cannot follow", path, error)
                }
            }
        }
    }

    /// What the file at a path is: one that is followed, one that was read to its end, the rest of one, or a new one.
    private func consider(_ path: String, _ follow: Int, _ seconds: Double) throws {
        guard let status = try disk.status(path), status.isRegular else { return }
        let key = Spool.SourceKey(device: status.device, inode: status.inode)
        // A name's next file waits for the one before it: its lines come first.
        guard !sources.contains(where: { $0.key == key || $0.path == path }) else { return }
        let known = try checkpoint(key) ?? renumbered(status, at: path)
        if let known, try isContinuation(known, key, status, at: path) {
            let isRead = known.isFinished && status.byteCount == Int(clamping: known.offset)
            if !isRead || Spool.SourceKey(known) != key {
                try resume(known, at: path, follow, seconds)
            }
            return
        }
        if let before = unfinished(path), try resumeElsewhere(before, follow, seconds) { return }
        if try configuration.follow[follow].isPattern && isCopy(path, status.byteCount, follow) {
            return
        }
        guard sources.count < Limits.filesMax else {
            throw AgentError("more than \(Limits.filesMax) files: this one is not followed")
        }
        let predecessor = latest(path)
        var reader = try configuration.reader(for: configuration.follow[follow], path: path)
        if let predecessor {
            try reader.restore(predecessor.readerState)
            reader.startNextFile()
        }
        sources.append(
            try FollowedFile(
                path, openedAt: path, generation: (predecessor?.generation ?? 0) + 1,
                follow: follow, reader: reader,
                from: nil, nowSeconds: seconds, disk: disk))
        logger.info("following", metadata: ["file": "\(path)"])
    }

    /// Whether a checkpoint is of the file at a path, and not of one that had its inode before.
    private func isContinuation(
        _ known: SourceCheckpoint, _ key: Spool.SourceKey, _ status: DiskStatus, at path: String
    ) throws -> Bool {
        guard status.byteCount >= Int(clamping: known.offset) else { return false }
        if known.offset == 0 { return known.path == path }
        // A file that was read to its end is looked into once, not at every look.
        let name = "\(key) \(status.byteCount) \(path)"
        if known.isFinished, verified.contains(name) { return true }
        guard try FollowedFile.isContinued(known, at: path, on: disk) else { return false }
        if verified.count > Limits.finishedSourcesMax { verified = [] }
        verified.insert(name)
        return true
    }

    /// The checkpoint of a file whose device has another number since, as after a restart of the machine.
    private func renumbered(_ status: DiskStatus, at path: String) throws -> SourceCheckpoint? {
        try checkpoints.filter {
            $0.inode == status.inode && $0.device != status.device && $0.offset > 0
        }
        .max { $0.generation < $1.generation }
        .flatMap { checkpoint in
            guard status.byteCount >= Int(clamping: checkpoint.offset) else { return nil }
            return try FollowedFile.isContinued(checkpoint, at: path, on: disk) ? checkpoint : nil
        }
    }

    func checkpoint(_ key: Spool.SourceKey) -> SourceCheckpoint? {
        batch.checkpoints.last { Spool.SourceKey($0) == key } ?? spool.checkpoints[key]
    }

    private var checkpoints: [SourceCheckpoint] {
        let pending = Dictionary(batch.checkpoints.map { (Spool.SourceKey($0), $0) }) { $1 }
        return spool.checkpoints.merging(pending) { $1 }.values.filter { !isJournal($0) }
    }

    /// The last file that was found at a path, whatever became of it.
    private func latest(_ path: String) -> SourceCheckpoint? {
        checkpoints.filter { $0.path == path }.max { $0.generation < $1.generation }
    }

    /// The file that was found at a path and was not read to its end, by an earlier run.
    private func unfinished(_ path: String) -> SourceCheckpoint? {
        latest(path).flatMap { $0.isFinished ? nil : $0 }
    }

    /// Goes on where a checkpoint left off, in the file at `place`. Where that has another identity (a copy, or
    /// a renumbered device), the old one is finished and the new one begun in the same commit.
    private func resume(
        _ checkpoint: SourceCheckpoint, at place: String, _ follow: Int, _ seconds: Double
    ) throws {
        var reader = try configuration.reader(
            for: configuration.follow[follow], path: checkpoint.path)
        try reader.restore(checkpoint.readerState)
        guard let status = try disk.status(place) else { return }
        let isMoved =
            Spool.SourceKey(device: status.device, inode: status.inode)
            != Spool.SourceKey(checkpoint)
        let source = try FollowedFile(
            checkpoint.path, openedAt: place,
            generation: checkpoint.generation + (isMoved ? 1 : 0), follow: follow, reader: reader,
            from: checkpoint, nowSeconds: seconds, disk: disk)
        if place != checkpoint.path { source.lostNameSeconds = seconds }
        if isMoved {
            noteFinished(checkpoint)
            note(source.checkpointNow)
        }
        sources.append(source)
        logger.info(
            "following on", metadata: ["file": "\(place)", "from": "\(checkpoint.offset)"])
    }

    /// Nothing more will come under this identity.
    private func noteFinished(_ checkpoint: SourceCheckpoint) {
        var finished = checkpoint
        finished.isFinished = true
        finished.unmatched = []
        finished.unmatchedCount = 0
        note(finished)
    }

    /// The rest of a file whose name means another one now: it was renamed, or copied and cut. False where it is gone,
    /// and its rest with it.
    private func resumeElsewhere(_ before: SourceCheckpoint, _ follow: Int, _ seconds: Double)
        throws -> Bool
    {
        guard let place = try elsewhere(before) else {
            noteFinished(before)
            logger.error(
                "rotated away while nobody followed it: what came after is lost",
                metadata: ["file": "\(before.path)", "offset": "\(before.offset)"])
            return false
        }
        try resume(before, at: place, follow, seconds)
        return true
    }

    /// Where the content of a followed file is now, if not at its path: beside it, under a name that begins like it.
    private func elsewhere(_ checkpoint: SourceCheckpoint) throws -> String? {
        let folder = parentFolder(checkpoint.path)
        let name = checkpoint.path.split(separator: "/").last.map(String.init) ?? checkpoint.path
        let stem = name.split(separator: ".").first.map(String.init) ?? name
        var copy: String?
        for candidate in try disk.names(folder) where candidate.hasPrefix(stem) {
            let place = folder == "/" ? "/\(candidate)" : "\(folder)/\(candidate)"
            guard let status = try? disk.status(place), status.isRegular,
                status.byteCount >= Int(clamping: checkpoint.offset), checkpoint.offset > 0,
                !sources.contains(where: { $0.inode == status.inode && $0.device == status.device }
                ),
                (try? FollowedFile.isContinued(checkpoint, at: place, on: disk)) == true
            else { continue }
            let key = Spool.SourceKey(device: status.device, inode: status.inode)
            if key == Spool.SourceKey(checkpoint) { return place }
            if self.checkpoint(key) == nil { copy = place }
        }
        return copy
    }

    /// A followed file was cut: what came between is in a copy, if there is one.
    private func continueFromCopy(of source: FollowedFile, _ seconds: Double) throws {
        let checkpoint = source.checkpointNow
        logger.info("cut", metadata: ["file": "\(source.path)", "offset": "\(source.offset)"])
        sources.removeAll { $0 === source }
        guard try resumeElsewhere(checkpoint, source.follow, seconds) else {
            source.finish { batch.add($0, $1) }
            note(source.takeCheckpoint())
            return
        }
    }

    /// True where a new file begins with all that a followed file of the same pattern holds, or the other way
    /// round: somebody is copying it, to cut it then.
    private func isCopy(_ path: String, _ byteCount: Int, _ follow: Int) throws -> Bool {
        guard byteCount > 0 else { return false }
        // It begins with all that was read of another file: when that turns out to be cut, this is where it goes on.
        let known = checkpoints.filter { !$0.isFinished } + sources.map(\.checkpointNow)
        for checkpoint in known where checkpoint.offset > 0 {
            if byteCount >= Int(clamping: checkpoint.offset),
                try FollowedFile.isContinued(checkpoint, at: path, on: disk)
            {
                return true
            }
        }
        let file = try disk.open(path, .read)
        let head = try file.read(at: 0, count: min(byteCount, Limits.headBytesMax))
        for source in sources where source.follow == follow && !source.head.isEmpty {
            guard head.starts(with: source.head.prefix(head.count)),
                let original = try? disk.open(source.path, .read)
            else { continue }
            let count = min(byteCount, original.byteCount, Int(Limits.fingerprintBytesMax))
            guard count > 0,
                try file.read(at: 0, count: count) == original.read(at: 0, count: count)
            else { continue }
            if reported.insert("copy \(path)").inserted {
                logger.notice(
                    "taken for a copy: not followed as long as it has the same content",
                    metadata: ["file": "\(path)", "of": "\(source.path)"])
            }
            return true
        }
        return false
    }
}
