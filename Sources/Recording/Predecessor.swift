import Causality
import Journals

/// What became of the incarnation before this one.
enum Predecessor {
    /// It still runs: two programs have one name. They are two processes, and the later one has seen nothing of the other.
    case alive
    /// It ended with this event.
    case ended(Incarnations.Last)
    /// It existed, and where it ended cannot be told: its journal is gone, and the agent never had all of it.
    case unknown

    init(
        _ before: Incarnations.Given, of settings: Incarnation.Settings,
        _ incarnations: Incarnations
    ) {
        // A program of the name and whoever else records under it are two rows of incarnations: neither goes on from the other, and
        // where the one before this left off, that number does not tell.
        guard before.isKeptByName == settings.isKeptByName else {
            self = .unknown
            return
        }
        let folder = JournalFolder(
            in: settings.spool.journals, run: before.run, disk: settings.spool.disk)
        var last: Incarnations.Last?
        do {
            if try folder.isAlive() {
                // One whose number could not be made durable has another: it is not the one before, and which one was cannot be told.
                let reader = try Predecessor.reader(
                    of: folder, incarnation: before.incarnation, execution: settings.execution)
                self = settings.isKeptByName || reader == nil ? .unknown : .alive
                return
            }
            last = try Predecessor.last(
                in: folder, incarnation: before.incarnation, execution: settings.execution)
        } catch {
            // A lock that cannot be looked at, so that it may live, or a journal that cannot be read: perhaps the agent knows.
        }
        // What the agent has noted is all; it removes the journal after that, perhaps just now.
        if let noted = incarnations.last, noted.incarnation == before.incarnation,
            noted.run == before.run
        {
            last = noted
        }
        self = last.map { .ended($0) } ?? .unknown
    }

    /// Where a journal ends. Its name may have another host in it: the host may have been renamed since.
    private static func last(
        in folder: JournalFolder, incarnation: UInt32, execution: String
    ) throws -> Incarnations.Last? {
        guard
            let (reader, key, hasDefect) = try reader(
                of: folder, incarnation: incarnation, execution: execution)
        else { return nil }
        return Incarnations.Last(reader, key, isEndKnown: !hasDefect)
    }

    /// A journal that was read to its end, as far as it is there; nil where it is not of that incarnation.
    private static func reader(
        of folder: JournalFolder, incarnation: UInt32, execution: String
    ) throws -> (JournalReader, ProcessKey, hasDefect: Bool)? {
        let number = try folder.lastChunkNumber()
        guard number > 0 else { return nil }
        var reader = JournalReader(scanning: folder, fromChunk: number)
        var hasDefect = false
        var nowhere = EventBatch()
        while try reader.read(
            bytesMax: Limits.chunkBytes, into: &nowhere, { _ in hasDefect = true })
        {}
        guard let key = reader.key, key.process.incarnation == incarnation,
            ExactText.isSame(key.execution, execution)
        else { return nil }
        return (reader, key, hasDefect)
    }
}

extension Incarnations.Last {
    /// Where a journal ends that was read to its end; `marker` is the number of the event that an agent has put behind it.
    package init(
        _ reader: JournalReader, _ key: ProcessKey, marker: UInt64? = nil, isEndKnown: Bool
    ) {
        let lost = reader.lostAtEnd
        let sequence = marker ?? lost?.upperBound ?? reader.sequence
        // Without an event there is none whose stamp would tell a successor that something is lacking.
        let hidesLoss = sequence == 0 && reader.stamp.isLossy
        self.init(
            incarnation: key.process.incarnation, run: reader.folder.run, origin: key.origin,
            sequence: sequence, clock: reader.clock,
            isComplete: reader.stamp == .complete && lost == nil && marker == nil,
            isEndKnown: isEndKnown && !hidesLoss)
    }

    /// What a run that goes on from this one begins with.
    var successorOrigin: Origin { sequence == 0 ? origin : .event(RunKey(run), sequence) }
}
