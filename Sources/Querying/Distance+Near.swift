import Causality
import HappensBefore

/// The candidates of a term, of which those are looked for that happened about the time of some event.
struct Neighbours: Sendable {
    let candidates: Candidates
    /// By place of a process: whether the wall times of its candidates are all known, and none is before the one before it.
    fileprivate let areAscending: [Bool]

    /// O(candidates).
    init(_ candidates: Candidates) {
        self.candidates = candidates
        areAscending = candidates.processes.map { _, elements in
            var last = Int64.min
            return elements.allSatisfy { element in
                let time = candidates.elements[element].time
                defer { last = time }
                return time != EventBatch.noTime && time >= last
            }
        }
    }
}

extension Distance {
    /// The candidates that may be no more than so many seconds from an event; what is left out surely is not, by the clock of its
    /// own host. O(processes · log candidates).
    ///
    /// Of another process, what came before the last event that `event` has seen is as far from it as from that one, at least, and
    /// what came after the first event that has seen `event` as far as from this one.
    func near(
        _ event: Candidates.Element, _ neighbours: Neighbours, seconds: Double
    ) throws -> [Range<Int>] {
        let all = neighbours.candidates
        // What a Double has not exactly is looked at.
        let span = Int64(min(seconds * 1e9, 9e18)).addingSaturating(1_000)
        var ranges: [Range<Int>] = []
        for (place, (process, elements)) in all.processes.enumerated() {
            guard event.time != EventBatch.noTime, neighbours.areAscending[place] else {
                ranges.append(elements)
                continue
            }
            func first(_ isThere: (Candidates.Element) -> Bool) -> Int {
                elements.lowerBound
                    + partitionPoint(count: elements.count) {
                        !isThere(all.elements[elements.lowerBound + $0])
                    }
            }
            let isOwn = process == Int(event.process)
            let known =
                isOwn
                ? Int(event.position) - 1 : try lastKnown(of: process, at: event.place) ?? -1
            let knower =
                isOwn
                ? Int(event.position) + 1
                : try index.firstPosition(knowing: event.key, in: process) ?? .max
            var (since, until) = (event.time as Int64?, event.time as Int64?)
            // Where the clock may have been set back between the two, it tells nothing.
            var (firstKept, lastKept) = (knower, known)
            if try !areOfOneHost(event, all.elements[elements.lowerBound]) {
                since = known < 0 ? nil : try time(of: process, known)
                until = knower == .max ? nil : try time(of: process, knower)
                (firstKept, lastKept) = (known + 1, knower - 1)
            }
            var (start, end) = (elements.lowerBound, elements.upperBound)
            if let least = since?.addingSaturating(-span) {
                start = min(first { $0.time >= least }, first { Int($0.position) >= firstKept })
            }
            if let most = until?.addingSaturating(span) {
                end = max(first { $0.time > most }, first { Int($0.position) > lastKept })
            }
            if start < end { ranges.append(start..<end) }
        }
        return ranges
    }
}
