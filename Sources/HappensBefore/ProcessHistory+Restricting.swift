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
        restrictLowered(to: range)
        stamped = stamped.restricted(to: range)
        known = known.restricted(to: range)
        writtenCauses.removeAll { !range.contains(Int($0.position)) }
        causes.removeAll { !range.contains(Int($0.position)) }
        // An operator's word is rare, and may be about events to come.
        writtenRulings.removeAll { Int($0.position) >= range.upperBound }
        receipts.removeAll { !range.contains($0.position) }
        blockStarts = ProcessHistory.restricted(blockStarts, to: range) { $0.position }
        uncertainty = ProcessHistory.restricted(uncertainty, to: range) { $0.position }
    }

    /// Leaves out what stamps say of others, of which what its events know was derived: nothing is added to it, or derived anew.
    mutating func forgetStamps() {
        (stamped, understated, lowered) = (KnowledgeLog(), [:], [])
    }

    /// Of what stamps had less of, what holds just before the range stays.
    private mutating func restrictLowered(to range: Range<Int>) {
        guard !lowered.isEmpty else { return }
        var last: [Int: UInt64] = [:]
        for entry in lowered where entry.position < range.lowerBound {
            last[entry.citation] = entry.value
        }
        let below = stamp(before: range.lowerBound)
        let said = stamped.clock(at: range.lowerBound - 1)
        let kept = last.keys.sorted().compactMap { citation in
            let value = below[citation] ?? 0
            return value == said[citation]
                ? nil
                : LoweredEntry(
                    position: range.lowerBound - 1, citation: citation, value: value)
        }
        lowered = kept + lowered.filter { range.contains($0.position) }
    }

    /// The stamp of the event before a position, as it was written: by citation; nothing where none is. Of what is put away,
    /// of the last event only. O(what the stamps say).
    func stamp(before position: Int) -> [Int: UInt64] {
        guard position < count else { return lastStamp }
        guard position > 0 else { return [:] }
        var raised: [Int: Int] = [:]
        var stamp: [Int: UInt64] = [:]
        stamped.forEachRise(hasStart: true) { raise, citation, value in
            guard raise < position else { return }
            raised[citation] = raise
            stamp[citation] = value
        }
        for entry in lowered where entry.position < position {
            guard entry.position >= raised[entry.citation] ?? 0 else { continue }
            stamp[entry.citation] = entry.value == 0 ? nil : entry.value
        }
        return stamp
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
