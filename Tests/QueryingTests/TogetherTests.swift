import Causality
import SimulatedHistories
import Testing

@testable import Querying

/// Events in any order, near each other, against all tuples of what truly happened.
@Suite struct TogetherTests {
    @Test(arguments: [0, 10], 1...12 as ClosedRange<UInt64>)
    func isWhatLooksAtAllTuplesFind(lossPercent: Int, seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: lossPercent)
        let naive = try QueryTests.Naive(world)
        var random = SeededGenerator(seed: seed &* 13)
        for _ in 0..<4 {
            let texts = (0..<Int.random(in: 2...3, using: &random)).map { _ in
                ["x", "y", "z"].randomElement(using: &random)!
            }
            let seconds = Int.random(in: 0...12, using: &random)
            let isJoined = Bool.random(using: &random)
            let terms = texts.enumerated().map { "{ text = \($1) } as t\($0)" }
            let text =
                "all(\(terms.joined(separator: ", "))) within \(seconds)s"
                + (isJoined ? " where t0.k = t1.k" : "")
            var truth: Set<[EventID]> = [[]]
            for (place, wanted) in texts.enumerated() {
                truth = Set(
                    truth.flatMap { tuple in
                        naive.events.filter { event in
                            event.text == wanted
                                && tuple.allSatisfy {
                                    $0 != event.id
                                        && abs(naive.moments[$0]! - naive.moments[event.id]!)
                                            <= seconds
                                }
                                && (place != 1 || !isJoined
                                    || event.attributes.first != nil
                                        && naive.events.first { $0.id == tuple[0] }!.attributes
                                            == event.attributes)
                        }.map { tuple + [$0.id] }
                    })
            }
            let (tuples, doubts, _) = try QueryTests.found(text, world.store)
            let comment = "seed \(seed), \(lossPercent) %: \(text)"
            let found = Set(tuples)
            #expect(found.count == tuples.count, "\(comment)")
            let here = Set(world.here.map(\.id))
            for tuple in truth where tuple.allSatisfy(here.contains) {
                #expect(found.contains(tuple), "\(comment): \(tuple) is missing")
            }
            for (tuple, doubt) in zip(tuples, doubts) {
                if doubt == nil { #expect(truth.contains(tuple), "\(comment): \(tuple) is none") }
                let hosts = Set(tuple.map { QueryTests.World.hosts[$0.process.name]! })
                #expect(doubt == nil || hosts.count > 1, "\(comment): \(doubt ?? "")")
            }
            let sure = doubts.count { $0 == nil }
            let table = try QueryTests.table("\(text) | count()", world.store)
            #expect(table.lines.map(\.number) == [.count(sure)], "\(comment)")
            #expect(table.doubtful == doubts.count - sure, "\(comment)")
        }
    }

    /// The same event is not one of each, and a clock that was set back tells nothing.
    @Test func edges() throws {
        func event(_ process: String, _ number: UInt64, _ second: Int64?) -> Event {
            var event = AnsweringTests.event(process, number, "x")
            event.time = second.map { WallTime(nanoseconds: $0 * 1_000_000_000) }
            return event
        }
        func found(_ seconds: Int, _ events: [Event]) throws -> (tuples: [String], doubts: Int) {
            let (tuples, doubts, _) = try QueryTests.found(
                "all({ text = x }, { text = x }) within \(seconds)s", MemoryStore(events: [events]))
            return (
                tuples.map { "\($0[0].sequence)\($0[1].sequence)" }.sorted(),
                doubts.count { $0 != nil }
            )
        }
        let ascending = [event("a", 1, 0), event("a", 2, 5), event("a", 3, 11)]
        #expect(try found(5, ascending) == (["12", "21"], 0))
        #expect(try found(4, ascending) == ([], 0))
        #expect(try found(6, ascending) == (["12", "21", "23", "32"], 0))
        let setBack = [event("a", 1, 100), event("a", 2, 5), event("a", 3, 200)]
        let (pairs, doubts) = try found(5, setBack)
        #expect(pairs == ["12", "21"] && doubts == 2)
        let timeless = [event("a", 1, 0), event("a", 2, nil), event("a", 3, 100)]
        #expect(try found(5, timeless) == (["12", "21", "23", "32"], 4))
    }
}
