import Causality

/// Finds out what events had seen whose stamps do not say it all: what the events had seen that they name.
///
/// A generating stamp has an entry for the sender of every message that was taken, so what its event had seen is what its
/// entries had seen. That is known exactly where every entry is here and known exactly itself, or is covered by one that is:
/// whatever else is missing, of its own process too. A chained event had seen what the one before it had seen, and what its
/// cause had.
struct Sweep {
    private var history: History
    private let ranges: [Range<Int>]
    private let dependencies: Dependencies
    private(set) var progress: [Progress]
    /// By process: what is known so far, and what was known in between.
    private var logs: [KnowledgeLog]
    private var checkpoints: [[Checkpoint]]
    private var board: ClockBoard
    /// By process: the run of stamps at which it is, and the position of the event that comes next.
    private var stampRuns: [Int]
    private var next: [Int]
    /// By process: its place in an order that does not depend on what processes are called.
    private let ranks: [Int]
    /// True where some event turned out to know what did not come before it.
    private var isOutOfOrder = false

    /// What was found out of a process so far.
    struct Progress: Sendable {
        /// The entries that are not here, or not known exactly, and not covered.
        var open: [Int: UInt64] = [:]
        /// What is known through entries that are known exactly; nil where that is all: where nothing is open.
        var covered: IndexedClock?
        /// True where the event before was known exactly.
        var wasExact = true
    }

    /// What was known once, after so many steps.
    private typealias Checkpoint = (clock: IndexedClock, count: Int)

    /// - Parameters:
    ///   - history: One of which it is known what its stamps and causes say.
    ///   - ranges: The positions of the events meant, by process: from the first that is not put away on, and with all that
    ///     these name.
    ///   - dependencies: What these name.
    init(_ history: History, in ranges: [Range<Int>], _ dependencies: Dependencies) {
        self.history = history
        self.ranges = ranges
        self.dependencies = dependencies
        let processes = history.processes.indices
        progress = processes.map { history.footing?.progress(of: $0) ?? Progress() }
        logs = processes.map(history.knownBelow)
        checkpoints = processes.map { _ in [] }
        board = ClockBoard(count: processes.count)
        ranks = history.steadyRanks()
        stampRuns = processes.map { _ in 0 }
        next = ranges.map(\.lowerBound)
    }

    mutating func run(check: () throws -> Void) rethrows {
        var listing = LinearExtension(history, in: ranges, dependencies)
        var listed = 0
        while let place = listing.next() {
            if listed % Limits.rowsBetweenChecks == 0 { try check() }
            listed += 1
            visit(place)
        }
        history.isCyclic = !listing.cycles.isEmpty
    }

    /// Gives up the history, with what was found: process by process, so that all of it is in memory once.
    mutating func takeHistory() -> History {
        for process in logs.indices {
            history.processes[process].known = KnowledgeTable(logs[process])
            logs[process] = KnowledgeLog()
            checkpoints[process] = []
        }
        if !history.isCyclic, !isOutOfOrder { history.named = dependencies }
        return history
    }

    private mutating func visit(_ place: EventPosition) {
        let (process, position) = (place.process, place.position)
        next[process] = position + 1
        while stampRuns[process] + 1 < history.processes[process].stamps.count,
            history.processes[process].stamps[stampRuns[process] + 1].position <= position
        {
            stampRuns[process] += 1
        }
        let stamp = history.processes[process].stamps[stampRuns[process]].stamp
        let sources = dependencies.of(
            process: process, row: position - ranges[process].lowerBound)
        if stamp == .complete {
            for key in sources { learn(key, at: place) }
            progress[process].open = [:]
            progress[process].covered = nil
        } else if !sources.isEmpty {
            for key in sources { adopt(key, at: place) }
            closeCovered(process)
        }
        if !sources.isEmpty { keepCheckpoint(process) }
        note(stamp == .complete ? nil : uncertainty(of: stamp, at: place), at: place)
    }

    /// Forgets the entries that turned out to be covered.
    private mutating func closeCovered(_ process: Int) {
        guard let covered = progress[process].covered else { return }
        progress[process].open = progress[process].open.filter { covered[$0.key] < $0.value }
        if progress[process].open.isEmpty { progress[process].covered = nil }
    }

    /// Keeps what is known now, where much was learned since that was kept last: so what was known at any position is a few steps away for
    /// each other that is known.
    private mutating func keepCheckpoint(_ process: Int) {
        let log = logs[process]
        let steps = log.count - (checkpoints[process].last?.count ?? 0)
        guard steps >= max(Limits.stepsBetweenCheckpoints, 8 * log.clock.count) else { return }
        checkpoints[process].append((log.clock, log.count))
    }

    /// The event at `place` knows what an event that it has seen knew.
    private mutating func adopt(_ key: EventKey, at place: EventPosition) {
        let (process, source) = (place.process, key.process)
        // A message from itself tells nothing new.
        if source == process { return }
        let floor = history.processes[source].count(upTo: key.sequence) - 1
        var isExact = false
        if floor < 0 {
            board.clear()
        } else {
            isExact = recall(source, at: floor)
            if history.processes[source].runs[floor] != key.sequence { isExact = false }
        }
        if !isExact, progress[process].covered == nil {
            progress[process].covered = logs[process].clock
        }
        learn(key, at: place)
        board.remove(process)
        var fresh: [Int] = []
        logs[process].rise(to: board, at: place.position) { fresh.append($0) }
        for other in fresh { learnOrigins(of: other, at: place) }
        guard isExact else {
            // The numbers of several processes are not one's: who knows a later one need not know this one, which sent a message.
            let number = isSenderAmbiguous(key, at: place) ? Limits.neverCovered : key.sequence
            progress[process].open[source] = max(progress[process].open[source] ?? 0, number)
            return
        }
        progress[process].covered?.rise(to: board) { _, _ in }
        _ = progress[process].covered?.rise(source, to: key.sequence)
    }

    /// Whether an event sent the message that came at `place`, and is one of several processes' that cannot be told.
    private func isSenderAmbiguous(_ key: EventKey, at place: EventPosition) -> Bool {
        switch history.processes[key.process].standIn {
        case .fork, .name:
            history.processes[place.process].causes(at: place.position).contains { $0.key == key }
        case .claim, nil: false
        }
    }

    /// Lays out what an event knew. Returns whether that is known exactly.
    private mutating func recall(_ process: Int, at position: Int) -> Bool {
        if position < history.processes[process].base {
            let event = history.putAway(EventPosition(process: process, position: position))
            history.lay(event, of: process, on: &board)
            return event.isExact
        }
        let count = logs[process].count(through: position)
        let kept = checkpoints[process]
        let index = partitionPoint(count: kept.count) { kept[$0].count < count }
        logs[process].lay(
            at: position, on: &board,
            from: index < kept.count ? kept[index] : (logs[process].clock, logs[process].count))
        return !history.processes[process].isUncertain(at: position)
    }

    private mutating func learn(_ key: EventKey, at place: EventPosition) {
        guard key.process != place.process, key.sequence > 0,
            logs[place.process].rise(key.process, to: key.sequence, at: place.position)
        else { return }
        learnOrigins(of: key.process, at: place)
    }

    /// The event at `place` is the first of its process that knows another one.
    private mutating func learnOrigins(of other: Int, at place: EventPosition) {
        for key in history.processes[other].implied where key.process != place.process {
            logs[place.process].rise(key.process, to: key.sequence, at: place.position)
            if next[key.process] < history.processes[key.process].count(upTo: key.sequence) {
                isOutOfOrder = true
            }
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
    private mutating func uncertainty(of stamp: Stamp, at place: EventPosition) -> Uncertainty? {
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

    /// The first open entry, which it stays whatever processes are called when more has arrived: what is put away tells of it.
    private func openEntry(_ process: Int) -> Uncertainty? {
        progress[process].open
            .map { EventKey(process: $0.key, sequence: $0.value) }
            .min { ranks[$0.process] < ranks[$1.process] }
            .map { .event($0) }
    }

    /// Whether the first event of a restart that a log tells of names an event of an earlier incarnation, and not just
    /// because the sender of the message that it received had seen it.
    private mutating func namesOrigin(_ line: ProcessHistory) -> Bool {
        guard let process = history.index(of: line.id) else { return false }
        let causes = line.causes(at: 0)
        for source in dependencies.of(process: process, row: 0) {
            let other = history.processes[source.process].id
            guard other != line.id, ExactText.isSame(other.name, line.id.name),
                causes.allSatisfy({ isNews(source, with: $0) })
            else { continue }
            return true
        }
        return false
    }

    /// Whether the sender of a message had not seen an event, as far as is known.
    private mutating func isNews(_ event: EventKey, with cause: RecordedCause) -> Bool {
        if cause.process == event.process { return event.sequence > cause.sequence }
        let floor = history.processes[cause.process].count(upTo: cause.sequence) - 1
        guard floor >= 0 else { return false }
        _ = recall(cause.process, at: floor)
        return board.value(of: event.process) < event.sequence
    }
}

extension History {
    /// By process: its place in an order that holds whatever arrives later. Those that are here come first, by the names that they give
    /// themselves; then those that are only cited, by what cites them: how they are called is often heard later.
    /// O(processes · log processes + citations).
    fileprivate func steadyRanks() -> [Int] {
        var cited = [Citation?](repeating: nil, count: processes.count)
        for (citation, target) in zip(citations, targets) {
            let index =
                switch target {
                case .process(let index): index
                case .forked(base: _, sequence: _, let standIn): standIn
                }
            guard cited[index].map({ Citation.isBefore(citation, $0) }) ?? true else { continue }
            cited[index] = citation
        }
        func isBefore(_ a: Int, _ b: Int) -> Bool {
            let (one, other) = (processes[a], processes[b])
            switch (one.key, other.key) {
            case (let x?, let y?):
                if x.process != y.process { return listingOrder(x.process, y.process) }
                return listingOrder(one.id, other.id)
            case (nil, nil):
                if let x = cited[a], let y = cited[b] { return Citation.isBefore(x, y) }
                if (cited[a] == nil) != (cited[b] == nil) { return cited[a] != nil }
                return listingOrder(one.id, other.id)
            case (let x, _): return x != nil
            }
        }
        var ranks = [Int](repeating: 0, count: processes.count)
        for (rank, index) in processes.indices.sorted(by: isBefore).enumerated() {
            ranks[index] = rank
        }
        return ranks
    }
}
