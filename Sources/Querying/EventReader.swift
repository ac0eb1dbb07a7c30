import Causality
import HappensBefore

/// Reads single events, and keeps the frames open that were read last.
package struct EventReader {
    private let read: (Int) throws -> EventBatch
    private var open: [Int: EventBatch?] = [:]
    private var order: [Int] = []
    private var openCost = 0
    private var bytesRead = 0
    private let bytesMax: Int?
    /// Why the frame that was tried last could not be read.
    private(set) var lastDamage: DamagedFrame?

    /// With `bytesMax`, stops where the frames that it has read take more than so many bytes.
    package init(_ store: some HistoryStore, bytesMax: Int? = nil) {
        read = { try store.events(of: $0) }
        self.bytesMax = bytesMax
    }

    /// The event at a place, by the name that it has there; nil where it cannot be read. Its clock is
    /// left out: the index knows more.
    package mutating func event(
        at place: EventPosition, of execution: some IndexedExecution
    ) throws -> Event? {
        guard let rows = try execution.rows(at: place), let batch = try batch(rows.frame) else {
            return nil
        }
        let row = rows.row + place.position - rows.positions.lowerBound
        return try Self.event(row, of: batch, called: execution.index.id(place))
    }

    /// A row as an event of this name; nil where it has another number, and so is another.
    static func event(_ row: Int, of batch: EventBatch, called id: EventID) -> Event? {
        guard row < batch.count, batch.sequences[row] == id.sequence else { return nil }
        var event = batch.event(row)
        event.id = id
        return event
    }

    mutating func batch(_ frame: Int) throws -> EventBatch? {
        if let batch = open[frame] { return batch }
        var batch: EventBatch?
        do { batch = try read(frame) } catch let damage as DamagedFrame { lastDamage = damage }
        open[frame] = .some(batch)
        order.append(frame)
        openCost += batch?.cost ?? 0
        bytesRead += batch?.cost ?? 0
        if let bytesMax, bytesRead > bytesMax { throw QuestionStopped(.bytes(max: bytesMax)) }
        while openCost > Limits.openFramesCostMax, order.count > 1 {
            let closed = open.removeValue(forKey: order.removeFirst())
            openCost -= closed??.cost ?? 0
        }
        return batch
    }

    /// Lets go of the frames that are open: they can be read again.
    mutating func release() { (open, order, openCost) = ([:], [], 0) }
}
