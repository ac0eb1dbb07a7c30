import Causality

/// The messages of the history of one execution, wherever they are kept: in memory (`MessageEdges`), or in files. Processes and
/// positions are those of the `CausalIndex` of the same history.
package protocol MessageIndex: Sendable {
    associatedtype Failure: Error

    /// True where whatever a message came from is known to its receiver, so that knowledge says all that messages do. False in
    /// histories that contradict themselves.
    var areAllKnown: Bool { get }
    /// The messages that arrived at the events of a process in a range of positions, ascending by position; those of one event
    /// in listing order of the senders.
    func arrivals(at process: Int, in positions: Range<Int>) throws(Failure) -> [Arrival]
    /// Where the messages of an event arrived, which may be missing, in no particular order.
    func receipts(of send: EventKey) throws(Failure) -> [EventPosition]
    /// The messages that left a process with its event of this number or later ones: at least all of the first number that has
    /// some, and maybe of those that follow on it, ascending; none where there are no more.
    func departures(from process: Int, since sequence: UInt64) throws(Failure) -> [Departure]
}

/// News of an event that came to a position of a process: by a message of its, or by whatever told of it.
package struct Arrival: Hashable, Sendable {
    package var position: Int
    package var event: EventKey

    package init(position: Int, event: EventKey) {
        self.position = position
        self.event = event
    }
}

/// A message that left an event of this number.
package struct Departure: Hashable, Sendable {
    package var sequence: UInt64
    package var receipt: EventPosition

    package init(sequence: UInt64, receipt: EventPosition) {
        self.sequence = sequence
        self.receipt = receipt
    }
}

extension Departure {
    /// The first departures of one process that two indexes tell of, each as `departures(from:since:)` gives them: up to where
    /// both tell of all.
    package static func merged(_ a: [Departure], _ b: [Departure]) -> [Departure] {
        guard let lastOfA = a.last?.sequence else { return b }
        guard let lastOfB = b.last?.sequence else { return a }
        let last = min(lastOfA, lastOfB)
        return (a + b).filter { $0.sequence <= last }.sorted { $0.sequence < $1.sequence }
    }
}

/// A message: the receive could not have happened without the send. Either end may be named by a clock
/// and yet be missing; the receive is always here.
package struct MessageEdge: Hashable, Sendable {
    package let from: EventID
    package let to: EventID
    /// False where the send is a ghost.
    package let fromIsHere: Bool

    package init(from: EventID, to: EventID, fromIsHere: Bool) {
        self.from = from
        self.to = to
        self.fromIsHere = fromIsHere
    }
}

extension CausalIndex {
    /// A message by the names of its ends.
    package func edge(
        from send: EventKey, to receipt: EventPosition
    ) throws(Failure) -> MessageEdge {
        MessageEdge(
            from: try id(send), to: try id(receipt),
            fromIsHere: try isHere(send))
    }

    /// Arrivals, ascending by position, with those of one event in listing order of the senders. O(arrivals), and where an event
    /// has several a look at the names of their senders.
    package func listed(_ arrivals: [Arrival]) throws(Failure) -> [Arrival] {
        var listed = arrivals
        var start = 0
        while start < listed.count {
            let position = listed[start].position
            let end = listed[start...].firstIndex { $0.position != position } ?? listed.count
            if end - start > 1 {
                var named: [(id: EventID, arrival: Arrival)] = []
                for arrival in listed[start..<end] {
                    named.append((id: try id(arrival.event), arrival: arrival))
                }
                named.sort { listingOrder($0.id, $1.id) }
                listed.replaceSubrange(start..<end, with: named.map(\.arrival))
            }
            start = end
        }
        return listed
    }

    /// Whether what leads from one process to another is a message: a restart that goes on from the incarnation before it got
    /// none.
    package func isMessage(from sender: Int, to receiver: Int) throws(Failure) -> Bool {
        guard sender != receiver else { return true }
        return !ExactText.isSame(try id(of: sender).name, try id(of: receiver).name)
    }

    /// A chain of the fewest messages by which news of `a` reached `b`: empty where both are on one
    /// process, nil where no chain is here. Breadth-first over messages; along a process news travels
    /// by itself, so the earliest event reached is all that matters of a process.
    ///
    /// It looks at what `b` has seen first, and at everything else only where clocks that contradict the messages may have
    /// hidden a chain. Stops where `check` throws. O(messages between the two), at worst O(all messages).
    package func path(
        from a: EventID, to b: EventID, by messages: some MessageIndex, check: () throws -> Void
    ) throws -> [MessageEdge]? {
        guard let start = try key(a), let goal = try key(b) else { return nil }
        if start.process == goal.process { return start.sequence <= goal.sequence ? [] : nil }
        let everything = [UInt64](repeating: .max, count: processCount)
        for bounds in [try seen(by: goal), everything] {
            if let chain = try chain(from: start, to: goal, within: bounds, by: messages, check) {
                return try chain.map { try edge(from: $0.from, to: $0.to) }
            }
        }
        return nil
    }

    /// The same, over events of which each process has seen no more than `bounds`.
    private func chain(
        from start: EventKey, to goal: EventKey, within bounds: [UInt64],
        by messages: some MessageIndex, _ check: () throws -> Void
    ) throws -> [MessageStep]? {
        /// The first sequence number of each process that the news reached, and the step that brought it.
        var reached = [UInt64?](repeating: nil, count: processCount)
        var steps: [(step: MessageStep, before: Int)] = []
        var frontier: [(process: Int, from: UInt64, until: UInt64, step: Int)] = [
            (start.process, start.sequence, bounds[start.process], -1)
        ]
        reached[start.process] = start.sequence
        while !frontier.isEmpty {
            var next: [Int: (sequence: UInt64, step: Int)] = [:]
            for (process, from, until, step) in frontier {
                var sequence = from
                while sequence <= until {
                    try check()
                    let departures = try messages.departures(from: process, since: sequence)
                    guard let last = departures.last else { break }
                    for departure in departures where departure.sequence <= until {
                        let receiver = departure.receipt.process
                        let arrival = try self.key(departure.receipt).sequence
                        let before = min(
                            reached[receiver] ?? .max, next[receiver]?.sequence ?? .max)
                        guard arrival < before, arrival <= bounds[receiver] else { continue }
                        let send = EventKey(process: process, sequence: departure.sequence)
                        steps.append((MessageStep(from: send, to: departure.receipt), step))
                        next[receiver] = (arrival, steps.count - 1)
                    }
                    sequence = last.sequence + 1
                }
            }
            if let arrival = next[goal.process], arrival.sequence <= goal.sequence {
                var chain: [MessageStep] = []
                var step = arrival.step
                while step >= 0 {
                    chain.append(steps[step].step)
                    step = steps[step].before
                }
                return chain.reversed()
            }
            frontier = next.sorted { $0.key < $1.key }.map { process, arrival in
                let until = reached[process].map { $0 - 1 } ?? bounds[process]
                reached[process] = arrival.sequence
                return (process, arrival.sequence, until, arrival.step)
            }
        }
        return nil
    }
}

private struct MessageStep {
    var from: EventKey
    var to: EventPosition
}
