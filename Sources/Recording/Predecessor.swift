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
            if let last = try Predecessor.last(in: folder, before.incarnation) {
                self = .ended(process, last)
                return
            }
        } catch {
            // A journal that cannot be read: perhaps the agent knows.
        }
        if let last = incarnations.last, last.incarnation == before.incarnation {
            self = .ended(process, last)
        } else {
            self = .unknown
        }
    }

    private static func last(
        in folder: JournalFolder, _ incarnation: UInt32
    ) throws -> Incarnations.Last? {
        let number = try folder.lastChunkNumber()
        guard number > 0 else { return nil }
        var reader = JournalReader(folder, inChunk: number)
        var hasDefect = false
        while try reader.read(
            bytesMax: Limits.chunkBytes, { if case .defect = $0 { hasDefect = true } })
        {}
        guard reader.key != nil else { return nil }
        let lost = reader.lostAtEnd
        return Incarnations.Last(
            incarnation: incarnation, sequence: lost?.upperBound ?? reader.sequence,
            clock: reader.clock, isLowerBound: reader.isLowerBound || lost != nil || hasDefect)
    }
}
