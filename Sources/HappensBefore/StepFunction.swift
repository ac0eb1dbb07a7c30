/// What the events along one process know of another process: a value that only grows, kept as its steps.
///
/// Both look-ups are binary searches: the value at a position, and the first position that reaches a value.
package struct StepFunction: Sendable {
    package private(set) var positions: [UInt32] = []
    package private(set) var values: [UInt64] = []

    var last: UInt64 { values.last ?? 0 }
    package var count: Int { values.count }

    /// Notes that from `position` on the value is `value`. Does nothing where it is not above the last one.
    /// Positions must not descend.
    mutating func rise(to value: UInt64, at position: Int) {
        guard value > last else { return }
        if let top = positions.last, Int(top) == position {
            values[values.count - 1] = value
        } else {
            positions.append(UInt32(position))
            values.append(value)
        }
    }

    /// The value at `position`. O(log steps).
    package func value(at position: Int) -> UInt64 {
        // Most ask for what is known now.
        if let top = positions.last, Int(top) <= position { return last }
        let index = partitionPoint(count: positions.count) { Int(positions[$0]) <= position }
        return index == 0 ? 0 : values[index - 1]
    }

    /// The last step at or before `position`. O(log steps).
    func step(at position: Int) -> (position: Int, value: UInt64)? {
        let index = partitionPoint(count: positions.count) { Int(positions[$0]) <= position }
        return index == 0 ? nil : (Int(positions[index - 1]), values[index - 1])
    }

    /// The first position at which the value is at least `value`, or nil. O(log steps).
    func firstPosition(reaching value: UInt64) -> Int? {
        let index = partitionPoint(count: values.count) { values[$0] < value }
        return index == values.count ? nil : Int(positions[index])
    }
}

/// The number of leading indices below `count` for which `holds`; it must hold for a prefix. O(log n).
@inlinable
package func partitionPoint<Failure>(
    count: Int, where holds: (Int) throws(Failure) -> Bool
) throws(Failure) -> Int {
    var low = 0
    var high = count
    while low < high {
        let middle = low + (high - low) / 2
        if try holds(middle) { low = middle + 1 } else { high = middle }
    }
    return low
}

extension StepFunction {
    /// The least function that rises to each value at its position, in whatever order these come. O(n log n).
    init(_ rises: [(position: Int, value: UInt64)]) {
        for (position, value) in rises.sorted(by: { $0.position < $1.position }) {
            rise(to: value, at: position)
        }
    }

    /// What it is within a range of positions: its value just before the range is one step there.
    func restricted(to range: Range<Int>) -> StepFunction {
        var result = StepFunction()
        let before = range.lowerBound - 1
        if before >= 0 { result.rise(to: value(at: before), at: before) }
        for (position, value) in zip(positions, values)
        where Int(position) > before && Int(position) < range.upperBound {
            result.rise(to: value, at: Int(position))
        }
        return result
    }

    /// How many steps it has from a position on.
    func count(from position: Int) -> Int {
        count - partitionPoint(count: count) { Int(positions[$0]) < position }
    }

    /// Its steps from a position on.
    func rises(from position: Int) -> StepFunction {
        let first = count - count(from: position)
        if first == 0 { return self }
        var result = StepFunction()
        result.positions = Array(positions[first...])
        result.values = Array(values[first...])
        return result
    }

    /// Adds the steps of another one whose positions do not come before the last one here.
    mutating func rise(along other: StepFunction) {
        for (position, value) in zip(other.positions, other.values) {
            rise(to: value, at: Int(position))
        }
    }

    /// The position of the first step, nil where there is none.
    var first: Int? { positions.first.map(Int.init) }
}
