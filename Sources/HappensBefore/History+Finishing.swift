import Causality

extension History {
    /// Makes the history ready for questions after frames were added: O(steps of knowledge) where every stamp is complete;
    /// else one sweep that follows stamps and causes, O((events + growth) · log processes). Where `check` throws it stops, and
    /// the history is of no use. Where events are put away, `finish(over:)` is meant.
    package mutating func finish(check: () throws -> Void) rethrows {
        precondition(
            footing == nil, "a history of which events are put away is finished over these")
        resolveMeanings()
        try derive(check: check)
    }

    package mutating func finish() { finish {} }

    /// As `finish()`, where events are put away in `floor`: O(what is above the cut), and one look-up in the floor for each
    /// event below the cut that events above it name, once. Where it finds that what is put away does not hold any more, it
    /// stops, and `breach` says why. Throws what the floor does.
    ///
    /// - Parameter floor: What follows from the events that are put away, as it was at the cut.
    package mutating func finish<Floor: CausalFloor>(
        over floor: Floor
    ) throws(Floor.Failure) {
        try find(in: floor)
        derive {}
    }

    /// As `finish(over:)`; where `check` throws it stops, and the history is of no use.
    package mutating func finish<Floor: CausalFloor>(
        over floor: Floor, check: () throws -> Void
    ) throws {
        try find(in: floor)
        try derive(check: check)
    }

    private mutating func find<Floor: CausalFloor>(in floor: Floor) throws(Floor.Failure) {
        guard breach == nil else { return }
        resolveMeanings()
        if let renamed = settle(), breach == nil, try floor.keepsNames() {
            breach = .renamed(renamed)
        }
        if breach == nil { try borrow(from: floor) }
    }

    /// Derives what events know, once it is known what their citations mean.
    private mutating func derive(check: () throws -> Void) rethrows {
        guard breach == nil else { return }
        named = nil
        resolveKnowledge()
        noteRulings()
        guard breach == nil else { return }
        for process in 0..<lineCount {
            try check()
            noteReceipts(of: process)
        }
        noteLearned()
        isCyclic = false
        guard isSwept else { return }
        let ranges = processes.map { $0.base..<$0.count }
        let dependencies = try Dependencies(self, in: ranges, check: check)
        for process in processes.indices { processes[process].known = KnowledgeTable() }
        var sweep = Sweep(self, in: ranges, dependencies)
        try sweep.run(check: check)
        self = sweep.takeHistory()
        // Where the order of events satisfies nobody, what they know depends on where it was begun.
        if isCyclic, footing != nil { breach = .cycle }
    }

    /// Whether some stamp, here or put away, does not say all that its event had seen.
    var isSwept: Bool {
        footing?.isSwept == true
            || processes.contains { $0.stamps.contains { $0.stamp != .complete } }
    }

    /// Notes what the receives of a process say of sends that are missing. O(causes + steps of knowledge).
    private mutating func noteReceipts(of process: Int) {
        processes[process].receipts = []
        let line = processes[process]
        var sends: [Int: EventKey] = [:]
        for cause in line.causes {
            let place = EventPosition(process: process, position: Int(cause.position))
            sends[place.position] = missingSend(thatBroughtAllOf: place)
        }
        guard !sends.isEmpty else { return }
        for place in line.known.others.indices {
            let other = Int(line.known.others[place])
            for step in line.known.steps(at: place) {
                let position = Int(line.known.positions[step])
                guard let send = sends[position], send.process != other else { continue }
                processes[process].receipts.append(
                    Receipt(
                        position: position, send: send,
                        learned: EventKey(process: other, sequence: line.known.values[step])))
            }
        }
    }

    /// The send that is not here and whose message alone brought all that the event at a place learned; nil where there is none, or
    /// that cannot be told. O(log n).
    func missingSend(thatBroughtAllOf place: EventPosition) -> EventKey? {
        // Of several messages it cannot be told which one brought what; nor of one, unless the event before it is here, and
        // all that it knew.
        guard let send = processes[place.process].loneCause(at: place.position),
            processes[send.process].standIn == nil,
            processes[send.process].position(of: send.sequence) == nil, place.position > 0
        else { return nil }
        let (line, before) = (processes[place.process], place.position - 1)
        guard line.runs[place.position] == line.runs[before] + 1 else { return nil }
        if case .lossy(let loss) = line.stamp(at: before), loss.reason == .frameMissing {
            return nil
        }
        return send
    }
}
