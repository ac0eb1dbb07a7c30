import Causality
import HappensBefore

/// The rows of a frame that a selection may take, by what they say, and their events.
final class SearchedRows: Sendable {
    /// How many rows were looked at: of those behind them nothing is known.
    private let count: Int
    private let rows: [Int]
    /// As many events as rows; nil where they cannot be read.
    private let events: EventBatch?
    /// True where there are some that cannot be read.
    var isDamaged: Bool { events == nil && !rows.isEmpty }

    init(count: Int, _ rows: [Int], _ events: EventBatch?) {
        self.count = count
        self.rows = rows
        self.events = events
    }

    /// What it takes, in bytes.
    var cost: Int { 8 * rows.count + (events?.cost ?? 0) + 128 }

    /// The first row from a row on that may be taken: none before it is.
    func first(from row: Int) -> Int {
        let index = partitionPoint(count: rows.count) { rows[$0] < row }
        return index < rows.count ? rows[index] : max(row, count)
    }

    /// Where the event of such a row is; nil where it cannot be read.
    func row(_ row: Int) -> (batch: EventBatch, row: Int)? {
        let index = partitionPoint(count: rows.count) { rows[$0] < row }
        guard let events, index < rows.count, rows[index] == row else { return nil }
        return (events, index)
    }
}

/// What is looked for in frames.
struct FrameSearch: Sendable {
    let selection: Selection
    /// The hashes of words that every event has which is taken.
    let words: [UInt64]
    let cancellation: Cancellation

    init(_ selection: Selection, _ cancellation: Cancellation) {
        self.selection = selection
        words = selection.neededWords
        self.cancellation = cancellation
    }

    /// What is found in a frame, and how many bytes were read: nil rows where all of the frame has to be read to find out.
    func look(
        into frame: Int, of store: some HistoryStore
    ) throws -> (rows: SearchedRows?, byteCount: Int) {
        do {
            if !words.isEmpty, try !store.mayHold(words: words, in: frame) {
                return (SearchedRows(count: .max, [], nil), 0)
            }
            guard let found = try store.searchable(frame) else { return (nil, 0) }
            let columns = found.columns
            let rows = try selection.rowsThatMayHold(columns, check: cancellation.check)
            var events: EventBatch?
            if !rows.isEmpty {
                // Whoever wants one of them finds out that it cannot be read, and says so.
                do { events = try found.events(rows) } catch is DamagedFrame {}
            }
            return (SearchedRows(count: columns.rowCount, rows, events), columns.byteCount)
        } catch is DamagedFrame {
            // The same.
            return (nil, 0)
        }
    }
}

/// Reads single events, and keeps the frames open that were read last.
package struct EventReader {
    private let store: any HistoryStore
    private var open: [Int: HeldBatch?] = [:]
    private var order: [Int] = []
    private var searched: [Int: SearchedRows?] = [:]
    private var searchedOrder: [Int] = []
    private var searchedCost = 0
    /// How many frames are searched at once: one at first, since often no more are wanted.
    private var searchedAtOnce = 1
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
        guard let (batch, row) = try row(at: place, of: execution) else { return nil }
        var event = batch.rows.event(row)
        event.id = try execution.index.id(place)
        return event
    }

    /// Where the event at a place is; nil where it cannot be read.
    mutating func row(
        at place: EventPosition, of execution: some IndexedExecution
    ) throws -> (batch: HeldBatch, row: Int)? {
        guard let rows = try execution.rows(at: place) else { return nil }
        guard let batch = try batch(rows.frame) else {
            return try execution.looksAgain() ? row(at: place, of: execution) : nil
        }
        let row = rows.row + place.position - rows.positions.lowerBound
        // With another number it is another.
        guard row < batch.rows.count,
            try batch.rows.sequences[row] == execution.index.id(place).sequence
        else { return nil }
        return (batch, row)
    }

    /// What a search finds in a frame; nil where that is not to be found out without reading all of the frame.
    ///
    /// - Parameter next: Frames that will be asked for, at most so many: they are searched with it, at once.
    mutating func searched(
        _ frame: Int, _ search: FrameSearch, _ workers: Workers, next: (Int) throws -> [Int]
    ) throws -> SearchedRows? {
        if let known = searched[frame] { return known }
        var frames = [frame]
        if searchedAtOnce > 1 {
            frames += try next(searchedAtOnce - 1).filter { searched[$0] == nil }
        }
        searchedAtOnce = min(2 * searchedAtOnce, 2 * workers.count)
        if workers.count == 1 { searchedAtOnce = 1 }
        let found = workers.map(frames) { [store] frame in
            Result { try search.look(into: frame, of: store) }
        }
        for (frame, found) in zip(frames, found) {
            let (rows, byteCount) = try found.get()
            try count(byteCount)
            keep(rows, frame)
        }
        return searched[frame]!
    }

    private mutating func keep(_ rows: SearchedRows?, _ frame: Int) {
        searched[frame] = .some(rows)
        searchedOrder.append(frame)
        searchedCost += rows?.cost ?? 0
        while searchedCost > Limits.openFramesCostMax, searchedOrder.count > 1 {
            let closed = searched.removeValue(forKey: searchedOrder.removeFirst())
            searchedCost -= closed??.cost ?? 0
        }
    }

    private mutating func count(_ bytes: Int) throws {
        bytesRead += bytes
        if let bytesMax, bytesRead > bytesMax { throw QuestionStopped(.bytes(max: bytesMax)) }
    }

    mutating func batch(_ frame: Int) throws -> HeldBatch? {
        if let batch = open[frame] { return batch }
        // The room that the last one took is made before: what is read takes more while it is decoded.
        makeRoom(for: order.last.flatMap { open[$0]??.rows.cost } ?? 0)
        var batch: HeldBatch?
        do { batch = HeldBatch(try events(of: frame)) } catch let damage as DamagedFrame {
            lastDamage = damage
        }
        open[frame] = .some(batch)
        order.append(frame)
        let cost = batch?.rows.cost ?? 0
        openCost += cost
        try count(cost)
        return batch
    }

    /// All rows of a frame, without their clocks where these are read by themselves: the index knows more.
    private func events(of frame: Int) throws -> EventBatch {
        guard let found = try store.searchable(frame) else { return try store.events(of: frame) }
        return try found.events(Array(0..<found.columns.rowCount))
    }

    private mutating func makeRoom(for cost: Int) {
        while openCost + cost > Limits.openFramesCostMax, !order.isEmpty {
            let closed = open.removeValue(forKey: order.removeFirst())
            openCost -= closed??.rows.cost ?? 0
        }
    }

    /// Lets go of the frames that are open: they can be read again.
    mutating func release() {
        (open, order, openCost) = ([:], [], 0)
        (searched, searchedOrder, searchedCost) = ([:], [], 0)
    }
}
