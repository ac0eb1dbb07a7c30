import Causality

extension CausalIndex {
    /// One violation on each process that has some, in listing order; none where no event inside is known to have seen one
    /// outside. O(knowledge of the last event of each process).
    package func violations(of cut: Cut) throws(Failure) -> [CutViolation] {
        var violations: [CutViolation] = []
        for process in 0..<processCount {
            guard let place = try lastInside(cut, process) else { continue }
            var first: EventID?
            for seen in try known(at: place)
            where seen.sequence > cut.sequences[seen.process] {
                guard try facts(of: seen.process).standIn == nil else { continue }
                let outside = try id(seen)
                first = first.map { listingOrder(outside, $0) ? outside : $0 } ?? outside
            }
            if let first {
                violations.append(CutViolation(inside: try id(place), outside: first))
            }
        }
        return violations.sorted { listingOrder($0.inside, $1.inside) }
    }

    /// For want of what a cut without violations may not be consistent all the same: the last event inside of some
    /// process is not here, or what it had seen is not known exactly. O(processes · log n).
    package func doubts(of cut: Cut) throws(Failure) -> [Lack] {
        var doubts: [Lack] = []
        for process in 0..<processCount where cut.sequences[process] > 0 {
            guard try facts(of: process).standIn == nil else { continue }
            doubts += try inexactness(
                of: EventKey(process: process, sequence: cut.sequences[process]))
        }
        return doubts
    }

    /// The greatest consistent cut inside `cut`, as far as is known what the events had seen.
    /// O(processes · log n) for each process that has to retreat.
    package func greatestConsistent(inside cut: Cut) throws(Failure) -> Cut {
        var cut = cut
        var changed = true
        while changed {
            changed = false
            for process in 0..<processCount {
                guard let place = try lastInside(cut, process) else { continue }
                var end = place.position + 1
                for seen in try known(at: place)
                where seen.sequence > cut.sequences[seen.process] {
                    guard try facts(of: seen.process).standIn == nil else { continue }
                    let outside = EventKey(
                        process: seen.process, sequence: cut.sequences[seen.process] + 1)
                    if let first = try firstPosition(knowing: outside, in: process) {
                        end = min(end, first)
                    }
                }
                if end <= place.position {
                    // What is missing before the one that has to go need not go.
                    cut.sequences[process] = try sequences(of: process)[end] - 1
                    changed = true
                }
            }
        }
        return cut
    }

    private func lastInside(_ cut: Cut, _ process: Int) throws(Failure) -> EventPosition? {
        let count = try sequences(of: process).count(upTo: cut.sequences[process])
        return count == 0 ? nil : EventPosition(process: process, position: count - 1)
    }
}
