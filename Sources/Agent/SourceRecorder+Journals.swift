import Causality
import Disks
import Glibc
import Journals
import Segments

/// The journals of recording programs.
extension SourceRecorder {
    /// Looks for journals that appeared, and forgets those that are gone.
    func discoverJournals(_ now: Double, _ wall: WallTime) {
        do {
            try owners.reload()
            guard try mayHaveNewJournals(wall) else { return }
            let found = try JournalFolder.all(
                in: configuration.spool.journals, disk: configuration.disk)
            for folder in found { try consider(folder, now) }
            let runs = Set(found.map(\.run))
            ignored = ignored.filter { runs.contains($0.key) }
            for (run, journal) in journals where !runs.contains(run) {
                if !journal.isFinished {
                    logger.error(
                        "a journal was removed", metadata: ["path": "\(journal.folder.path)"])
                }
                journals[run] = nil
            }
            let paths = Set(found.map(\.path))
            for checkpoint in segments.checkpoints.values {
                if case .journal(let journal) = checkpoint.progress, !paths.contains(journal.path) {
                    segments.forget(checkpoint.number)
                }
            }
            reported.remove("journals")
        } catch {
            report("cannot look for journals", "journals", error)
        }
    }

    /// Whether a journal may have come or gone since the last look. Their folder says when it was changed, in whole seconds: where
    /// it still says what it said at the last look, and that look was later than what it says, nothing has. Now and then it is
    /// looked at all the same, since a wall clock may step.
    private func mayHaveNewJournals(_ wall: WallTime) throws -> Bool {
        let changed = try disk.status(configuration.spool.journals)?.changedSeconds
        if let looked = journalsLooked, looked.changed == changed,
            looked.skipped < Limits.journalLooksSkippedMax
        {
            journalsLooked!.skipped += 1
            return false
        }
        let second = Int(wall.nanoseconds / 1_000_000_000)
        journalsLooked = changed.flatMap { second > $0 + 1 ? JournalsLook(changed: $0) : nil }
        return true
    }

    private func consider(_ folder: JournalFolder, _ now: Double) throws {
        // What was not taken is not looked at again at once: a stranger may leave thousands.
        if let until = ignored[folder.run], now < until { return }
        if let known = journals[folder.run] {
            if known.isThere { return }
            logger.error("a journal was made again", metadata: ["path": "\(folder.path)"])
            journals[folder.run] = nil
        }
        guard journals.count < Limits.journalsMax else {
            ignored[folder.run] = now + Limits.hopelessSecondsMax
            return report(
                "more than \(Limits.journalsMax) journals: the rest waits", "journals max",
                AgentError(folder.path))
        }
        do {
            guard let journal = try FollowedJournal(folder, { known(folder, $0) }) else { return }
            let others = journals.values.count { $0.owner == journal.owner }
            guard others < Limits.journalsOfUserMax else {
                ignored[folder.run] = now + Limits.hopelessSecondsMax
                return report(
                    "more than \(Limits.journalsOfUserMax) journals of one user: the rest waits",
                    "journals of \(journal.owner)", AgentError(folder.path))
            }
            journals[folder.run] = journal
        } catch {
            ignored[folder.run] = now + Limits.hopelessSecondsMax / 4
            report("cannot follow the journal", folder.path, error)
        }
    }

    /// The number and the checkpoint of a journal with this lock; a new number where there is none.
    private func known(
        _ folder: JournalFolder, _ status: DiskStatus
    ) -> (UInt64, SourceCheckpoint?) {
        for checkpoint in Array(pending.values) + Array(segments.checkpoints.values) {
            if case .journal(let journal) = checkpoint.progress, journal.path == folder.path,
                journal.device == status.device, journal.inode == status.inode
            {
                return (checkpoint.number, checkpoint)
            }
        }
        return (newSourceNumber(), nil)
    }

    func readJournals(_ now: Double) -> Bool {
        var hasRead = false
        var openFiles = journals.values.count { $0.isFileOpen }
        // Begins with another one each time: none keeps the others waiting.
        let all = Array(journals)
        firstJournal = all.isEmpty ? 0 : (firstJournal + 1) % all.count
        if sink.batch.isEmpty { costOfUser = [:] }
        // Of what one commit takes each user has its share: many journals of one keep none of another's waiting.
        let share = Limits.commitCostMax / max(Set(journals.values.map(\.owner)).count, 1)
        for (run, journal) in all[firstJournal...] + all[..<firstJournal]
        where journal.isDue(now) && sink.batch.cost < Limits.commitCostMax {
            guard costOfUser[journal.owner, default: 0] < share else { continue }
            let wasOpen = journal.isFileOpen
            let before = sink.batch.cost
            do {
                let isNew = journal.key == nil
                let isAny = try journal.read(now, into: &sink.batch) { key in
                    try refusal(of: journal.owner, key)
                }
                if isAny { hasRead = true }
                if isNew, let key = journal.key {
                    logger.info(
                        "reading the journal",
                        metadata: ["process": "\(key.process)", "run": "\(run)"])
                }
                if !reported.isEmpty { reported.remove("\(run)") }
            } catch let error as FollowedJournal.Refused {
                refuse(journal, error, now)
                continue
            } catch {
                report("cannot read the journal", "\(run)", error)
            }
            costOfUser[journal.owner, default: 0] += sink.batch.cost - before
            if !wasOpen, openFiles >= Limits.journalFilesOpenMax { journal.closeFile() }
            openFiles += (journal.isFileOpen ? 1 : 0) - (wasOpen ? 1 : 0)
            note(journal.takeCheckpoint())
        }
        return hasRead
    }

    /// Why a journal of a user may not be what it says; nil where it may.
    private func refusal(of user: UInt32, _ key: ProcessKey) throws -> String? {
        // Whoever runs the agent may name the host: of one that is enrolled the collector takes no other name.
        guard user != 0, user != geteuid() else { return nil }
        guard ExactText.isSame(key.host, configuration.host) else {
            return "it names host “\(printable(key.host))”, and this is \(configuration.host)"
        }
        let process = Name.withoutHost(key.process.name, on: key.host)
        let name = NameOwners.Name(execution: key.execution, process: process)
        if let refusal = try owners.refusal(of: user, name) { return refusal }
        try Incarnations(
            configuration.spool, execution: key.execution, process: process, user: user
        ).removeStrangers()
        return nil
    }

    /// Takes nothing of a journal. It is looked at again later: a name may have been released.
    private func refuse(_ journal: FollowedJournal, _ why: FollowedJournal.Refused, _ now: Double) {
        journals[journal.folder.run] = nil
        ignored[journal.folder.run] = now + Limits.hopelessSecondsMax
        guard reported.insert(journal.folder.path).inserted else { return }
        refusedCount += 1
        logger.error(
            "a journal is refused: nothing of it is taken",
            metadata: [
                "path": "\(journal.folder.path)", "user": "\(journal.owner)", "why": "\(why)",
                "refused": "\(refusedCount)",
            ])
    }

    func finishJournals(_ now: Double, _ wall: WallTime) {
        for (run, journal) in journals {
            do {
                guard try journal.finishIfEnded(now, wall: wall, into: &sink.batch) else {
                    continue
                }
                note(journal.takeCheckpoint())
                noteRead(now)
                logger.info(
                    "ended",
                    metadata: ["process": "\(journal.key?.process.description ?? "?")"])
            } catch {
                report("cannot finish the journal", "\(run)", error)
            }
        }
    }

    /// What was read of the journals is durable: their programs get the room back.
    func releaseJournals() {
        for run in journals.keys {
            do {
                try journals[run]!.release(in: configuration.spool)
                if journals[run]!.isFinished { journals[run] = nil }
            } catch {
                report("cannot give back what was read of the journal", "\(run)", error)
            }
        }
    }
}

/// A look at the folder of the journals, when it was no longer being changed.
struct JournalsLook {
    /// When the folder was changed last, in seconds since 1970.
    let changed: Int
    /// How often it was not looked at since.
    var skipped = 0
}
