import Causality

extension ProcessHistory {
    /// How many of its first events are put away: of these only the sequence numbers are here.
    package var base: Int { kinds.startIndex }

    /// Puts away what belongs to events outside of some positions, which must be here. Of what they know, and of what their
    /// stamps said, what holds just before the range stays. O(what is here of the process).
    mutating func restrict(to range: Range<Int>) {
        runs = runs.prefix(range.upperBound)
        times.restrict(to: range)
        kinds.restrict(to: range)
        restrictStamps(to: range)
        stamped = StepFunction.restricted(stamped, to: range)
        known = StepFunction.restricted(known, to: range)
        writtenCauses.removeAll { !range.contains(Int($0.position)) }
        causes.removeAll { !range.contains(Int($0.position)) }
        // An operator's word is rare, and may be about events to come.
        writtenRulings.removeAll { Int($0.position) >= range.upperBound }
        receipts.removeAll { !range.contains($0.position) }
        blockStarts = ProcessHistory.restricted(blockStarts, to: range) { $0.position }
        uncertainty = ProcessHistory.restricted(uncertainty, to: range) { $0.position }
    }

    /// Below the range only what tells where something was lost stays: later stamps may go on from that, and gaps do too.
    private mutating func restrictStamps(to range: Range<Int>) {
        let first = partitionPoint(count: stamps.count) {
            stamps[$0].position <= range.lowerBound
        }
        stamps = stamps.indices.filter { index in
            if index + 1 >= first { return stamps[index].position < range.upperBound }
            return index == 0 || stamps[index].stamp.isLossy || stamps[index - 1].stamp.isLossy
        }.map { stamps[$0] }
    }

    /// The runs that hold in a range, ascending by the position from which they hold.
    private static func restricted<Run>(
        _ runs: [Run], to range: Range<Int>, _ position: (Run) -> Int
    ) -> [Run] {
        let first = partitionPoint(count: runs.count) { position(runs[$0]) <= range.lowerBound }
        return runs[max(0, first - 1)...].filter { position($0) < range.upperBound }
    }
}

extension StepFunction {
    /// Those of the functions that have a step at or before the end of a range, within it.
    fileprivate static func restricted(
        _ functions: [Int: StepFunction], to range: Range<Int>
    ) -> [Int: StepFunction] {
        functions.compactMapValues { steps in
            let steps = steps.restricted(to: range)
            return steps.count == 0 ? nil : steps
        }
    }
}
