import Causality
import Disks
import Journals
import Segments

/// One journal that is being read as its program writes it.
final class FollowedJournal {
    /// The source's number.
    let number: UInt64
    let folder: JournalFolder
    private let status: DiskStatus
    private var reader: JournalReader
    /// True where something was read since the last checkpoint.
    private var isDirty = false
    /// True where the program has ended and everything was read: what remains is to remove the journal.
    private(set) var isFinished = false
    private var unmatched: [UnmatchedLine] = []
    private var unmatchedCount: UInt64 = 0
    /// False where the journal was damaged: the process may have done more than was read.
    private var isWhole = true
    /// The sequence number of a marker for events that the program could not tell of any more.
    private var marker: UInt64?
    /// Chunks below this number were given back.
    private var releasedChunk: UInt64 = 0
    /// When to look again; what yields nothing is looked at less and less often.
    private(set) var nextLookSeconds = 0.0
    private var quietSince: Double?
    private var nextEndSeconds = 0.0

    /// Opens a journal, and goes on after a checkpoint of it. nil where its program is just making it.
    ///
    /// - Parameter known: The checkpoint of the journal with this lock, if there is one; else a number for a new source.
    init?(
        _ found: JournalFolder, _ known: (DiskStatus) -> (UInt64, SourceCheckpoint?)
    ) throws {
        guard let folder = try found.owned(), let status = try folder.lockStatus() else {
            return nil
        }
        self.folder = folder
        self.status = status
        let (number, checkpoint) = known(status)
        self.number = number
        guard let checkpoint, case .journal(let journal) = checkpoint.progress else {
            reader = JournalReader(folder)
            return
        }
        reader = JournalReader(
            folder, afterSequence: journal.sequence, inChunk: journal.chunk)
        guard checkpoint.isFinished else { return }
        // An agent before this one finished it and did not come to remove it: who it was must be read again.
        var nowhere = EventBatch()
        while try reader.read(bytesMax: Limits.readBytesMax, into: &nowhere, { _ in }) {}
        isFinished = true
        isDirty = true
        isWhole = journal.isWhole
    }

    /// The user that the journal belongs to.
    var owner: UInt32 { status.owner }

    /// Whether this is still the journal that was opened: one may have been removed, and made again by its program.
    var isThere: Bool {
        guard let now = try? folder.lockStatus() else { return false }
        return now.device == status.device && now.inode == status.inode
    }

    /// The process, once something was read.
    var key: ProcessKey? { reader.key }

    /// Whether it has a file open from one look to the next.
    var isFileOpen: Bool { reader.file != nil }

    func closeFile() { reader.closeFile() }

    func isDue(_ now: Double) -> Bool { now >= nextLookSeconds }

    /// Reads what is new, up to `Limits.readBytesMax` bytes. False where there is nothing.
    ///
    /// - Parameter refusal: Why whoever the journal says it is may not record, if so: asked before its first event is read. Throws that then.
    func read(
        _ now: Double, into batch: inout EventBatch,
        refusal: (ProcessKey) throws -> String? = { _ in nil }
    ) throws -> Bool {
        guard !isFinished else { return false }
        var defects: [String] = []
        var hasRead = false
        let before = batch.count
        defer { schedule(now, hasEvents: batch.count > before) }
        if reader.key == nil {
            // A chunk begins with who its process is, and no event comes before that.
            var nothing = EventBatch()
            hasRead = try reader.read(bytesMax: 1, into: &nothing) { defects.append($0) }
            for text in defects { note(text) }
            if hasRead { isDirty = true }
            if let key = reader.key, let refusal = try refusal(key) { throw Refused(why: refusal) }
            return hasRead
        }
        hasRead = try reader.read(bytesMax: Limits.readBytesMax, into: &batch) {
            defects.append($0)
        }
        for text in defects { note(text) }
        if hasRead { isDirty = true }
        return hasRead
    }

    /// The journal's user may not record what it says.
    struct Refused: Error, CustomStringConvertible {
        let why: String
        var description: String { why }
    }

    /// A journal that has events is looked at each time; one that was quiet for a while less often; one that never had any,
    /// as a stranger may leave thousands, hardly ever.
    private func schedule(_ now: Double, hasEvents: Bool) {
        if hasEvents {
            quietSince = nil
            nextLookSeconds = now
            return
        }
        let since = quietSince ?? now
        quietSince = since
        let quiet = now - since
        if key == nil {
            nextLookSeconds = now + min(max(quiet / 2, 0.1), Limits.hopelessSecondsMax)
        } else {
            nextLookSeconds =
                quiet < 1
                ? now : FollowedJournal.next(quiet < 5 ? 0.1 : Limits.quietLookSeconds, after: now)
        }
    }

    /// The next multiple of some seconds: all quiet journals are looked at together, so that the agent rests in between.
    private static func next(_ seconds: Double, after now: Double) -> Double {
        // A little more, since a multiple that was reached may lie just below itself.
        (now / seconds + 1.000_001).rounded(.down) * seconds
    }

    private func note(_ defect: String) {
        unmatchedCount += 1
        isWhole = false
        isDirty = true
        guard unmatched.count < Segments.Limits.unmatchedLinesMax else { return }
        unmatched.append(
            UnmatchedLine(
                line: reader.chunkNumber,
                execution: reader.key?.execution ?? ProcessKey.executionDefault, reason: defect,
                text: ""))
    }

    /// Finishes the journal where its program has ended and all was read. A program that could not write any more at its
    /// end gets a marker in its place.
    ///
    /// - Parameter wall: The wall time now, which a marker gets.
    func finishIfEnded(
        _ now: Double, wall: WallTime, into batch: inout EventBatch
    ) throws -> Bool {
        guard !isFinished, now >= nextEndSeconds else { return false }
        // Whether a program lives takes a few system calls to find out.
        let quiet = quietSince.map { now - $0 } ?? 0
        nextEndSeconds =
            key == nil
            ? now + Limits.hopelessSecondsMax / 4
            : quiet < 5 ? now : FollowedJournal.next(Limits.quietEndSeconds, after: now)
        guard try reader.isFinished() else { return false }
        if let key = reader.key {
            if let lost = reader.lostAtEnd {
                marker = lost.upperBound + 1
                appendMarker(of: lost, key, wall, to: &batch)
            }
        } else {
            // A program may be between making the folder and writing into it.
            guard try folder.isOlder(thanSeconds: Limits.emptyJournalSecondsMax, at: wall) else {
                return false
            }
        }
        isFinished = true
        isDirty = true
        return true
    }

    private func appendMarker(
        of lost: ClosedRange<UInt64>, _ key: ProcessKey, _ wall: WallTime,
        to batch: inout EventBatch
    ) {
        let id = EventID(key.process, lost.upperBound + 1)
        var clock: [ProcessReference: UInt64] = [key.reference: id.sequence]
        for (run, value) in reader.clock { clock[.run(run)] = value }
        var lossNumber: UInt32 = 0
        if case .lossy(let loss) = reader.stamp { lossNumber = loss.number }
        let marker = LossMarker(lost: lost, reason: "the program ended, as its agent saw")
        let event = Event(
            id: id, kind: LossMarker.kind, time: wall, name: LossMarker.name, text: marker.text,
            level: LossMarker.level, attributes: marker.attributes,
            clock: VectorClock(clock),
            stamp: .lossy(Loss(since: id.sequence, .eventsLost, number: lossNumber + 1)))
        var before: VectorClock?
        batch.append(event, of: key, after: &before)
    }

    /// How far the journal was read, where that changed since the last time.
    func takeCheckpoint() -> SourceCheckpoint? {
        guard isDirty else { return nil }
        defer {
            isDirty = false
            unmatched = []
            unmatchedCount = 0
        }
        return SourceCheckpoint(
            number: number,
            .journal(
                JournalProgress(
                    path: folder.path, device: status.device, inode: status.inode,
                    sequence: marker ?? reader.sequence, chunk: reader.chunkNumber,
                    isWhole: isWhole)),
            isFinished: isFinished, unmatchedCount: unmatchedCount, unmatched: unmatched)
    }

    /// Gives back what is durable now: chunks that were read, or, where the program has ended, the journal. Call this when
    /// everything that was read is committed.
    func release(in spool: SpoolFolder) throws {
        guard isFinished else {
            guard reader.chunkNumber != releasedChunk else { return }
            try folder.free(chunksBelow: reader.chunkNumber)
            releasedChunk = reader.chunkNumber
            return
        }
        if let key = reader.key {
            // What the program calls its process is what its numbers are kept by: the name without the host in front.
            let name = Name.withoutHost(key.process.name, on: key.host)
            let incarnations = Incarnations(
                spool, execution: key.execution, process: name, user: owner)
            try incarnations.note(
                Incarnations.Last(reader, key, marker: marker, isEndKnown: isWhole), in: spool)
        }
        try folder.remove()
    }
}
