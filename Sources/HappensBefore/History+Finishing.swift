import Causality

extension History {
    /// Makes the history ready for questions after frames were added: O(steps of knowledge) where every stamp is complete;
    /// else one sweep that follows stamps and causes, O((events + growth) · log processes). Where `check` throws it stops, and
    /// the history is of no use.
    package mutating func finish(check: () throws -> Void) rethrows {
        unlinked = []
        learnedFromMissing = [:]
        for index in 0..<lineCount { processes[index].rulings = [:] }
        resolve()
        for process in 0..<lineCount {
            try check()
            noteReceipts(of: process)
        }
        guard processes.contains(where: { $0.stamps.contains { $0.stamp != .complete } }) else {
            return
        }
        var sweep = try Sweep(self, check: check)
        try sweep.run(check: check)
        self = sweep.history
    }

    package mutating func finish() { finish {} }

    /// Notes what the receives of a process say of sends that are missing. O(causes + steps of knowledge).
    private mutating func noteReceipts(of process: Int) {
        let line = processes[process]
        var sends: [Int: EventKey] = [:]
        for cause in line.causes where processes[cause.process].standIn == nil {
            let position = Int(cause.position)
            // Of several messages it cannot be told which one brought what; nor of one, unless the event before it is here, and
            // all that it knew.
            guard processes[cause.process].position(of: cause.sequence) == nil,
                line.causes(at: position).count == 1, position > 0,
                line.runs[position] == line.runs[position - 1] + 1
            else { continue }
            if case .lossy(let loss) = line.stamp(at: position - 1), loss.reason == .frameMissing {
                continue
            }
            sends[position] = cause.key
        }
        guard !sends.isEmpty else { return }
        for other in line.known.keys.sorted() {
            let steps = line.known[other]!
            for step in 0..<steps.count {
                guard let send = sends[Int(steps.positions[step])], send.process != other else {
                    continue
                }
                learnedFromMissing[send, default: []].append(
                    EventKey(process: other, sequence: steps.values[step]))
            }
        }
    }
}

/// Finds out what events had seen whose stamps do not say it all: what the events had seen that they name.
///
/// A generating stamp has an entry for the sender of every message that was taken, so what its event had seen is what its
/// entries had seen. That is known exactly where every entry is here and known exactly itself, or is covered by one that is:
/// whatever else is missing, of its own process too. A chained event had seen what the one before it had seen, and what its
/// cause had.
private struct Sweep {
    var history: History
    private let dependencies: Dependencies
    private var progress: [Progress]

    /// What was found out of a process so far.
    private struct Progress {
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

    init(_ history: History, check: () throws -> Void) rethrows {
        self.history = history
        dependencies = try Dependencies(
            history, in: history.processes.map { 0..<$0.count }, check: check)
        progress = Array(repeating: Progress(), count: history.processes.count)
    }

    mutating func run(check: () throws -> Void) rethrows {
        var order: [EventPosition] = []
        order.reserveCapacity(history.countEvents())
        for place in try LinearExtension(history, check: check) {
            if order.count % Limits.rowsBetweenChecks == 0 { try check() }
            order.append(place)
        }
        for process in history.processes.indices { history.processes[process].known = [:] }
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
        let sources = dependencies.of(process: process, row: position)
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
            isExact =
                history.processes[source].runs[floor] == key.sequence
                && !history.processes[source].isUncertain(at: floor)
            for (other, steps) in history.processes[source].known {
                let value = steps.value(at: floor)
                learn(other, value, at: place)
                if isExact {
                    progress[process].covered[other] = max(
                        progress[process].covered[other] ?? 0, value)
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

    private mutating func learn(_ other: Int, _ value: UInt64, at place: EventPosition) {
        guard other != place.process, value > 0 else { return }
        let isNew = history.processes[place.process].known[other] == nil
        history.processes[place.process].known[other, default: StepFunction()].rise(
            to: value, at: place.position)
        guard isNew else { return }
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
                return (sender.known[source.process]?.value(at: floor) ?? 0) < source.sequence
            }
        }
    }
}
