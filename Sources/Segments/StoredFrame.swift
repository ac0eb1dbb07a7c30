import Causality

/// A frame as it lies in its segment; header and checksums have been checked, its sections not yet decoded.
package struct StoredFrame: Sendable {
    /// Where it begins in the segment.
    package let offset: Int
    package let header: FrameHeader
    /// All of it.
    package let bytes: [UInt8]

    /// A frame whose bytes were found at `offset` of a segment; throws where they are not intact.
    package init(decoding bytes: [UInt8], at offset: Int) throws(FormatError) {
        let header = try FrameHeader(atStartOf: bytes)
        guard header.frameByteCount == bytes.count else {
            throw FormatError(
                what: "a frame of \(header.frameByteCount) bytes: expected \(bytes.count)",
                offset: 0)
        }
        self.offset = offset
        self.header = header
        self.bytes = bytes
        for (range, expected, what) in [
            (order, header.orderChecksum, "order section"),
            (content, header.contentChecksum, "content section"),
            (commitSection, header.commitChecksum, "commit section"),
        ] where checksum(bytes[range]) != expected {
            throw FormatError(what: "\(what): the checksum is wrong", offset: range.lowerBound)
        }
    }

    private var order: Range<Int> {
        FrameHeader.byteCount..<FrameHeader.byteCount + header.orderByteCount
    }
    private var content: Range<Int> {
        order.upperBound..<order.upperBound + header.contentByteCount
    }
    private var commitSection: Range<Int> { content.upperBound..<bytes.count }

    /// What the next frame of the segment says of this one. O(bytes).
    package var digest: [UInt8] { SegmentWriter.digest(bytes) }

    /// The events, without what they say: rows by process, in each as they were read. O(what it holds).
    package func causality() throws(FormatError) -> EventBatch {
        var budget = Budget()
        return EventBatch(try decodedOrder(&budget), nil)
    }

    /// The events. O(what it holds).
    package func batch() throws(FormatError) -> EventBatch {
        var budget = Budget()
        let order = try decodedOrder(&budget)
        guard header.rowCount > 0 else { return EventBatch() }
        return EventBatch(order, try columns(&budget))
    }

    /// What the events say, and nothing else of them. O(what is stored).
    package func columns() throws(FormatError) -> ContentColumns {
        var budget = Budget()
        return try columns(&budget)
    }

    /// Some events, all of them but their clocks: the rows of these numbers, which ascend. O(what the order holds + those rows).
    ///
    /// - Parameter columns: What `columns()` gave.
    package func events(
        _ rows: [Int], saying columns: ContentColumns
    ) throws(FormatError) -> EventBatch {
        var budget = Budget()
        return EventBatch(try decodedOrder(&budget), columns, rows: rows)
    }

    private func columns(_ budget: inout Budget) throws(FormatError) -> ContentColumns {
        let raw = try header.contentCodec.unpack(
            bytes[content], rawCount: header.contentRawCount, "content section")
        return try ContentColumns(raw, rowCount: header.rowCount, &budget)
    }

    private func decodedOrder(_ budget: inout Budget) throws(FormatError) -> DecodedOrder {
        guard header.rowCount > 0 else { return DecodedOrder() }
        let raw = try header.orderCodec.unpack(
            bytes[order], rawCount: header.orderRawCount, "order section")
        return try DecodedOrder(
            raw, rowCount: header.rowCount, processCount: header.processCount, &budget)
    }

    /// What the commit that ends here says; nil where none does.
    ///
    /// - Parameter named: The sources that were named before in the segment: brought up to date.
    package func commit(
        named: inout [UInt64: SourceCheckpoint.Progress]
    ) throws(FormatError) -> Commit? {
        guard header.endsCommit else { return nil }
        return try Commit(decoding: Array(bytes[commitSection]), named: &named)
    }

    package func commit() throws(FormatError) -> Commit? {
        var named: [UInt64: SourceCheckpoint.Progress] = [:]
        return try commit(named: &named)
    }
}
