import Causality
import Segments

/// The events of a block, and where they came from.
package struct BlockEvents: Sendable {
    /// All rows: each source begins with a whole clock.
    package let batch: EventBatch
    package let sources: BlockSources

    package init(batch: EventBatch, sources: BlockSources) {
        self.batch = batch
        self.sources = sources
    }

    /// The rows of a source by themselves, as a frame would have them: with a whole clock at the first one, wherever that is
    /// known. O(rows), but where they are all of the block.
    package func frame(of source: BlockSource) -> EventBatch {
        guard source.rows.count < batch.count else { return batch }
        var frame = EventBatch()
        append(source, isWritten: false, to: &frame)
        return frame
    }

    /// Appends the rows of a source to what was before them in its segment.
    ///
    /// - Parameter isWritten: True where the first clock is to be as it was written, against the event before.
    package func append(_ source: BlockSource, isWritten: Bool, to frame: inout EventBatch) {
        let slot = frame.slot(of: batch.processes[0])
        let wholes = batch.wholes
        var nextWhole = wholes.firstIndex { $0 >= source.rows.lowerBound } ?? wholes.count
        for row in source.rows {
            let isFirst = row == source.rows.lowerBound
            var isWhole = nextWhole < wholes.count && wholes[nextWhole] == row
            if isWhole { nextWhole += 1 }
            if row == 0, batch.predecessors[0] == 0 { isWhole = true }
            var predecessor =
                isWhole ? 0 : row == 0 ? batch.predecessors[0] : batch.sequences[row - 1]
            if isFirst, isWritten, case .completed(let before, let changes) = source.start {
                predecessor = before
                for change in changes {
                    frame.appendChange(frame.reference(change.process), change.value)
                }
            } else {
                for change in batch.changes(row) {
                    frame.appendChange(
                        frame.reference(change.process, of: batch), change.value)
                }
            }
            frame.appendNamed(by: row, of: batch)
            frame.endRow(copying: row, of: batch, slot: slot, predecessor: predecessor)
        }
    }
}

extension PartFile {
    /// The events of a block. O(what it holds).
    package func events(of entry: BlockEntry) throws(PartError) -> BlockEvents {
        try events(of: entry, hasContent: true)
    }

    /// The events of a block, without what they say. O(what it holds).
    package func causality(of entry: BlockEntry) throws(PartError) -> BlockEvents {
        try events(of: entry, hasContent: false)
    }

    private func events(
        of entry: BlockEntry, hasContent: Bool
    ) throws(PartError) -> BlockEvents {
        let block = try read(entry, hasContent ? .all : .order)
        return try decode(block) { block throws(FormatError) in
            BlockEvents(
                batch: hasContent ? try block.batch() : try block.causality(),
                sources: try block.sources())
        }
    }
}
