import Causality

extension History {
    /// Puts away the events at or below a cut, and gives what follows from them: the floor that this history stands on from
    /// now on, or its uppermost piece where it stands on one already. Then frames are appended as before, and `finish(over:)`
    /// asks the floor: before that, it knows nothing of what its events know. Of a history that is finished. O(what is below the cut and was not put away before · log processes,
    /// and what processes know there).
    ///
    /// - Parameter cut: By process index: at or below the frontier, and consistent. Traps where it is not.
    package mutating func cutOff(at cut: Cut) -> History {
        let ends = zip(processes, cut.sequences).map { line, sequence in
            max(line.base, line.count(upTo: sequence))
        }
        precondition(breach == nil, "a cut above a floor that does not hold any more")
        precondition(isClosed(ends), "a cut that is not consistent")
        let footing = Footing(self, at: ends)
        var below = self
        below.footing?.forgetKnown()
        for index in processes.indices {
            let (base, end, count) = (processes[index].base, ends[index], processes[index].count)
            below.processes[index].forgetStamps()
            below.processes[index].restrict(to: base..<end)
            processes[index].known = KnowledgeTable()
            processes[index].restrict(to: end..<count)
        }
        self.footing = footing
        named = nil
        below.noteLearned()
        noteLearned()
        return below
    }

    /// Whether all events that the first ones of each process know are among these, as far as they are here.
    private func isClosed(_ ends: [Int]) -> Bool {
        zip(processes, ends).allSatisfy { line, end in
            end == line.base
                || line.known.others.indices.allSatisfy { place in
                    let other = Int(line.known.others[place])
                    let value = line.known.value(at: place, at: end - 1)
                    return processes[other].count(upTo: value) <= ends[other]
                }
        }
    }

    /// By send that is not here, what receives of its message say that it had seen.
    mutating func noteLearned() {
        learnedFromMissing = [:]
        for receipt in processes.lazy.flatMap(\.receipts) {
            learnedFromMissing[receipt.send, default: []].append(receipt.learned)
        }
    }
}

extension Footing {
    /// What a history keeps once the first events of each process are put away.
    fileprivate init(_ history: History, at ends: [Int]) {
        let progress = Footing.progress(of: history, at: ends)
        let cited = Footing.cited(by: history, at: ends)
        for (index, line) in history.processes.enumerated()
        where ends[index] > 0 || cited[index] > 0 {
            let sealed = max(cited[index], ends[index] == 0 ? 0 : line.runs[ends[index] - 1])
            processes[index] = Settled(
                id: line.id, isHere: line.key != nil, standIn: line.standIn,
                isUnlinked: line.isUnlinked, implied: line.implied, speaks: line.speaks,
                base: ends[index], cited: cited[index], sealed: sealed,
                ruled: Set(line.rulings.keys.filter { $0 <= sealed }), progress: progress[index])
            guard ends[index] > 0 else { continue }
            let last = EventPosition(process: index, position: ends[index] - 1)
            if last.position < line.base {
                processes[index]!.known = history.footing!.processes[index]!.known
                events[last] = history.putAway(last)
            } else {
                processes[index]!.known = line.known.clock(at: last.position)
                events[last] = PutAwayEvent(
                    kind: line.kinds[last.position],
                    isExact: !line.isUncertain(at: last.position))
            }
        }
        for (citation, target) in history.targets.enumerated() {
            switch target {
            case .process(let index), .forked(base: _, sequence: _, standIn: let index):
                if processes[index] != nil { targets[citation] = target }
            }
        }
        isSwept = history.isSwept
    }

    /// Where the next event of each process goes on.
    private static func progress(of history: History, at ends: [Int]) -> [Sweep.Progress] {
        let areExact = ends.indices.allSatisfy { process in
            let (line, end) = (history.processes[process], ends[process])
            if end > line.base { return !line.isUncertain(at: end - 1) }
            return history.footing?.progress(of: process)?.wasExact ?? true
        }
        // Where nothing is open.
        if areExact { return ends.map { _ in Sweep.Progress() } }
        var history = history
        // What stamps alone say: a sweep goes on from that.
        history.resolveKnowledge()
        let ranges = zip(history.processes, ends).map { $0.base..<$1 }
        let dependencies = Dependencies(history, in: ranges) {}
        for process in history.processes.indices {
            history.processes[process].known = KnowledgeTable()
        }
        var sweep = Sweep(history, in: ranges, dependencies)
        sweep.run {}
        return sweep.progress
    }

    /// By process: the highest number that events which are put away know, or name as a cause.
    private static func cited(by history: History, at ends: [Int]) -> [UInt64] {
        var cited = history.processes.indices.map { history.footing?.processes[$0]?.cited ?? 0 }
        func note(_ key: EventKey) {
            cited[key.process] = max(cited[key.process], key.sequence)
        }
        for (index, line) in history.processes.enumerated() where ends[index] > line.base {
            for key in line.known.clock(at: ends[index] - 1).keys { note(key) }
            for cause in line.causes where Int(cause.position) < ends[index] { note(cause.key) }
        }
        return cited
    }
}
