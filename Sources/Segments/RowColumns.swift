import Causality

/// A column of rows. Frames have them one after another in two sections, parts each by itself; both are written and read
/// here only (FrameOrder.swift, FrameContent.swift). The numbers are on disk: never renumbered.
package enum RowColumn: UInt8, Sendable, CaseIterable {
    /// Whose events they are, whom they refer to, and what those are called.
    case tables = 0
    /// Numbers, and which clocks are whole.
    case sequences = 1
    /// Kinds, stamps, losses, and which rows have a time.
    case kinds = 2
    case times = 3
    case changes = 4
    /// Causes with their evidence, and rulings.
    case causes = 5
    /// Names and levels, and which templates and attributes rows have.
    case forms = 6
    case texts = 7
    /// What attributes have as values.
    case values = 8

    /// True where it is small numbers and little else.
    package var isOfNumbers: Bool {
        switch self {
        case .sequences, .kinds, .times, .changes, .causes, .forms: true
        case .tables, .texts, .values: false
        }
    }

    /// What ordering needs, in the order in which it is read: each needs those before it.
    package static let order: [RowColumn] = [
        .tables, .sequences, .kinds, .times, .changes, .causes,
    ]
    /// What events say.
    package static let content: [RowColumn] = [.forms, .texts, .values]
}

/// The rows of a batch, as columns.
package struct RowColumns {
    /// Whether a column of causes has none: all else of its rows but their clocks is told without the column of the changes.
    package static func tellsNoCauses(_ causes: [UInt8]) -> Bool { causes == FrameOrder.noCauses }

    /// The wall times of rows, in nanoseconds since 1970, from the two columns that tell them; `EventBatch.noTime` for those that
    /// have none. O(rows).
    ///
    /// - Parameter rowCount: What their header claims, checked against a limit.
    package static func times(
        kinds: [UInt8], times: [UInt8], rowCount: Int
    ) throws(FormatError) -> [Int64] {
        try DecodedOrder(kinds: kinds, times: times, rowCount: rowCount).times
    }

    private let batch: EventBatch
    private let rows: FrameRows
    private let content: FrameContent

    /// All rows of a batch. O(what it holds).
    package init(_ batch: EventBatch) {
        self.batch = batch
        rows = FrameRows(
            batch, 0..<batch.count, after: [UInt64](repeating: 0, count: batch.processes.count))
        content = FrameContent(batch, rows)
    }

    /// One column, and where in it something else begins. O(what it holds), for causes O(what changes hold) too.
    package func encoded(_ column: RowColumn) -> (bytes: [UInt8], marks: [Int]) {
        var writer = ByteWriter()
        if RowColumn.order.contains(column) {
            FrameOrder.encode(batch, rows, column, &writer)
        } else {
            content.encode(column, &writer)
        }
        return (writer.bytes, writer.marks)
    }
}

extension EventBatch {
    /// The batch that columns say: rows by process. O(what they hold), within the budget.
    ///
    /// - Parameters:
    ///   - columns: Those of the order; with those of the content too, where that is wanted.
    ///   - rowCount: What their header claims, checked against a limit.
    ///   - processCount: The same.
    package init(
        columns: [RowColumn: [UInt8]], rowCount: Int, processCount: Int, hasContent: Bool,
        _ budget: inout Budget
    ) throws(FormatError) {
        let order = try DecodedOrder(
            columns: columns, rowCount: rowCount, processCount: processCount, &budget)
        let content =
            hasContent
            ? try ContentColumns(columns: columns, rowCount: rowCount, &budget) : nil
        self.init(order, content)
    }

    /// Some rows, which ascend, of the batch that columns say, all of them but their clocks. The column of the changes may be left
    /// out where `RowColumns.tellsNoCauses`.
    package init(
        order columns: [RowColumn: [UInt8]], rowCount: Int, processCount: Int,
        rows: [Int], saying content: ContentColumns
    ) throws(FormatError) {
        var budget = Budget()
        let order = try DecodedOrder(
            columns: columns, rowCount: rowCount, processCount: processCount, &budget)
        self.init(order, content, rows: rows)
    }
}

extension ProcessKey {
    /// The process by itself, as a frame has it.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        FrameOrder.processes([self], &writer)
        return writer.bytes
    }

    /// What `encoded` gives.
    package init(decoding bytes: [UInt8]) throws(FormatError) {
        var reader = ByteReader(bytes)
        var budget = Budget()
        self = try DecodedOrder.processes(&reader, 1, &budget)[0]
        try reader.expectEnd("process")
    }
}

extension ByteWriter {
    /// Whom a clock or a cause refers to: 0 u8, run key u64 | 1 u8, name, incarnation.
    package mutating func reference(_ reference: ProcessReference) {
        switch reference {
        case .run(let run):
            byte(0)
            fixed64(run.bits)
        case .named(let process):
            byte(1)
            string(process.name)
            varint(UInt64(process.incarnation))
        }
    }
}

extension ByteReader {
    /// What `ByteWriter.reference` writes.
    package mutating func reference(_ what: String) throws(FormatError) -> ProcessReference {
        let type = try byte(what)
        switch type {
        case 0: return .run(RunKey(bits: try fixed64(what)))
        case 1: return .named(try processID(what))
        default: throw malformed("\(what): expected a type of 0 or 1, found \(type)")
        }
    }
}
