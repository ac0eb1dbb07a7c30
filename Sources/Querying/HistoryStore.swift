import Causality
import HappensBefore

/// What querying needs of a place where histories are kept.
package protocol HistoryStore: Sendable {
    /// The names of the executions, sorted.
    func executions() throws -> [String]
    /// The frames that hold events of an execution, in an order that does not depend on when they arrived: of two rows of
    /// one number, the first in this order counts. A frame that was listed once is listed with the same id again, as long as
    /// the store is open.
    func frames(of execution: String) throws -> [FrameSummary]
    /// The rows of a frame, without what they say. Throws `DamagedFrame` where it cannot be read.
    func causality(of frame: Int) throws -> EventBatch
    /// The wall times of the rows of a frame, in nanoseconds; `EventBatch.noTime` for those that have none. Throws `DamagedFrame`
    /// where it cannot be read.
    func times(of frame: Int) throws -> [Int64]
    /// The rows of a frame. Throws `DamagedFrame` where it cannot be read.
    func events(of frame: Int) throws -> EventBatch
    /// The rows of a frame by what they say, column by column; nil where only `events` has them. Throws `DamagedFrame` where it
    /// cannot be read. Several threads may ask at once.
    func searchable(_ frame: Int) throws -> SearchableRows?
    /// What the events of a frame are called, and how severe they are. Throws `DamagedFrame` where it cannot be read.
    func headings(of frame: Int) throws -> RowHeadings
    /// The rows of a frame whose events are warnings at least, ascending. Throws `DamagedFrame` where it cannot be read.
    func severeRows(of frame: Int) throws -> [SevereRow]
    /// No event of a frame is more severe: found out without reading it.
    func levelMax(of frame: Int) throws -> UInt8
    /// A text that changes where something of an execution does that questions ask about.
    func version(of execution: String) throws -> String
    /// False where no row of a frame has all of some words, by their hashes: found out without reading it.
    func mayHold(words hashes: [UInt64], in frame: Int) throws -> Bool
    /// An execution as files have it that tell what follows from all its events that are here; nil where that has to be found
    /// out first.
    func filed(
        _ execution: String, _ cancellation: Cancellation
    ) throws -> (any IndexedExecution)?
    /// How many events each process of an execution has at least: what was taken once, whether or not it can be read now.
    func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)]
    /// What was dropped of an execution; nil where nothing was.
    func tombstone(of execution: String) throws -> Tombstone?
    /// By process of an execution: up to which number its events were dropped. Rows up to there do not count.
    func dropped(of execution: String) throws -> [(process: ProcessKey, last: UInt64)]
    /// Defects of the evidence itself: lines that were no events, bytes that cannot be read.
    func sourceDefects(of execution: String) throws -> [Defect]
    /// By host, how far in time its agent has read what is recorded there. A host without an agent is not in it.
    func readUpTo() throws -> [String: WallTime]
    /// By host, how many bytes its agents have shipped, of what was not dropped.
    func shippedBytes() throws -> [String: Int]
    /// What it takes on its disk; nil where it is on none.
    func storage() throws -> StorageStatus?
}

extension HistoryStore {
    package func storage() throws -> StorageStatus? { nil }

    package func shippedBytes() throws -> [String: Int] { [:] }

    package func tombstone(of execution: String) throws -> Tombstone? { nil }

    package func dropped(
        of execution: String
    ) throws -> [(process: ProcessKey, last: UInt64)] { [] }

    package func searchable(_ frame: Int) throws -> SearchableRows? { nil }

    package func mayHold(words hashes: [UInt64], in frame: Int) throws -> Bool { true }

    package func times(of frame: Int) throws -> [Int64] { try causality(of: frame).times }

    package func headings(of frame: Int) throws -> RowHeadings {
        RowHeadings(try events(of: frame))
    }

    package func severeRows(of frame: Int) throws -> [SevereRow] {
        try headings(of: frame).severeRows()
    }

    package func levelMax(of frame: Int) throws -> UInt8 { .max }

    package func version(of execution: String) throws -> String {
        "\(try frames(of: execution).count)"
    }

    package func filed(
        _ execution: String, _ cancellation: Cancellation
    ) throws -> (any IndexedExecution)? { nil }
}

/// What the rows of a frame say, before anything else of them is looked at.
package struct SearchableRows: Sendable {
    package let columns: ContentColumns
    /// Some of the events, all of them but their clocks: the rows of these numbers, which ascend. Throws `DamagedFrame` where
    /// they cannot be read.
    package let events: @Sendable ([Int]) throws -> EventBatch

    package init(
        _ columns: ContentColumns, events: @escaping @Sendable ([Int]) throws -> EventBatch
    ) {
        self.columns = columns
        self.events = events
    }
}

/// What the rows of a frame are called, and how severe they are.
package struct RowHeadings: Sendable {
    /// The distinct names.
    package let names: [String]
    /// For each row the place of its name.
    package let nameOf: [UInt32]
    /// For each row its level; 0 where it has none.
    package let levels: [UInt8]

    package init(_ columns: ContentColumns) {
        names = columns.names
        let forms = columns.forms
        nameOf = columns.formOf.map { forms[Int($0)].name }
        levels = columns.formOf.map { forms[Int($0)].level }
    }

    /// Those of warnings at least.
    package func severeRows() -> [SevereRow] {
        levels.enumerated().compactMap { row, level in
            level >= Level.warning.rawValue ? SevereRow(row: row, level: level) : nil
        }
    }

    package init(_ batch: EventBatch) {
        names = (0..<batch.names.count).map { String(decoding: batch.names[$0], as: UTF8.self) }
        nameOf = batch.nameNumbers.map { UInt32($0) }
        levels = batch.levels
    }
}

/// A row of a frame whose event is a warning at least. 4 bytes: many are kept.
package struct SevereRow: Hashable, Sendable {
    private let packed: UInt32

    package init(row: Int, level: UInt8) { packed = UInt32(row) << 8 | UInt32(level) }

    package var row: Int { Int(packed >> 8) }
    package var level: UInt8 { UInt8(truncatingIfNeeded: packed) }
}

/// Where a frame is from.
package struct FrameSummary: Hashable, Sendable {
    package var id: Int
    /// Who recorded it, and in which of its files.
    package var agent: Identity128
    package var segment: Identity128

    package init(id: Int, agent: Identity128, segment: Identity128) {
        self.id = id
        self.agent = agent
        self.segment = segment
    }
}

/// A frame that was acknowledged once and cannot be read now.
package struct DamagedFrame: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    package init(_ text: String) { self.text = text }
}

extension HistoryStore {
    /// Notes which events a frame says are lost, where that may be others' that a history has: whoever has them is another machine. Reads
    /// what events say only where one may say so.
    package func noteLosses(
        in frame: inout HistoryFrame, after history: History, only range: Range<Int>? = nil
    ) throws {
        let rows = history.rowsBehindHoles(of: frame, only: range)
        guard !rows.isEmpty else { return }
        do {
            let batch = try events(of: frame.id)
            for row in rows { frame.lost[row] = LossMarker.lost(by: batch.event(row)) }
        } catch is DamagedFrame {
            // What it says is not known: its order is.
        }
    }
}
