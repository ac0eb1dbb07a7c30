import Causality
import Disks
import Journals
import Segments

/// One journal that is being read as its program writes it.
struct FollowedJournal {
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

    /// Opens a journal, and goes on after `checkpoint`. nil where its program is just making it.
    init?(_ folder: JournalFolder, _ checkpoint: (DiskStatus) -> SourceCheckpoint?) throws {
        guard let status = try folder.lockStatus() else { return nil }
        self.folder = folder
        self.status = status
        if let known = checkpoint(status), known.path == folder.path {
            reader = JournalReader(folder, afterSequence: known.offset, inChunk: known.line)
            if known.isFinished {
                // An agent before this one finished it and did not come to remove it: who it was must be read again.
                while try reader.read(bytesMax: Limits.readBytesMax, { _ in }) {}
                isFinished = true
                isDirty = true
                isWhole = known.readerState != [1]
            }
        } else {
            reader = JournalReader(folder)
        }
    }

    /// Whether this is still the journal that was opened: one may have been removed, and made again by its program.
    var isThere: Bool {
        guard let now = try? folder.lockStatus() else { return false }
        return now.device == status.device && now.inode == status.inode
    }

    /// The process, once something was read.
    var key: ProcessKey? { reader.key }

    /// Reads what is new, up to `Limits.readBytesMax` bytes. False where there is nothing.
    mutating func read(_ body: (ProcessKey, Event) -> Void) throws -> Bool {
        guard !isFinished else { return false }
        var defects: [String] = []
        let hasRead = try reader.read(bytesMax: Limits.readBytesMax) { item in
            switch item {
            case .event(let key, let event): body(key, event)
            case .defect(let text): defects.append(text)
            }
        }
        for text in defects { note(text) }
        if hasRead { isDirty = true }
        return hasRead
    }

    private mutating func note(_ defect: String) {
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
    mutating func finishIfEnded(now: WallTime, _ body: (ProcessKey, Event) -> Void) throws -> Bool {
        guard !isFinished, try reader.isFinished() else { return false }
        if let key = reader.key {
            if let lost = reader.lostAtEnd {
                let event = FollowedJournal.marker(of: lost, key, reader.clock, now)
                marker = event.id.sequence
                body(key, event)
            }
        } else {
            // A program may be between making the folder and writing into it.
            guard try folder.isOlder(thanSeconds: Limits.emptyJournalSecondsMax) else {
                return false
            }
        }
        isFinished = true
        isDirty = true
        return true
    }

    private static func marker(
        of lost: ClosedRange<UInt64>, _ key: ProcessKey, _ seen: [RunKey: UInt64], _ now: WallTime
    ) -> Event {
        let id = EventID(key.process, lost.upperBound + 1)
        var clock: [ProcessReference: UInt64] = [key.reference: id.sequence]
        for (run, value) in seen { clock[.run(run)] = value }
        let range = lost.count == 1 ? "\(lost.lowerBound)" : "\(lost.lowerBound)–\(lost.upperBound)"
        return Event(
            id: id, time: now, name: "events lost",
            text:
                "\(lost.count) event\(lost.count == 1 ? "" : "s") (\(range)) could not be recorded, and the program "
                + "ended; said by the agent",
            level: .warning,
            attributes: [
                Attribute("lost", .json("\(lost.count)")),
                Attribute("first", .json("\(lost.lowerBound)")),
            ],
            clock: VectorClock(clock),
            stamp: .lossy(Loss(since: id.sequence, .eventsLost)))
    }

    /// How far the journal was read, where that changed since the last time: `offset` is the sequence number of the last event,
    /// `line` the chunk that it is in.
    mutating func takeCheckpoint() -> SourceCheckpoint? {
        guard isDirty else { return nil }
        defer {
            isDirty = false
            unmatched = []
            unmatchedCount = 0
        }
        return SourceCheckpoint(
            path: folder.path, device: status.device, inode: status.inode,
            offset: marker ?? reader.sequence,
            line: reader.chunkNumber, readerState: [isWhole ? 0 : 1],
            isFinished: isFinished, unmatchedCount: unmatchedCount,
            unmatched: unmatched)
    }

    /// Gives back what is durable now: chunks that were read, or, where the program has ended, the journal. Call this when
    /// everything that was read is committed.
    mutating func release(in spool: SpoolFolder) throws {
        guard isFinished else {
            guard reader.chunkNumber != releasedChunk else { return }
            try folder.free(chunksBelow: reader.chunkNumber)
            releasedChunk = reader.chunkNumber
            return
        }
        if let key = reader.key {
            // What the program calls its process is what its numbers are kept by: the name without the host in front.
            let name = Name.withoutHost(key.process.name, on: key.host)
            let incarnations = Incarnations(spool, execution: key.execution, process: name)
            try incarnations.note(
                Incarnations.Last(reader, key, marker: marker, isEndKnown: isWhole), in: spool)
        }
        try folder.remove()
    }
}
