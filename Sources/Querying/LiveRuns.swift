import Causality
import HappensBefore

/// The processes of an execution at one look, for somebody who follows some of them.
struct LiveRuns {
    /// By process: its run, where it is meant and something of it is here.
    private(set) var runs: [LiveCursor.Run?] = []
    private(set) var sequences: [SequenceRuns] = []
    /// By process: how many of its first events were dropped.
    private(set) var dropped: [Int] = []
    /// By process: which of its events are meant and here.
    private(set) var all: [Range<Int>] = []
    var meantCount: Int { runs.count { $0 != nil } }
    var branchCount: Int { runs.count { $0?.branch != nil } }

    /// O(processes)
    ///
    /// - Parameter meant: Only these; nil: all that the selection may take.
    init(
        _ index: some CausalIndex, _ selection: Selection, _ meant: Set<Int>?
    ) throws {
        for process in 0..<index.processCount {
            let facts = try index.facts(of: process)
            let isMeant =
                meant?.contains(process)
                ?? selection.mayHold(process: facts.id, host: facts.host)
            sequences.append(try index.sequences(of: process))
            dropped.append(try index.droppedCount(of: process))
            if isMeant, facts.count > 0, let key = facts.key {
                runs.append(LiveCursor.Run(identity: key.identity, branch: facts.branch))
                all.append(dropped[process]..<sequences[process].count)
            } else {
                runs.append(nil)
                all.append(0..<0)
            }
        }
    }

    /// The last event that was shown of each process.
    func shown(_ cursor: LiveCursor) -> [EventPosition] {
        runs.enumerated().compactMap { process, run in
            guard let run, let last = cursor.runs[run]?.last else { return nil }
            let count = sequences[process].count(upTo: last)
            return count == 0 ? nil : EventPosition(process: process, position: count - 1)
        }
    }

    /// Up to which number what was shown has seen a process. O(processes · log n)
    func seen(
        of process: Int, by shown: [EventPosition], _ index: some CausalIndex
    ) throws -> UInt64 {
        var seen: UInt64 = 0
        for place in shown { seen = max(seen, try index.known(of: process, at: place)) }
        return seen
    }

    /// By process: what comes after all that was shown.
    func fresh(_ cursor: LiveCursor) -> [Range<Int>] {
        all.enumerated().map { process, range in
            guard let run = runs[process], let shown = cursor.runs[run] else { return range }
            let count = sequences[process].count(upTo: shown.last)
            return max(range.lowerBound, min(count, range.upperBound))..<range.upperBound
        }
    }

    /// By process: from the first event on that was not shown, though others behind it may have been.
    func unshown(_ cursor: LiveCursor) -> [Range<Int>] {
        zip(all, fresh(cursor)).enumerated().map { process, ranges in
            let (all, fresh) = ranges
            guard let run = runs[process], let first = cursor.runs[run]?.missing.first else {
                return fresh
            }
            let start = sequences[process].count(upTo: first.lowerBound - 1)
            return min(max(start, all.lowerBound), fresh.lowerBound)..<fresh.upperBound
        }
    }

    /// By process: what comes before the end of what was shown, whether or not all of it was.
    func before(_ cursor: LiveCursor) -> [Range<Int>] {
        zip(all, fresh(cursor)).map { $0.lowerBound..<$1.lowerBound }
    }

    /// By process: what has come that was missing before something that was shown, the first part of it.
    func late(_ cursor: LiveCursor) -> [Range<Int>] {
        all.enumerated().map { process, range in
            guard let run = runs[process], let shown = cursor.runs[run] else { return 0..<0 }
            for missing in shown.missing {
                let start = sequences[process].count(upTo: missing.lowerBound - 1)
                let end = sequences[process].count(upTo: missing.upperBound)
                let came = max(start, range.lowerBound)..<max(end, range.lowerBound)
                if !came.isEmpty { return came }
            }
            return 0..<0
        }
    }
}

extension LiveCursor {
    /// Learns of runs that turned out to be there more than once. Returns what is to be told of it.
    mutating func join(_ runs: LiveRuns, _ index: some CausalIndex) throws -> [LiveMessage] {
        var messages: [LiveMessage] = []
        for (process, run) in runs.runs.enumerated() {
            guard let run, run.branch != nil, self.runs[run] == nil,
                let before = self.runs[Run(identity: run.identity, branch: nil)]
            else { continue }
            var shown = Shown(runs.sequences[process])
            shown.last = min(shown.last, before.last)
            shown.missing = before.missing
            self.runs[run] = shown
            messages.append(
                .note(
                    "\(try index.id(of: process)) is there more than once: up to \(before.last), what was shown is of one of them (lightcone defects tells more)"
                ))
        }
        return messages
    }
}

extension LiveCursor {
    /// Whether an event of a run was shown, or passed by.
    func has(_ sequence: UInt64, of run: Run) -> Bool {
        guard let shown = runs[run], sequence <= shown.last else { return false }
        let missing = shown.missing
        let next = partitionPoint(count: missing.count) { missing[$0].upperBound < sequence }
        return next == missing.count || !missing[next].contains(sequence)
    }
}

extension LiveCursor.Shown {
    /// All that is here.
    init(_ sequences: SequenceRuns) {
        last = sequences.last
        missing = sequences.holes(upTo: sequences.last)
    }

    /// The next number was shown, or passed by. O(log n), and more where some before it are missing.
    mutating func show(upTo sequence: UInt64, _ sequences: SequenceRuns) {
        guard sequence > last else { return }
        let here = sequences.count(upTo: sequence) - sequences.count(upTo: last)
        if UInt64(here) < sequence - last {
            missing += sequences.holes(in: (last + 1)...sequence)
        }
        last = sequence
    }

    /// A missing number came, and was shown.
    mutating func showLate(_ sequence: UInt64) {
        guard let place = missing.firstIndex(where: { $0.contains(sequence) }) else { return }
        let range = missing.remove(at: place)
        if sequence < range.upperBound {
            missing.insert((sequence + 1)...range.upperBound, at: place)
        }
        if sequence > range.lowerBound {
            missing.insert(range.lowerBound...(sequence - 1), at: place)
        }
    }
}

/// Events that somebody who follows is shown next, one after the other.
struct LivePass {
    /// nil while it is taken from.
    var source: Source?
    /// Of a pattern: the matches of the event that is looked at.
    var matches: [Match] = []
    private let runs: LiveRuns
    /// By process: those that are looked through; none where the cursor knows of them already.
    private let ranges: [Range<Int>]
    /// Whether all of them are one message.
    let isWhole: Bool
    /// Whether they come after something that was shown.
    var isLate = false
    /// By process: from where on events wait for what is not here.
    var waitingFrom: [Int]?
    /// By process: up to which number events are late, since what has seen them was shown.
    var lateUpTo: [UInt64]?
    private let process: (ProcessID) throws -> Int?

    enum Source {
        case events(any EventSequence)
        case matches(any LiveMatchSequence)
    }

    init(
        _ source: Source, _ runs: LiveRuns, ranges: [Range<Int>], isWhole: Bool,
        _ index: some CausalIndex
    ) {
        self.source = source
        self.runs = runs
        self.ranges = ranges
        self.isWhole = isWhole
        process = { try index.index(of: $0) }
    }

    func place(_ id: EventID) throws -> EventPosition? {
        guard let process = try process(id.process),
            let position = runs.sequences[process].position(of: id.sequence)
        else { return nil }
        return EventPosition(process: process, position: position)
    }

    /// Passes an event, as one that was shown or not selected. Gives what is to be said of it.
    func pass(
        _ place: EventPosition, _ sequence: UInt64, _ cursor: inout LiveCursor
    ) -> (isLate: Bool, isWaiting: Bool) {
        if !ranges.isEmpty, let run = runs.runs[place.process] {
            if isLate {
                cursor.runs[run]?.showLate(sequence)
            } else {
                cursor.runs[run, default: LiveCursor.Shown()].show(
                    upTo: sequence, runs.sequences[place.process])
            }
        }
        return (isLate || lateUpTo.map { sequence <= $0[place.process] } ?? false, waits(place))
    }

    private func waits(_ place: EventPosition) -> Bool {
        waitingFrom.map { place.position >= $0[place.process] } ?? false
    }

    func show(
        _ step: EventStep, _ place: EventPosition, _ sequence: UInt64, _ cursor: inout LiveCursor
    ) -> LiveEvent {
        let (isLate, isWaiting) = pass(place, sequence, &cursor)
        return LiveEvent(step: step, isLate: isLate, isWaiting: isWaiting)
    }

    /// Passes the newest event of some matches.
    func show(
        _ matches: [Match], of place: EventPosition, _ sequence: UInt64,
        _ cursor: inout LiveCursor
    ) -> [LiveEvent] {
        let (isLate, isWaiting) = pass(place, sequence, &cursor)
        return matches.map { match in
            LiveEvent(
                step: .match(match), isLate: isLate,
                isWaiting: isWaiting
                    || match.events.contains { _, event in
                        if case .event(let listed) = event { waits(listed.place) } else { false }
                    })
        }
    }

    /// All of them were shown.
    func finish(_ cursor: inout LiveCursor) throws {
        for (process, range) in ranges.enumerated() where !range.isEmpty {
            guard let run = runs.runs[process] else { continue }
            let sequences = runs.sequences[process]
            if isLate {
                let came = sequences[range.lowerBound]...sequences[range.upperBound - 1]
                var shown = cursor.runs[run] ?? LiveCursor.Shown()
                shown.missing = shown.missing.flatMap { missing in
                    came.overlaps(missing) ? sequences.holes(in: missing) : [missing]
                }
                cursor.runs[run] = shown
            } else {
                cursor.runs[run, default: LiveCursor.Shown()].show(
                    upTo: sequences[range.upperBound - 1], sequences)
            }
        }
    }
}
