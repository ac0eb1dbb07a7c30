import Causality

/// The order of two events as far as the evidence goes.
package enum EventOrder: Hashable, Sendable {
    case known(CausalOrder)
    /// What is here decides neither way. Empty gaps: what is here contradicts itself.
    case unknown([Gap])
}

/// Whether one event has seen another.
enum Knowledge {
    case yes
    case no
    case unknown(Gap?)
}

extension History {
    /// How two events are ordered. Either may be missing; its process must be known here. No traversal:
    /// O(log n) for events that are here, O(processes · log n) for missing ones.
    package func order(_ a: EventID, _ b: EventID) -> EventOrder {
        guard a != b else { return .known(.equal) }
        guard let first = key(a), let second = key(b) else { return .unknown([]) }
        if first.process == second.process {
            return .known(first.sequence < second.sequence ? .before : .after)
        }
        switch (knows(second, first), knows(first, second)) {
        case (.yes, .yes): return .unknown([])
        case (.yes, _): return .known(.before)
        case (_, .yes): return .known(.after)
        case (.no, .no): return .known(.concurrent)
        case (.unknown(let x), .unknown(let y)): return .unknown(distinct([x, y]))
        case (.unknown(let x), .no), (.no, .unknown(let x)): return .unknown(distinct([x]))
        }
    }

    private func distinct(_ gaps: [Gap?]) -> [Gap] {
        var result: [Gap] = []
        for case let gap? in gaps where !result.contains(gap) { result.append(gap) }
        return result
    }

    func key(_ id: EventID) -> EventKey? {
        indexOf[id.process].map { EventKey(process: $0, sequence: id.sequence) }
    }

    /// What the event at a place knows of a process: its own sequence number for its own. O(log steps).
    package func known(of process: Int, at place: EventPosition) -> UInt64 {
        let line = processes[place.process]
        if process == place.process { return line.runs[place.position] }
        return line.known[process]?.value(at: place.position) ?? 0
    }

    /// The position of the first event of `process` that is `event` or has seen it. O(log n).
    func firstKnower(of event: EventKey, in process: Int) -> Int? {
        let line = processes[process]
        if process == event.process {
            let position = event.sequence == 0 ? 0 : line.count(upTo: event.sequence - 1)
            return position < line.count ? position : nil
        }
        return line.known[event.process]?.firstPosition(reaching: event.sequence)
    }

    /// Whether event `e` has seen event `x`, another event.
    ///
    /// Yes where the last event at or before `e` has, or, where `e` is missing, where a receiver learned of
    /// `x` from it. No where `e` is here and its knowledge exact, or where some event that has seen `e` has not
    /// seen `x`: the first such event of each process is the best witness.
    func knows(_ e: EventKey, _ x: EventKey) -> Knowledge {
        if e.process == x.process { return e.sequence >= x.sequence ? .yes : .no }
        let line = processes[e.process]
        let floor = line.count(upTo: e.sequence) - 1
        let isHere = floor >= 0 && line.runs[floor] == e.sequence
        if floor >= 0,
            known(of: x.process, at: EventPosition(process: e.process, position: floor))
                >= x.sequence
        {
            return .yes
        }
        if isHere, !line.isUncertain(at: floor) { return .no }
        if !isHere, receiverLearned(x, from: e) { return .yes }
        for process in processes.indices {
            guard let knower = firstKnower(of: e, in: process),
                let witness = processes[process].firstCertain(from: knower)
            else { continue }
            let place = EventPosition(process: process, position: witness)
            if known(of: x.process, at: place) < x.sequence { return .no }
        }
        return .unknown(blame(e))
    }

    /// True where a receive names the missing event `send` as its cause, and knows `x` though the event
    /// before it on its process does not.
    private func receiverLearned(_ x: EventKey, from send: EventKey) -> Bool {
        (receiptsOfMissing[send] ?? []).contains { place in
            let line = processes[place.process]
            guard x.process != place.process, place.position > 0,
                line.runs[place.position] == line.runs[place.position - 1] + 1,
                let steps = line.known[x.process]
            else { return false }
            return steps.value(at: place.position) >= x.sequence
                && steps.value(at: place.position - 1) < x.sequence
        }
    }

    /// The missing events for want of which the knowledge of `e` is not exact.
    func blame(_ e: EventKey) -> Gap? {
        let line = processes[e.process]
        guard let position = line.position(of: e.sequence) else {
            return line.gaps.first { $0.contains(e.sequence) }
                ?? Gap(process: line.id, first: e.sequence, last: e.sequence)
        }
        var place = EventPosition(process: e.process, position: position)
        for _ in 0..<eventCount {
            let line = processes[place.process]
            if let cause = line.cause(at: place.position) {
                let source = processes[cause.process]
                guard let position = source.position(of: cause.sequence) else {
                    return blame(EventKey(process: cause.process, sequence: cause.sequence))
                }
                if source.isUncertain(at: position) {
                    place = EventPosition(process: cause.process, position: position)
                    continue
                }
            }
            let sequence = line.runs[place.position]
            if sequence > 1, line.position(of: sequence - 1) == nil {
                return line.gaps.first { $0.contains(sequence - 1) }
            }
            guard place.position > 0, line.isUncertain(at: place.position - 1) else { return nil }
            place.position -= 1
        }
        return nil
    }
}
