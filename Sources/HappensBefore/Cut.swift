import Causality

/// A prefix of every process: by process index, the last sequence number inside, 0 where none is.
package struct Cut: Hashable, Sendable {
    package var sequences: [UInt64]

    package init(sequences: [UInt64]) { self.sequences = sequences }
}

/// Why a cut is not consistent: an event inside has seen an event outside.
package struct CutViolation: Hashable, Sendable {
    package let inside: EventID
    package let outside: EventID
}

extension History {
    /// The cut that the wall clocks show at `time`: of each process everything up to its last event that is
    /// not later. O(events).
    package func cut(at time: WallTime) -> Cut {
        Cut(
            sequences: processes.map { line in
                let last = line.times.lastIndex {
                    $0 != EventBatch.noTime && $0 <= time.nanoseconds
                }
                return last.map { line.runs[$0] } ?? 0
            })
    }

    /// The first violation on each process, none where no event inside is known to have seen one outside.
    /// O(processes² · log n).
    package func violations(of cut: Cut) -> [CutViolation] {
        // In listing order: in which order processes appeared is no part of the answer.
        let listed = MessageEdges.listed(self)
        return listed.compactMap { process in
            guard let place = lastInside(cut, process) else { return nil }
            for other in listed where other != process && processes[other].standIn == nil {
                let seen = known(of: other, at: place)
                if seen > cut.sequences[other] {
                    return CutViolation(
                        inside: id(place), outside: EventID(processes[other].id, seen))
                }
            }
            return nil
        }
    }

    /// For want of what a cut without violations may not be consistent all the same: the last event inside of some
    /// process is not here, or what it had seen is not known exactly. O(processes² · log n).
    package func doubts(of cut: Cut) -> [Lack] {
        processes.indices.flatMap { process -> [Lack] in
            let sequence = cut.sequences[process]
            guard sequence > 0, processes[process].standIn == nil else { return [] }
            return inexactness(of: EventID(processes[process].id, sequence))
        }
    }

    /// The greatest consistent cut inside `cut`, as far as is known what the events had seen.
    /// O(processes² · log n) for each process that has to retreat.
    package func greatestConsistent(inside cut: Cut) -> Cut {
        var cut = cut
        var changed = true
        while changed {
            changed = false
            for process in processes.indices {
                guard let place = lastInside(cut, process) else { continue }
                var end = place.position + 1
                for (other, steps) in processes[process].known where processes[other].standIn == nil
                {
                    if let first = steps.firstPosition(reaching: cut.sequences[other] + 1) {
                        end = min(end, first)
                    }
                }
                if end <= place.position {
                    // What is missing before the one that has to go need not go.
                    cut.sequences[process] = processes[process].runs[end] - 1
                    changed = true
                }
            }
        }
        return cut
    }

    private func lastInside(_ cut: Cut, _ process: Int) -> EventPosition? {
        let count = processes[process].count(upTo: cut.sequences[process])
        return count == 0 ? nil : EventPosition(process: process, position: count - 1)
    }
}
