import Causality
import Disks
import Journals
import LogFormats
import Logging
import Segments

/// Follows files and journals, and makes their events durable in the agent's segments. Runs on a thread of its own.
///
/// It does what `CommitSchedule` and `FileIdentity` decide.
package actor SourceRecorder {
    let configuration: AgentConfiguration
    let logger: Logger
    private let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }
    package nonisolated let index: SegmentIndex
    var segments: SegmentLog
    /// Nobody else reads the journals.
    private let lock: any DiskFile
    var files: [FollowedFile] = []
    var identity = FileIdentity()
    var journals: [Identity128: FollowedJournal] = [:]
    /// The last look at the folder of the journals; nil where that tells nothing of the next one.
    var journalsLooked: JournalsLook?
    /// Journals that were not taken, and when they are looked at again.
    var ignored: [Identity128: Double] = [:]
    /// Who may record under which name.
    package nonisolated let owners: NameOwners
    /// Journals that were refused since the agent started.
    var refusedCount = 0
    /// What was read of each user's journals since the last commit, as `EventCost` has it.
    var costOfUser: [UInt32: Int] = [:]
    /// Where the next round of journals begins.
    var firstJournal = 0
    /// What was read and is not durable yet.
    var sink = LogSink()
    var pending: [UInt64: SourceCheckpoint] = [:]
    /// Rows of the sink's batch that were redacted, in a commit that failed.
    private var redactedRows = 0
    /// The highest number that a source was given.
    private var sourceNumberMax: UInt64
    private var schedule: CommitSchedule
    private var nextDiscoverSeconds = 0.0
    private var wasHeld = false
    /// When sources were looked for last, and up to when everything had been read then.
    private var discovered: WallTime?
    private var readUpTo: WallTime?
    var reported: Set<String> = []
    /// By path of a followed file: how many files came and went unread after it.
    var breaks: [String: Int] = [:]
    /// Finished files that were found to be what their checkpoints say.
    var verified: Set<String> = []
    /// By path of a followed file that has lost its name: how often names changed while what came after it was looked for.
    var rotating: [String: Int] = [:]

    var disk: any Disk { configuration.disk }

    /// Leaves for the programs what this host is called and what it does not record. Where the disk is full, they are not told: room
    /// comes only when the agent ships what it has.
    private static func tellPrograms(
        _ configuration: AgentConfiguration, _ logger: Logger
    ) throws(DiskError) {
        do throws(DiskError) {
            try configuration.spool.leave(redaction: configuration.redaction?.policy.text)
            try configuration.spool.leave(hostName: configuration.host)
        } catch {
            guard error.isDiskFull else { throw error }
            logger.warning(
                "programs are not told what this host is called, and what it does not record",
                metadata: ["why": "\(error)"])
        }
    }

    /// - Parameter executor: Where it runs; nil: on a thread of its own.
    package init(
        _ configuration: AgentConfiguration, logger: Logger,
        on executor: (any SerialExecutor)? = nil
    ) throws {
        self.executor = executor ?? QueueExecutor(label: "lightcone.recorder")
        self.configuration = configuration
        self.logger = logger
        try configuration.spool.own()
        try SourceRecorder.tellPrograms(configuration, logger)
        lock = try configuration.disk.open(configuration.spool.path + "/agent.lock", .write)
        guard try lock.lock() else {
            throw AgentError("\(configuration.spool.path) is in use by another agent")
        }
        let data = try configuration.makeDataFolder()
        owners = try NameOwners(data: data, rules: configuration.users, disk: configuration.disk)
        segments = try SegmentLog(
            data, host: configuration.host,
            identities: { configuration.surroundings.identity() }, disk: configuration.disk
        ) {
            logger.warning("data folder", metadata: ["what": "\($0)"])
        }
        index = segments.index
        sourceNumberMax = segments.sourceNumberMax
        schedule = CommitSchedule(
            CommitSchedule.Settings(
                commitSeconds: Double(configuration.commitMilliseconds) / 1000,
                segmentBytesMax: configuration.segmentBytesMax,
                segmentSecondsMax: Double(configuration.segmentSecondsMax),
                dataBytesMax: configuration.dataBytesMax), now: 0)
    }

    /// Looks at every source once, and commits and seals where that is due. True where there was something to read.
    ///
    /// - Parameters:
    ///   - now: Seconds of a clock that never steps.
    ///   - wall: The wall time, which events and segments are told.
    package func tick(_ now: Double, wall: WallTime) -> Bool {
        if now >= nextDiscoverSeconds {
            if discovered == nil { learnFiles() }
            discover(now, wall)
            finishJournals(now, wall)
            discovered = wall
            nextDiscoverSeconds = now + Double(Limits.discoverMilliseconds) / 1000
        } else if files.count <= Limits.filesLookedAtOften {
            noticeRenames(now)
        }
        var hasRead = false
        schedule.handle(.kept(bytes: index.byteCount), now: now)
        for _ in 0..<4 {
            switch schedule.next(now: now) {
            case .read:
                tellOfHolding(false)
                hasRead = readAll(now)
                // Nothing is left of what was recorded before sources were looked for.
                if !hasRead { readUpTo = discovered }
                if hasRead, schedule.next(now: now) == .commit { continue }
                return hasRead
            case .hold:
                tellOfHolding(schedule.isFull)
                return hasRead
            case .commit: commit(now, wall)
            case .seal: seal(now)
            }
        }
        return hasRead
    }

    /// Seconds after which the next tick has something to do, when this one had nothing to read: until a journal or a folder
    /// is due to be looked at, where there is nothing else. O(journals).
    package func restSeconds(_ now: Double) -> Double {
        let poll = Double(Limits.pollMilliseconds) / 1000
        guard files.isEmpty, sink.batch.isEmpty, pending.isEmpty else { return poll }
        let due = journals.values.reduce(nextDiscoverSeconds) { min($0, $1.nextLookSeconds) }
        return max(due - now, poll)
    }

    /// Reads what is there, commits and seals: before the agent stops.
    ///
    /// - Parameter clock: The clock of `now`, which goes on meanwhile.
    package func drain(
        _ now: Double, wall: WallTime, _ clock: () -> Double = { Uptime.seconds }
    ) {
        if discovered == nil { learnFiles() }
        journalsLooked = nil
        discover(now, wall)
        let deadline = clock() + Double(Limits.drainSecondsMax)
        while schedule.mayRead, clock() < deadline {
            guard readAll(now) else { break }
            if !schedule.mayRead { commit(now, wall) }
        }
        if schedule.mayRead { finishJournals(now, wall) }
        commit(now, wall)
        if sink.batch.isEmpty { seal(now) }
    }

    private func tellOfHolding(_ isHeld: Bool) {
        guard isHeld != wasHeld else { return }
        wasHeld = isHeld
        let bytes: Logger.Metadata = ["bytes": "\(index.byteCount)"]
        if isHeld {
            logger.warning(
                "the agent's share of the disk is used up: not reading on until the collector takes some",
                metadata: bytes)
        } else {
            logger.notice("reading on", metadata: bytes)
        }
    }

    private func readAll(_ now: Double) -> Bool {
        let isAny = readJournals(now)
        let hasRead = readFiles(now) || isAny
        noteRead(now)
        return hasRead
    }

    /// Has what was read committed when it is due.
    func noteRead(_ now: Double) {
        guard !sink.batch.isEmpty || !pending.isEmpty else { return }
        let cost = pending.values.reduce(sink.batch.cost) { $0 + $1.byteEstimate }
        schedule.handle(.read(cost: cost), now: now)
    }

    /// The number of a source that is found for the first time.
    func newSourceNumber() -> UInt64 {
        sourceNumberMax += 1
        return sourceNumberMax
    }

    func note(_ checkpoint: SourceCheckpoint?) {
        guard var checkpoint else { return }
        if let redaction = configuration.redaction {
            for index in checkpoint.unmatched.indices {
                redaction.redact(&checkpoint.unmatched[index])
            }
        }
        for line in checkpoint.unmatched.prefix(Limits.unmatchedLoggedMax) {
            logger.warning(
                "a line is no event",
                metadata: [
                    "file": "\(checkpoint.path)", "line": "\(line.line)",
                    "why": "\(line.reason.debugDescription)",
                    "text": "\(line.text.debugDescription)",
                ])
        }
        if let before = pending[checkpoint.number] {
            checkpoint.unmatchedCount += before.unmatchedCount
            checkpoint.unmatched = Array(
                (before.unmatched + checkpoint.unmatched).prefix(Segments.Limits.unmatchedLinesMax))
        }
        pending[checkpoint.number] = checkpoint
        if case .file(let file) = checkpoint.progress { learn(checkpoint, file) }
    }

    private func commit(_ now: Double, _ wall: WallTime) {
        if let redaction = configuration.redaction {
            redaction.redact(&sink.batch, from: redactedRows)
            redactedRows = sink.batch.count
        }
        do throws(DiskError) {
            try segments.commit(
                sink.batch, pending.values.sorted { $0.number < $1.number }, readUpTo: readUpTo,
                now: wall)
            sink.batch.removeAll()
            redactedRows = 0
            pending = [:]
            reported.remove("commit")
            schedule.handle(
                .committed(segmentBytes: segments.openSegment?.byteCount ?? 0), now: now)
            releaseJournals()
        } catch {
            // Kept, and tried again.
            report("cannot commit: not reading on until it works", "commit", error)
            schedule.handle(.failed(isDiskFull: error.isDiskFull), now: now)
        }
    }

    private func seal(_ now: Double) {
        // What is not committed goes on from clocks of the segment that ends here.
        if !sink.batch.isEmpty { readAgain() }
        do throws(DiskError) {
            try segments.seal()
            sink.batch.forgetClocks()
            reported.remove("seal")
            schedule.handle(.sealed, now: now)
        } catch {
            report("cannot seal", "seal", error)
            schedule.handle(.sealFailed, now: now)
        }
    }

    /// Gives up what was read and is not durable, to read it again: as if the agent had been killed and started anew.
    private func readAgain() {
        sink = LogSink()
        redactedRows = 0
        pending = [:]
        files = []
        journals = [:]
        journalsLooked = nil
        identity = FileIdentity()
        learnFiles()
        schedule.forget()
        nextDiscoverSeconds = 0
    }

    /// Takes a new identity: somebody else writes under the one that it has.
    package func renewIdentity(_ now: Double) throws {
        seal(now)
        guard segments.openSegment == nil else {
            throw AgentError("the open segment cannot be sealed")
        }
        try segments.renewIdentity()
    }

    /// A segment was deleted: there may be room for the reserve again.
    package func keepReserve() { segments.keepReserve() }

    /// Logs a failure once, not at every tick.
    func report(_ what: String, _ where_: String, _ error: any Error) {
        guard reported.insert(where_).inserted else { return }
        logger.error("\(what)", metadata: ["where": "\(where_)", "error": "\(error)"])
    }
}
