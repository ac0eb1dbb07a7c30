/// What the events along one process come to know of others, as it goes on: one list in order of position, and what is known now.
///
/// What was known at a position is what is known now without what was learned since. 8 bytes for each step, as many for each
/// position with some, and 12 for each other that is known.
struct KnowledgeLog: Sendable {
    /// What is known now.
    private(set) var clock: IndexedClock
    /// What was known at the start, and the position of the event that knew it.
    private(set) var floor: IndexedClock
    private(set) var floorPosition: Int
    /// The positions at which something was learned, ascending, and by position the first step that lies there.
    private var positions: [UInt32] = []
    private var firsts: [UInt32] = []
    // By step: of whom what is known rose, and by how much.
    private var others: [UInt32] = []
    private var rises = CompactNumbers()

    init() { self.init(from: IndexedClock(), at: -1) }

    /// One that goes on from the event at a position, which knew this.
    init(from floor: IndexedClock, at position: Int) {
        self.floor = floor
        floorPosition = position
        clock = floor
    }

    /// How many steps it has, those at the start left out.
    var count: Int { others.count }

    /// How many steps lie at positions up to one. O(log n).
    func count(through position: Int) -> Int {
        if positions.last.map({ $0 <= position }) ?? true { return count }
        let next = partitionPoint(count: positions.count) { positions[$0] <= position }
        return Int(firsts[next])
    }

    /// Has at least a value of another be known from `position` on, which is none before the last one. Returns true where nothing was known
    /// of it. O(log n), O(n) for the first of another.
    @discardableResult
    mutating func rise(_ other: Int, to value: UInt64, at position: Int) -> Bool {
        let rise = clock.rise(other, to: value)
        if rise > 0 { append(other, rise, position) }
        return rise == value && value > 0
    }

    /// Has all that lies on a board be known from `position` on, and calls `greet` with each other of which nothing was known.
    /// O(entries of both).
    mutating func rise(to board: ClockBoard, at position: Int, _ greet: (Int) -> Void) {
        var clock = IndexedClock()
        swap(&clock, &self.clock)
        clock.rise(to: board) { other, rise in
            append(other, rise, position)
            if rise == board.values[other] { greet(other) }
        }
        self.clock = clock
    }

    private mutating func append(_ other: Int, _ rise: UInt64, _ position: Int) {
        if positions.last.map({ $0 < position }) ?? true {
            positions.append(UInt32(position))
            firsts.append(UInt32(count))
        }
        // By a quarter, where arrays double: many processes have a long list, and all of them at once.
        if count == others.capacity {
            others.reserveCapacity(count + count / 4 + 8)
            rises.reserveCapacity(count + count / 4 + 8)
        }
        others.append(UInt32(other))
        rises.append(rise)
    }

    /// Lays out what was known at a position, from the start on. O(known others + steps between it and `later`).
    ///
    /// - Parameter later: What was known once, after so many steps, none of them before that position's.
    func lay(
        at position: Int, on board: inout ClockBoard, from later: (clock: IndexedClock, count: Int)
    ) {
        board.lay(later.clock)
        for step in count(through: position)..<later.count {
            board.takeBack(Int(others[step]), rises[step])
        }
    }

    /// What was known at a position, by index: ascending. O(steps + known others).
    func clock(at position: Int) -> IndexedClock {
        guard position >= floorPosition else { return IndexedClock() }
        var board = ClockBoard(count: clock.others.last.map { Int($0) + 1 } ?? 0)
        lay(at: position, on: &board, from: (clock, count))
        var result = IndexedClock()
        for other in board.others where board.values[Int(other)] > 0 {
            result.append(Int(other), board.values[Int(other)])
        }
        return result
    }

    /// Calls `body` with each position, which of the others something was learned there of, and what, in order of position: of one other at one
    /// position once or more often, the last time with most. O(steps + highest index of another).
    ///
    /// - Parameter hasStart: Whether what was known at the start comes first, at its position.
    func forEachRise(hasStart: Bool = false, _ body: (Int, Int, UInt64) -> Void) {
        var current = [UInt64](repeating: 0, count: clock.others.last.map { Int($0) + 1 } ?? 0)
        for (other, value) in zip(floor.others, floor.values) {
            current[Int(other)] = value
            if hasStart { body(floorPosition, Int(other), value) }
        }
        for index in positions.indices {
            let end = index + 1 < firsts.count ? Int(firsts[index + 1]) : count
            for step in Int(firsts[index])..<end {
                let other = Int(others[step])
                current[other] += rises[step]
                body(Int(positions[index]), other, current[other])
            }
        }
    }

    /// What of it lies within a range of positions; what was known just before that is known at its start. O(n).
    func restricted(to range: Range<Int>) -> KnowledgeLog {
        var result = KnowledgeLog(
            from: clock(at: range.lowerBound - 1), at: range.lowerBound - 1)
        forEachRise { position, other, value in
            if range.contains(position) { result.rise(other, to: value, at: position) }
        }
        return result
    }
}
