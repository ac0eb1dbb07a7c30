import Causality
import HappensBefore

/// Reads what single events say of order and time, and keeps the frames that were asked for last. For one answer, and so for one
/// thread at a time.
final class RowReader<Execution: IndexedExecution> {
    let processes: ProcessTable<Execution>
    private let store: any HistoryStore
    private var batches: [Int: EventBatch?] = [:]
    private var order: [Int] = []

    init(_ processes: ProcessTable<Execution>, _ store: some HistoryStore) {
        self.processes = processes
        self.store = store
    }

    /// The wall time of an event, in nanoseconds; nil where it has none, or cannot be read.
    func time(at place: EventPosition) throws -> Int64? {
        guard let (batch, row) = try row(at: place), batch.times[row] != EventBatch.noTime else {
            return nil
        }
        return batch.times[row]
    }

    /// Whether an event itself says that it was caused by another. False where it cannot be read.
    func isCause(_ cause: EventID, of place: EventPosition) throws -> Bool {
        guard let (batch, row) = try row(at: place) else { return false }
        return try batch.causes(ofRow: row).contains {
            let named = batch.reference($0)
            return try named.sequence == cause.sequence
                && processes.name(of: named.process) == cause.process
        }
    }

    /// Where the event at a place is; nil where it cannot be read, or was dropped.
    private func row(at place: EventPosition) throws -> (batch: EventBatch, row: Int)? {
        guard try place.position >= processes.index.droppedCount(of: place.process) else {
            return nil
        }
        let sequence = try processes[place.process].sequences[place.position]
        repeat {
            guard let rows = try processes.execution.rows(at: place) else { return nil }
            guard let batch = try batch(rows.frame) else { continue }
            let row = rows.row + place.position - rows.positions.lowerBound
            guard row < batch.count, batch.sequences[row] == sequence else { return nil }
            return (batch, row)
        } while try processes.execution.looksAgain()
        return nil
    }

    private func batch(_ frame: Int) throws -> EventBatch? {
        if let known = batches[frame] { return known }
        var batch: EventBatch?
        do { batch = try store.causality(of: frame) } catch is DamagedFrame {}
        if order.count >= Limits.timedFramesMax { batches[order.removeFirst()] = nil }
        batches[frame] = .some(batch)
        order.append(frame)
        return batch
    }
}
