import Causality
import HappensBefore
import Synchronization

/// What a query does, step by step, and what that takes: told by those who do it. For one answer, and so for one thread at a time.
final class QueryPlan: Sendable {
    struct Step: Sendable {
        var what: String
        /// How many events there are of the processes, and in the frames, that may have some: what was expected.
        var expected: Int?
        /// How many events or matches there are.
        var found: Int?
        var frames: Int
        var bytes: Int
    }

    private let steps = Mutex<[Step]>([])
    private let store: MeteredStore

    init(_ store: MeteredStore) { self.store = store }

    /// Takes a step, and notes it.
    func note<Result>(
        _ what: @autoclosure () -> String, expected: Int? = nil, _ body: () throws -> Result,
        found: (Result) -> Int?
    ) rethrows -> Result {
        let before = store.read
        let result = try body()
        let after = store.read
        let step = Step(
            what: what(), expected: expected, found: found(result),
            frames: after.frames - before.frames, bytes: after.bytes - before.bytes)
        steps.withLock { $0.append(step) }
        return result
    }

    /// A line for each step, in the order in which they were taken.
    var table: NumberTable {
        func text(_ number: Int?) -> String { number.map { "\($0)" } ?? "–" }
        return NumberTable(
            groupTitles: ["step", "expected", "blocks", "bytes"], title: "found",
            lines: steps.withLock { $0 }.map { step in
                .init(
                    groups: [step.what, text(step.expected), "\(step.frames)", "\(step.bytes)"],
                    number: step.found.map { .count($0) } ?? .none)
            }, doubtful: 0)
    }
}

/// A store that counts what is read of it.
final class MeteredStore: FrontStore {
    let store: any HistoryStore
    private let total = Mutex((frames: 0, bytes: 0))

    init(_ store: any HistoryStore) { self.store = store }

    /// Frames that were read, as often as each was, and what they take in memory.
    var read: (frames: Int, bytes: Int) { total.withLock { $0 } }

    private func count(_ bytes: Int) {
        total.withLock { $0 = ($0.frames + 1, $0.bytes + bytes) }
    }

    func causality(of frame: Int) throws -> EventBatch {
        let batch = try store.causality(of: frame)
        count(batch.cost)
        return batch
    }

    func events(of frame: Int) throws -> EventBatch {
        let batch = try store.events(of: frame)
        count(batch.cost)
        return batch
    }

    func searchable(_ frame: Int) throws -> SearchableRows? {
        guard let rows = try store.searchable(frame) else { return nil }
        count(rows.columns.byteCount)
        return rows
    }
}

extension Answering {
    /// What a query does: it is answered, and the answer is counted only.
    func explain(_ query: Query, from execution: some IndexedExecution) throws -> Answer {
        let metered = MeteredStore(store)
        let plan = QueryPlan(metered)
        var query = query
        query.isExplained = false
        var options = options
        options.plan = plan
        let answering = Answering<MeteredStore>(metered, options)
        let completeness: Completeness
        switch try answering.answer(query, from: execution) {
        case .events(var listing):
            completeness = listing.completeness
            _ = try plan.note("answer") {
                var count = 0
                while let step = try listing.events.next() {
                    if case .passed = step { continue }
                    count += 1
                }
                return count
            } found: {
                $0
            }
        case .table(let table): completeness = table.completeness
        default: preconditionFailure("a query gives events or numbers")
        }
        var table = plan.table
        table.completeness = completeness
        return .table(table)
    }
}
