import Causality
import HappensBefore
import Parts
import Querying

/// Where events lie that an order file tells of.
package protocol FiledRows: Sendable {
    /// The frame that holds the event at a place, and what follows on it there; nil where it is not found.
    func rows(at place: EventPosition, of file: OrderFile) throws -> EventRows?
    /// Looks again where they lie. False where that is where they did.
    func looksAgain() throws -> Bool
    /// The rows of a frame, without what they say. Throws `DamagedFrame` where it cannot be read.
    func causality(of frame: Int) throws -> EventBatch
}

/// An execution as its order file has it.
package struct FiledExecution: IndexedExecution {
    package let index: OrderFile
    private let rows: any FiledRows

    package init(_ file: OrderFile, _ rows: some FiledRows) {
        index = file
        self.rows = rows
    }

    package var findsEvents: Bool { index.findsEvents }

    package var eventCount: Int { index.eventCount }

    package func messages(_ cancellation: Cancellation) -> OrderFile { index }

    package func rows(at place: EventPosition) throws -> EventRows? {
        try rows.rows(at: place, of: index)
    }

    package func looksAgain() throws -> Bool { try rows.looksAgain() }

    package func name(of reference: ProcessReference) throws -> ProcessID? {
        try index.name(of: reference)
    }

    /// Throws where an event cannot be read that may be it.
    package func lastPosition(in process: Int, by time: WallTime) throws -> Int? {
        guard let positions = try index.lastPositions(in: process, by: time) else { return nil }
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
