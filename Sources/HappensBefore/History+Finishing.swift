import Causality

extension History {
    /// Makes the history ready for questions after blocks were added: O(1) where every stamp is complete;
    /// else one sweep that follows the recorded causes, O((events + growth) · log processes).
    package mutating func finish() {
        receiptsOfMissing = [:]
        for process in processes.indices {
            processes[process].known = processes[process].stamped
            processes[process].uncertain = []
            for cause in processes[process].causes
            where processes[cause.process].position(of: cause.sequence) == nil {
                receiptsOfMissing[
                    EventKey(process: cause.process, sequence: cause.sequence), default: []
                ].append(EventPosition(process: process, position: Int(cause.position)))
            }
        }
        if processes.contains(where: { !$0.incomplete.isEmpty }) { followCauses() }
    }

    /// Where stamps are lower bounds: an event knows what its predecessor and its cause knew.
    private mutating func followCauses() {
        let order = Array(LinearExtension(self))
        for process in processes.indices { processes[process].known = [:] }
        var nextStep = processes.map { $0.stamped.mapValues { _ in 0 } }
        var nextIncomplete = [Int](repeating: 0, count: processes.count)
        for place in order {
            let (process, position) = (place.process, place.position)
            var sources: [EventKey] = []
            for (other, steps) in processes[process].stamped {
                let step = nextStep[process][other]!
                if step < steps.count, Int(steps.positions[step]) == position {
                    nextStep[process][other] = step + 1
                    sources.append(EventKey(process: other, sequence: steps.values[step]))
                }
            }
            let line = processes[process]
            if let cause = line.cause(at: position) {
                sources.append(EventKey(process: cause.process, sequence: cause.sequence))
            }
            let next = nextIncomplete[process]
            if next < line.incomplete.count, Int(line.incomplete[next]) == position {
                nextIncomplete[process] = next + 1
                var certain = isContinued(line, at: position, from: sources)
                for source in sources { certain = adopt(source, at: place) && certain }
                if !certain { processes[process].uncertain.append(UInt32(position)) }
            } else {
                for source in sources { learn(source.process, source.sequence, at: place) }
            }
        }
    }

    /// Whether the event at `position` can be accounted for by its predecessor and `sources`: its predecessor is
    /// here and exact, the first event of a restart names where it goes on from, and a receive its sender.
    private func isContinued(_ line: ProcessHistory, at position: Int, from sources: [EventKey])
        -> Bool
    {
        guard line.hasClocks else { return false }
        let cause = line.cause(at: position)
        if line.kinds[position] == .receive, cause == nil { return false }
        guard position > 0 else {
            return line.first == 1
                && (line.id.incarnation == 1 || namesOrigin(line, among: sources, cause))
        }
        return line.runs[position] == line.runs[position - 1] + 1
            && !line.isUncertain(at: position - 1)
    }

    /// Whether the first event of a restart names an event of an earlier incarnation, and not just because the sender of the
    /// message that it received had seen it.
    private func namesOrigin(
        _ line: ProcessHistory, among sources: [EventKey], _ cause: RecordedCause?
    ) -> Bool {
        sources.contains { source in
            let other = processes[source.process].id
            guard other != line.id, ExactText.isSame(other.name, line.id.name) else { return false }
            guard let cause else { return true }
            if cause.process == source.process { return source.sequence > cause.sequence }
            let sender = processes[cause.process]
            let floor = sender.count(upTo: cause.sequence) - 1
            guard floor >= 0 else { return false }
            return (sender.known[source.process]?.value(at: floor) ?? 0) < source.sequence
        }
    }

    /// The event at `place` knows what an event that it has seen knew; false where that is not all here.
    private mutating func adopt(_ cause: EventKey, at place: EventPosition) -> Bool {
        learn(cause.process, cause.sequence, at: place)
        let source = processes[cause.process]
        let floor = source.count(upTo: cause.sequence) - 1
        guard floor >= 0 else { return false }
        for (other, steps) in source.known { learn(other, steps.value(at: floor), at: place) }
        return source.runs[floor] == cause.sequence && !source.isUncertain(at: floor)
    }

    private mutating func learn(_ other: Int, _ value: UInt64, at place: EventPosition) {
        guard other != place.process, value > 0 else { return }
        processes[place.process].known[other, default: StepFunction()].rise(
            to: value, at: place.position)
    }
}
