import Archiving
import Causality
import HappensBefore
import Parts
import Querying
import Segments
import Synchronization

/// Finds the events that an order file tells of, for one question: in the segments that were there when it began, or in the parts
/// that had replaced others. Files that were merged are deleted a while later: whoever cannot read one looks again.
final class ArchiveRows: FiledRows {
    private let store: ArchiveStore
    private let execution: String
    private let sources: Mutex<Sources>

    private struct Sources {
        var segments: Set<Identity128>
        var parts: [Identity128]
        /// By run: what parts have of it.
        var runs: [Identity128: [RunInPart]] = [:]
        /// When everything was found to lie where it did: whatever is merged later is there for a while.
        var confirmed: ContinuousClock.Instant?
    }

    /// A run, as a part has it.
    private struct RunInPart {
        var part: Identity128
        var run: PartRun
    }

    /// O(segments of the execution).
    init(_ execution: String, _ store: ArchiveStore) throws {
        self.execution = execution
        self.store = store
        sources = Mutex(try Self.sources(of: execution, store))
    }

    private static func sources(of execution: String, _ store: ArchiveStore) throws -> Sources {
        let (segments, parts, _) = try store.archive.sources(of: execution)
        return Sources(segments: Set(segments.map(\.header.segment)), parts: parts)
    }

    func looksAgain() throws -> Bool {
        let began = ContinuousClock.now
        if let confirmed = sources.withLock({ $0.confirmed }),
            began - confirmed < .seconds(Limits.confirmedSeconds)
        {
            return false
        }
        let now = try Self.sources(of: execution, store)
        return sources.withLock { sources in
            guard now.segments != sources.segments || now.parts != sources.parts else {
                sources.confirmed = began
                return false
            }
            sources = now
            return true
        }
    }

    func causality(of frame: Int) throws -> EventBatch { try store.causality(of: frame) }

    func rows(at place: EventPosition, of file: OrderFile) throws -> EventRows? {
        repeat {
            if let rows = try find(place, of: file) { return rows }
        } while try looksAgain()
        return nil
    }

    private func find(_ place: EventPosition, of file: OrderFile) throws -> EventRows? {
        let (row, positions) = try file.rows(at: place)
        if let row, sources.withLock({ $0.segments.contains(row.segment) }) {
            guard let frame = store.frame(of: row) else { return nil }
            return EventRows(frame: frame, row: row.row, positions: positions)
        }
        guard let key = try file.facts(of: place.process).key else { return nil }
        let sequences = try file.sequences(of: place.process)
        for run in try runs(of: key) {
            let blocks = try found { () throws(ArchiveError) in
                try store.archive.blocks(of: run.run, at: sequences[place.position], in: run.part)
            }
            for block in blocks ?? [] {
                if let rows = try rows(at: place.position, sequences, block, in: run.part) {
                    return rows
                }
            }
        }
        return nil
    }

    /// The rows of a block from that on which has the event at a position.
    private func rows(
        at position: Int, _ sequences: SequenceRuns, _ block: BlockEntry, in part: Identity128
    ) throws -> EventRows? {
        let frame = store.frame(of: block, in: part)
        let first = block.first == 0 ? 0 : sequences.count(upTo: block.first - 1)
        let end = sequences.count(upTo: block.last)
        // All that is here between its ends, then, and as many rows: these are its rows. Where a slice ends within it, others may
        // be as many.
        if end - first == block.rowCount, sequences.last >= block.last {
            return EventRows(
                frame: frame, row: position - first, positions: position..<end)
        }
        let sequence = sequences[position]
        // No number between its ends is missing in it: what each row has follows from the first one's. So it is where a slice ends
        // within a block.
        if block.last - block.first == UInt64(block.rowCount - 1) {
            let count = partitionPoint(count: end - position) {
                sequences[position + $0] - sequence == UInt64($0)
            }
            return EventRows(
                frame: frame, row: Int(sequence - block.first),
                positions: position..<position + count)
        }
        let batch: EventBatch
        do { batch = try store.causality(of: frame) } catch is DamagedFrame { return nil }
        let numbers = batch.sequences
        let row = partitionPoint(count: numbers.count) { numbers[$0] < sequence }
        var count = 0
        while row + count < numbers.count, position + count < sequences.count,
            numbers[row + count] == sequences[position + count]
        {
            count += 1
        }
        guard count > 0 else { return nil }
        return EventRows(frame: frame, row: row, positions: position..<position + count)
    }

    private func runs(of key: ProcessKey) throws -> [RunInPart] {
        let (known, parts) = sources.withLock { ($0.runs[key.identity], $0.parts) }
        if let known { return known }
        var all: [RunInPart] = []
        for part in parts {
            let runs = try found { () throws(ArchiveError) in
                try store.archive.runs(of: key, in: part)
            }
            all += (runs ?? []).map { RunInPart(part: part, run: $0) }
        }
        sources.withLock { sources in
            if sources.parts == parts { sources.runs[key.identity] = all }
        }
        return all
    }

    /// What is found in a part; nil where that is damaged.
    private func found<Value>(
        _ find: () throws(ArchiveError) -> Value
    ) throws -> Value? {
        do throws(ArchiveError) {
            return try find()
        } catch {
            if case .damaged = error { return nil }
            throw error
        }
    }
}
