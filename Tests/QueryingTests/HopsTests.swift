import Causality
import SimulatedHistories
import Testing

@testable import Querying

/// What is a few messages away, against walks over the messages that were truly sent.
@Suite struct HopsTests {
    /// By event, the fewest messages between it and one of some others that it is before, or after.
    private static func distances(
        _ events: [Event], from origins: [EventID], isForwards: Bool
    ) -> [EventID: Int] {
        var edges: [EventID: [(EventID, Int)]] = [:]
        func add(_ a: EventID, _ b: EventID, _ cost: Int) {
            edges[isForwards ? a : b, default: []].append(isForwards ? (b, cost) : (a, cost))
        }
        let named = Dictionary(
            uniqueKeysWithValues: events.map { (EventReference($0.id), $0.id) })
        for event in events {
            if event.id.sequence > 1 {
                add(EventID(event.id.process, event.id.sequence - 1), event.id, 0)
            }
            // A restart goes on from where the incarnation before it ended.
            for other in events
            where event.id.sequence == 1 && other.id.process != event.id.process
                && other.id.process.name == event.id.process.name && event.clock.hasSeen(other.id)
            {
                add(other.id, event.id, 0)
            }
            for cause in event.causes {
                guard let from = named[cause.event] else { continue }
                add(from, event.id, from.process.name == event.id.process.name ? 0 : 1)
            }
        }
        var found: [EventID: Int] = [:]
        var near = origins.map { ($0, 0) }
        while let (next, distance) = near.min(by: { $0.1 < $1.1 }) {
            near.removeAll { $0.0 == next }
            for (other, cost) in edges[next] ?? []
            where distance + cost < found[other] ?? .max {
                found[other] = distance + cost
                near.append((other, distance + cost))
            }
        }
        return found
    }

    @Test(arguments: [0, 10], 1...12 as ClosedRange<UInt64>)
    func isWhatAWalkOverMessagesFinds(lossPercent: Int, seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: lossPercent)
        let here = Set(world.here.map(\.id))
        let origins = world.here.filter { $0.text == "x" && $0.id.sequence % 7 == 0 }.map(\.id)
        guard !origins.isEmpty else { return }
        let numbers = origins.map { "seq = \($0.sequence)" }.joined(separator: " || ")
        let past = Self.distances(world.truth, from: origins, isForwards: false)
        let future = Self.distances(world.truth, from: origins, isForwards: true)
        for count in 1...4 {
            let before = Set(past.filter { $0.value <= count }.keys)
            let after = Set(future.filter { $0.value <= count }.keys)
            for (stage, meant) in [
                ("past hops \(count)", before), ("future hops \(count)", after),
                ("hops \(count)", before.union(after)),
            ] {
                let (events, isComplete) = try QueryTests.events(
                    "{ text = x && (\(numbers)) } | \(stage)", world.store)
                let comment = "seed \(seed), \(lossPercent) %: \(stage)"
                let found = Set(events)
                #expect(found.count == events.count, "\(comment)")
                #expect(found.isSubset(of: meant), "\(comment): \(found.subtracting(meant))")
                guard isComplete else {
                    #expect(lossPercent > 0, "\(comment)")
                    continue
                }
                #expect(
                    found == meant.intersection(here),
                    "\(comment): \(meant.intersection(here).subtracting(found)) is missing")
            }
        }
    }

    /// A gap further away than what is asked for leaves an answer complete.
    @Test func isCompleteWhereWhatIsMissingIsFurtherAway() throws {
        let event = AnsweringTests.event
        let store = MemoryStore(events: [
            [event("a", 1, "", [:]), event("a", 3, "send", [:])],
            [event("b", 1, "get", ["a": 3]), event("b", 2, "send", ["a": 3])],
            [event("c", 1, "get", ["a": 3, "b": 2]), event("c", 2, "x", ["a": 3, "b": 2])],
        ])
        func past(_ count: Int) throws -> (events: [String], isComplete: Bool) {
            let (events, isComplete) = try QueryTests.events(
                "{ text = x && process = c } | past hops \(count)", store)
            return (events.map(\.description).sorted(), isComplete)
        }
        #expect(try past(1) == (["b:1", "b:2", "c:1"], true))
        #expect(try past(2) == (["a:1", "a:3", "b:1", "b:2", "c:1"], false))
    }
}
