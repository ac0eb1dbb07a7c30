import Causality

/// The history of one execution in two pieces that answer as one: what is put away at or below a cut, and what lies above.
///
/// Where its processes have events, which are missing, and what they are called, the piece above knows; what an event knows,
/// the piece that has it. The piece below may be a chronicle itself.
package struct Chronicle<Floor: CausalFloor>: CausalFloor {
    package typealias Failure = Floor.Failure

    /// What is put away.
    package let floor: Floor
    /// What lies above the cut.
    package let tail: History
    fileprivate let numbers: FloorNumbers

    /// O(1) for a tail that was resumed on this floor, else O(processes that are known below the cut). Throws what the floor
    /// does.
    ///
    /// - Parameters:
    ///   - floor: What follows from the events that the tail has put away, as it was then.
    ///   - tail: Finished, and without a breach: traps where the floor does not hold.
    package init(_ floor: Floor, _ tail: History) throws(Failure) {
        precondition(tail.breach == nil, "a floor that does not hold any more")
        self.floor = floor
        self.tail = tail
        numbers = try FloorNumbers(floor, tail)
    }

    /// The place of an event in the floor; nil for one above the cut.
    package func below(_ place: EventPosition) -> EventPosition? {
        isBelow(place) ? numbers.below(place) : nil
    }

    /// A process in the floor; nil where nothing below the cut knows it.
    package func below(_ process: Int) -> Int? { numbers.below(process) }

    /// A process of the floor as it is here. Throws where nothing above the cut goes on from it.
    package func above(_ process: Int) throws(Failure) -> Int {
        try numbers.above(process, of: floor)
    }

    /// How many events of a process are below the cut.
    package func base(of process: Int) -> Int { tail.processes[process].base }

    private func isBelow(_ place: EventPosition) -> Bool {
        place.position < tail.processes[place.process].base
    }

    // MARK: Processes

    package var execution: String { tail.execution }
    package var processCount: Int { tail.processCount }
    package func index(of process: ProcessID) -> Int? { tail.index(of: process) }
    package func id(of process: Int) -> ProcessID { tail.id(of: process) }
    package func facts(of process: Int) -> ProcessFacts { tail.facts(of: process) }
    package func gaps(of process: Int) -> [Gap] { tail.gaps(of: process) }
    package func sequences(of process: Int) -> SequenceRuns { tail.sequences(of: process) }
    package func droppedCount(of process: Int) throws(Failure) -> Int {
        guard let there = numbers.below(process), base(of: process) > 0 else { return 0 }
        return try floor.droppedCount(of: there)
    }
    package func implied(by process: Int) -> [EventKey] { tail.implied(by: process) }
    package func unlinkedProcesses() -> [Int] { tail.unlinkedProcesses() }
    package func ruledOut() -> [EventKey] { tail.ruledOut() }
    package func ruling(on event: EventKey) -> EventKey? { tail.ruling(on: event) }

    // MARK: Events

    package func known(of process: Int, at place: EventPosition) throws(Failure) -> UInt64 {
        guard isBelow(place) else { return tail.known(of: process, at: place) }
        guard let other = numbers.below(process) else { return 0 }
        return try floor.known(of: other, at: numbers.below(place))
    }

    package func known(at place: EventPosition) throws(Failure) -> [EventKey] {
        guard isBelow(place) else { return tail.known(at: place) }
        return try numbers.above(floor.known(at: numbers.below(place)), of: floor)
            .sorted { $0.process < $1.process }
    }

    package func learned(
        by process: Int, in positions: Range<Int>
    ) throws(Failure) -> [Arrival] {
        let base = tail.processes[process].base
        var learned: [Arrival] = []
        if positions.lowerBound < base {
            let there = numbers.below(EventPosition(process: process, position: 0)).process
            let end = min(base, positions.upperBound)
            let below = try floor.learned(by: there, in: positions.lowerBound..<end)
            learned = try numbers.above(below, of: floor)
                .sorted { ($0.position, $0.event.process) < ($1.position, $1.event.process) }
        }
        guard positions.upperBound > base else { return learned }
        let above = max(base, positions.lowerBound)..<positions.upperBound
        return learned + tail.learned(by: process, in: above)
    }

    package func firstPosition(
        knowing event: EventKey, in process: Int
    ) throws(Failure) -> Int? {
        guard let position = tail.firstStep(knowing: event, in: process) else { return nil }
        let place = EventPosition(process: process, position: position)
        guard isBelow(place), let known = numbers.below(event) else { return position }
        return try floor.firstPosition(knowing: known, in: numbers.below(place).process)
    }

    package func uncertainty(at place: EventPosition) throws(Failure) -> Uncertainty? {
        guard isBelow(place) else { return tail.uncertainty(at: place) }
        return try numbers.above(floor.uncertainty(at: numbers.below(place)), of: floor)
    }

    package func certainEnd(from place: EventPosition) throws(Failure) -> Int {
        guard isBelow(place) else { return tail.certainEnd(from: place) }
        return try min(
            floor.certainEnd(from: numbers.below(place)), tail.processes[place.process].base)
    }

    package func firstCertain(from place: EventPosition) throws(Failure) -> Int? {
        guard isBelow(place) else { return tail.firstCertain(from: place) }
        let base = tail.processes[place.process].base
        if let first = try floor.firstCertain(from: numbers.below(place)), first < base {
            return first
        }
        guard base < tail.processes[place.process].count else { return nil }
        return tail.firstCertain(from: EventPosition(process: place.process, position: base))
    }

    package func learned(fromMissing send: EventKey) throws(Failure) -> [EventKey] {
        var learned = tail.learned(fromMissing: send)
        if let below = numbers.below(send) {
            learned += try numbers.above(floor.learned(fromMissing: below), of: floor)
        }
        return learned
    }

    package func stamp(at place: EventPosition) throws(Failure) -> Stamp {
        guard isBelow(place) else { return tail.stamp(at: place) }
        return try floor.stamp(at: numbers.below(place))
    }

    package func time(at place: EventPosition) throws(Failure) -> Int64 {
        guard isBelow(place) else { return tail.time(at: place) }
        return try floor.time(at: numbers.below(place))
    }

    package func kind(at place: EventPosition) throws(Failure) -> EventKind {
        guard isBelow(place) else { return tail.kind(at: place) }
        return try floor.kind(at: numbers.below(place))
    }

    /// What is above the cut is not looked at.
    package func keepsNames() -> Bool { true }

    package func contradiction(_ what: String) -> Failure { floor.contradiction(what) }
}

extension Chronicle {
    /// Adds what contradicts itself above the cut to what does below, which has the floor's indexes. Stops where `check` throws.
    ///
    /// - Parameter edges: The messages that arrived above the cut.
    package func tally(
        _ edges: MessageEdges, after below: DefectTally, check: () throws -> Void
    ) throws -> DefectTally {
        let tally = try below.renumbered { (process) throws(Failure) in
            try numbers.above(process, of: floor)
        }
        return try tail.tally(edges, in: self, after: tally, check: check)
    }

    /// All defects, once they are tallied.
    package func defects(_ tally: DefectTally) throws(Failure) -> [Defect] {
        try tail.defects(tally, in: self)
    }
}

/// The messages of a chronicle: those that arrived below its cut and those that arrived above.
package struct ChronicleMessages<Floor: CausalFloor, Below: MessageIndex>: MessageIndex
where Below.Failure == Floor.Failure {
    package typealias Failure = Floor.Failure

    private let floor: Floor
    private let below: Below
    private let above: MessageEdges
    private let tail: History
    private let numbers: FloorNumbers

    /// - Parameters:
    ///   - below: Those of the chronicle's floor, in its indexes.
    ///   - above: Those that arrived above the cut.
    package init(_ chronicle: Chronicle<Floor>, below: Below, above: MessageEdges) {
        floor = chronicle.floor
        self.below = below
        self.above = above
        tail = chronicle.tail
        numbers = chronicle.numbers
    }

    package var areAllKnown: Bool { below.areAllKnown && above.areAllKnown }

    package func arrivals(
        at process: Int, in positions: Range<Int>
    ) throws(Failure) -> [Arrival] {
        let base = tail.processes[process].base
        var arrivals: [Arrival] = []
        if positions.lowerBound < base, let there = numbers.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            let found = try numbers.above(below.arrivals(at: there, in: range), of: floor)
            // Below, a process may have another name, or none yet.
            arrivals = tail.listed(found)
        }
        return arrivals + above.arrivals(at: process, in: positions)
    }

    package func receipts(of send: EventKey) throws(Failure) -> [EventPosition] {
        var receipts: [EventPosition] = []
        if let there = numbers.below(send) {
            for receipt in try below.receipts(of: there) {
                receipts.append(try numbers.above(receipt, of: floor))
            }
        }
        return receipts + above.receipts(of: send)
    }

    package func departures(
        from process: Int, since sequence: UInt64
    ) throws(Failure) -> [Departure] {
        let here = above.departures(from: process, since: sequence)
        guard let there = numbers.below(process) else { return here }
        var before: [Departure] = []
        for departure in try below.departures(from: there, since: sequence) {
            let receipt = try numbers.above(departure.receipt, of: floor)
            before.append(Departure(sequence: departure.sequence, receipt: receipt))
        }
        return Departure.merged(before, here)
    }
}

/// When the events of a chronicle happened: those below its cut and those above.
package struct ChronicleTimes<Floor: CausalFloor, Below: CausalTimes>: CausalTimes
where Below.Failure == Floor.Failure {
    package typealias Failure = Floor.Failure

    private let chronicle: Chronicle<Floor>
    private let below: Below
    private let above: HistoryTimes

    /// - Parameters:
    ///   - below: Those of the chronicle's floor, in its indexes.
    ///   - above: Those of the events above the cut.
    package init(_ chronicle: Chronicle<Floor>, below: Below, above: HistoryTimes) {
        self.chronicle = chronicle
        self.below = below
        self.above = above
    }

    package func steps(
        of process: Int, in positions: Range<Int>
    ) throws(Failure) -> [LogicalStep] {
        let base = chronicle.base(of: process)
        var steps: [LogicalStep] = []
        if positions.lowerBound < base, let there = chronicle.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            steps = try below.steps(of: there, in: range)
        }
        guard positions.upperBound > base else { return steps }
        let range = max(base, positions.lowerBound)..<positions.upperBound
        return steps + above.steps(of: process, in: range)
    }

    package func firstPositions(of process: Int, from times: [Int]) throws(Failure) -> [Int] {
        let base = chronicle.base(of: process)
        guard base > 0, let there = chronicle.below(process) else {
            return above.firstPositions(of: process, from: times)
        }
        let found = try below.firstPositions(of: there, from: times)
        guard base < chronicle.tail.processes[process].count,
            let first = found.firstIndex(of: base)
        else { return found }
        return found[..<first]
            + above.firstPositions(of: process, from: Array(times[first...]))
    }

    package func tallies(
        at process: Int, in positions: Range<Int>
    ) throws(Failure) -> [MessageTally] {
        let base = chronicle.base(of: process)
        var tallies: [MessageTally] = []
        if positions.lowerBound < base, let there = chronicle.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            for var tally in try below.tallies(at: there, in: range) {
                for index in tally.peers.indices {
                    let sender = tally.peers[index].first.event.process
                    tally.peers[index].first.event.process = try chronicle.above(sender)
                }
                tally.peers.sort { $0.first.event.process < $1.first.event.process }
                tallies.append(tally)
            }
        }
        guard positions.upperBound > base else { return tallies }
        let range = max(base, positions.lowerBound)..<positions.upperBound
        return tallies + above.tallies(at: process, in: range)
    }

    package func adjustedSpans(
        of process: Int, in positions: Range<Int>
    ) throws(Failure) -> [AdjustedSpan] {
        let base = chronicle.base(of: process)
        var spans: [AdjustedSpan] = []
        if positions.lowerBound < base, let there = chronicle.below(process) {
            let range = positions.lowerBound..<min(base, positions.upperBound)
            spans = try below.adjustedSpans(of: there, in: range)
        }
        guard positions.upperBound > base else { return spans }
        let range = max(base, positions.lowerBound)..<positions.upperBound
        return spans + above.adjustedSpans(of: process, in: range)
    }

    package func adjustedClock(of process: Int) throws(Failure) -> AdjustedClock {
        guard chronicle.tail.processes[process].count == chronicle.base(of: process),
            let there = chronicle.below(process)
        else { return above.adjustedClock(of: process) }
        return try below.adjustedClock(of: there)
    }
}
