import Causality

/// An event that was found.
struct FoundEvent {
    var position: Int
    /// Its row in the batch that it was copied to; nil where it is there and cannot be read.
    var row: Int?
}

/// Events of one process that were found, in the order of their positions: as rows of a batch of their own, so that who holds
/// some of them holds no frame.
struct FoundEvents {
    private(set) var events: [FoundEvent] = []
    /// All of them but their clocks.
    private(set) var batch = EventBatch()
    /// Of the last one: the batch that it came from, and the index of its process there and here.
    private var last: (generation: UInt64, slot: UInt32, slotHere: Int)?

    var count: Int { events.count }
    var isEmpty: Bool { events.isEmpty }

    /// O(what the row says).
    mutating func append(_ position: Int, row: Int, of other: EventBatch) {
        let slot = slot(ofRow: row, of: other)
        events.append(FoundEvent(position: position, row: batch.count))
        batch.append(row: row, withoutClockOf: other, slot: slot)
    }

    private mutating func slot(ofRow row: Int, of other: EventBatch) -> Int {
        let slot = other.slots[row]
        if let last, last.slot == slot, last.generation == other.generation {
            return last.slotHere
        }
        let here = batch.slot(of: other.processes[Int(slot)])
        last = (other.generation, slot, here)
        return here
    }

    mutating func append(unreadable position: Int) {
        events.append(FoundEvent(position: position, row: nil))
    }
}

/// A batch that several hold, and nobody changes.
package final class HeldBatch: Sendable {
    package let rows: EventBatch

    init(_ rows: EventBatch) { self.rows = rows }
}
