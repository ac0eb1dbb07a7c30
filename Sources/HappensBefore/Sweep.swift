import Causality

/// Finds out what events had seen whose stamps do not say it all: what the events had seen that they name.
///
/// A generating stamp has an entry for the sender of every message that was taken, so what its event had seen is what its
/// entries had seen. That is known exactly where every entry is here and known exactly itself, or is covered by one that is:
/// whatever else is missing, of its own process too. A chained event had seen what the one before it had seen, and what its
/// cause had.
struct Sweep {
    private(set) var history: History
    private let ranges: [Range<Int>]
    private let dependencies: Dependencies
    private(set) var progress: [Progress]

    /// What was found out of a process so far.
    struct Progress: Sendable {
        /// The entries that are not here, or not known exactly, and not covered.
        var open: [Int: UInt64] = [:]
        /// What is known through entries that are known exactly.
        var covered: [Int: UInt64] = [:]
        /// True where all that is known now is covered: the stamp before was complete.
        var isAllCovered = false
        /// True where the event before was known exactly.
        var wasExact = true
        var stampRun = 0
    }

    /// - Parameters:
    ///   - history: One of which it is known what its stamps and causes say.
    ///   - ranges: The positions of the events meant, by process: from the first that is not put away on, and with all that
    ///     these name.
    init(
        _ history: History, in ranges: [Range<Int>], check: () throws -> Void
    ) rethrows {
        self.history = history
        self.ranges = ranges
        dependencies = try Dependencies(history, in: ranges, check: check)
        progress = history.processes.indices.map { history.footing?.progress(of: $0) ?? Progress() }
    }

    mutating func run(check: () throws -> Void) rethrows {
        var order: [EventPosition] = []
        order.reserveCapacity(ranges.reduce(0) { $0 + $1.count })
        var listing = try LinearExtension(history, in: ranges, check: check)
        while let place = listing.next() {
            if order.count % Limits.rowsBetweenChecks == 0 { try check() }
            order.append(place)
        }
        history.isCyclic = !listing.cycles.isEmpty
        for process in history.processes.indices {
            history.processes[process].known = history.knownBelow(process)
        }
        for (index, place) in order.enumerated() {
            if index % Limits.rowsBetweenChecks == 0 { try check() }
            visit(place)
        }
    }

    private mutating func visit(_ place: EventPosition) {
        let (process, position) = (place.process, place.position)
        while progress[process].stampRun + 1 < history.processes[process].stamps.count,
            history.processes[process].stamps[progress[process].stampRun + 1].position <= position
        {
            progress[process].stampRun += 1
        }
        let stamp = history.processes[process].stamps[progress[process].stampRun].stamp
        let sources = dependencies.of(
            process: process, row: position - ranges[process].lowerBound)
        if stamp == .complete {
            for key in sources { learn(key.process, key.sequence, at: place) }
            progress[process].open = [:]
            progress[process].isAllCovered = true
            note(nil, at: place)
            return
        }
        if progress[process].isAllCovered {
            progress[process].isAllCovered = false
            progress[process].covered = position == 0 ? [:] : known(before: place)
        }
        if !sources.isEmpty {
            for key in sources { adopt(key, at: place) }
            let covered = progress[process].covered
            progress[process].open = progress[process].open.filter {
                covered[$0.key] ?? 0 < $0.value
            }
        }
        note(uncertainty(of: stamp, at: place), at: place)
    }

    private func known(before place: EventPosition) -> [Int: UInt64] {
        history.processes[place.process].known.mapValues { $0.value(at: place.position - 1) }
    }

    /// The event at `place` knows what an event that it has seen knew.
    private mutating func adopt(_ key: EventKey, at place: EventPosition) {
        let (process, source) = (place.process, key.process)
        learn(source, key.sequence, at: place)
        let floor = history.processes[source].count(upTo: key.sequence) - 1
        var isExact = false
        if floor >= 0, source != process {
            let isHere = history.processes[source].runs[floor] == key.sequence
            if floor < history.processes[source].base {
                let event = history.putAway(EventPosition(process: source, position: floor))
                isExact = isHere && event.isExact
                for seen in event.known {
                    take(seen.process, seen.sequence, isExact, at: place)
                }
            } else {
                isExact = isHere && !history.processes[source].isUncertain(at: floor)
                for (other, steps) in history.processes[source].known {
                    take(other, steps.value(at: floor), isExact, at: place)
                }
            }
        }
        // A message from itself tells nothing new.
        if source == process { return }
        if isExact {
            progress[process].covered[source] = max(
                progress[process].covered[source] ?? 0, key.sequence)
        } else {
            progress[process].open[source] = max(
                progress[process].open[source] ?? 0, key.sequence)
        }
    }

    /// The event at `place` knows what one that it has seen knew; all that this knew, where that is exact.
    private mutating func take(
        _ other: Int, _ value: UInt64, _ isExact: Bool, at place: EventPosition
    ) {
        learn(other, value, at: place)
        guard isExact else { return }
        progress[place.process].covered[other] = max(
            progress[place.process].covered[other] ?? 0, value)
    }

    private mutating func learn(_ other: Int, _ value: UInt64, at place: EventPosition) {
        guard other != place.process, value > 0 else { return }
        if let index = history.processes[place.process].known.index(forKey: other) {
            history.processes[place.process].known.values[index].rise(
                to: value, at: place.position)
            return
        }
        history.processes[place.process].known[other] = StepFunction([(place.position, value)])
        for key in history.processes[other].implied where key.process != place.process {
            history.processes[place.process].known[key.process, default: StepFunction()].rise(
                to: key.sequence, at: place.position)
        }
    }

    private mutating func note(_ why: Uncertainty?, at place: EventPosition) {
        progress[place.process].wasExact = why == nil
        if history.processes[place.process].uncertainty.last?.why != why
            || history.processes[place.process].uncertainty.isEmpty && why != nil
        {
            history.processes[place.process].uncertainty.append(
                UncertainRun(position: place.position, why: why))
        }
    }

    /// Why what the event at `place` had seen is not known exactly; nil where it is.
    private func uncertainty(of stamp: Stamp, at place: EventPosition) -> Uncertainty? {
        let line = history.processes[place.process]
        switch stamp {
        case .complete: return nil
        case .generating: return openEntry(place.process)
        case .lossy(let loss):
            return history.unruled(loss, in: place.process) == nil
                ? openEntry(place.process) : .loss(loss)
        case .chained, .silent:
            guard line.speaks else { return .silence }
            let sequence = line.runs[place.position]
            if line.kinds[place.position] == .receive, line.causes(at: place.position).isEmpty {
                return .sender(EventKey(process: place.process, sequence: sequence))
            }
            if place.position == 0 {
                guard sequence == 1 else { return before(sequence, place.process) }
                if line.id.incarnation > 1, !namesOrigin(line) { return .origin }
            } else if line.runs[place.position - 1] != sequence - 1
                || !progress[place.process].wasExact
            {
                return before(sequence, place.process)
            }
            return openEntry(place.process)
        }
    }

    private func before(_ sequence: UInt64, _ process: Int) -> Uncertainty {
        .event(EventKey(process: process, sequence: sequence - 1))
    }

    /// The first open entry in the order of listings.
    private func openEntry(_ process: Int) -> Uncertainty? {
        progress[process].open
            .map { EventKey(process: $0.key, sequence: $0.value) }
            .min { listingOrder(history.id($0), history.id($1)) }
            .map { .event($0) }
    }

    /// Whether the first event of a restart that a log tells of names an event of an earlier incarnation, and not just
    /// because the sender of the message that it received had seen it.
    private func namesOrigin(_ line: ProcessHistory) -> Bool {
        guard let process = history.index(of: line.id) else { return false }
        let causes = line.causes(at: 0)
        return dependencies.of(process: process, row: 0).contains { source in
            let other = history.processes[source.process].id
            guard other != line.id, ExactText.isSame(other.name, line.id.name) else { return false }
            return causes.allSatisfy { cause in
                if cause.process == source.process { return source.sequence > cause.sequence }
                let sender = history.processes[cause.process]
                let floor = sender.count(upTo: cause.sequence) - 1
                guard floor >= 0 else { return false }
                if floor < sender.base {
                    let place = EventPosition(process: cause.process, position: floor)
                    let known = history.putAway(place).known
                    return !known.contains {
                        $0.process == source.process && $0.sequence >= source.sequence
                    }
                }
                return (sender.known[source.process]?.value(at: floor) ?? 0) < source.sequence
            }
        }
    }
}
