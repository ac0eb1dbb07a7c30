import Causality

/// The order of two events as far as the evidence goes.
package enum EventOrder: Hashable, Sendable {
    case known(CausalOrder)
    /// What is here does not decide it; `excluded` are the orders that it is not all the same.
    case unknown(Unknown, excluded: [CausalOrder])

    package enum Unknown: Hashable, Sendable {
        /// Because of what is not here.
        case lacking([Lack])
        /// Because each has seen the other, which cannot be.
        case contradiction
        /// Because a process is neither here nor cited.
        case noSuchProcess(ProcessID)
    }
}

/// What would have to be here, or to be decided, for an exact answer.
package enum Lack: Hashable, Sendable, CustomStringConvertible {
    case events(Gap)
    /// The events of the process are here, and say nothing of messages.
    case clocks(ProcessID)
    /// From an event on, stamps may lack something.
    case loss(EventID, Loss.Reason)
    /// The process is a restart, and which event it went on from was lost.
    case origin(ProcessID)
    /// An event received a message whose sender it does not name.
    case sender(EventID)
    /// Several processes bear one name, and a clock or a cause names no more than that.
    case name(ProcessID)
    /// A run is there more than once, from a number on.
    case fork(EventID, isOfOneSource: Bool)
    /// An event whose source does not call it a send is cited as the sender of a message.
    case claim(EventID)
    /// Of a process that is cited nothing is here: it may go on from another one.
    case unheard(ProcessID)
    /// The clocks around the event contradict themselves.
    case consistency(EventID)
    /// The event is here, and its bytes cannot be read any more.
    case unreadable(EventID)

    package var description: String {
        switch self {
        case .events(let gap): "\(gap)"
        case .clocks(let process): "the events of \(process) say nothing of messages"
        case .loss(let event, .unreadableToken):
            "a message came at \(event) whose token could not be read"
        case .loss(let event, .eventsLost):
            "events before \(event) were lost, and with them what they had received"
        case .loss(let event, .clockFull):
            "the clock of \(event) has no room for all that it had seen"
        case .loss(let event, .originUnknown):
            "where \(event.process) went on from was lost"
        case .loss(let event, .frameMissing):
            "what was recorded before \(event) cannot be read, and its clock goes on from there"
        case .loss(let event, .exported):
            "what \(event) had seen was not all known where it was exported"
        case .origin(let process): "where \(process) went on from was lost"
        case .sender(let event): "the sender of the message that \(event) received is not named"
        case .name(let name): "several processes are called \(name)"
        case .fork(let event, isOfOneSource: false):
            "two machines record as \(event.process) (from \(event.sequence) on)"
        case .fork(let event, isOfOneSource: true):
            "two different events are numbered \(event)"
        case .claim(let event): "\(event) is cited as the sender of a message, and is no send"
        case .unheard(let process):
            "nothing of \(process) is here, which may go on from another process"
        case .consistency(let event): "the clocks contradict themselves around \(event)"
        case .unreadable(let event): "\(event) is here, and cannot be read (lightcone defects)"
        }
    }

    /// The kinds in the order in which they are listed; within a kind what it is about.
    private var listing: (kind: Int, process: ProcessID, sequence: UInt64, reason: UInt8) {
        switch self {
        case .events(let gap): (0, gap.process, gap.first, 0)
        case .clocks(let process): (1, process, 0, 0)
        case .loss(let event, let reason): (2, event.process, event.sequence, reason.rawValue)
        case .origin(let process): (3, process, 0, 0)
        case .sender(let event): (4, event.process, event.sequence, 0)
        case .name(let process): (5, process, 0, 0)
        case .fork(let event, _): (6, event.process, event.sequence, 0)
        case .claim(let event): (7, event.process, event.sequence, 0)
        case .unheard(let process): (8, process, 0, 0)
        case .consistency(let event): (9, event.process, event.sequence, 0)
        case .unreadable(let event): (10, event.process, event.sequence, 0)
        }
    }

    static func listedBefore(_ a: Lack, _ b: Lack) -> Bool {
        let (x, y) = (a.listing, b.listing)
        if x.kind != y.kind { return x.kind < y.kind }
        if x.process != y.process { return listingOrder(x.process, y.process) }
        return (x.sequence, x.reason) < (y.sequence, y.reason)
    }
}

/// Whether one event has seen another.
enum Knowledge {
    case yes
    case no
    case unknown(Lack)
}

extension History {
    /// How two events are ordered. Either may be missing; its process must be known here. No traversal:
    /// O(log n) for events that are here, O(processes · log n) for missing ones.
    package func order(_ a: EventID, _ b: EventID) -> EventOrder {
        guard a != b else { return .known(.equal) }
        guard let first = key(a) else { return .unknown(.noSuchProcess(a.process), excluded: []) }
        guard let second = key(b) else { return .unknown(.noSuchProcess(b.process), excluded: []) }
        if first.process == second.process {
            return .known(first.sequence < second.sequence ? .before : .after)
        }
        let (later, earlier) = (knows(second, first), knows(first, second))
        switch (later, earlier) {
        case (.yes, .yes): return .unknown(.contradiction, excluded: [])
        case (.yes, _): return .known(.before)
        case (_, .yes): return .known(.after)
        case (.no, .no): return .known(.concurrent)
        case (.unknown(let x), .unknown(let y)):
            let lacks = x == y ? [x] : [x, y].sorted(by: Lack.listedBefore)
            return .unknown(.lacking(lacks), excluded: [])
        case (.unknown(let x), .no): return .unknown(.lacking([x]), excluded: [.after])
        case (.no, .unknown(let x)): return .unknown(.lacking([x]), excluded: [.before])
        }
    }

    func key(_ id: EventID) -> EventKey? {
        indexOf[id.process].map { EventKey(process: $0, sequence: id.sequence) }
    }

    /// What the event at a place knows of a process: its own sequence number for its own. O(log steps).
    package func known(of process: Int, at place: EventPosition) -> UInt64 {
        // Not through a local copy of the process: copying counts references, which costs more than the search.
        if process == place.process { return processes[process].runs[place.position] }
        return processes[place.process].known[process]?.value(at: place.position) ?? 0
    }

    /// The position of the first event of `process` that is `event` or has seen it. O(log n).
    func firstKnower(of event: EventKey, in process: Int) -> Int? {
        if process == event.process {
            let position =
                event.sequence == 0 ? 0 : processes[process].runs.count(upTo: event.sequence - 1)
            return position < processes[process].runs.count ? position : nil
        }
        return processes[process].known[event.process]?.firstPosition(reaching: event.sequence)
    }

    /// Whether event `e` has seen event `x`, another event.
    ///
    /// Yes where the last event at or before `e` has, where its process goes on from what has, or, where `e` is missing,
    /// where a receiver learned of `x` from it. No where `e` is here and its knowledge exact, or where some event that has
    /// seen `e` has not seen `x`: the first such event of each process is the best witness.
    func knows(_ e: EventKey, _ x: EventKey) -> Knowledge {
        if surelyKnows(e, x) { return .yes }
        if e.process == x.process { return .no }
        let floor = processes[e.process].runs.count(upTo: e.sequence) - 1
        var doubt: Lack?
        if floor >= 0 {
            let place = EventPosition(process: e.process, position: floor)
            let isHere = processes[e.process].runs[floor] == e.sequence
            doubt = self.doubt(whether: place, knows: x)
            if isHere, doubt == nil, !processes[e.process].isUncertain(at: floor) { return .no }
        }
        for process in processes.indices {
            guard let knower = firstKnower(of: e, in: process),
                let witness = processes[process].firstCertain(from: knower)
            else { continue }
            let place = EventPosition(process: process, position: witness)
            if known(of: x.process, at: place) < x.sequence,
                self.doubt(whether: place, knows: x) == nil
            {
                return .no
            }
        }
        return .unknown(doubt ?? blame(e))
    }

    /// Whether the evidence shows that event `e` has seen event `x`, or is it. False says nothing. O(log n).
    func surelyKnows(_ e: EventKey, _ x: EventKey) -> Bool {
        if e.process == x.process { return e.sequence >= x.sequence }
        if processes[e.process].implied.contains(where: {
            $0.process == x.process && $0.sequence >= x.sequence
        }) {
            return true
        }
        let floor = processes[e.process].runs.count(upTo: e.sequence) - 1
        if floor >= 0 {
            let place = EventPosition(process: e.process, position: floor)
            if known(of: x.process, at: place) >= x.sequence { return true }
            if processes[e.process].runs[floor] == e.sequence { return false }
        }
        return hadSeen(e, x)
    }

    /// Calls `body` with what event `e` is known to have seen of those of `processes` that have an entry in `wanted`, as
    /// `surelyKnows` has it; what its process goes on from excepted.
    func forEachKnown(
        by e: EventKey, among wanted: [Int: [UInt64]], _ body: (Int, UInt64) -> Void
    ) {
        let line = processes[e.process]
        let floor = line.runs.count(upTo: e.sequence) - 1
        if floor >= 0 {
            if line.known.count < wanted.count {
                for (process, steps) in line.known where wanted[process] != nil {
                    body(process, steps.value(at: floor))
                }
            } else {
                for process in wanted.keys {
                    if let steps = line.known[process] { body(process, steps.value(at: floor)) }
                }
            }
            if line.runs[floor] == e.sequence { return }
        }
        guard learnedFromMissing[e] != nil else { return }
        for (process, sequences) in wanted {
            for sequence in sequences
            where hadSeen(e, EventKey(process: process, sequence: sequence)) {
                body(process, sequence)
            }
        }
    }

    /// Why the event at `place` may have seen `x`, though all that its stamp says is known and `x` is not in it: something
    /// that is in it may mean `x`, or go on from it.
    private func doubt(whether place: EventPosition, knows x: EventKey) -> Lack? {
        for standIn in standIns[x.process] ?? []
        where known(of: standIn, at: place) >= leastSeen(of: standIn, for: x) {
            return lack(of: standIn, x.sequence)
        }
        // A branch of a fork may go on from another one, and of its own run no recorder keeps an entry.
        if isSibling(x.process, of: place.process) { return forkLack(of: x.process) }
        for other in unlinked where other != x.process && known(of: other, at: place) > 0 {
            if mayGoOn(other, from: x.process) { return .unheard(processes[other].id) }
        }
        return nil
    }

    /// From which number on a stand-in that was seen may mean that `x` was. Any event of a fork's branch may have seen any
    /// of another branch, which a message between the two told it.
    private func leastSeen(of standIn: Int, for x: EventKey) -> UInt64 {
        switch processes[standIn].standIn {
        case .fork: 1
        // A claim on what goes on from the process of `x`.
        case .claim(let process) where process != processes[x.process].id: 1
        default: x.sequence
        }
    }

    /// Whether two processes are branches of one run.
    func isSibling(_ process: Int, of other: Int) -> Bool {
        guard process != other, let a = processes[process].identity,
            let b = processes[other].identity
        else { return false }
        return a.run == b.run && a.branch != nil && b.branch != nil
    }

    /// What is to be said of a branch of a fork.
    func forkLack(of branch: Int) -> Lack {
        let line = processes[branch]
        let fork = forks[line.identity!.run]!
        return .fork(
            EventID(line.key!.process, fork.sequence), isOfOneSource: fork.isOfOneSource)
    }

    /// Whether a process of which nothing is here may go on from another: an earlier incarnation of its name, on a host
    /// that may have been called otherwise then.
    private func mayGoOn(_ other: Int, from process: Int) -> Bool {
        let (later, earlier) = (processes[other].id, processes[process].id)
        // A log's process is no run that a recorder goes on from.
        if let key = processes[process].key, key.run == nil { return false }
        if later.name.hasPrefix("?") || earlier.name.hasPrefix("?") { return true }
        func tail(_ name: String) -> Substring { name.split(separator: "/").last ?? name[...] }
        return earlier.incarnation < later.incarnation && tail(later.name) == tail(earlier.name)
    }

    /// Why what a stand-in stands for cannot be told.
    func lack(of standIn: Int, _ sequence: UInt64) -> Lack {
        switch processes[standIn].standIn {
        case .name(let name): .name(name)
        case .fork(let name, let fork):
            .fork(EventID(name, fork.sequence), isOfOneSource: fork.isOfOneSource)
        case .claim(let process): .claim(EventID(process, sequence))
        case nil: .unheard(processes[standIn].id)
        }
    }

    /// True where a receive of the missing event `send` learned of `x` by it: of an event that has seen `x`.
    private func hadSeen(_ send: EventKey, _ x: EventKey) -> Bool {
        (learnedFromMissing[send] ?? []).contains { learned in
            let line = processes[learned.process]
            if learned.process == x.process { return learned.sequence >= x.sequence }
            if line.implied.contains(where: {
                $0.process == x.process && $0.sequence >= x.sequence
            }) {
                return true
            }
            let floor = line.runs.count(upTo: learned.sequence) - 1
            guard floor >= 0 else { return false }
            let place = EventPosition(process: learned.process, position: floor)
            return known(of: x.process, at: place) >= x.sequence
        }
    }

    /// For want of what the knowledge of `e`, which is missing or uncertain, is not exact: follows what is uncertain
    /// back to the first thing that is not here. O(events) at worst.
    func blame(_ e: EventKey) -> Lack {
        var key = e
        for _ in 0...eventCount {
            let line = processes[key.process]
            if line.standIn != nil { return lack(of: key.process, key.sequence) }
            guard let position = line.position(of: key.sequence) else {
                return .events(gap(at: key))
            }
            switch line.uncertainty(at: position) {
            case nil: return .consistency(id(key))
            case .event(let other): key = other
            case .loss(let loss):
                let loss = unruled(loss, on: line) ?? loss
                return .loss(EventID(line.id, loss.since), loss.reason)
            case .silence: return .clocks(line.id)
            case .origin: return .origin(line.id)
            case .sender(let other): return .sender(id(other))
            }
        }
        return .consistency(id(e))
    }

    private func gap(at key: EventKey) -> Gap {
        let line = processes[key.process]
        return line.gaps.first { $0.contains(key.sequence) }
            ?? Gap(process: line.id, first: key.sequence, last: key.sequence)
    }
}
