import Causality

/// The order of two events as far as the evidence goes.
package enum EventOrder: Hashable, Sendable {
    case known(CausalOrder)
    /// What is here does not decide it.
    case unknown(Unknown)

    package enum Unknown: Hashable, Sendable {
        /// Because of what is not here.
        case lacking([Lack])
        /// Because each has seen the other, which cannot be.
        case contradiction
        /// Because a process is neither here nor cited.
        case noSuchProcess(ProcessID)
    }
}

/// What would have to be here for an exact answer.
package enum Lack: Hashable, Sendable, CustomStringConvertible {
    case events(Gap)
    /// The events of the process are here, and carry no clocks.
    case clocks(ProcessID)
    /// The process is a restart, and which event it went on from was lost.
    case origin(ProcessID)
    /// The clocks around the event contradict themselves.
    case consistency(EventID)

    package var description: String {
        switch self {
        case .events(let gap): "\(gap)"
        case .clocks(let process): "the events of \(process) carry no clocks"
        case .origin(let process): "where \(process) went on from was lost"
        case .consistency(let event): "the clocks contradict themselves around \(event)"
        }
    }

    static func listedBefore(_ a: Lack, _ b: Lack) -> Bool {
        switch (a, b) {
        case (.events(let a), .events(let b)):
            a.process == b.process ? a.first < b.first : listingOrder(a.process, b.process)
        case (.clocks(let a), .clocks(let b)), (.origin(let a), .origin(let b)): listingOrder(a, b)
        case (.consistency(let a), .consistency(let b)): listingOrder(a, b)
        case (.events, _), (.clocks, .origin), (.clocks, .consistency), (.origin, .consistency):
            true
        case (.clocks, _), (.origin, _), (.consistency, _): false
        }
    }
}

/// Whether one event has seen another.
enum Knowledge {
    case yes
    case no
    case unknown(Lack)
}

extension History {
    /// How two events are ordered. Either may be missing; its process must be known here. No traversal:
    /// O(log n) for events that are here, O(processes · log n) for missing ones.
    package func order(_ a: EventID, _ b: EventID) -> EventOrder {
        guard a != b else { return .known(.equal) }
        guard let first = key(a) else { return .unknown(.noSuchProcess(a.process)) }
        guard let second = key(b) else { return .unknown(.noSuchProcess(b.process)) }
        if first.process == second.process {
            return .known(first.sequence < second.sequence ? .before : .after)
        }
        switch (knows(second, first), knows(first, second)) {
        case (.yes, .yes): return .unknown(.contradiction)
        case (.yes, _): return .known(.before)
        case (_, .yes): return .known(.after)
        case (.no, .no): return .known(.concurrent)
        case (.unknown(let x), .unknown(let y)): return .unknown(.lacking(x == y ? [x] : [x, y]))
        case (.unknown(let x), .no), (.no, .unknown(let x)): return .unknown(.lacking([x]))
        }
    }

    func key(_ id: EventID) -> EventKey? {
        indexOf[id.process].map { EventKey(process: $0, sequence: id.sequence) }
    }

    /// What the event at a place knows of a process: its own sequence number for its own. O(log steps).
    package func known(of process: Int, at place: EventPosition) -> UInt64 {
        // Not through a local copy of the process: copying counts references, which costs more than the search.
        if process == place.process { return processes[process].runs[place.position] }
        return processes[place.process].known[process]?.value(at: place.position) ?? 0
    }

    /// The position of the first event of `process` that is `event` or has seen it. O(log n).
    func firstKnower(of event: EventKey, in process: Int) -> Int? {
        if process == event.process {
            let position =
                event.sequence == 0 ? 0 : processes[process].runs.count(upTo: event.sequence - 1)
            return position < processes[process].runs.count ? position : nil
        }
        return processes[process].known[event.process]?.firstPosition(reaching: event.sequence)
    }

    /// Whether event `e` has seen event `x`, another event.
    ///
    /// Yes where the last event at or before `e` has, or, where `e` is missing, where a receiver learned of
    /// `x` from it. No where `e` is here and its knowledge exact, or where some event that has seen `e` has not
    /// seen `x`: the first such event of each process is the best witness.
    func knows(_ e: EventKey, _ x: EventKey) -> Knowledge {
        if e.process == x.process { return e.sequence >= x.sequence ? .yes : .no }
        let floor = processes[e.process].runs.count(upTo: e.sequence) - 1
        let isHere = floor >= 0 && processes[e.process].runs[floor] == e.sequence
        if floor >= 0,
            known(of: x.process, at: EventPosition(process: e.process, position: floor))
                >= x.sequence
        {
            return .yes
        }
        if isHere, !processes[e.process].isUncertain(at: floor) { return .no }
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

    /// For want of what the knowledge of `e`, which is missing or uncertain, is not exact: follows the causes
    /// back to the first thing that is not here. O(events) at worst.
    func blame(_ e: EventKey) -> Lack {
        var key = e
        for _ in 0...eventCount {
            let line = processes[key.process]
            guard let position = line.position(of: key.sequence) else {
                return .events(gap(at: key))
            }
            guard line.hasClocks else { break }
            if let cause = uncertainCause(of: line, at: position) {
                key = cause
            } else if key.sequence > 1,
                position == 0 || line.isUncertain(at: position - 1)
                    || line.runs[position - 1] != key.sequence - 1
            {
                key.sequence -= 1
            } else if key.sequence == 1, line.id.incarnation > 1 {
                return .origin(line.id)
            } else {
                break
            }
        }
        return .clocks(processes[key.process].id)
    }

    /// What the event at `position` has seen at first hand and is missing or uncertain itself.
    private func uncertainCause(of line: ProcessHistory, at position: Int) -> EventKey? {
        var sources =
            line.cause(at: position).map { [EventKey(process: $0.process, sequence: $0.sequence)] }
            ?? []
        for (process, steps) in line.stamped {
            let value = steps.value(at: position)
            if value > (position == 0 ? 0 : steps.value(at: position - 1)) {
                sources.append(EventKey(process: process, sequence: value))
            }
        }
        return sources.sorted { listingOrder(id($0), id($1)) }.first {
            source in
            let line = processes[source.process]
            guard let position = line.position(of: source.sequence) else { return true }
            return line.isUncertain(at: position)
        }
    }

    private func gap(at key: EventKey) -> Gap {
        let line = processes[key.process]
        return line.gaps.first { $0.contains(key.sequence) }
            ?? Gap(process: line.id, first: key.sequence, last: key.sequence)
    }
}
