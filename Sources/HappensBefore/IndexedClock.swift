/// What is known of others at one moment: by their indexes, ascending, a value above 0 of each. 12 bytes an entry.
package struct IndexedClock: Hashable, Sendable {
    private(set) var others: [UInt32] = []
    private(set) var values: [UInt64] = []

    package init() {}

    /// - Parameter keys: In any order; of several of one process the highest counts. O(n log n).
    init(_ keys: [EventKey]) {
        let sorted = keys.sorted { ($0.process, $0.sequence) < ($1.process, $1.sequence) }
        others.reserveCapacity(sorted.count)
        values.reserveCapacity(sorted.count)
        for key in sorted where key.sequence > 0 { append(key.process, key.sequence) }
    }

    /// Adds an entry that is not before the last one, and not below it.
    package mutating func append(_ other: Int, _ value: UInt64) {
        if others.last == UInt32(other) {
            values[values.count - 1] = value
        } else {
            others.append(UInt32(other))
            values.append(value)
        }
    }

    package var count: Int { others.count }

    /// By process, ascending.
    package var keys: [EventKey] {
        others.indices.map { EventKey(process: Int(others[$0]), sequence: values[$0]) }
    }

    /// What is known of another, 0 where nothing. O(log n).
    subscript(other: Int) -> UInt64 {
        let place = place(of: other)
        return place < others.count && others[place] == other ? values[place] : 0
    }

    private func place(of other: Int) -> Int {
        // Most often what was learned last, or is new, is at the end.
        if others.last.map({ $0 < other }) ?? true { return others.count }
        return partitionPoint(count: others.count) { others[$0] < other }
    }

    /// By how much it is more than an earlier one; nil where it is less of something. O(entries of both).
    func rises(since earlier: IndexedClock) -> IndexedClock? {
        var rises = IndexedClock()
        var place = 0
        for (other, value) in zip(others, values) {
            var before: UInt64 = 0
            if place < earlier.count, earlier.others[place] == other {
                before = earlier.values[place]
                place += 1
            }
            guard before <= value else { return nil }
            if before < value { rises.append(Int(other), value - before) }
        }
        return place == earlier.count ? rises : nil
    }

    /// Has at least a value of another be known, and returns by how much that is more than was. O(log n), O(n) where nothing was.
    mutating func rise(_ other: Int, to value: UInt64) -> UInt64 {
        let place = place(of: other)
        guard place < others.count, others[place] == other else {
            if value > 0 {
                others.insert(UInt32(other), at: place)
                values.insert(value, at: place)
            }
            return value
        }
        let before = values[place]
        guard value > before else { return 0 }
        values[place] = value
        return value - before
    }

    /// Has all be known that lies on a board, and calls `note` with what of it is more, and by how much: in no order, and last of
    /// all with those of which nothing was known. O(n + what lies there).
    mutating func rise(to board: ClockBoard, _ note: (Int, UInt64) -> Void) {
        var fresh: [UInt32] = []
        var place = 0
        let (shown, laid) = (board.others, board.values)
        for other in shown {
            let value = laid[Int(other)]
            if value == 0 { continue }
            while place < others.count, others[place] < other { place += 1 }
            guard place < others.count, others[place] == other else {
                fresh.append(other)
                continue
            }
            let before = values[place]
            guard value > before else { continue }
            values[place] = value
            note(Int(other), value - before)
        }
        guard !fresh.isEmpty else { return }
        insert(fresh, laid)
        for other in fresh { note(Int(other), laid[Int(other)]) }
    }

    /// Makes room for some of which nothing is known, ascending, from the end on: each entry moves once.
    private mutating func insert(_ fresh: [UInt32], _ laid: [UInt64]) {
        var old = others.count
        others.append(contentsOf: fresh)
        values.append(contentsOf: repeatElement(0, count: fresh.count))
        var end = others.count
        for other in fresh.reversed() {
            while old > 0, others[old - 1] > other {
                (old, end) = (old - 1, end - 1)
                (others[end], values[end]) = (others[old], values[old])
            }
            end -= 1
            (others[end], values[end]) = (other, laid[Int(other)])
        }
    }
}

/// A clock laid out by index, on which what was learned later is taken back in O(1) each. One serves a whole sweep: what lies there is
/// overwritten by the next.
struct ClockBoard: Sendable {
    /// Those that may be known, ascending.
    fileprivate(set) var others: [UInt32] = []
    /// By index; of no meaning for the rest.
    fileprivate(set) var values: [UInt64]

    /// - Parameter count: Indexes are below it.
    init(count: Int) { values = Array(repeating: 0, count: count) }

    /// Has a clock lie there. O(entries).
    mutating func lay(_ clock: IndexedClock) {
        others = clock.others
        for place in clock.others.indices {
            values[Int(clock.others[place])] = clock.values[place]
        }
    }

    /// Has nothing lie there.
    mutating func clear() { others = [] }

    /// Takes back by how much something rose that lies there.
    mutating func takeBack(_ other: Int, _ rise: UInt64) { values[other] -= rise }

    /// Leaves out what is known of one.
    mutating func remove(_ other: Int) { values[other] = 0 }

    /// What is known of one, 0 where nothing. O(log n).
    func value(of other: Int) -> UInt64 {
        let place = partitionPoint(count: others.count) { others[$0] < other }
        return place < others.count && others[place] == other ? values[other] : 0
    }
}
