import Causality

/// Whether one event has seen another.
enum Knowledge {
    case yes
    case no
    case unknown(Lack)
}

extension CausalIndex {
    /// How two events are ordered. Either may be missing; its process must be known here. No traversal:
    /// O(log n) for events that are here, O(processes · log n) for missing ones.
    package func order(_ a: EventID, _ b: EventID) throws(Failure) -> EventOrder {
        guard a != b else { return .known(.equal) }
        for event in [a, b] {
            if let fork = try fork(of: event) {
                let first = EventID(event.process, fork.sequence)
                return .unknown(
                    .lacking([.fork(first, isOfOneSource: fork.isOfOneSource)]), excluded: [])
            }
        }
        guard let first = try key(a) else {
            return .unknown(.noSuchProcess(a.process), excluded: [])
        }
        guard let second = try key(b) else {
            return .unknown(.noSuchProcess(b.process), excluded: [])
        }
        if first.process == second.process {
            return .known(first.sequence < second.sequence ? .before : .after)
        }
        let (later, earlier) = (try knows(second, first), try knows(first, second))
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

    /// Whether event `e` has seen event `x`, another event.
    ///
    /// Yes where the last event at or before `e` has, where its process goes on from what has, or, where `e` is missing,
    /// where a receiver learned of `x` from it. No where `e` is here and its knowledge exact, or where some event that has
    /// seen `e` has not seen `x`: the first such event of each process is the best witness.
    func knows(_ e: EventKey, _ x: EventKey) throws(Failure) -> Knowledge {
        if try surelyKnows(e, x) { return .yes }
        if e.process == x.process { return .no }
        let sequences = try sequences(of: e.process)
        let floor = sequences.count(upTo: e.sequence) - 1
        var doubt: Lack?
        if floor >= 0 {
            let place = EventPosition(process: e.process, position: floor)
            let isHere = sequences[floor] == e.sequence
            doubt = try self.doubt(whether: place, knows: x)
            if isHere, doubt == nil, try uncertainty(at: place) == nil { return .no }
        }
        for process in 0..<processCount {
            guard let knower = try firstKnower(of: e, in: process),
                let witness = try firstCertain(
                    from: EventPosition(process: process, position: knower))
            else { continue }
            let place = EventPosition(process: process, position: witness)
            if try known(of: x.process, at: place) < x.sequence,
                try self.doubt(whether: place, knows: x) == nil
            {
                return .no
            }
        }
        if let doubt { return .unknown(doubt) }
        return .unknown(try blame(e))
    }

    /// Whether the evidence shows that event `e` has seen event `x`, or is it. False says nothing. O(log n).
    func surelyKnows(_ e: EventKey, _ x: EventKey) throws(Failure) -> Bool {
        if try saysItself(e, x) { return true }
        guard try sequences(of: e.process).position(of: e.sequence) == nil else { return false }
        return try hadSeen(e, x)
    }

    /// Whether the process of event `e` itself shows that `e` has seen event `x`, or is it: not what others learned from `e`,
    /// which may arrive at any time later. False says nothing. O(log n).
    func saysItself(_ e: EventKey, _ x: EventKey) throws(Failure) -> Bool {
        if e.process == x.process { return e.sequence >= x.sequence }
        if try goesOn(e.process, from: x) { return true }
        let floor = try sequences(of: e.process).count(upTo: e.sequence) - 1
        guard floor >= 0 else { return false }
        let place = EventPosition(process: e.process, position: floor)
        return try known(of: x.process, at: place) >= x.sequence
    }

    /// Whether a process goes on from an event, or from a later one of its process.
    func goesOn(_ process: Int, from x: EventKey) throws(Failure) -> Bool {
        try implied(by: process).contains {
            $0.process == x.process && $0.sequence >= x.sequence
        }
    }

    /// Whether something that is not `x` may mean it where an event has seen that. Where not, what is known exactly of an event
    /// tells whether it has seen `x`. O(processes that are cited and not here).
    func mayBeMeantOtherwise(_ x: EventKey) throws(Failure) -> Bool {
        let facts = try facts(of: x.process)
        if !facts.standIns.isEmpty || facts.branch != nil { return true }
        return try unlinkedProcesses().contains { $0 != x.process }
    }

    /// Why the event at `place` may have seen `x`, though all that its stamp says is known and `x` is not in it: something
    /// that is in it may mean `x`, or go on from it.
    private func doubt(
        whether place: EventPosition, knows x: EventKey
    ) throws(Failure) -> Lack? {
        let facts = try facts(of: x.process)
        for standIn in facts.standIns
        where try known(of: standIn, at: place) >= leastSeen(of: standIn, for: x) {
            return try lack(of: standIn, x.sequence)
        }
        // A branch of a fork may go on from another one, and of its own run no recorder keeps an entry.
        if facts.branch != nil, try isSibling(x.process, of: place.process) {
            return forkLack(of: facts)
        }
        for other in try unlinkedProcesses() where other != x.process {
            guard try known(of: other, at: place) > 0 else { continue }
            if try mayGoOn(other, from: x.process) { return .unheard(try id(of: other)) }
        }
        return nil
    }

    /// From which number on a stand-in that was seen may mean that `x` was. Any event of a fork's branch may have seen any
    /// of another branch, which a message between the two told it; and any event of a process knows what that goes on from.
    private func leastSeen(of standIn: Int, for x: EventKey) throws(Failure) -> UInt64 {
        switch try facts(of: standIn).standIn {
        case .fork: return 1
        case .name(let name):
            let key = try facts(of: x.process).key
            return key?.process == name ? x.sequence : 1
        // A claim on what goes on from the process of `x`.
        case .claim(let process):
            let isOfAnother = try process != id(of: x.process)
            return isOfAnother ? 1 : x.sequence
        default: return x.sequence
        }
    }

    /// Whether two processes are branches of one run.
    func isSibling(_ process: Int, of other: Int) throws(Failure) -> Bool {
        guard process != other else { return false }
        let (a, b) = (try facts(of: process), try facts(of: other))
        guard a.branch != nil, b.branch != nil else { return false }
        return a.key?.identity == b.key?.identity
    }

    /// What is to be said of a branch of a fork.
    func forkLack(of branch: ProcessFacts) -> Lack {
        let fork = branch.fork!
        return .fork(
            EventID(branch.key!.process, fork.sequence), isOfOneSource: fork.isOfOneSource)
    }

    /// Whether a process of which nothing is here may go on from another: an earlier incarnation of its name, on a host
    /// that may have been called otherwise then.
    private func mayGoOn(_ other: Int, from process: Int) throws(Failure) -> Bool {
        let (later, earlier) = (try id(of: other), try facts(of: process))
        // A log's process is no run that a recorder goes on from.
        if let key = earlier.key, key.run == nil { return false }
        if later.name.hasPrefix("?") || earlier.id.name.hasPrefix("?") { return true }
        func tail(_ name: String) -> Substring { name.split(separator: "/").last ?? name[...] }
        return earlier.id.incarnation < later.incarnation
            && tail(later.name) == tail(earlier.id.name)
    }

    /// Why what a stand-in stands for cannot be told.
    func lack(of standIn: Int, _ sequence: UInt64) throws(Failure) -> Lack {
        let facts = try facts(of: standIn)
        return switch facts.standIn {
        case .name(let name): .name(name)
        case .fork(let name, let fork):
            .fork(EventID(name, fork.sequence), isOfOneSource: fork.isOfOneSource)
        case .claim(let process): .claim(EventID(process, sequence))
        case nil: .unheard(facts.id)
        }
    }

    /// True where a receive of the missing event `send` learned of `x` by it: of an event that has seen `x`.
    func hadSeen(_ send: EventKey, _ x: EventKey) throws(Failure) -> Bool {
        for learned in try learned(fromMissing: send) {
            if learned.process == x.process {
                if learned.sequence >= x.sequence { return true }
                continue
            }
            if try goesOn(learned.process, from: x) { return true }
            if try known(of: x.process, upTo: learned) >= x.sequence { return true }
        }
        return false
    }

    /// For want of what the knowledge of `e`, which is missing or uncertain, is not exact: follows what is uncertain
    /// back to the first thing that is not here. O(events) at worst.
    func blame(_ e: EventKey) throws(Failure) -> Lack {
        var key = e
        for _ in 0...(try countEvents()) {
            let facts = try facts(of: key.process)
            if facts.standIn != nil { return try lack(of: key.process, key.sequence) }
            guard let position = try sequences(of: key.process).position(of: key.sequence) else {
                return .events(try gap(at: key))
            }
            switch try uncertainty(
                at: EventPosition(process: key.process, position: position))
            {
            case nil: return .consistency(try id(key))
            case .event(let other): key = other
            case .loss(let loss):
                let loss = try unruled(loss, in: key.process) ?? loss
                return .loss(EventID(facts.id, loss.since), loss.reason)
            case .silence: return .clocks(facts.id)
            case .origin: return .origin(facts.id)
            case .sender(let other): return .sender(try id(other))
            case .dropped: return .dropped(try lastDropped(of: key.process)!)
            }
        }
        return .consistency(try id(e))
    }

    /// The last of a run's losses that nobody has ruled out, as far as they are known; nil where all are.
    func unruled(_ loss: Loss, in process: Int) throws(Failure) -> Loss? {
        var loss = loss
        // What a frame held that cannot be read was no message that anybody could rule out.
        while loss.reason != .frameMissing,
            try ruling(on: EventKey(process: process, sequence: loss.since)) != nil
        {
            if loss.number <= 1 { return nil }
            // The one before it stands with the event before it, if that is here.
            let before = try sequences(of: process).count(upTo: loss.since - 1) - 1
            guard before >= 0,
                case .lossy(let earlier) = try stamp(
                    at: EventPosition(process: process, position: before)),
                earlier.number == loss.number - 1
            else { return loss }
            loss = earlier
        }
        return loss
    }

    private func gap(at key: EventKey) throws(Failure) -> Gap {
        for gap in try gaps(of: key.process) where gap.contains(key.sequence) { return gap }
        return Gap(process: try id(of: key.process), first: key.sequence, last: key.sequence)
    }
}
