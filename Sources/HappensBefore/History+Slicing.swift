import Causality

/// A part of the graph that is one run of positions on each process, and what is known to be missing from it.
package struct Slice: Sendable {
    /// Positions, by process index.
    package let ranges: [Range<Int>]
    /// For want of what the slice may not be all: empty where it is complete.
    package let lacks: [Lack]
    /// By process index, for what more may always be added to: the cut up to which the slice is all. nil where a slice is
    /// exact once and for all.
    package let upTo: Cut?

    /// Keeps `lacks` sorted and once each, so that they do not depend on the order in which processes appeared.
    package init(ranges: [Range<Int>], lacks: [Lack], upTo: Cut? = nil) {
        self.ranges = ranges
        self.lacks = Set(lacks).sorted(by: Lack.listedBefore)
        self.upTo = upTo
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
    package var whole: Slice { listing { _ in true } }

    /// All events of the processes that are meant.
    package func listing(_ isMeant: (ProcessHistory) -> Bool) -> Slice {
        let meant = processes.map(isMeant)
        return Slice(
            ranges: processes.indices.map { meant[$0] ? 0..<processes[$0].count : 0..<0 },
            lacks: processes.indices.flatMap { meant[$0] ? processes[$0].gaps : [] }
                .map { .events($0) },
            upTo: Cut(
                sequences: processes.indices.map { index in
                    meant[index] ? end(index, undecided: []) : 0
                }))
    }

    /// Every gap, process by process.
    package var gaps: [Gap] { processes.flatMap(\.gaps) }

    /// What `event` has seen of each process, by process index, itself included. Where the event is missing
    /// or uncertain, at least this much. nil where its process is unknown here. O(processes · log n).
    package func seen(by event: EventID) -> [UInt64]? {
        guard let key = key(event) else { return nil }
        let line = processes[key.process]
        let floor = line.count(upTo: key.sequence) - 1
        var seen = processes.indices.map { process in
            if process == key.process { return key.sequence }
            guard floor >= 0 else { return 0 }
            return known(of: process, at: EventPosition(process: key.process, position: floor))
        }
        for origin in line.implied {
            seen[origin.process] = max(seen[origin.process], origin.sequence)
        }
        return seen
    }

    /// True where what an event has seen is known exactly.
    package func isExact(_ event: EventID) -> Bool { inexactness(of: event).isEmpty }

    /// For want of what it is not known exactly what an event has seen: nothing, where it is.
    package func inexactness(of event: EventID) -> [Lack] {
        guard let key = key(event) else { return [.unheard(event.process)] }
        guard let place = position(of: event),
            !processes[key.process].isUncertain(at: place.position)
        else { return [blame(key)] }
        var lacks: [Lack] = []
        if processes[key.process].identity?.branch != nil,
            processes.indices.contains(where: {
                isSibling($0, of: key.process) && processes[$0].count > 0
            })
        {
            lacks.append(forkLack(of: key.process))
        }
        for (process, line) in processes.enumerated().dropFirst(lineCount) {
            let value = known(of: process, at: place)
            guard value > 0 else { continue }
            if line.standIn != nil { lacks.append(lack(of: process, value)) }
            if line.isUnlinked { lacks.append(.unheard(line.id)) }
        }
        return lacks
    }

    /// The causal past of an event, itself left out: a prefix of every process. O(processes · log n).
    package func past(of event: EventID) -> Slice? {
        guard let key = key(event), let seen = seen(by: event) else { return nil }
        var lacks = inexactness(of: event)
        let ranges = processes.indices.map { process in
            let line = processes[process]
            let limit = process == key.process ? key.sequence - 1 : seen[process]
            lacks += line.gaps.filter { $0.first <= limit }.map { .events($0) }
            return 0..<line.count(upTo: limit)
        }
        return Slice(ranges: ranges, lacks: lacks)
    }

    /// The causal future of an event, itself left out: a suffix of every process. O(processes · log n), with uncertain
    /// clocks squared.
    package func future(of event: EventID) -> Slice? {
        guard let key = key(event) else { return nil }
        var lacks: [Lack] = []
        var ends: [UInt64] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            func at(_ position: Int) -> EventKey {
                EventKey(process: process, sequence: line.runs[position])
            }
            var start = firstKnower(of: key, in: process) ?? line.count
            // The events that may have seen it, too: an event that is here, and whose knowledge is uncertain.
            let undecided =
                process == key.process
                ? start..<start : partitionPoint(count: start) { isNo(knows(at($0), key)) }..<start
            if process == key.process, start < line.count, line.runs[start] == key.sequence {
                start += 1
            }
            for gap in line.gaps
            where mayHaveSeen(key, EventKey(process: process, sequence: gap.last)) {
                lacks.append(.events(gap))
            }
            if let last = undecided.last, case .unknown(let lack) = knows(at(last), key) {
                lacks.append(lack)
            }
            ends.append(
                end(process, undecided: [undecided]) { gap in
                    mayHaveSeen(key, EventKey(process: process, sequence: gap.last))
                })
            return start..<line.count
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: Cut(sequences: ends))
    }

    /// What certainly neither influenced an event nor was influenced by it: on each process the events between
    /// what the event knows and what knows the event. O(processes · log n), with uncertain clocks squared.
    package func concurrent(with event: EventID) -> Slice? {
        guard let key = key(event) else { return nil }
        var lacks: [Lack] = []
        var ends: [UInt64] = []
        let ranges = processes.indices.map { process in
            let line = processes[process]
            guard process != key.process else {
                ends.append(line.end)
                return 0..<0
            }
            func at(_ position: Int) -> EventKey {
                EventKey(process: process, sequence: line.runs[position])
            }
            func mayBeConcurrent(_ gap: Gap) -> Bool {
                mayNotHaveSeen(EventKey(process: process, sequence: gap.last), by: key)
                    && mayNotHaveSeen(key, by: EventKey(process: process, sequence: gap.first))
            }
            lacks += line.gaps.filter(mayBeConcurrent).map { .events($0) }
            let before = partitionPoint(count: line.count) { isYes(knows(key, at($0))) }
            let start = partitionPoint(count: line.count) { !isNo(knows(key, at($0))) }
            let end = partitionPoint(count: line.count) { isNo(knows(at($0), key)) }
            let after = partitionPoint(count: line.count) { !isYes(knows(at($0), key)) }
            for (e, x) in [
                (key, start > before ? at(start - 1) : nil), (end < after ? at(end) : nil, key),
            ] {
                if let e, let x, case .unknown(let lack) = knows(e, x) { lacks.append(lack) }
            }
            let undecided = [before..<max(before, start), end..<max(end, after)]
            ends.append(self.end(process, undecided: undecided, isMeant: mayBeConcurrent))
            return start..<max(start, end)
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: Cut(sequences: ends))
    }

    /// Up to which number everything of a process that is meant is here, and it is decided what is: the last one before
    /// the first position in `undecided`, and before the first hole of which something may be meant.
    private func end(
        _ process: Int, undecided: [Range<Int>], isMeant: (Gap) -> Bool = { _ in true }
    ) -> UInt64 {
        let line = processes[process]
        var end = line.end
        if let first = undecided.filter({ !$0.isEmpty }).map(\.lowerBound).min() {
            end = min(end, line.runs[first] - 1)
        }
        for gap in line.gaps where gap.first <= end && isMeant(gap) { end = gap.first - 1 }
        return end
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

    private func isYes(_ knowledge: Knowledge) -> Bool {
        if case .yes = knowledge { true } else { false }
    }

    private func mayHaveSeen(_ x: EventKey, _ e: EventKey) -> Bool { !isNo(knows(e, x)) }

    private func mayNotHaveSeen(_ x: EventKey, by e: EventKey) -> Bool {
        if case .yes = knows(e, x) { false } else { true }
    }
}

/// An operator's word that no message came at an event.
package struct Ruling: Hashable, Sendable, CustomStringConvertible {
    package let event: EventID
    /// The event that gives it.
    package let by: EventID

    package var description: String {
        "taking the word of \(by) that no message came at \(event)"
    }
}

extension History {
    /// The operators' words that what is known of these events' pasts may rest on. O(processes · log n).
    package func rulings(seenBy events: [EventID]) -> [Ruling] {
        var rulings: Set<Ruling> = []
        for event in events {
            guard let seen = seen(by: event) else { continue }
            for (process, line) in processes.enumerated() {
                for (sequence, by) in line.rulings where sequence <= seen[process] {
                    rulings.insert(Ruling(event: EventID(line.id, sequence), by: id(by)))
                }
            }
        }
        return rulings.sorted {
            $0.event == $1.event ? listingOrder($0.by, $1.by) : listingOrder($0.event, $1.event)
        }
    }

    /// What the event at a place had seen, as far as it is known, by name: its own number too. O(known processes · log n).
    package func clock(at place: EventPosition) -> [ProcessID: UInt64] {
        let line = processes[place.process]
        var clock = [line.id: line.runs[place.position]]
        for (process, steps) in line.known where processes[process].standIn == nil {
            let value = steps.value(at: place.position)
            if value > 0 { clock[processes[process].id] = value }
        }
        return clock
    }

    /// What a process is called here that is referred to; nil where nobody is, or it may be one of several.
    package func name(of reference: ProcessReference) -> ProcessID? {
        index(of: reference).map { processes[$0].id }
    }
}
