import Causality
import Segments

/// What became of the incarnation before this one.
enum Predecessor {
    /// It still runs: two programs have one name. They are two processes, and the later one has seen nothing of the other.
    case alive
    /// It ended with this event.
    case ended(ProcessID, Incarnations.Last)
    /// It existed, and where it ended cannot be told: its journal is gone, and the agent never had all of it.
    case unknown

    init(_ before: Incarnations.Given, of settings: Line.Settings, _ incarnations: Incarnations) {
        let process = ProcessID(name: settings.process, incarnation: before.incarnation)
        let folder = JournalFolder(in: settings.spool.journals, run: before.run)
        do {
            if try folder.isAlive() {
                self = .alive
                return
            }
        } catch {
            // No lock that can be looked at: it does not live.
        }
        var last: Incarnations.Last?
        do {
            last = try Predecessor.last(
                in: folder, ProcessKey(execution: settings.execution, host: "", process: process))
        } catch {
            // A journal that cannot be read: perhaps the agent knows.
        }
        // What the agent has noted is all; it removes the journal after that, perhaps just now.
        if let noted = incarnations.last, noted.incarnation == before.incarnation,
            noted.run == before.run
        {
            last = noted
        }
        self = last.map { .ended(process, $0) } ?? .unknown
    }

    private static func last(
        in folder: JournalFolder, _ expected: ProcessKey
    ) throws -> Incarnations.Last? {
        let number = try folder.lastChunkNumber()
        guard number > 0 else { return nil }
        var reader = JournalReader(scanning: folder, fromChunk: number)
        var hasDefect = false
        while try reader.read(
            bytesMax: Limits.chunkBytes, { if case .defect = $0 { hasDefect = true } })
        {}
        guard let key = reader.key, key.process == expected.process,
            key.execution == expected.execution
        else { return nil }
        let lost = reader.lostAtEnd
        return Incarnations.Last(
            incarnation: key.process.incarnation, run: folder.run,
            sequence: lost?.upperBound ?? reader.sequence, clock: reader.clock,
            isLowerBound: reader.isLowerBound || lost != nil || hasDefect)
    }
}
