/// What the events along one process know of the others: of each a value that only grows, as steps of position and value.
///
/// The steps lie by other process and position, all in the same four arrays: 8 bytes a step, and 8 for each other that is known.
/// Both look-ups are binary searches: the value at a position, and the first position that reaches a value.
package struct KnowledgeTable: Sendable {
    /// The processes of which something is known, by index, ascending.
    package private(set) var others: [UInt32] = []
    /// By place in `others`, and behind the last: where its steps begin.
    private var starts: [UInt32] = [0]
    /// By step: the position from which on its value is known.
    package private(set) var positions: [UInt32] = []
    /// By step: the value.
    package private(set) var values = CompactNumbers()

    package init() {}

    /// The steps of the other at a place in `others`: never empty, ascending by position and by value.
    package func steps(at place: Int) -> Range<Int> { Int(starts[place])..<Int(starts[place + 1]) }

    /// The steps of another process, none where nothing is known of it. O(log n).
    package func steps(of other: Int) -> Range<Int> {
        let place = partitionPoint(count: others.count) { others[$0] < other }
        return place < others.count && others[place] == other ? steps(at: place) : 0..<0
    }

    /// What is known of another at a position, 0 where nothing. O(log n).
    package func value(of other: Int, at position: Int) -> UInt64 {
        value(among: steps(of: other), at: position)
    }

    /// The same, of the other at a place in `others`. O(log n).
    package func value(at place: Int, at position: Int) -> UInt64 {
        value(among: steps(at: place), at: position)
    }

    private func value(among steps: Range<Int>, at position: Int) -> UInt64 {
        // Most ask for what is known now.
        if let last = steps.last, positions[last] <= position { return values[last] }
        let step = self.step(after: position, among: steps)
        return step == steps.lowerBound ? 0 : values[step - 1]
    }

    /// The first of some steps of one process that lies behind a position. O(log n).
    package func step(after position: Int, among steps: Range<Int>) -> Int {
        steps.lowerBound
            + partitionPoint(count: steps.count) { positions[steps.lowerBound + $0] <= position }
    }

    /// The first position at which what is known of another is at least `value`; nil where none is. O(log n).
    package func firstPosition(of other: Int, reaching value: UInt64) -> Int? {
        let steps = steps(of: other)
        let step = partitionPoint(count: steps.count) { values[steps.lowerBound + $0] < value }
        return step == steps.count ? nil : Int(positions[steps.lowerBound + step])
    }

    /// All that is known at a position. O(known others · log n).
    func clock(at position: Int) -> IndexedClock {
        var clock = IndexedClock()
        for place in others.indices {
            let value = value(at: place, at: position)
            if value > 0 { clock.append(Int(others[place]), value) }
        }
        return clock
    }

    /// How many steps lie at positions from one on. O(known others · log n).
    func count(from position: Int) -> Int {
        others.indices.reduce(0) { count, place in
            let steps = steps(at: place)
            return count + steps.upperBound - step(after: position - 1, among: steps)
        }
    }

    /// What of it lies within a range of positions: what was known just before that is one step there. O(n).
    func restricted(to range: Range<Int>) -> KnowledgeTable {
        var result = KnowledgeTable()
        let before = range.lowerBound - 1
        for place in others.indices {
            let steps = steps(at: place)
            let first = step(after: before, among: steps)
            let end = step(after: range.upperBound - 1, among: steps)
            if first > steps.lowerBound {
                result.positions.append(UInt32(before))
                result.values.append(values[first - 1])
            }
            if first < end {
                result.positions += positions[first..<end]
                result.values.append(values, in: first..<end)
            }
            result.close(others[place])
        }
        return result
    }

    /// Has the last steps, if there are any, be another's, which is not before the ones before.
    private mutating func close(_ other: UInt32) {
        guard positions.count > starts[others.count] else { return }
        others.append(other)
        starts.append(UInt32(positions.count))
    }
}

extension KnowledgeTable {
    /// What a log tells, sorted by counting. O(steps + highest index of another).
    ///
    /// - Parameter hasStart: Whether what was known at the start of the log makes steps too: at the position that it has there.
    init(_ log: KnowledgeLog, hasStart: Bool = true) {
        let known = log.clock.others
        var places = [UInt32](repeating: 0, count: known.last.map { Int($0) + 1 } ?? 0)
        for place in known.indices { places[Int(known[place])] = UInt32(place) }
        // By place: how many steps it has, then where its next one goes.
        var next = [UInt32](repeating: 0, count: known.count)
        // By place: the position of its last step.
        var lasts = [UInt32](repeating: .max, count: known.count)
        log.forEachRise(hasStart: hasStart) { position, other, _ in
            let place = Int(places[other])
            if lasts[place] != position { next[place] += 1 }
            lasts[place] = UInt32(position)
        }
        var total: UInt32 = 0
        for place in known.indices where next[place] > 0 {
            (next[place], total) = (total, total + next[place])
            others.append(known[place])
            starts.append(total)
            lasts[place] = .max
        }
        positions = Array(repeating: 0, count: Int(total))
        values = CompactNumbers(count: Int(total))
        log.forEachRise(hasStart: hasStart) { position, other, value in
            let place = Int(places[other])
            if lasts[place] != position { next[place] += 1 }
            lasts[place] = UInt32(position)
            positions[Int(next[place]) - 1] = UInt32(position)
            values[Int(next[place]) - 1] = value
        }
    }
}
