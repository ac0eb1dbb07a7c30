import Causality
import Segments

/// A block as it was read: its header has been checked, its columns are when they are decoded.
package struct StoredBlock: Sendable {
    /// Where it begins in the file.
    package let offset: Int
    package let header: BlockHeader
    /// All of it, or up to the end of what was asked for.
    package let bytes: [UInt8]

    /// - Parameter bytes: From the start of the block.
    package init(decoding bytes: [UInt8], at offset: Int) throws(FormatError) {
        header = try BlockHeader(atStartOf: bytes)
        self.offset = offset
        self.bytes = bytes
    }

    /// A column before compression. Throws where its checksum is wrong or it was not read. O(bytes).
    private func column(_ place: Int) throws(FormatError) -> [UInt8] {
        let column = header.columns[place]
        let range = header.range(place)
        let what = place == 0 ? "sources" : "\(RowColumn(rawValue: UInt8(place - 1))!)"
        guard range.upperBound <= bytes.count else {
            throw FormatError(
                what: "\(what): expected \(range.count) bytes, found the end", offset: bytes.count)
        }
        let found = checksum(bytes[range])
        guard found == column.checksum else {
            throw wrongChecksum(what, column.checksum, found, at: range.lowerBound)
        }
        do throws(FormatError) {
            return try column.codec.unpack(bytes[range], rawCount: column.rawCount, what)
        } catch {
            throw FormatError(what: error.what, offset: range.lowerBound)
        }
    }

    /// Where its rows came from. O(bytes of it).
    package func sources() throws(FormatError) -> BlockSources {
        var budget = Budget()
        return try BlockSources(decoding: column(0), rowCount: header.rowCount, &budget)
    }

    /// The events, without what they say. O(what it holds).
    package func causality() throws(FormatError) -> EventBatch { try batch(hasContent: false) }

    /// The events. O(what it holds).
    package func batch() throws(FormatError) -> EventBatch { try batch(hasContent: true) }

    /// What the events say, and nothing else of them. O(what is stored).
    package func columns() throws(FormatError) -> ContentColumns {
        var columns: [RowColumn: [UInt8]] = [:]
        for column in RowColumn.content {
            columns[column] = try self.column(BlockHeader.place(column))
        }
        var budget = Budget()
        return try ContentColumns(columns: columns, rowCount: header.rowCount, &budget)
    }

    /// What its events are called, how severe they are, and which attributes they have: the columns without texts and values.
    /// O(rows).
    package func headings() throws(FormatError) -> ContentColumns {
        var budget = Budget()
        return try ContentColumns(
            columns: [.forms: column(BlockHeader.place(.forms))], rowCount: header.rowCount,
            &budget)
    }

    /// The wall times of its events, in nanoseconds since 1970; `EventBatch.noTime` for those that have none. O(rows).
    package func times() throws(FormatError) -> [Int64] {
        try RowColumns.times(
            kinds: column(BlockHeader.place(.kinds)), times: column(BlockHeader.place(.times)),
            rowCount: header.rowCount)
    }

    /// Some events, all of them but their clocks: the rows of these numbers, which ascend. O(what the order holds + those rows).
    ///
    /// - Parameter said: What `columns()` gave.
    package func events(
        _ rows: [Int], saying said: ContentColumns
    ) throws(FormatError) -> EventBatch {
        let causes = try column(BlockHeader.place(.causes))
        var columns: [RowColumn: [UInt8]] = [.causes: causes]
        for column in RowColumn.order where column != .causes {
            if column == .changes, RowColumns.tellsNoCauses(causes) { continue }
            columns[column] = try self.column(BlockHeader.place(column))
        }
        return try EventBatch(
            order: columns, rowCount: header.rowCount, processCount: 1, rows: rows, saying: said)
    }

    private func batch(hasContent: Bool) throws(FormatError) -> EventBatch {
        var columns: [RowColumn: [UInt8]] = [:]
        for column in hasContent ? RowColumn.allCases : RowColumn.order {
            columns[column] = try self.column(BlockHeader.place(column))
        }
        var budget = Budget()
        let batch = try EventBatch(
            columns: columns, rowCount: header.rowCount, processCount: 1, hasContent: hasContent,
            &budget)
        for (last, next) in zip(batch.sequences, batch.sequences.dropFirst()) where next <= last {
            throw FormatError(what: "sequences: \(next) after \(last)", offset: 0)
        }
        return batch
    }

    /// Checks every column by its checksum. O(bytes).
    package func check() throws(FormatError) {
        for place in 0..<BlockHeader.columnCount {
            let (range, column) = (header.range(place), header.columns[place])
            guard range.upperBound <= bytes.count else {
                throw FormatError(what: "a block that is cut short", offset: bytes.count)
            }
            let found = checksum(bytes[range])
            guard found == column.checksum else {
                throw wrongChecksum("column \(place)", column.checksum, found, at: range.lowerBound)
            }
        }
    }
}
