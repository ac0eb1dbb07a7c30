import Causality
import Segments
import SimulatedHistories
import Testing

@testable import Parts

/// A history of parts is the history of the frames that they were made of, to the letter.
@Suite struct HistoryTests {
    /// Segments of two agents; the second one has events of the first one again, some of them changed.
    private static func world(seed: UInt64, count: Int = 400, of frame: Int = 37) throws
        -> PartWorld
    {
        let world = try PartWorld()
        var random = SeededGenerator(seed: seed)
        let events = Sample.events(seed: seed, count: count)
        let third = count / 3
        try world.add("1", agent: "a", Array(events[..<third]), of: frame)
        try world.add("2", agent: "a", Array(events[third..<2 * third]), of: frame)
        var again = events[(third / 2)..<(third * 3 / 2)].filter { _ in
            Int.random(in: 0..<4, using: &random) > 0
        }
        if seed % 3 == 0 {
            for index in again.indices where Int.random(in: 0..<20, using: &random) == 0 {
                again[index].event.text += " changed"
            }
        }
        if seed % 3 != 1 { try world.add("3", agent: "b", again, of: 11) }
        try world.add("4", agent: "a", Array(events[(2 * third)...]), of: frame)
        return world
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func ofOnePart(seed: UInt64) throws {
        let world = try Self.world(seed: seed)
        let part = try world.make("all")
        for execution in ["main", "run 2"] {
            let (found, expected) = (
                try world.history([part], execution), try world.history(execution)
            )
            #expect(difference(found, expected) == nil)
        }
        #expect(try PartVerification(part).damage() == [])
        #expect(try PartVerification(part).brokenChains() == [])
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func ofPartsThatWereMergedAgain(seed: UInt64) throws {
        let world = try Self.world(seed: seed)
        let count = world.inputs.count
        let first = try world.make("first", of: 0..<2)
        let second = try world.make("second", of: 2..<count)
        let expected = try world.history()
        let apart = try world.history([first, second])
        #expect(difference(apart, expected) == nil)
        let merged = try world.merge("merged", [first, second])
        let found = try world.history([merged])
        #expect(difference(found, expected) == nil)
        #expect(try PartVerification(merged).damage() == [])
        #expect(try PartVerification(merged).brokenChains() == [])
        #expect(merged.footer.segmentCount == count)
    }
}

@Suite struct RepeatsTests {
    /// A log that was read, grew, and was read again from its start; of some, an event was changed meanwhile.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func aLogThatWasReadTwiceIsStoredOnce(seed: UInt64) throws {
        let world = try PartWorld()
        let events = Sample.events(seed: seed, count: 300)
        try world.add("1", agent: "a", Array(events[..<150]), of: 37)
        var again = events
        if seed % 4 == 3 { again[80].event.text += " changed" }
        try world.add("2", agent: "b", again, of: 23)
        try world.add("3", agent: "b", Array(events[..<60]), of: 60)
        let expected = try world.history()
        let part = try world.make("all")
        let found = try world.history([part])
        #expect(difference(found, expected) == nil)
        #expect(try PartVerification(part).damage() == [])
        #expect(try PartVerification(part).brokenChains() == [])
        let runs = try (0..<part.footer.runCount).map { try part.run($0) }
        let taken = runs.reduce(0) { $0 + $1.taken }
        #expect(taken == world.frames.reduce(0) { $0 + $1.frame.header.rowCount })
        // Numbers that ran backwards are apart, whatever they say.
        #expect(part.footer.eventCount < taken * 9 / 10, "\(part.footer.eventCount) of \(taken)")
    }

    @Test func nothingIsStoredTwiceThatIsInOneOrder() throws {
        let world = try PartWorld()
        let events = SimulatedHistory(.init(processes: 4, events: 900), seed: 3).events.map {
            (key: ProcessKey(execution: "main", host: "h", process: $0.id.process), event: $0)
        }
        try world.add("1", agent: "a", Array(events[..<400]), of: 90)
        try world.add("2", agent: "a", events, of: 70)
        let part = try world.make("all")
        #expect(part.footer.eventCount == 900)
        let (found, expected) = (try world.history([part]), try world.history())
        #expect(difference(found, expected) == nil)
        #expect(try PartVerification(part).brokenChains() == [])
    }

    @Test func mergingKeepsWhoElseHasARow() throws {
        let world = try PartWorld()
        let events = Sample.events(seed: 9, count: 300)
        try world.add("1", agent: "a", Array(events[..<100]), of: 37)
        try world.add("2", agent: "b", Array(events[..<100]), of: 23)
        try world.add("3", agent: "a", Array(events[100...]), of: 23)
        try world.add("4", agent: "b", Array(events[100...]), of: 60)
        let expected = try world.history()
        let parts = [try world.make("first", of: 0..<2), try world.make("second", of: 2..<4)]
        let merged = try world.merge("merged", parts)
        let found = try world.history([merged])
        #expect(difference(found, expected) == nil)
        #expect(try PartVerification(merged).brokenChains() == [])
        #expect(merged.footer.blockCount < parts.reduce(0) { $0 + $1.footer.blockCount })
        #expect(merged.footer.eventCount < 500)
    }
}

/// The first lines that differ; nil where none does.
func difference(_ found: [String], _ expected: [String]) -> String? {
    guard found != expected else { return nil }
    let (lines, others) = (Set(expected), Set(found))
    return "found \(found.first { !lines.contains($0) } ?? ""), "
        + "expected \(expected.first { !others.contains($0) } ?? "")"
}
