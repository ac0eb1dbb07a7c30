import Causality
import HappensBefore
import Parts
import Querying

/// Where events lie that order files tell of.
package protocol FiledRows: Sendable {
    /// The frame that holds the event at a place, and what follows on it there; nil where it is not found.
    func rows(at place: EventPosition, of file: OrderFile) throws -> EventRows?
    /// Looks again where they lie. False where that is where they did.
    func looksAgain() throws -> Bool
    /// The rows of a frame, without what they say. Throws `DamagedFrame` where it cannot be read.
    func causality(of frame: Int) throws -> EventBatch
}

extension FiledRows {
    /// The wall time of an event, in nanoseconds; `EventBatch.noTime` where it has none, or it cannot be read any more.
    func time(at place: EventPosition, of file: OrderFile) throws -> Int64 {
        repeat {
            guard let rows = try rows(at: place, of: file) else { return EventBatch.noTime }
            let times: [Int64]
            do { times = try causality(of: rows.frame).times } catch is DamagedFrame { continue }
            let row = rows.row + place.position - rows.positions.lowerBound
            if row < times.count { return times[row] }
        } while try looksAgain()
        return EventBatch.noTime
    }
}

/// An execution as its order files have it.
package struct FiledExecution: IndexedExecution {
    package let index: OrderStack
    private let rows: any FiledRows

    /// - Parameter files: From the oldest slice to the newest, one at least.
    package init(_ files: [OrderFile], _ rows: some FiledRows) {
        index = OrderStack(files) { (file, place) throws(PartError) in
            do {
                return try rows.time(at: place, of: file)
            } catch let error as PartError {
                throw error
            } catch {
                throw .damaged(path: file.path, offset: 0, what: "\(error)")
            }
        }
        self.rows = rows
    }

    package var findsEvents: Bool { index.findsEvents }

    package var eventCount: Int { index.eventCount - index.droppedEventCount }

    package func messages(_ cancellation: Cancellation) -> OrderStack { index }

    package func causalTimes(_ cancellation: Cancellation) -> OrderStack { index }

    package func recordedKind(at place: EventPosition) throws -> EventKind {
        try index.kind(at: place)
    }

    package func isSettled(_ place: EventPosition) -> Bool { true }

    package func timeSpans(
        of process: Int, in positions: Range<Int>
    ) throws -> [TimeSpan] {
        try index.timeSpans(of: process, in: positions)
    }

    package func rows(at place: EventPosition) throws -> EventRows? {
        if try place.position < index.droppedCount(of: place.process) { return nil }
        return try rows.rows(at: place, of: index.file(of: place))
    }

    package func looksAgain() throws -> Bool { try rows.looksAgain() }

    package func name(of reference: ProcessReference) throws -> ProcessID? {
        try index.name(of: reference)
    }

    /// Throws where an event cannot be read that may be it.
    package func lastPosition(in process: Int, by time: WallTime) throws -> Int? {
        guard let positions = try index.lastPositions(in: process, by: time) else { return nil }
        let dropped = try index.droppedCount(of: process)
        // The last one that was dropped: the file has its time.
        if positions.lowerBound < dropped { return dropped - 1 }
        var last: Int?
        var next = positions.lowerBound
        while next < positions.upperBound {
            let place = EventPosition(process: process, position: next)
            guard let rows = try rows(at: place) else {
                throw DamagedFrame("\(try index.id(place)) is not found")
            }
            let batch: EventBatch
            do { batch = try self.rows.causality(of: rows.frame) } catch let damage as DamagedFrame
            {
                guard try looksAgain() else { throw damage }
                continue
            }
            let end = min(rows.positions.upperBound, positions.upperBound)
            let first = rows.row - rows.positions.lowerBound
            guard first + end <= batch.count else {
                throw DamagedFrame("\(try index.id(place)) is not where it was")
            }
            for position in next..<end {
                let found = batch.times[first + position]
                if found != EventBatch.noTime, found <= time.nanoseconds { last = position }
            }
            next = end
        }
        return last
    }

    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) throws -> Int? {
        try index.position(of: process, in: positions, during: span)
    }

    package func hasTimes(_ process: Int) throws -> Bool { try index.hasTimes(process) }

    package func defects(_ cancellation: Cancellation) throws -> [Defect] { try index.defects() }
}
