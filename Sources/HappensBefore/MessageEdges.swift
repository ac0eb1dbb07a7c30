import Causality

/// The message edges of a history: recorded causes, and where a source has clocks but no causes the
/// transitive reduction: at an event whose clock grew, the new entries that no other new one implies.
package struct MessageEdges: MessageIndex {
    package typealias Failure = Never

    /// For each process, its receives in ascending order of position.
    private var incoming: [[Edge]] = []
    /// For each process, its sends in ascending order of sequence number.
    private var outgoing: [[Edge]] = []
    /// How many edges begin at an event that is here.
    package private(set) var count = 0
    /// How many edges begin at a ghost.
    package private(set) var ghostCount = 0
    package private(set) var areAllKnown = true

    private struct Edge: Sendable {
        var sender: UInt32
        var receiver: UInt32
        var position: UInt32
        var sequence: UInt64

        var send: EventKey { EventKey(process: Int(sender), sequence: sequence) }
        var receipt: EventPosition {
            EventPosition(process: Int(receiver), position: Int(position))
        }
    }

    /// O(clock growth · log n + processes · log processes), times the new entries of one event where many come at once. Stops
    /// where `check` throws.
    package init(_ history: History, check: () throws -> Void) rethrows {
        outgoing = Array(repeating: [], count: history.processes.count)
        let ranks = history.listingRanks()
        let dependencies = try Dependencies(
            history, in: history.processes.map { 0..<$0.count }, check: check)
        for (process, line) in history.processes.enumerated() {
            var edges: [Edge] = []
            for position in 0..<line.count {
                if position % Limits.rowsBetweenChecks == 0 { try check() }
                // What may mean one of several processes, or was never sent, is no edge.
                let grown = dependencies.of(process: process, row: position)
                    .filter { history.processes[$0.process].standIn == nil }[...]
                guard !grown.isEmpty else { continue }
                let place = EventPosition(process: process, position: position)
                for key in MessageEdges.sources(
                    of: place, among: grown, ranks: ranks, in: history)
                {
                    let edge = Edge(
                        sender: UInt32(key.process), receiver: UInt32(process),
                        position: UInt32(position), sequence: key.sequence)
                    edges.append(edge)
                    areAllKnown =
                        areAllKnown
                        && (key.process == process
                            || history.known(of: key.process, at: place) >= key.sequence)
                    outgoing[key.process].append(edge)
                    if history.processes[key.process].position(of: key.sequence) != nil {
                        count += 1
                    } else {
                        ghostCount += 1
                    }
                }
            }
            incoming.append(edges)
        }
        for process in outgoing.indices {
            outgoing[process].sort {
                ($0.sequence, $0.receiver, $0.position) < ($1.sequence, $1.receiver, $1.position)
            }
        }
    }

    package init(_ history: History) { self.init(history) {} }

    /// The senders of the messages that arrived at an event: its recorded causes, and each new entry
    /// that neither a cause nor another new entry implies.
    private static func sources(
        of place: EventPosition, among grown: ArraySlice<EventKey>, ranks: [Int],
        in history: History
    ) -> [EventKey] {
        if grown.count == 1 { return Array(grown) }
        let causes = history.processes[place.process].causes(at: place.position).map(\.key)
        // Most of what came with a message its sender had seen: what is left is little.
        let left = grown.filter { key in
            if causes.contains(key) { return true }
            return !causes.contains { cause in
                if key.process == cause.process { return key.sequence <= cause.sequence }
                return history.surelyKnows(cause, key) && !history.surelyKnows(key, cause)
            }
        }
        let implied = MessageEdges.implied(among: left, in: history)
        return Set(left).filter { !implied.contains($0) || causes.contains($0) }
            .sorted { (ranks[$0.process], $0.sequence) < (ranks[$1.process], $1.sequence) }
    }

    /// Those of the events that another one of them has seen, unless it has seen that one too: two that imply each other
    /// contradict, and both stay. Each event's knowledge is gone through once: O(entries that they know, or are).
    private static func implied(
        among keys: [EventKey], in history: History
    ) -> Set<EventKey> {
        guard keys.count > 1 else { return [] }
        var byProcess: [Int: [UInt64]] = [:]
        for key in keys { byProcess[key.process, default: []].append(key.sequence) }
        var implied: Set<EventKey> = []
        for other in keys {
            func mark(_ process: Int, upTo sequence: UInt64) {
                guard process != other.process else { return }
                for candidate in byProcess[process] ?? [] where candidate <= sequence {
                    let key = EventKey(process: process, sequence: candidate)
                    if !history.surelyKnows(key, other) { implied.insert(key) }
                }
            }
            for sequence in byProcess[other.process]! where sequence < other.sequence {
                implied.insert(EventKey(process: other.process, sequence: sequence))
            }
            for key in history.processes[other.process].implied {
                mark(key.process, upTo: key.sequence)
            }
            history.forEachKnown(by: other, among: byProcess) { mark($0, upTo: $1) }
        }
        return implied
    }

    package func arrivals(at process: Int, in positions: Range<Int>) -> [Arrival] {
        let edges = incoming[process]
        var index = partitionPoint(count: edges.count) {
            Int(edges[$0].position) < positions.lowerBound
        }
        var arrivals: [Arrival] = []
        while index < edges.count, Int(edges[index].position) < positions.upperBound {
            arrivals.append(
                Arrival(position: Int(edges[index].position), event: edges[index].send))
            index += 1
        }
        return arrivals
    }

    package func receipts(of send: EventKey) -> [EventPosition] {
        departures(from: send.process, since: send.sequence, countMax: .max) {
            $0 == send.sequence
        }.map(\.receipt)
    }

    package func departures(from process: Int, since sequence: UInt64) -> [Departure] {
        departures(from: process, since: sequence, countMax: 256) { _ in true }
    }

    /// All messages of a process's events, ascending by number.
    package func allDepartures(from process: Int) -> [Departure] {
        departures(from: process, since: 0, countMax: .max) { _ in true }
    }

    /// Those from a number on, as long as `isMeant` holds of their numbers: whole numbers only, and none that begins when
    /// there are enough.
    private func departures(
        from process: Int, since sequence: UInt64, countMax: Int, _ isMeant: (UInt64) -> Bool
    ) -> [Departure] {
        let edges = outgoing[process]
        var index = partitionPoint(count: edges.count) { edges[$0].sequence < sequence }
        var departures: [Departure] = []
        while index < edges.count, isMeant(edges[index].sequence) {
            let edge = edges[index]
            if departures.count >= countMax, departures.last?.sequence != edge.sequence { break }
            departures.append(Departure(sequence: edge.sequence, receipt: edge.receipt))
            index += 1
        }
        return departures
    }

    /// Calls `body` with every edge, in listing order of the receivers. Stops where it throws.
    package func forEach(
        in history: History, _ body: (MessageEdge) throws -> Void
    ) rethrows {
        for process in history.listedProcesses() {
            for edge in incoming[process] {
                try body(history.edge(from: edge.send, to: edge.receipt))
            }
        }
    }
}

extension History {
    /// Calls `body` with what event `e` is known to have seen of those of `processes` that have an entry in `wanted`, as
    /// `surelyKnows` has it; what its process goes on from excepted.
    fileprivate func forEachKnown(
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
}
