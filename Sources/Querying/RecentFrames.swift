import Causality
import HappensBefore
import Synchronization

/// A store in front of another one, all that it does not do itself is done by that.
protocol FrontStore: HistoryStore {
    var store: any HistoryStore { get }
}

extension FrontStore {
    func executions() throws -> [String] { try store.executions() }
    func frames(of execution: String) throws -> [FrameSummary] { try store.frames(of: execution) }
    func causality(of frame: Int) throws -> EventBatch { try store.causality(of: frame) }
    func events(of frame: Int) throws -> EventBatch { try store.events(of: frame) }
    func mayHold(words hashes: [UInt64], in frame: Int) throws -> Bool {
        try store.mayHold(words: hashes, in: frame)
    }
    func filed(
        _ execution: String, _ cancellation: Cancellation
    ) throws -> (any IndexedExecution)? { try store.filed(execution, cancellation) }
    func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
        try store.expected(in: execution)
    }
    func tombstone(of execution: String) throws -> Tombstone? {
        try store.tombstone(of: execution)
    }
    func dropped(of execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
        try store.dropped(of: execution)
    }
    func sourceDefects(of execution: String) throws -> [Defect] {
        try store.sourceDefects(of: execution)
    }
    func readUpTo() throws -> [String: WallTime] { try store.readUpTo() }
    func shippedBytes() throws -> [String: Int] { try store.shippedBytes() }
    func storage() throws -> StorageStatus? { try store.storage() }
}

/// A store that keeps the columns of the frames that were read last, for several who go through the same frames side by side.
final class RecentFrames: FrontStore {
    let store: any HistoryStore
    private let max: Int
    private let kept = Mutex((rows: [Int: SearchableRows?](), order: [Int]()))

    init(_ store: any HistoryStore, max: Int) {
        self.store = store
        self.max = max
    }

    func searchable(_ frame: Int) throws -> SearchableRows? {
        if let known = kept.withLock({ $0.rows[frame] }) { return known }
        let rows = try store.searchable(frame)
        kept.withLock { kept in
            guard kept.rows[frame] == nil else { return }
            if kept.order.count == max { kept.rows[kept.order.removeFirst()] = nil }
            kept.rows[frame] = .some(rows)
            kept.order.append(frame)
        }
        return rows
    }
}
