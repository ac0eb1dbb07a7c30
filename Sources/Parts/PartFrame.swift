import Causality
import Segments

/// Rows of one process and one segment in a part, in the order of the segment: what a frame was of them. From these a
/// history is made as from the frames themselves.
package struct PartFrame: Hashable, Sendable {
    package let segment: SegmentHeader
    package let run: RunPlace
    /// How many events of the run the segment has before the first of these.
    package let ordinal: Int
    /// Where the rows lie. Several places only where numbers are missing between them in the source itself.
    package fileprivate(set) var pieces: [Piece]
    fileprivate var end: Int
    /// True where the first row was in one frame with the row before it.
    fileprivate let isContinuation: Bool

    /// Rows of one block.
    package struct Piece: Hashable, Sendable {
        package let block: BlockEntry
        /// Which of the block's sources it is.
        package let source: Int
    }

    /// The order in which they are listed: that of segments, then of runs, then of rows.
    package static func isBefore(_ a: PartFrame, _ b: PartFrame) -> Bool {
        let (one, two) = (a.segment, b.segment)
        if one.created.nanoseconds != two.created.nanoseconds {
            return one.created.nanoseconds < two.created.nanoseconds
        }
        if one.segment != two.segment { return RunPlace.isBefore(one.segment, two.segment) }
        if a.run != b.run { return RunPlace.isBefore(a.run, b.run) }
        return a.ordinal < b.ordinal
    }
}

/// What a part has of an execution.
package struct PartFrames: Sendable {
    package fileprivate(set) var frames: [PartFrame] = []
    /// What is wrong with the part, as far as it may concern the execution.
    package fileprivate(set) var damage: [PartError] = []
}

extension PartFile {
    /// The frames of an execution, in the order of `PartFrame.isBefore`. Reads the index and where the rows of each block came
    /// from. Where the index is damaged, whatever blocks can be found are taken. Throws only where reading itself fails.
    package func frames(of execution: String) throws(PartError) -> PartFrames {
        var listing = PartFrames()
        var runs: [PartRun] = []
        if let damage {
            listing.damage.append(damage)
        } else {
            do throws(PartError) {
                runs = try self.runs(of: execution)
            } catch {
                try listing.note(error)
            }
        }
        guard listing.damage.isEmpty else { return try walkedFrames(of: execution, listing) }
        for run in runs {
            var found: [PartFrame] = []
            for index in run.blocks {
                do throws(PartError) {
                    found += try frames(in: try block(index), of: RunPlace(run.key))
                } catch {
                    try listing.note(error)
                }
            }
            listing.frames += PartFile.joined(found)
        }
        listing.frames.sort(by: PartFrame.isBefore)
        return listing
    }

    /// The same without an index: a block says itself whose it is.
    private func walkedFrames(
        of execution: String, _ known: PartFrames
    ) throws(PartError) -> PartFrames {
        var listing = known
        var found: [RunPlace: [PartFrame]] = [:]
        for entry in try walk() {
            do throws(PartError) {
                let key = try causality(of: entry).batch.processes[0]
                guard ExactText.isSame(key.execution, execution) else { continue }
                let place = RunPlace(key)
                found[place, default: []] += try frames(in: entry, of: place)
            } catch {
                try listing.note(error)
            }
        }
        listing.frames = found.values.flatMap { PartFile.joined($0) }
        listing.frames.sort(by: PartFrame.isBefore)
        return listing
    }

    private func frames(
        in entry: BlockEntry, of run: RunPlace
    ) throws(PartError) -> [PartFrame] {
        let sources = try decode(try read(entry, .sources)) { block throws(FormatError) in
            try block.sources()
        }
        return sources.all.enumerated().map { number, source in
            PartFrame(
                segment: source.segment, run: run, ordinal: source.ordinal,
                pieces: [PartFrame.Piece(block: entry, source: number)],
                end: source.ordinal + source.rows.count, isContinuation: source.continuesFrame)
        }
    }

    /// Frames that were cut in two become one again.
    private static func joined(_ frames: [PartFrame]) -> [PartFrame] {
        var joined: [PartFrame] = []
        for frame in frames.sorted(by: PartFrame.isBefore) {
            if frame.isContinuation, let last = joined.last, last.segment == frame.segment,
                last.end == frame.ordinal
            {
                joined[joined.count - 1].pieces += frame.pieces
                joined[joined.count - 1].end = frame.end
            } else {
                joined.append(frame)
            }
        }
        return joined
    }

    /// The rows of a frame, as it had them. O(the blocks that they lie in).
    package func batch(of frame: PartFrame, hasContent: Bool) throws(PartError) -> EventBatch {
        var joined = EventBatch()
        for piece in frame.pieces {
            let events =
                try hasContent ? events(of: piece.block) : causality(of: piece.block)
            guard piece.source < events.sources.all.count else {
                throw .damaged(path: path, offset: piece.block.offset, what: "no such source")
            }
            let source = events.sources.all[piece.source]
            if frame.pieces.count == 1 { return events.frame(of: source) }
            events.append(source, isWritten: !joined.isEmpty, to: &joined)
        }
        return joined
    }
}

extension PartFrames {
    fileprivate mutating func note(_ error: PartError) throws(PartError) {
        if case .disk = error { throw error }
        damage.append(error)
    }
}
