import Causality

/// What a history keeps of what is put away: by the indexes of its processes, what held at the cut, and must go on to hold.
///
/// What was derived of the events below a cut follows from these events, what their citations mean, what processes go on
/// from, which of the events that they name are here, and operators' words about them. So it holds while none of these
/// changes, whatever else arrives.
package struct Footing: Sendable {
    /// The processes that have events which are put away, or are known to such events.
    var processes: [Int: Settled] = [:]
    /// What the citations mean that events which are put away may have.
    var targets: [Int: Target] = [:]
    /// What is known of events that are put away and that others name.
    var events: [EventPosition: PutAwayEvent] = [:]
    /// Whether some stamp that is put away does not say all that its event had seen.
    var isSwept = false
    /// The floor's indexes of the processes; nil where they were not told, and names tell them.
    var numbers: FloorNumbers?

    /// A process as it was at the cut.
    struct Settled: Sendable {
        var id: ProcessID
        var isHere: Bool
        var standIn: StandIn?
        var isUnlinked: Bool
        var implied: [EventKey]
        /// Whether its source says something of messages.
        var speaks: Bool
        /// How many of its events are put away.
        var base: Int
        /// The highest number that events which are put away cite.
        var cited: UInt64
        /// The highest number that what is put away depends on: none up to it may arrive any more.
        var sealed: UInt64
        /// The numbers up to that one of which an operator says that no message came there.
        var ruled: Set<UInt64>
        /// Where the next event goes on.
        var progress: Sweep.Progress
        /// What the last one of its events that are put away knows; nil where none is, or it was not looked up yet.
        var known: IndexedClock?
    }

    func progress(of process: Int) -> Sweep.Progress? { processes[process]?.progress }

    /// Leaves out what only deriving asks for.
    mutating func forgetKnown() {
        for process in processes.keys { processes[process]!.known = nil }
    }
}

/// What is known of an event that is put away.
struct PutAwayEvent: Sendable {
    /// As its source recorded it.
    var kind: EventKind
    /// By how much the last one of its process that is put away knows more: little, where many processes are, since the events that are named
    /// are among the last ones.
    var learnedSince = IndexedClock()
    var isExact: Bool
}

/// Why what was derived of events that are put away does not hold any more.
package enum Breach: Hashable, Sendable, CustomStringConvertible {
    /// An event has arrived that was not waited for any more: one that is named below the cut, or lies before events there.
    case late(ProcessID)
    /// Events of a process, some of which is put away, do not lie behind what is here, or are here twice.
    case rewritten(ProcessID)
    /// What is known below the cut means something else now: it was only cited and is here, another one bears its name, or
    /// where it goes on from is known.
    case renamed(ProcessID)
    /// An operator's word is about an event below the cut.
    case ruled(EventID)
    /// A source that said nothing of messages below the cut does now.
    case speaking(ProcessID)
    /// Events above the cut name each other in a ring.
    case cycle

    /// Whether nothing that is still to come mends it: what is here twice is here once when it is merged, and a ring is of what is
    /// above the cut.
    package var isLasting: Bool {
        switch self {
        case .late, .renamed, .ruled, .speaking: true
        case .rewritten, .cycle: false
        }
    }

    package var description: String {
        switch self {
        case .late(let process):
            "an event of \(process) has arrived that was not waited for any more"
        case .rewritten(let process): "events of \(process) do not lie behind those that are here"
        case .renamed(let process): "\(process) means something else now"
        case .ruled(let event): "an operator's word about \(event) has arrived"
        case .speaking(let process): "\(process) says something of messages now"
        case .cycle: "events have seen each other, which cannot be"
        }
    }
}

extension History {
    /// What is known of an event that is put away: of the last one of its process, or of one that others name.
    func putAway(_ place: EventPosition) -> PutAwayEvent {
        guard let event = footing?.events[place] else {
            preconditionFailure("an event that is put away, and that was not looked up")
        }
        return event
    }

    /// The kind that was recorded for an event: of one that is put away, where others name it.
    func recordedKind(at place: EventPosition) -> EventKind {
        let line = processes[place.process]
        return place.position < line.base ? putAway(place).kind : line.kinds[place.position]
    }

    /// What the last event of a process that is put away knows, to go on from; nothing where none is.
    func knownBelow(_ process: Int) -> KnowledgeLog {
        let last = processes[process].base - 1
        return last < 0 ? KnowledgeLog() : KnowledgeLog(from: lastKnown(process), at: last)
    }

    /// What the last event of a process that is put away knows.
    private func lastKnown(_ process: Int) -> IndexedClock {
        guard let known = footing?.processes[process]?.known else {
            preconditionFailure("events of a process are put away that was not looked up")
        }
        return known
    }

    /// Lays out what an event that is put away knows. O(that).
    func lay(_ event: PutAwayEvent, of process: Int, on board: inout ClockBoard) {
        board.lay(lastKnown(process))
        for key in event.learnedSince.keys { board.takeBack(key.process, key.sequence) }
    }
}

// Whether what is put away still holds.
extension History {
    /// Notes that a run was not in order, where events of it are put away.
    mutating func noteRewriting(of run: Identity128) {
        guard breach == nil, let index = indexOfLine[LineIdentity(run: run)],
            processes[index].base > 0
        else { return }
        breach = .rewritten(processes[index].id)
    }

    /// Notes that events lie before what is put away and are not part of it, though they are here. Numbers ascend.
    mutating func noteLateness(of sequences: ArraySlice<UInt64>, _ process: Int) {
        let runs = processes[process].runs
        guard breach == nil, let first = sequences.first, let last = sequences.last else { return }
        let isOneStretch =
            last - first + 1 == UInt64(sequences.count) && first > 0
            && runs.count(upTo: last) - runs.count(upTo: first - 1) == sequences.count
        if !isOneStretch, sequences.contains(where: { runs.position(of: $0) == nil }) {
            breach = .late(processes[process].id)
        }
    }

    /// Compares what processes and citations mean with what they meant at the cut, and renumbers the footing where that holds. A
    /// process may be called otherwise, since another one of its name has come, where nothing but names depends on that.
    /// Returns what one was called that is called otherwise. O(what the footing keeps).
    mutating func settle() -> ProcessID? {
        guard let footing else { return nil }
        var renamed: ProcessID?
        var indices: [Int: Int] = [:]
        // Who is not here is known by what cites it.
        for (citation, target) in footing.targets {
            guard case .process(let old) = target, case .process(let index) = targets[citation]
            else { continue }
            indices[old] = index
        }
        for (old, settled) in footing.processes.sorted(by: { $0.key < $1.key }) {
            let index = settled.isHere ? old : indices[old] ?? indexOf[settled.id] ?? -1
            guard index >= 0, isSame(processes[index], as: settled) else {
                breach = .renamed(settled.id)
                return nil
            }
            if processes[index].id != settled.id { renamed = settled.id }
            let line = processes[index]
            if line.runs.count(upTo: settled.sealed) != settled.base {
                breach = .late(settled.id)
                return nil
            }
            if settled.base > 0, line.speaks != settled.speaks {
                breach = .speaking(settled.id)
                return nil
            }
            indices[old] = index
        }
        indices = indices.filter { footing.processes[$0.key] != nil }
        guard Set(indices.values).count == indices.count else {
            breach = .renamed(footing.processes.values.map(\.id).min(by: listingOrder)!)
            return nil
        }
        let settled = footing.renumbered(indices)
        for (index, process) in settled.processes.sorted(by: { $0.key < $1.key })
        where breach == nil && Set(process.implied) != Set(processes[index].implied) {
            breach = .renamed(process.id)
        }
        for (citation, target) in settled.targets.sorted(by: { $0.key < $1.key })
        where breach == nil && targets[citation] != target {
            breach = .renamed(name(ofCitation: citation))
        }
        self.footing = settled
        return renamed
    }

    private func isSame(_ line: ProcessHistory, as settled: Footing.Settled) -> Bool {
        (line.key != nil) == settled.isHere && line.standIn == settled.standIn
            && line.isUnlinked == settled.isUnlinked
    }

    private func name(ofCitation citation: Int) -> ProcessID {
        switch citations[citation].process {
        case .named(let name): name
        case .run(let run): name(of: .run(run)) ?? ProcessID(name: "?\(run)")
        }
    }

    /// Notes operators' words about events that are put away, or that these depend on.
    mutating func noteRulings() {
        let ruled = (footing?.processes ?? [:]).flatMap { index, settled in
            processes[index].rulings.keys
                .filter { $0 <= settled.sealed && !settled.ruled.contains($0) }
                .map { EventID(settled.id, $0) }
        }
        if let first = ruled.min(by: listingOrder) { breach = .ruled(first) }
    }
}

extension Footing {
    /// The same, where processes have other indexes.
    fileprivate func renumbered(_ indices: [Int: Int]) -> Footing {
        guard indices.contains(where: { $0.key != $0.value }) else { return self }
        func key(_ key: EventKey) -> EventKey {
            EventKey(process: indices[key.process]!, sequence: key.sequence)
        }
        func clock(_ clock: IndexedClock) -> IndexedClock { IndexedClock(clock.keys.map(key)) }
        func keyed<Value>(_ values: [Int: Value]) -> [Int: Value] {
            Dictionary(uniqueKeysWithValues: values.map { (indices[$0.key]!, $0.value) })
        }
        var result = self
        result.processes = keyed(
            processes.mapValues { settled in
                var settled = settled
                settled.implied = settled.implied.map(key)
                settled.progress.open = keyed(settled.progress.open)
                settled.progress.covered = settled.progress.covered.map(clock)
                settled.known = settled.known.map(clock)
                return settled
            })
        result.targets = targets.mapValues { target in
            switch target {
            case .process(let index): .process(indices[index]!)
            case .forked(let base, let sequence, let standIn):
                .forked(
                    base: base.map { indices[$0]! }, sequence: sequence, standIn: indices[standIn]!)
            }
        }
        result.numbers = numbers?.renumbered(indices)
        // Places are of processes that are here, which keep their indexes.
        result.events = events.mapValues { event in
            var event = event
            event.learnedSince = clock(event.learnedSince)
            return event
        }
        return result
    }
}
