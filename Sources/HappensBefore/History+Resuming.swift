import Causality

extension History {
    /// What this history keeps of what is put away, in the indexes of the floor that it stands on. Nil where nothing is put
    /// away, and where the clock of some process goes on from one that cannot be read. Of a history that was just cut off.
    /// O(what processes know at the cut).
    package func resumption() -> Resumption? {
        guard let footing else { return nil }
        var resumption = Resumption()
        resumption.isSwept = footing.isSwept
        // In an order of their own, which does not depend on who was here first.
        let order = citations.indices.sorted { Citation.isBefore(citations[$0], citations[$1]) }
        var numbers = [Int](repeating: 0, count: order.count)
        for (number, index) in order.enumerated() { numbers[index] = number }
        resumption.citations = order.map { index in
            let citation = citations[index]
            var target: Int?
            // Runs that are there more than once are not put away.
            if case .process(let process)? = footing.targets[index] { target = process }
            return Resumption.Cited(
                process: citation.process, isClock: citation.isClock, target: target)
        }
        resumption.claims = claimedNames.keys.sorted { $0.bits < $1.bits }.map { run in
            Resumption.Claim(run: run, names: claimedNames[run]!.sorted(by: listingOrder))
        }
        for (index, settled) in footing.processes.sorted(by: { $0.key < $1.key }) {
            if processes[index].isBroken(before: settled.base) { return nil }
            resumption.processes.append(
                Resumption.Line(index, settled, processes[index], numbers))
        }
        return resumption
    }

    /// A history that goes on from a cut as if it had never ended: add what is above the cut, and `finish(over:)` the floor.
    /// Nil where the two do not fit together. O(what processes know at the cut). Throws what the floor does.
    ///
    /// - Parameters:
    ///   - resumption: What the history kept when it was cut off, in the indexes of this floor.
    ///   - floor: What follows from the events that are put away.
    package init?<Floor: CausalFloor>(
        resuming resumption: Resumption, on floor: Floor
    ) throws(Floor.Failure) {
        self.init(execution: floor.execution)
        // Those that are here come first.
        var indices: [Int: Int] = [:]
        for saved in resumption.processes {
            guard let key = try floor.facts(of: saved.process).key else { continue }
            indices[saved.process] = line(LineIdentity(run: key.identity), key)
        }
        for saved in resumption.processes where indices[saved.process] == nil {
            indices[saved.process] = indices.count
        }
        guard indices.count == resumption.processes.count,
            Set(indices.values).count == indices.count
        else { return nil }
        var footing = Footing()
        footing.isSwept = resumption.isSwept
        footing.numbers = FloorNumbers(above: indices)
        for (index, cited) in resumption.citations.enumerated() {
            guard intern(Citation(cited.process, isClock: cited.isClock)) == index else {
                return nil
            }
            guard let target = cited.target else { continue }
            guard let process = indices[target] else { return nil }
            footing.targets[index] = .process(process)
        }
        for claim in resumption.claims { claimedNames[claim.run] = Set(claim.names) }
        for saved in resumption.processes {
            let index = indices[saved.process]!
            let facts = try floor.facts(of: saved.process)
            let sequences = try floor.sequences(of: saved.process)
            guard saved.citations.allSatisfy(citations.indices.contains),
                let settled = Footing.Settled(
                    facts, saved, base: sequences.count,
                    implied: try floor.implied(by: saved.process), indices)
            else { return nil }
            footing.processes[index] = settled
            if facts.key != nil { processes[index].resume(saved, after: sequences) }
        }
        self.footing = footing
    }

    /// Has processes keep the names that they have below the cut, where these tell them from others of which nothing is below it
    /// and nothing will be added: before `finish(over:)`. O(processes that are known below the cut).
    package mutating func keepNames() {
        let settled = (footing?.processes ?? [:]).values
        // Whoever bears a name below the cut tells others from itself: those that only the floor knows of are not here.
        let names = Set(settled.map(\.id))
        for process in settled where !process.id.fork.isEmpty {
            // What stands for branches of a run is told apart by what is here.
            switch process.standIn {
            case .fork, .claim: continue
            case .name, nil: break
            }
            var name = process.id
            name.fork = ""
            if !names.contains(name) { sharedNames.insert(name) }
        }
    }
}

extension Resumption.Line {
    /// - Parameter numbers: By the history's index of a citation.
    fileprivate init(
        _ process: Int, _ settled: Footing.Settled, _ line: ProcessHistory, _ numbers: [Int]
    ) {
        self.init(process: process)
        speaks = settled.speaks
        cited = settled.cited
        sealed = settled.sealed
        expected = line.expectedMax
        ruled = settled.ruled.sorted()
        rulings = line.writtenRulings.filter { $0.position < settled.base }.map {
            Resumption.Ruling(
                position: Int($0.position), citation: numbers[$0.citation],
                sequence: $0.sequence)
        }
        holes = Set(line.sourceHoles).sorted {
            ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound)
        }
        stamps = line.stamps.filter { $0.position < settled.base }
        stamp = IndexedClock(
            line.stamp(before: settled.base)
                .map { EventKey(process: numbers[$0.key], sequence: $0.value) })
        isAllCovered = stamps.last?.stamp == .complete
        isExact = settled.progress.wasExact
        open = settled.progress.open.sorted { $0.key < $1.key }
            .map { EventKey(process: $0.key, sequence: $0.value) }
        covered = settled.progress.covered?.keys ?? []
    }

    /// The citations that it speaks of.
    fileprivate var citations: [Int] { rulings.map(\.citation) + stamp.keys.map(\.process) }
}

extension Footing.Settled {
    /// Nil where something is known that the resumption does not tell of.
    fileprivate init?(
        _ facts: ProcessFacts, _ saved: Resumption.Line, base: Int, implied: [EventKey],
        _ indices: [Int: Int]
    ) {
        func keys(_ keys: [EventKey]) -> [EventKey]? {
            let known = keys.compactMap { key in
                indices[key.process].map { EventKey(process: $0, sequence: key.sequence) }
            }
            return known.count == keys.count ? known : nil
        }
        guard let implied = keys(implied), let open = keys(saved.open),
            let covered = keys(saved.covered),
            saved.stamps.allSatisfy({ $0.position < base }) && (base == 0 || !saved.stamps.isEmpty),
            saved.rulings.allSatisfy({ $0.position < base }),
            base > 0 || saved.stamp.count == 0
        else { return nil }
        self.init(
            id: facts.id, isHere: facts.key != nil, standIn: facts.standIn,
            isUnlinked: facts.isUnlinked, implied: implied, speaks: saved.speaks, base: base,
            cited: saved.cited, sealed: saved.sealed, ruled: Set(saved.ruled),
            progress: Sweep.Progress(
                open: Dictionary(
                    open.map { ($0.process, $0.sequence) }, uniquingKeysWith: max),
                covered: open.isEmpty ? nil : IndexedClock(covered), wasExact: saved.isExact),
            known: nil)
    }
}

extension ProcessHistory {
    /// Whether the clock of the last event before a position goes on from one that cannot be read.
    fileprivate func isBroken(before position: Int) -> Bool {
        if position == count { return tail.isBroken }
        // What has no clock of its own says nothing of it.
        let last = stamps.last { run in
            guard run.position < position else { return false }
            return switch run.stamp {
            case .chained, .silent: false
            case .complete, .generating, .lossy: true
            }
        }
        if case .lossy(let loss)? = last?.stamp { return loss.reason == .frameMissing }
        return false
    }

    /// Goes on behind the first events of a process, all of which are put away.
    fileprivate mutating func resume(_ saved: Resumption.Line, after sequences: SequenceRuns) {
        runs = sequences
        times = Column(from: sequences.count)
        kinds = Column(from: sequences.count)
        stamps = saved.stamps
        speaks = saved.speaks
        expectedMax = saved.expected
        sourceHoles = saved.holes
        tail = Tail(isResumed: true)
        stamped = KnowledgeLog(from: saved.stamp, at: sequences.count - 1)
        writtenRulings = saved.rulings.map {
            WrittenReference(
                position: UInt32($0.position), citation: $0.citation, sequence: $0.sequence,
                evidence: .token)
        }
    }
}
