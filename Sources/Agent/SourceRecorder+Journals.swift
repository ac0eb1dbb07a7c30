import Causality
import Journals
import Segments

/// The journals of recording programs.
extension SourceRecorder {
    func isJournal(_ checkpoint: SourceCheckpoint) -> Bool {
        checkpoint.path.hasPrefix(configuration.spool.journals + "/")
    }

    /// Looks for journals that appeared, and forgets those that are gone.
    func discoverJournals() {
        do {
            let found = try JournalFolder.all(
                in: configuration.spool.journals, disk: configuration.disk)
            for folder in found {
                if let known = journals[folder.run] {
                    if known.isThere { continue }
                    logger.error("a journal was made again", metadata: ["path": "\(folder.path)"])
                    journals[folder.run] = nil
                }
                guard journals.count < Limits.journalsMax else {
                    report(
                        "more than \(Limits.journalsMax) journals: the rest waits", "journals max",
                        AgentError(folder.path))
                    break
                }
                do {
                    journals[folder.run] = try FollowedJournal(folder) { status in
                        checkpoint(Spool.SourceKey(device: status.device, inode: status.inode))
                    }
                } catch {
                    report("cannot follow the journal", folder.path, error)
                }
            }
            let runs = Set(found.map(\.run))
            for (run, journal) in journals where !runs.contains(run) {
                if !journal.isFinished {
                    logger.error(
                        "a journal was removed", metadata: ["path": "\(journal.folder.path)"])
                }
                journals[run] = nil
            }
            let paths = Set(found.map(\.path))
            for checkpoint in spool.checkpoints.values
            where isJournal(checkpoint) && !paths.contains(checkpoint.path) {
                spool.forget(Spool.SourceKey(checkpoint))
            }
            reported.remove("journals")
        } catch {
            report("cannot look for journals", "journals", error)
        }
    }

    func readJournals() -> Bool {
        var hasRead = false
        // Begins with another one each time: none keeps the others waiting.
        let runs = Array(journals.keys)
        firstJournal = runs.isEmpty ? 0 : (firstJournal + 1) % runs.count
        for run in runs[firstJournal...] + runs[..<firstJournal]
        where batch.byteCount < Limits.commitBytesMax {
            do {
                let isNew = journals[run]!.key == nil
                if try journals[run]!.read({ batch.add($0, $1) }) { hasRead = true }
                if isNew, let key = journals[run]!.key {
                    logger.info(
                        "reading the journal",
                        metadata: ["process": "\(key.process)", "run": "\(run)"])
                }
                reported.remove("\(run)")
            } catch {
                report("cannot read the journal", "\(run)", error)
            }
            note(journals[run]!.takeCheckpoint())
        }
        return hasRead
    }

    func finishJournals(_ now: WallTime) {
        for run in journals.keys {
            do {
                guard try journals[run]!.finishIfEnded(now: now, { batch.add($0, $1) }) else {
                    continue
                }
                note(journals[run]!.takeCheckpoint())
                if batch.beganSeconds == nil { batch.beganSeconds = Double(now.nanoseconds) / 1e9 }
                logger.info(
                    "ended",
                    metadata: ["process": "\(journals[run]!.key?.process.description ?? "?")"])
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
