import Causality

/// A random run of a distributed system, with nothing lost: what really happened. For tests and benchmarks.
package struct SimulatedHistory: Sendable {
    package struct Shape: Sendable {
        package var processes: Int
        package var events: Int
        /// Of 100 events, how many are sends; about as many are receives.
        package var sendPercent: Int
        /// Of 1,000 events, how many crash their process, which goes on as a new incarnation.
        package var crashPerMille: Int
        /// Messages under way at the most: further ones push the oldest out, unreceived.
        package var messagesUnderWayMax: Int
        /// Messages that one receive takes at the most, where so many are under way to its process.
        package var messagesPerReceiveMax: Int

        package init(
            processes: Int, events: Int, sendPercent: Int = 30, crashPerMille: Int = 0,
            messagesUnderWayMax: Int = 64, messagesPerReceiveMax: Int = 1
        ) {
            self.processes = processes
            self.events = events
            self.sendPercent = sendPercent
            self.crashPerMille = crashPerMille
            self.messagesUnderWayMax = messagesUnderWayMax
            self.messagesPerReceiveMax = messagesPerReceiveMax
        }
    }

    /// Every event, in an order in which it may have happened.
    package private(set) var events: [Event] = []

    /// Runs the system. The same seed gives the same run.
    package init(_ shape: Shape, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var clocks = (0..<shape.processes).map { index in
            (id: ProcessID(name: "p\(index)"), clock: VectorClock())
        }
        var underWay: [(to: Int, cause: EventID, clock: VectorClock)] = []
        events.reserveCapacity(shape.events)
        for step in 0..<shape.events {
            var index = Int.random(in: 0..<shape.processes, using: &random)
            let dice = Int.random(in: 0..<100, using: &random)
            var kind = EventKind.local
            var causes: [EventID] = []
            if dice < shape.sendPercent {
                kind = .send
            } else if dice < 2 * shape.sendPercent, !underWay.isEmpty {
                let picked = Int.random(in: 0..<underWay.count, using: &random)
                underWay.swapAt(picked, underWay.count - 1)
                let message = underWay.removeLast()
                index = message.to
                kind = .receive
                causes = [message.cause]
                clocks[index].clock.merge(message.clock)
                while causes.count < shape.messagesPerReceiveMax,
                    let next = underWay.firstIndex(where: { $0.to == index })
                {
                    let message = underWay.remove(at: next)
                    causes.append(message.cause)
                    clocks[index].clock.merge(message.clock)
                }
            }
            let id = clocks[index].id
            clocks[index].clock[id] += 1
            let event = EventID(id, clocks[index].clock[id])
            if kind == .send {
                let to = Int.random(in: 0..<shape.processes, using: &random)
                if to != index {
                    underWay.append((to, event, clocks[index].clock))
                    if underWay.count > shape.messagesUnderWayMax { underWay.removeFirst() }
                }
            }
            events.append(
                Event(
                    id: event, kind: kind,
                    time: WallTime(nanoseconds: Int64(step) * 1_000_000),
                    text: "step \(step)",
                    causes: causes.map { Cause(EventReference($0), .token) },
                    clock: clocks[index].clock))
            if shape.crashPerMille > 0,
                Int.random(in: 0..<1000, using: &random) < shape.crashPerMille
            {
                clocks[index].id.incarnation += 1
            }
        }
    }
}
