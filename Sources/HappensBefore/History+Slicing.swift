import Causality

/// A part of the graph that is one run of positions on each process, and what is known to be missing from it.
package struct Slice: Sendable {
    /// Positions, by process index.
    package let ranges: [Range<Int>]
    /// The gaps that hold, or may hold, events that belong here. Empty: the slice is complete.
    package let gaps: [Gap]

    package init(ranges: [Range<Int>], gaps: [Gap]) {
        self.ranges = ranges
        self.gaps = gaps
    }

    /// How many events are here.
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }
    package var isComplete: Bool { gaps.isEmpty }

    package func contains(_ place: EventPosition) -> Bool {
        ranges[place.process].contains(place.position)
    }
}

extension History {
    /// Everything that is here, and all gaps.
    package var whole: Slice {
        Slice(ranges: processes.map { 0..<$0.count }, gaps: gaps)
    }

    /// Every gap, process by process.
    package var gaps: [Gap] { processes.flatMap(\.gaps) }

    /// What `event` has seen of each process, by process index, itself included. Where the event is missing
    /// or uncertain, at least this much. nil where its process is unknown here. O(processes · log n).
    package func seen(by event: EventID) -> [UInt64]? {
        guard let key = key(event) else { return nil }
        let floor = processes[key.process].count(upTo: key.sequence) - 1
        return processes.indices.map { process in
            if process == key.process { return key.sequence }
            guard floor >= 0 else { return 0 }
            return known(of: process, at: EventPosition(process: key.process, position: floor))
        }
    }

    /// True where what an event has seen is known exactly.
    package func isExact(_ event: EventID) -> Bool {
        guard let place = position(of: event) else { return false }
        return !processes[place.process].isUncertain(at: place.position)
    }

    /// The causal past of an event, itself left out: a prefix of every process. O(processes · log n).
    package func past(of event: EventID) -> Slice? {
        guard let key = key(event), let seen = seen(by: event) else { return nil }
        var gaps: [Gap] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            let limit = process == key.process ? key.sequence - 1 : seen[process]
            gaps += line.gaps.filter { $0.first <= limit }
            return 0..<line.count(upTo: limit)
        }
        if !isExact(event), let gap = blame(key), !gaps.contains(gap) { gaps.append(gap) }
        return Slice(ranges: ranges, gaps: gaps)
    }

    /// The causal future of an event, itself left out: a suffix of every process. O(processes · log n).
    package func future(of event: EventID) -> Slice? {
        guard let key = key(event) else { return nil }
        var gaps: [Gap] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            var start = firstKnower(of: key, in: process) ?? line.count
            if process == key.process, start < line.count, line.runs[start] == key.sequence {
                start += 1
            }
            gaps += line.gaps.filter { mayBeAfter(key, $0, process) }
            return start..<line.count
        }
        return Slice(ranges: ranges, gaps: gaps)
    }

    /// What neither could have influenced an event nor been influenced by it. O(processes · log n).
    package func concurrent(with event: EventID) -> Slice? {
        guard let key = key(event), let past = past(of: event), let future = future(of: event),
            let seen = seen(by: event)
        else { return nil }
        var gaps = past.gaps.filter { $0.process == event.process && !isExact(event) }
        let ranges = processes.indices.map { process in
            let line = processes[process]
            guard process != key.process else { return 0..<0 }
            gaps += line.gaps.filter { gap in
                guard gap.last > seen[process] else { return false }
                if case .yes = knows(EventKey(process: process, sequence: gap.first), key) {
                    return false
                }
                return true
            }
            let start = past.ranges[process].upperBound
            return start..<max(start, future.ranges[process].lowerBound)
        }
        return Slice(ranges: ranges, gaps: gaps)
    }

    /// Whether some event of a gap may have seen `event`: if the last cannot have, none has.
    private func mayBeAfter(_ event: EventKey, _ gap: Gap, _ process: Int) -> Bool {
        if process == event.process { return gap.last > event.sequence }
        if case .no = knows(EventKey(process: process, sequence: gap.last), event) { return false }
        return true
    }
}
