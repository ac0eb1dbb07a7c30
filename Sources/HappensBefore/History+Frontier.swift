import Causality

/// Up to where the order of what is here can be put away.
package enum Frontier: Hashable, Sendable {
    /// By process index, the last sequence number inside that is here; 0 where none is.
    case cut(Cut)
    /// Nowhere, since the history contradicts itself, or what is put away does not hold.
    case none(Refusal)

    package enum Refusal: Hashable, Sendable {
        /// A run is there more than once.
        case fork(Identity128)
        /// Events of the process are cited as sends, and are none.
        case claim(ProcessID)
        /// Events have seen each other, which cannot be.
        case cycle
        /// A clock of the process runs backwards.
        case backwards(ProcessID)
        /// An event has a cause that its own clock does not know.
        case unknownCause(EventID)
        case breach(Breach)
    }
}

extension History {
    /// The greatest cut that is here such that whatever its events cite, and what is before these on their processes, is inside
    /// too, or is missing and not waited for any more. What a process counts as lost is not waited for; nor is anything that
    /// is missing below an earlier cut. Of a history that is finished.
    /// O(pairs of processes that know each other), and O(those that know it · log n) for each time that a process has to retreat.
    ///
    /// - Parameters:
    ///   - awaited: Of sequence numbers of a process that are known to exist and are not here, the first one that is waited for;
    ///     nil where none is.
    ///   - span: Wall times, in nanoseconds, that nothing inside has; nil where it may have any.
    package func frontier(
        awaiting awaited: (Gap) -> UInt64?, without span: ClosedRange<Int64>? = nil
    ) -> Frontier {
        if let refusal { return .none(refusal) }
        // By process: which number of it, if any, nothing inside may know.
        var excluded = processes.indices.map { firstAwaited(of: $0, awaited) }
        if let span {
            for (index, line) in processes.enumerated() {
                guard let position = line.times.firstIndex(where: span.contains) else { continue }
                excluded[index] = min(excluded[index] ?? .max, line.runs[position])
            }
        }
        var lowered = processes.indices.filter { excluded[$0] != nil }
        let knowers = lowered.isEmpty ? [] : knowers()
        while let process = lowered.popLast() {
            let outside = EventKey(process: process, sequence: excluded[process]!)
            for other in knowers[process] {
                let other = Int(other)
                guard let position = firstStep(knowing: outside, in: other) else { continue }
                let first = processes[other].runs[position]
                if excluded[other].map({ first < $0 }) ?? true {
                    excluded[other] = first
                    lowered.append(other)
                }
            }
        }
        var counts = zip(processes, excluded).map { line, excluded in
            excluded.map { line.count(upTo: $0 - 1) } ?? line.count
        }
        if let span { counts = withoutUndated(counts, before: span) }
        return .cut(
            Cut(
                sequences: zip(processes, counts).map { line, count in
                    count == 0 ? 0 : line.runs[count - 1]
                }))
    }

    /// Of the first events of each process, which know of no others, those up to the last one that has a wall time before a span,
    /// and what these have seen: what has no time, or one after the span, may be of any age.
    private func withoutUndated(_ counts: [Int], before span: ClosedRange<Int64>) -> [Int] {
        let dated = zip(processes, counts).map { line, count in
            max(line.base, min(count, line.countDated(before: span)))
        }
        var needed = dated
        var grown = dated.indices.filter { dated[$0] > processes[$0].base }
        while let process = grown.popLast() {
            for key in processes[process].known.clock(at: needed[process] - 1).keys {
                let other = key.process
                let seen = processes[other].count(upTo: key.sequence)
                guard seen > needed[other] else { continue }
                needed[other] = seen
                grown.append(other)
            }
        }
        return needed
    }

    /// The earliest wall time of an event, of each process the first, that knows some of what is missing: since when it is known
    /// to be; nil where none has one. O(processes · log n).
    package func timeOfCitation(_ gap: Gap) -> WallTime? {
        guard let process = index(of: gap.process) else { return nil }
        var earliest: WallTime?
        for (index, line) in processes[..<lineCount].enumerated() {
            let first =
                index == process
                ? line.count(upTo: gap.last)
                : firstStep(knowing: EventKey(process: process, sequence: gap.first), in: index)
            guard let first, first >= line.base, first < line.count, let time = line.time(at: first)
            else { continue }
            if time.nanoseconds < earliest?.nanoseconds ?? .max { earliest = time }
        }
        return earliest
    }

    /// By process: those that know something of it, ascending. O(pairs of processes that know each other).
    private func knowers() -> [[UInt32]] {
        var knowers = [[UInt32]](repeating: [], count: processes.count)
        for (process, line) in processes.enumerated() {
            for other in line.known.others { knowers[Int(other)].append(UInt32(process)) }
        }
        return knowers
    }

    private func firstAwaited(of process: Int, _ awaited: (Gap) -> UInt64?) -> UInt64? {
        // What was dropped does not come, either.
        let dropped = processes[process].key.flatMap { droppedUpTo[$0.identity] } ?? 0
        let settled = max(footing?.processes[process]?.sealed ?? 0, dropped)
        for gap in processes[process].gaps where !gap.isLost && gap.last > settled {
            let gap = Gap(
                process: gap.process, first: max(gap.first, settled + 1), last: gap.last)
            guard let first = awaited(gap) else { continue }
            precondition(
                gap.contains(first), "who waits for an event waits for one that is missing")
            return first
        }
        return nil
    }

    /// What of the history contradicts itself; nil where nothing does that would leave open what its events had seen.
    private var refusal: Frontier.Refusal? {
        if let breach { return .breach(breach) }
        if isCyclic { return .cycle }
        if let run = forks.keys.min(by: { ($0.high, $0.low) < ($1.high, $1.low) }) {
            return .fork(run)
        }
        for line in processes {
            if case .claim(let process) = line.standIn { return .claim(process) }
            if !line.regressions.isEmpty { return .backwards(line.id) }
        }
        for (index, line) in processes.enumerated() {
            for cause in line.causes {
                let place = EventPosition(process: index, position: Int(cause.position))
                let known = known(of: cause.process, at: place)
                // Nobody has a message of what it has not yet done itself.
                if known < cause.sequence || cause.process == index && known == cause.sequence {
                    return .unknownCause(id(place))
                }
            }
        }
        return nil
    }
}
