import Causality

extension CausalIndex {
    /// Everything that is here, and all gaps. O(processes).
    package func whole() throws(Failure) -> Slice { try listing(Array(0..<processCount)) }

    /// All events of some processes. O(processes).
    package func listing(_ meant: [Int]) throws(Failure) -> Slice {
        var ranges = [Range<Int>](repeating: 0..<0, count: processCount)
        var ends = [UInt64](repeating: 0, count: processCount)
        var lacks: [Lack] = []
        for process in meant {
            let line = try Extent(process, in: self)
            ranges[process] = 0..<line.sequences.count
            ends[process] = line.end(undecided: []) { _ in true }
            lacks += line.gaps.map { .events($0) }
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: Cut(sequences: ends))
    }

    /// What `event` has seen of each process, by process index, itself included. Where the event is missing
    /// or uncertain, at least this much. nil where its process is unknown here. O(processes · log n).
    package func seen(by event: EventID) throws(Failure) -> [UInt64]? {
        guard let key = try key(event) else { return nil }
        return try seen(by: key)
    }

    func seen(by key: EventKey) throws(Failure) -> [UInt64] {
        var seen = [UInt64](repeating: 0, count: processCount)
        let floor = try sequences(of: key.process).count(upTo: key.sequence) - 1
        if floor >= 0 {
            let place = EventPosition(process: key.process, position: floor)
            for known in try known(at: place) { seen[known.process] = known.sequence }
        }
        for origin in try implied(by: key.process) {
            seen[origin.process] = max(seen[origin.process], origin.sequence)
        }
        seen[key.process] = key.sequence
        return seen
    }

    /// True where what an event has seen is known exactly.
    package func isExact(_ event: EventID) throws(Failure) -> Bool {
        try inexactness(of: event).isEmpty
    }

    /// For want of what it is not known exactly what an event has seen: nothing, where it is.
    package func inexactness(of event: EventID) throws(Failure) -> [Lack] {
        guard let key = try key(event) else { return [.unheard(event.process)] }
        return try inexactness(of: key)
    }

    func inexactness(of key: EventKey) throws(Failure) -> [Lack] {
        guard let position = try sequences(of: key.process).position(of: key.sequence) else {
            return [try blame(key)]
        }
        let place = EventPosition(process: key.process, position: position)
        guard try uncertainty(at: place) == nil else { return [try blame(key)] }
        var lacks: [Lack] = []
        let line = try facts(of: key.process)
        if line.branch != nil {
            for other in 0..<processCount where try isSibling(other, of: key.process) {
                guard try !sequences(of: other).isEmpty else { continue }
                lacks.append(forkLack(of: line))
                break
            }
        }
        for known in try known(at: place) {
            let other = try facts(of: known.process)
            if other.standIn != nil { lacks.append(try lack(of: known.process, known.sequence)) }
            if other.isUnlinked { lacks.append(.unheard(other.id)) }
        }
        return lacks.sorted(by: Lack.listedBefore)
    }

    /// The causal past of an event, itself left out: a prefix of every process. O(processes · log n).
    package func past(of event: EventID) throws(Failure) -> Slice? {
        guard let key = try key(event) else { return nil }
        let seen = try seen(by: key)
        var lacks = try inexactness(of: key)
        var ranges: [Range<Int>] = []
        for process in 0..<processCount {
            let limit = process == key.process ? key.sequence - 1 : seen[process]
            guard limit > 0 else {
                ranges.append(0..<0)
                continue
            }
            for gap in try gaps(of: process) where gap.first <= limit {
                lacks.append(.events(gap))
            }
            ranges.append(0..<(try sequences(of: process).count(upTo: limit)))
        }
        return Slice(ranges: ranges, lacks: lacks)
    }

    /// The causal future of an event, itself left out: a suffix of every process. O(processes · log n), with uncertain
    /// clocks squared.
    package func future(of event: EventID) throws(Failure) -> Slice? {
        guard let key = try key(event) else { return nil }
        var lacks: [Lack] = []
        var ends: [UInt64] = []
        var ranges: [Range<Int>] = []
        let mayBeMeant = try mayBeMeantOtherwise(key)
        for process in 0..<processCount {
            let line = try Extent(process, in: self)
            var start = try firstKnower(of: key, in: process) ?? line.sequences.count
            /// Whether an event that is here, before the first that knows it, has certainly not seen it.
            func hasNotSeen(_ position: Int) throws(Failure) -> Bool {
                let place = EventPosition(process: process, position: position)
                // So it is most often, and then nobody has to be asked again.
                if !mayBeMeant, try uncertainty(at: place) == nil, try !goesOn(process, from: key) {
                    return true
                }
                return try isNo(knows(line.event(position), key))
            }
            // The events that may have seen it, too: an event that is here, and whose knowledge is uncertain.
            let undecided =
                process == key.process
                ? start..<start
                : try decided(before: start, where: hasNotSeen)..<start
            if process == key.process, start < line.sequences.count,
                line.sequences[start] == key.sequence
            {
                start += 1
            }
            func mayHaveSeen(_ gap: Gap) throws(Failure) -> Bool {
                try !isNo(knows(EventKey(process: process, sequence: gap.last), key))
            }
            for gap in line.gaps where try mayHaveSeen(gap) { lacks.append(.events(gap)) }
            if let last = undecided.last,
                case .unknown(let lack) = try knows(line.event(last), key)
            {
                lacks.append(lack)
            }
            ends.append(try line.end(undecided: [undecided], isMeant: mayHaveSeen))
            ranges.append(start..<line.sequences.count)
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: Cut(sequences: ends))
    }

    /// The gaps of some processes in which there may be events that have seen an event, which is here. O(processes · log n) for
    /// each gap.
    package func gaps(
        thatMayFollow event: EventID, in processes: [Int]
    ) throws(Failure) -> [Gap] {
        guard let key = try key(event) else { return [] }
        var found: [Gap] = []
        for process in processes {
            for gap in try gaps(of: process) {
                let last = EventKey(process: process, sequence: gap.last)
                if try !isNo(knows(last, key)) { found.append(gap) }
            }
        }
        return found
    }

    /// Whether more is known of an event than what it is said to know: nothing may stand for its process, or go on from it.
    /// O(processes that are cited and not here).
    package func isPlain(_ process: Int) throws(Failure) -> Bool {
        try !mayBeMeantOtherwise(EventKey(process: process, sequence: 1))
    }

    /// What certainly neither influenced an event nor was influenced by it: on each process the events between
    /// what the event knows and what knows the event. O(processes · log n), with uncertain clocks squared.
    package func concurrent(with event: EventID) throws(Failure) -> Slice? {
        guard let key = try key(event) else { return nil }
        var lacks: [Lack] = []
        var ends: [UInt64] = []
        var ranges: [Range<Int>] = []
        for process in 0..<processCount {
            let line = try Extent(process, in: self)
            guard process != key.process else {
                ends.append(line.end)
                ranges.append(0..<0)
                continue
            }
            func mayBeConcurrent(_ gap: Gap) throws(Failure) -> Bool {
                let (first, last) = (
                    EventKey(process: process, sequence: gap.first),
                    EventKey(process: process, sequence: gap.last)
                )
                if isYes(try knows(key, last)) { return false }
                return !isYes(try knows(first, key))
            }
            for gap in line.gaps where try mayBeConcurrent(gap) { lacks.append(.events(gap)) }
            func point(_ holds: (EventKey) throws(Failure) -> Bool) throws(Failure) -> Int {
                try partitionPoint(count: line.sequences.count) { (position) throws(Failure) in
                    try holds(line.event(position))
                }
            }
            let before = try point { (event) throws(Failure) in try isYes(knows(key, event)) }
            let start = try point { (event) throws(Failure) in try !isNo(knows(key, event)) }
            let end = try point { (event) throws(Failure) in try isNo(knows(event, key)) }
            let after = try point { (event) throws(Failure) in try !isYes(knows(event, key)) }
            if start > before, case .unknown(let lack) = try knows(key, line.event(start - 1)) {
                lacks.append(lack)
            }
            if end < after, case .unknown(let lack) = try knows(line.event(end), key) {
                lacks.append(lack)
            }
            let undecided = [before..<max(before, start), end..<max(end, after)]
            ends.append(try line.end(undecided: undecided, isMeant: mayBeConcurrent))
            ranges.append(start..<max(start, end))
        }
        return Slice(ranges: ranges, lacks: lacks, upTo: Cut(sequences: ends))
    }

    /// True where an event has seen something that has seen it. O(processes · log n).
    package func isContradictory(_ event: EventID) throws(Failure) -> Bool {
        guard let key = try key(event) else { return false }
        for seen in try knownOrImplied(by: key) where seen.process != key.process {
            guard let knower = try firstKnower(of: key, in: seen.process) else { continue }
            if try sequences(of: seen.process)[knower] <= seen.sequence { return true }
        }
        return false
    }

    /// The operators' words that what is known of these events' pasts may rest on. O(processes · log n).
    package func rulings(seenBy events: [EventID]) throws(Failure) -> [Ruling] {
        let ruledOut = try ruledOut()
        guard !ruledOut.isEmpty else { return [] }
        var rulings: Set<Ruling> = []
        for event in events {
            guard let seen = try seen(by: event) else { continue }
            for ruled in ruledOut where ruled.sequence <= seen[ruled.process] {
                guard let by = try ruling(on: ruled) else { continue }
                rulings.insert(Ruling(event: try id(ruled), by: try id(by)))
            }
        }
        return rulings.sorted {
            $0.event == $1.event ? listingOrder($0.by, $1.by) : listingOrder($0.event, $1.event)
        }
    }

    /// As `partitionPoint`, where most often all hold: one look says so.
    private func decided(
        before end: Int, where holds: (Int) throws(Failure) -> Bool
    ) throws(Failure) -> Int {
        guard end > 0, try !holds(end - 1) else { return end }
        return try partitionPoint(count: end - 1, where: holds)
    }

    private func knownOrImplied(by key: EventKey) throws(Failure) -> [EventKey] {
        try seen(by: key).enumerated().compactMap { process, sequence in
            sequence == 0 ? nil : EventKey(process: process, sequence: sequence)
        }
    }

    private func isNo(_ knowledge: Knowledge) -> Bool {
        if case .no = knowledge { true } else { false }
    }

    private func isYes(_ knowledge: Knowledge) -> Bool {
        if case .yes = knowledge { true } else { false }
    }
}

/// What is here of one process, and what is known to be missing.
private struct Extent {
    let process: Int
    let sequences: SequenceRuns
    let gaps: [Gap]
    /// The highest sequence number that is known to exist.
    let end: UInt64

    init<Index: CausalIndex>(_ process: Int, in index: Index) throws(Index.Failure) {
        self.process = process
        sequences = try index.sequences(of: process)
        gaps = try index.gaps(of: process)
        end = try index.facts(of: process).end
    }

    func event(_ position: Int) -> EventKey {
        EventKey(process: process, sequence: sequences[position])
    }

    /// Up to which number everything of a process that is meant is here, and it is decided what is: the last one before
    /// the first position in `undecided`, and before the first hole of which something may be meant.
    func end<Failure>(
        undecided: [Range<Int>], isMeant: (Gap) throws(Failure) -> Bool
    ) throws(Failure) -> UInt64 {
        var end = end
        if let first = undecided.filter({ !$0.isEmpty }).map(\.lowerBound).min() {
            end = min(end, sequences[first] - 1)
        }
        for gap in gaps where gap.first <= end {
            if try isMeant(gap) { end = gap.first - 1 }
        }
        return end
    }
}
