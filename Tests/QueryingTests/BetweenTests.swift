import Causality
import SimulatedHistories
import Testing

@testable import Querying

/// How many events lie between two others, against counting them in what truly happened.
@Suite struct BetweenTests {
    /// Where two events are surely ordered, the number between them decides, or what is missing that may.
    @Test(arguments: [0, 5, 20], 1...10 as ClosedRange<UInt64>)
    func isWhatCountingFinds(lossPercent: Int, seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: lossPercent)
        let naive = try QueryTests.Naive(world)
        let events = Dictionary(uniqueKeysWithValues: naive.events.map { ($0.id, $0) })
        let ordered = try QueryTests.found("{ text = x } -> { text = y }", world.store).tuples
        for (least, most) in [(1, nil), (0, 0), (2, 2), (1, 3), (0, 2), (4, nil)] as [(Int, Int?)] {
            let count =
                least == most ? "{\(least)}" : "{\(least),\(most.map { "\($0)" } ?? "")}"
            let text = "{ text = x } -> { text = w }\(count) -> { text = y }"
            let (tuples, doubts, _) = try QueryTests.found(text, world.store)
            let sure = Set(zip(tuples, doubts).filter { $0.1 == nil }.map(\.0))
            let found = Set(tuples)
            #expect(found.count == tuples.count)
            if lossPercent == 0 { #expect(sure.count == tuples.count) }
            for tuple in ordered {
                let (a, b) = (events[tuple[0]]!, events[tuple[1]]!)
                let between = naive.events.count {
                    $0.text == "w" && naive.isBefore(a, $0) && naive.isBefore($0, b)
                }
                let isMatch = between >= least && between <= most ?? .max
                #expect(
                    isMatch ? found.contains(tuple) : !sure.contains(tuple),
                    "seed \(seed), \(lossPercent) %: \(text): \(tuple) has \(between)")
            }
            #expect(found.isSubset(of: ordered))
        }
    }

    /// What is missing makes a number unknown only where it may change what is asked.
    @Test func isUnknownOnlyWhereWhatIsMissingDecides() throws {
        let event = AnsweringTests.event
        // Two of process a are not here, between two that are counted.
        let store = MemoryStore(events: [
            [
                event("a", 1, "x", [:]), event("a", 2, "w", [:]), event("a", 5, "w", [:]),
                event("a", 6, "z", [:]),
            ],
            [event("b", 1, "y", ["a": 6])],
        ])
        func doubts(_ count: String) throws -> [String?] {
            try QueryTests.found(
                "{ text = x } -> { text = w }\(count) -> { text = y }", store
            ).doubts
        }
        #expect(try doubts("{2,}") == [nil] && doubts("{1,4}") == [nil])
        #expect(try doubts("{5,}") == [] && doubts("{1}") == [] && doubts("{0}") == [])
        for count in ["{2}", "{3}", "{4}", "{3,}", "{2,3}"] {
            let doubts = try doubts(count)
            #expect(doubts.count == 1 && doubts[0]?.contains("a") == true, "\(count): \(doubts)")
        }
        // On the other process nothing is missing.
        #expect(
            try QueryTests.found(
                "{ text = x } -> { text = w && process = b }{0} -> { text = y }", store
            ).doubts == [nil])
        // `until` is the same as none of them.
        #expect(
            try QueryTests.found("{ text = x } -> { text = y } until { text = q }", store).doubts
                .first != .some(nil))
    }
}
