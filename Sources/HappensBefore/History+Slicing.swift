import Causality

/// A part of the graph that is one run of positions on each process, and what is known to be missing from it.
package struct Slice: Sendable {
    /// Positions, by process index.
    package let ranges: [Range<Int>]
    /// For want of what the slice may not be all: empty where it is complete.
    package let lacks: [Lack]

    /// Keeps `lacks` sorted, so that they do not depend on the order in which processes appeared.
    package init(ranges: [Range<Int>], lacks: [Lack]) {
        self.ranges = ranges
        self.lacks = lacks.sorted(by: Lack.listedBefore)
    }

    /// How many events are here.
    package var count: Int { ranges.reduce(0) { $0 + $1.count } }
    package var isComplete: Bool { lacks.isEmpty }

    package func contains(_ place: EventPosition) -> Bool {
        ranges[place.process].contains(place.position)
    }
}

extension History {
    /// Everything that is here, and all gaps.
    package var whole: Slice {
        Slice(ranges: processes.map { 0..<$0.count }, lacks: gaps.map { .events($0) })
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
        var lacks: [Lack] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            let limit = process == key.process ? key.sequence - 1 : seen[process]
            lacks += line.gaps.filter { $0.first <= limit }.map { .events($0) }
            return 0..<line.count(upTo: limit)
        }
        if !isExact(event) {
            let lack = blame(key)
            if !lacks.contains(lack) { lacks.append(lack) }
        }
        return Slice(ranges: ranges, lacks: lacks)
    }

    /// The causal future of an event, itself left out: a suffix of every process. O(processes · log n).
    package func future(of event: EventID) -> Slice? {
        guard let key = key(event) else { return nil }
        var lacks: [Lack] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            var start = firstKnower(of: key, in: process) ?? line.count
            if process == key.process, start < line.count, line.runs[start] == key.sequence {
                start += 1
            }
            lacks += line.gaps.filter {
                mayHaveSeen(key, EventKey(process: process, sequence: $0.last))
            }
            .map { .events($0) }
            // Events that are here and whose knowledge is uncertain may belong to the future too.
            if start > 0, !line.uncertain.isEmpty {
                let before = EventKey(process: process, sequence: line.runs[start - 1])
                if before != key, case .unknown(let lack) = knows(before, key),
                    !lacks.contains(lack)
                {
                    lacks.append(lack)
                }
            }
            return start..<line.count
        }
        return Slice(ranges: ranges, lacks: lacks)
    }

    /// What certainly neither influenced an event nor was influenced by it: on each process the events between
    /// what the event knows and what knows the event. O(processes · log n), with uncertain clocks squared.
    package func concurrent(with event: EventID) -> Slice? {
        guard let key = key(event) else { return nil }
        var lacks: [Lack] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            guard process != key.process else { return 0..<0 }
            func at(_ position: Int) -> EventKey {
                EventKey(process: process, sequence: line.runs[position])
            }
            lacks += line.gaps.filter { gap in
                mayNotHaveSeen(EventKey(process: process, sequence: gap.last), by: key)
                    && mayNotHaveSeen(key, by: EventKey(process: process, sequence: gap.first))
            }.map { .events($0) }
            let start = partitionPoint(count: line.count) { !isNo(knows(key, at($0))) }
            let end = partitionPoint(count: line.count) { isNo(knows(at($0), key)) }
            for (e, x) in [
                (key, start > 0 ? at(start - 1) : nil), (end < line.count ? at(end) : nil, key),
            ] {
                if let e, let x, case .unknown(let lack) = knows(e, x), !lacks.contains(lack) {
                    lacks.append(lack)
                }
            }
            return start..<max(start, end)
        }
        return Slice(ranges: ranges, lacks: lacks)
    }

    /// True where an event has seen something that has seen it. O(processes · log n).
    package func isContradictory(_ event: EventID) -> Bool {
        guard let key = key(event), let seen = seen(by: event) else { return false }
        return processes.indices.contains { process in
            guard process != key.process, let knower = firstKnower(of: key, in: process) else {
                return false
            }
            return processes[process].runs[knower] <= seen[process]
        }
    }

    private func isNo(_ knowledge: Knowledge) -> Bool {
        if case .no = knowledge { true } else { false }
    }

    private func mayHaveSeen(_ x: EventKey, _ e: EventKey) -> Bool { !isNo(knows(e, x)) }

    private func mayNotHaveSeen(_ x: EventKey, by e: EventKey) -> Bool {
        if case .yes = knows(e, x) { false } else { true }
    }
}
