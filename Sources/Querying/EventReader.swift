import Causality
import HappensBefore

/// The rows of a frame that may be taken.
struct PossibleRows {
    private let count: Int
    /// Empty where none may.
    private let rows: [Bool]

    /// None.
    init() { (count, rows) = (.max, []) }

    init(_ rows: [Bool]) {
        count = rows.count
        self.rows = rows.contains(true) ? rows : []
    }

    /// True for a row that is not there: whoever reads it finds that out.
    subscript(row: Int) -> Bool { row >= count || !rows.isEmpty && rows[row] }
}

/// Reads single events, and keeps the frames open that were read last.
package struct EventReader {
    private let store: any HistoryStore
    private var open: [Int: EventBatch?] = [:]
    private var order: [Int] = []
    private var possible: [Int: PossibleRows?] = [:]
    private var openCost = 0
    private var bytesRead = 0
    private let bytesMax: Int?
    /// Why the frame that was tried last could not be read.
    private(set) var lastDamage: DamagedFrame?

    /// With `bytesMax`, stops where the frames that it has read take more than so many bytes.
    package init(_ store: some HistoryStore, bytesMax: Int? = nil) {
        self.store = store
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

    /// Which rows of a frame a selection may take, as far as what they say decides; nil where that is not to be found out without
    /// reading all of the frame.
    mutating func possibleRows(
        _ frame: Int, _ selection: Selection, needing words: [UInt64],
        _ cancellation: Cancellation
    ) throws -> PossibleRows? {
        if let known = possible[frame] { return known }
        let rows = try findPossibleRows(frame, selection, words, cancellation)
        if possible.count >= Limits.framesSearchedMax { possible = [:] }
        possible[frame] = .some(rows)
        return rows
    }

    private mutating func findPossibleRows(
        _ frame: Int, _ selection: Selection, _ words: [UInt64], _ cancellation: Cancellation
    ) throws -> PossibleRows? {
        do {
            if !words.isEmpty, try !store.mayHold(words: words, in: frame) { return PossibleRows() }
            guard let columns = try store.columns(of: frame) else { return nil }
            try count(columns.byteCount)
            let rows = try selection.rowsThatMayHold(columns, check: cancellation.check)
            return PossibleRows(rows)
        } catch is DamagedFrame {
            // Whoever reads it finds out, and says so.
            return nil
        }
    }

    private mutating func count(_ bytes: Int) throws {
        bytesRead += bytes
        if let bytesMax, bytesRead > bytesMax { throw QuestionStopped(.bytes(max: bytesMax)) }
    }

    mutating func batch(_ frame: Int) throws -> EventBatch? {
        if let batch = open[frame] { return batch }
        var batch: EventBatch?
        do { batch = try store.events(of: frame) } catch let damage as DamagedFrame {
            lastDamage = damage
        }
        open[frame] = .some(batch)
        order.append(frame)
        openCost += batch?.cost ?? 0
        try count(batch?.cost ?? 0)
        while openCost > Limits.openFramesCostMax, order.count > 1 {
            let closed = open.removeValue(forKey: order.removeFirst())
            openCost -= closed??.cost ?? 0
        }
        return batch
    }

    /// Lets go of the frames that are open: they can be read again.
    mutating func release() { (open, order, openCost) = ([:], [], 0) }
}
