import Causality

// What citations mean, what processes are called, and what each goes on from. All of it follows from what is here,
// whatever came first.
extension History {
    /// Finds out anew what is called what, what citations mean, and what processes go on from.
    /// O(citations + processes · log processes).
    mutating func resolveMeanings() {
        for index in 0..<lineCount { processes[index].rulings = [:] }
        unlinked = []
        processes.removeLast(processes.count - lineCount)
        standIns = [:]
        indexOfCited = [:]
        nameLines()
        taken = Set(processes.flatMap { [$0.id, $0.key!.process] }).union(sharedNames)
        let byKey = Dictionary(grouping: 0..<lineCount) { processes[$0].key!.reference }
        let byName = Dictionary(grouping: 0..<lineCount) { processes[$0].key!.process }
        targets = Array(repeating: .process(-1), count: citations.count)
        // In an order of their own, so that what they are called does not depend on who was here first.
        for index in citations.indices.sorted(by: {
            Citation.isBefore(citations[$0], citations[$1])
        }) {
            let citation = citations[index]
            targets[index] =
                switch citation.process {
                case .run(let run): target(of: run, byKey[citation.process] ?? [])
                case .named(let name):
                    target(of: name, byName[name] ?? [], isClock: citation.isClock)
                }
        }
        linkOrigins(byKey)
        unlinked.sort { listingOrder(processes[$0].id, processes[$1].id) }
        indexOf = [:]
        for (index, line) in processes.enumerated() { indexOf[line.id] = index }
    }

    /// Finds out anew what stamps and causes say, once it is known what they mean: of processes of which events are put away,
    /// what they say above these. O(steps of knowledge · log n).
    mutating func resolveKnowledge() {
        let isSwept = isSwept
        for process in 0..<lineCount { resolveKnowledge(of: process, isAll: !isSwept) }
        for index in 0..<lineCount {
            processes[index].citedMax = max(processes[index].citedMax, expectedMax(of: index))
        }
        for (index, settled) in footing?.processes ?? [:] where settled.cited > 0 {
            note(cited: EventKey(process: index, sequence: settled.cited))
        }
    }

    /// Up to which number a process is known to have events, though they may not be read. Of a run that goes on in several ways, what is
    /// expected behind that is one's of them: where one has as many, nothing else is.
    private func expectedMax(of index: Int) -> UInt64 {
        let expected = processes[index].expectedMax
        guard let identity = processes[index].identity, identity.branch == nil,
            let fork = forks[identity.run]
        else { return expected }
        let last = processes[..<lineCount].lazy.filter { $0.identity?.run == identity.run }
            .map(\.last).max()!
        return last < expected ? expected : min(expected, fork.sequence - 1)
    }

    // MARK: Names

    /// Gives each process that is here a name of its own: those that share one are told apart by their runs.
    private mutating func nameLines() {
        let groups = Dictionary(grouping: 0..<lineCount) { processes[$0].key!.process }
        for (name, group) in groups {
            let runs = Set(group.map { processes[$0].identity!.run })
            let isShared = sharedNames.contains(name) || runs.count > 1
            let marked = group.filter { isShared || processes[$0].identity!.branch != nil }
            let marks = marked.map { mark(of: processes[$0].identity!) }
            let width = History.width(of: marks)
            for index in group { processes[index].id = name }
            for (index, mark) in zip(marked, marks) {
                processes[index].id.fork = String(mark.prefix(width))
            }
            for index in group {
                processes[index].citedMax = 0
                processes[index].standIn = nil
            }
        }
    }

    private func mark(of identity: LineIdentity) -> String {
        guard let branch = identity.branch else { return identity.run.description }
        return Identity128(naming: identity.run.bytes + branch.bytes).description
    }

    /// How many digits tell marks apart: 4, 8, 16 or all.
    private static func width(of marks: [String]) -> Int {
        [4, 8, 16].first { width in Set(marks.map { $0.prefix(width) }).count == marks.count } ?? 32
    }

    /// Adds a process that is only cited.
    private mutating func cite(_ id: ProcessID, _ standIn: StandIn? = nil) -> Int {
        processes.append(ProcessHistory(cited: id, standIn: standIn))
        taken.insert(id)
        let index = processes.count - 1
        // A clock and a cause that name what is not here mean the same.
        if standIn == nil, indexOfCited[id] == nil { indexOfCited[id] = index }
        return index
    }

    /// Adds what stands for one of `candidates`, which cannot be told.
    private mutating func standIn(for candidates: [Int], _ name: ProcessID, _ why: StandIn) -> Int {
        var id = name
        id.fork += "?"
        while taken.contains(id) { id.fork += "?" }
        let index = cite(id, why)
        indexOf[id] = index
        for candidate in candidates { standIns[candidate, default: []].append(index) }
        return index
    }

    private mutating func target(of run: RunKey, _ lines: [Int]) -> Target {
        guard let first = lines.first else {
            // Nothing of it is here: it is called what its messages' receivers say, if they agree.
            var id = ProcessID(name: "?\(run)")
            if let names = claimedNames[run], names.count == 1, let name = names.first {
                id = name
                if taken.contains(id) { id.fork = String(run.description.prefix(4)) }
                if taken.contains(id) { id.fork = run.description }
            }
            let index = cite(id)
            if id.incarnation > 1 || id.name.hasPrefix("?") {
                unlinked.append(index)
                processes[index].isUnlinked = true
            }
            return .process(index)
        }
        if lines.count == 1, processes[first].identity!.branch == nil,
            forks[processes[first].identity!.run] == nil
        {
            return .process(first)
        }
        let base = lines.first { processes[$0].identity!.branch == nil }
        let branches = lines.filter { processes[$0].identity!.branch != nil }
        let name = processes[first].key!.process
        let fork =
            forks[processes[first].identity!.run] ?? Fork(sequence: 1, isOfOneSource: false)
        // Two runs whose keys are the same have nothing in common.
        let runs = Set(lines.map { processes[$0].identity!.run })
        guard runs.count == 1 else {
            let index = standIn(
                for: lines, name, .fork(name, Fork(sequence: 1, isOfOneSource: false)))
            return .forked(base: nil, sequence: 1, standIn: index)
        }
        let index = standIn(for: branches, name, .fork(name, fork))
        return .forked(base: base, sequence: fork.sequence, standIn: index)
    }

    /// A name means a process while one alone bears it. A log's clock names processes of logs only.
    private mutating func target(of name: ProcessID, _ lines: [Int], isClock: Bool) -> Target {
        guard let first = lines.first else {
            return .process(indexOfCited[name] ?? cite(name))
        }
        let runs = Set(lines.map { processes[$0].identity!.run })
        let isMeant = !isClock || processes[first].key!.run == nil
        if runs.count == 1, !sharedNames.contains(name), isMeant {
            guard let fork = forks[runs.first!] else { return .process(first) }
            let base = lines.first { processes[$0].identity!.branch == nil }
            let index = standIn(
                for: lines.filter { processes[$0].identity!.branch != nil }, name,
                .fork(name, fork))
            return .forked(base: base, sequence: fork.sequence, standIn: index)
        }
        let index = standIn(for: lines, name, .name(name))
        return .forked(base: nil, sequence: 1, standIn: index)
    }

    // MARK: Origins

    /// What knowing each process implies: what it goes on from, and what that goes on from.
    private mutating func linkOrigins(_ byKey: [ProcessReference: [Int]]) {
        var origins = [[EventKey]](repeating: [], count: processes.count)
        for index in 0..<lineCount {
            let line = processes[index]
            if line.identity!.branch != nil,
                let base = indexOfLine[LineIdentity(run: line.identity!.run)],
                let last = forks[line.identity!.run]?.sequence, last > 1
            {
                origins[index].append(EventKey(process: base, sequence: last - 1))
            }
            guard case .event(let run, let sequence) = line.key!.origin else { continue }
            let citation = Citation(.run(run), isClock: true)
            if indexOfCitation[citation] == nil {
                _ = intern(citation)
                targets.append(target(of: run, byKey[.run(run)] ?? []))
                origins += Array(repeating: [], count: processes.count - origins.count)
            }
            origins[index] += keys(of: indexOfCitation[citation]!, sequence)
        }
        for index in 0..<lineCount {
            var implied: [EventKey] = []
            var pending = origins[index]
            while let key = pending.popLast() {
                // Forged origins may run in a ring.
                guard key.process != index, !implied.contains(where: { $0.process == key.process })
                else { continue }
                implied.append(key)
                note(cited: key)
                pending += origins[key.process]
            }
            processes[index].implied = implied
        }
        linkStandIns()
    }

    /// What knowing a stand-in implies: what all that it may stand for go on from, each up to the least number. What only some of
    /// them go on from is doubtful for whoever knows it, so it stands for that, too.
    private mutating func linkStandIns() {
        var candidates: [Int: [Int]] = [:]
        for (candidate, list) in standIns {
            for standIn in list { candidates[standIn, default: []].append(candidate) }
        }
        guard !candidates.isEmpty else { return }
        // What one goes on from may be a stand-in itself.
        var hasChanged = true
        while hasChanged {
            hasChanged = false
            for (standIn, meant) in candidates {
                var common = lasts(ofImplied: meant[0])
                for candidate in meant.dropFirst() {
                    let others = lasts(ofImplied: candidate)
                    common = common.filter { others[$0.key] != nil }
                    common.merge(others.filter { common[$0.key] != nil }) { min($0, $1) }
                }
                let implied = common.map { EventKey(process: $0.key, sequence: $0.value) }
                    .sorted { $0.process < $1.process }
                if implied != processes[standIn].implied {
                    processes[standIn].implied = implied
                    hasChanged = true
                }
            }
            for index in 0..<lineCount {
                for key in processes[index].implied where candidates[key.process] != nil {
                    for origin in processes[key.process].implied where origin.process != index {
                        hasChanged = imply(origin, by: index) || hasChanged
                    }
                }
            }
        }
        for (standIn, meant) in candidates.sorted(by: { $0.key < $1.key }) {
            let common = Set(processes[standIn].implied)
            let origins = Set(meant.flatMap { processes[$0].implied }).subtracting(common)
            for origin in Set(origins.map(\.process))
            where origin != standIn && standIns[origin]?.contains(standIn) != true {
                standIns[origin, default: []].append(standIn)
            }
        }
    }

    /// Whether that is news.
    private mutating func imply(_ origin: EventKey, by index: Int) -> Bool {
        let place = processes[index].implied.firstIndex { $0.process == origin.process }
        if let place {
            guard processes[index].implied[place].sequence < origin.sequence else { return false }
            processes[index].implied[place] = origin
        } else {
            processes[index].implied.append(origin)
        }
        note(cited: origin)
        return true
    }

    /// By process: up to which number one goes on from it.
    private func lasts(ofImplied index: Int) -> [Int: UInt64] {
        Dictionary(
            processes[index].implied.map { ($0.process, $0.sequence) }, uniquingKeysWith: max)
    }

    private mutating func note(cited key: EventKey) {
        processes[key.process].citedMax = max(processes[key.process].citedMax, key.sequence)
    }

    /// What is known of whom by knowing a citation up to a number.
    func keys(of citation: Int, _ sequence: UInt64) -> [EventKey] {
        switch targets[citation] {
        case .process(let index): return [EventKey(process: index, sequence: sequence)]
        case .forked(let base, let first, let standIn):
            if sequence < first {
                return base.map { [EventKey(process: $0, sequence: sequence)] } ?? []
            }
            var keys = [EventKey(process: standIn, sequence: sequence)]
            if let base, first > 1 { keys.append(EventKey(process: base, sequence: first - 1)) }
            return keys
        }
    }

    // MARK: Knowledge

    /// Puts what a process's stamps and causes say into terms of processes.
    ///
    /// - Parameter isAll: Whether that is all that its events know: then they know what those that are put away know, too.
    private mutating func resolveKnowledge(of process: Int, isAll: Bool) {
        let isAllSent = !cite(unsentEntriesOf: process)
        let (base, stamped) = (processes[process].base, processes[process].stamped)
        var known = isAll ? knownBelow(process) : KnowledgeLog()
        func learn(_ key: EventKey, at position: Int) {
            note(cited: key)
            guard key.process != process else { return }
            guard known.rise(key.process, to: key.sequence, at: position) else { return }
            for origin in processes[key.process].implied { learn(origin, at: position) }
        }
        if processes[process].count > 0, base == 0 || !isAll {
            for origin in processes[process].implied { learn(origin, at: max(base - 1, 0)) }
        }
        if base > 0, !isAll {
            // What is put away was found to be sent.
            for said in stamped.floor.keys {
                for key in keys(of: said.process, said.sequence) { learn(key, at: base - 1) }
            }
            known = KnowledgeLog(from: known.clock, at: base - 1)
        }
        stamped.forEachRise { position, citation, value in
            let said = isAllSent ? keys(of: citation, value) : entry(citation, value)
            for key in said { learn(key, at: position) }
        }
        processes[process].known = KnowledgeTable(known, hasStart: isAll)
        processes[process].uncertainty = []
        resolveCauses(of: process)
    }

    /// Adds what stands for events that a process's stamps name and that were never sent: in an order of their own, so that what these are
    /// called does not depend on which was named first. False where there are none.
    private mutating func cite(unsentEntriesOf process: Int) -> Bool {
        var unsent: [EventKey] = []
        processes[process].stamped.forEachRise { _, citation, value in
            guard case .process(let index) = targets[citation], isUnsent(citation, index, value)
            else { return }
            unsent.append(EventKey(process: citation, sequence: value))
        }
        for key in unsent.sorted(by: { ($0.process, $0.sequence) < ($1.process, $1.sequence) }) {
            _ = entry(key.process, key.sequence)
        }
        return !unsent.isEmpty
    }

    /// Whether a clock's entry names an event that its own source does not call a send: a token that no program gave.
    private func isUnsent(_ citation: Int, _ index: Int, _ value: UInt64) -> Bool {
        guard case .run = citations[citation].process,
            let position = processes[index].position(of: value)
        else { return false }
        return isUnsent(EventPosition(process: index, position: position))
    }

    /// Whether an event's own source calls it something else than a send.
    private func isUnsent(_ place: EventPosition) -> Bool {
        let kind = recordedKind(at: place)
        return kind == .local || kind == .receive
    }

    /// What a clock's entry says. Where it names what was never sent, that somebody claims so.
    private mutating func entry(_ citation: Int, _ value: UInt64) -> [EventKey] {
        let keys = keys(of: citation, value)
        guard case .process(let index) = targets[citation], isUnsent(citation, index, value) else {
            return keys
        }
        return [EventKey(process: claim(on: index), sequence: value)]
    }

    /// What stands for the events of a process that somebody claims to have messages of, though they sent none.
    private mutating func claim(on index: Int) -> Int {
        let why = StandIn.claim(processes[index].id)
        if let known = standIns[index]?.first(where: { processes[$0].standIn == why }) {
            return known
        }
        // A forged number hides honest ones below it, and with them what the process goes on from.
        return standIn(
            for: [index] + processes[index].implied.map(\.process), processes[index].id, why)
    }

    private mutating func resolveCauses(of process: Int) {
        processes[process].causes = processes[process].writtenCauses.map { written in
            // Where a run is forked, what stands for its branches.
            let keys = keys(of: written.citation, written.sequence)
            var key = keys.first ?? EventKey(process: process, sequence: 0)
            note(cited: key)
            if let position = processes[key.process].position(of: key.sequence),
                isUnsent(EventPosition(process: key.process, position: position))
            {
                key.process = claim(on: key.process)
            }
            return RecordedCause(
                position: written.position, process: key.process, sequence: key.sequence,
                evidence: written.evidence)
        }
        for written in processes[process].writtenRulings {
            let by = EventKey(
                process: process, sequence: processes[process].runs[Int(written.position)])
            for key in keys(of: written.citation, written.sequence) {
                note(cited: key)
                // Of several words the one that is listed first.
                let known = processes[key.process].rulings[key.sequence]
                processes[key.process].rulings[key.sequence] =
                    known.map { listingOrder(id($0), id(by)) ? $0 : by } ?? by
            }
        }
    }
}
