import Causality

extension History: CausalIndex {
    package typealias Failure = Never

    package var processCount: Int { processes.count }

    package func id(of process: Int) -> ProcessID { processes[process].id }

    package func facts(of process: Int) -> ProcessFacts {
        let line = processes[process]
        var facts = ProcessFacts(id: line.id, key: line.key)
        if let identity = line.identity {
            facts.branch = identity.branch
            facts.fork = forks[identity.run]
        }
        facts.standIn = line.standIn
        facts.standIns = standIns[process] ?? []
        facts.isUnlinked = line.isUnlinked
        facts.count = line.count
        facts.first = line.first
        facts.last = line.last
        facts.citedMax = line.citedMax
        return facts
    }

    package func gaps(of process: Int) -> [Gap] { processes[process].gaps }

    package func sequences(of process: Int) -> SequenceRuns { processes[process].runs }

    /// What a history has is here.
    package func droppedCount(of process: Int) -> Int { 0 }

    package func implied(by process: Int) -> [EventKey] { processes[process].implied }

    package func unlinkedProcesses() -> [Int] { unlinked }

    package func ruledOut() -> [EventKey] {
        processes.indices.flatMap { process in
            processes[process].rulings.keys.map { EventKey(process: process, sequence: $0) }
        }
    }

    package func ruling(on event: EventKey) -> EventKey? {
        processes[event.process].rulings[event.sequence]
    }

    /// The events of a process of which an operator says that no message came there, ascending, and who says so.
    package func rulings(of process: Int) -> [(sequence: UInt64, by: EventKey)] {
        processes[process].rulings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    package func known(of process: Int, at place: EventPosition) -> UInt64 {
        // Not through a local copy of the process: copying counts references, which costs more than the search.
        if process == place.process { return processes[process].runs[place.position] }
        requireHere(place)
        return processes[place.process].known.value(of: process, at: place.position)
    }

    package func known(at place: EventPosition) -> [EventKey] {
        requireHere(place)
        return processes[place.process].known.clock(at: place.position).keys
    }

    package func learned(by process: Int, in positions: Range<Int>) -> [Arrival] {
        let known = processes[process].known
        var learned: [Arrival] = []
        for place in known.others.indices {
            let steps = known.steps(at: place)
            var step = known.step(after: positions.lowerBound - 1, among: steps)
            while step < steps.upperBound, Int(known.positions[step]) < positions.upperBound {
                let event = EventKey(
                    process: Int(known.others[place]), sequence: known.values[step])
                learned.append(Arrival(position: Int(known.positions[step]), event: event))
                step += 1
            }
        }
        return learned.sorted { ($0.position, $0.event.process) < ($1.position, $1.event.process) }
    }

    package func firstPosition(knowing event: EventKey, in process: Int) -> Int? {
        let position = firstStep(knowing: event, in: process)
        if let position { requireHere(EventPosition(process: process, position: position)) }
        return position
    }

    /// The position of the first event of a process that knows `event`; where that is put away, some position of what is.
    func firstStep(knowing event: EventKey, in process: Int) -> Int? {
        processes[process].known.firstPosition(of: event.process, reaching: event.sequence)
    }

    /// A history knows nothing of events that are put away: a `Chronicle` does.
    private func requireHere(_ place: EventPosition) {
        precondition(
            place.position >= processes[place.process].base, "a question about what is put away")
    }

    package func uncertainty(at place: EventPosition) -> Uncertainty? {
        requireHere(place)
        return processes[place.process].uncertainty(at: place.position)
    }

    package func firstCertain(from place: EventPosition) -> Int? {
        requireHere(place)
        return processes[place.process].firstCertain(from: place.position)
    }

    package func learned(fromMissing send: EventKey) -> [EventKey] {
        learnedFromMissing[send] ?? []
    }

    /// The stamp of the event at a place; of one that is put away only whether it says that something was lost, and what.
    package func stamp(at place: EventPosition) -> Stamp {
        processes[place.process].stamp(at: place.position)
    }
}

extension History {
    /// The last position of a process whose event's wall time is not later; nil where there is none. O(events of the process).
    package func lastPosition(in process: Int, by time: WallTime) -> Int? {
        processes[process].times.lastIndex {
            $0 != EventBatch.noTime && $0 <= time.nanoseconds
        }
    }

    /// The first of some positions of a process whose event's wall time is in a span of nanoseconds; nil where none is.
    /// O(positions).
    package func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) -> Int? {
        processes[process].times[positions].firstIndex {
            $0 != EventBatch.noTime && span.contains($0)
        }
    }

    /// The wall times of the events that are not put away, in nanoseconds, ascending; those after a limit left out.
    /// O(events · log events).
    package func timesAbove(upTo limit: Int64) -> [Int64] {
        processes.flatMap { $0.times.filter { $0 != EventBatch.noTime && $0 <= limit } }.sorted()
    }

    /// How many events are not put away: of each process all, or those up to a cut.
    package func countAbove(upTo cut: Cut? = nil) -> Int {
        processes.indices.reduce(0) { count, process in
            let line = processes[process]
            let end = cut.map { line.count(upTo: $0.sequences[process]) } ?? line.count
            return count + max(0, end - line.base)
        }
    }

    /// By how many entries the clocks of the events grew that are not put away: what a history takes in memory beside its events.
    /// Of one that is finished. O(pairs of processes that know each other).
    package func countLearned() -> Int {
        processes.reduce(0) { count, line in
            count + line.known.count(from: line.base)
        }
    }

    /// The processes that have events which are put away, or are known to such events: what they are called, and what they go on
    /// from, will not change while these hold.
    package func settledProcesses() -> Set<Int> {
        Set((footing?.processes ?? [:]).keys)
    }

    /// The frames that have events which are not put away.
    package func framesAbove() -> Set<Int> {
        var frames: Set<Int> = []
        for line in processes where line.count > line.base {
            let first = partitionPoint(count: line.blockStarts.count) {
                line.blockStarts[$0].position <= line.base
            }
            for start in line.blockStarts[(first - 1)...] { frames.insert(start.frame) }
        }
        return frames
    }

    /// The frame that holds the event at a place, its row there, and the positions that follow on one another from that row
    /// on. O(log frames).
    package func rows(
        at place: EventPosition
    ) -> (frame: Int, row: Int, positions: Range<Int>) {
        let line = processes[place.process]
        let next = partitionPoint(count: line.blockStarts.count) {
            line.blockStarts[$0].position <= place.position
        }
        let start = line.blockStarts[next - 1]
        let end =
            next < line.blockStarts.count ? line.blockStarts[next].position : line.count
        return (start.frame, start.row, start.position..<end)
    }
}
