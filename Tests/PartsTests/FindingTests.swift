import Causality
import Segments
import SimulatedHistories
import Testing

@testable import Parts

/// How blocks are found, and what that reads.
@Suite struct FindingTests {
    private static let key = ProcessKey(
        execution: "main", host: "h", process: ProcessID(name: "p"))

    /// Events of one process, a millisecond apart.
    private static func events(
        _ numbers: some Sequence<UInt64>, of key: ProcessKey = key
    ) -> [KeyedEvent] {
        numbers.map { number in
            var clock = VectorClock()
            clock[key.reference] = number
            clock[.named(ProcessID(name: "other"))] = number / 3
            return (
                key,
                Event(
                    id: EventID(key.process, number),
                    time: WallTime(nanoseconds: Int64(number) * 1_000_000), name: "Order placed",
                    text: "GET /item/\(number) took \(number % 17) ms",
                    level: number == 12_345 ? .error : .info,
                    attributes: [Attribute("user", .text("u\(number % 100)"))], clock: clock)
            )
        }
    }

    private static func world() throws -> PartWorld {
        let world = try PartWorld()
        try world.add("1", agent: "a", events(1...30_000), of: 700)
        for other in 0..<40 {
            let key = ProcessKey(
                execution: "main", host: "h", process: ProcessID(name: "q\(other)"))
            try world.add("q\(other)", agent: "b", events(1...3, of: key), of: 3)
        }
        return world
    }

    @Test func anEventIsFoundInOneBlock() throws {
        let world = try Self.world()
        _ = try world.make("all")
        let part = try PartFile("/parts/all.lcpart", on: world.disk)
        let run = try #require(try part.runs(of: "main", identity: Self.key.identity).first)
        #expect(run.key == Self.key && run.last == 30_000 && run.taken == 30_000)
        #expect(run.blocks.count == 4)
        #expect(part.counts.blocksOpened == 0)
        #expect(part.counts.pagesRead == 1, "41 runs are in one page")
        for number: UInt64 in [1, 8_192, 8_193, 20_000, 30_000] {
            let before = part.counts
            let found = try part.blocks(of: run, at: number)
            #expect(found.count == 1)
            let batch = try part.causality(of: try #require(found.first)).batch
            #expect(batch.sequences.contains(number))
            #expect(part.counts.blocksOpened == before.blocksOpened + 1)
            #expect(
                part.counts.bytesRead - before.bytesRead
                    <= found[0].orderByteCount + Limits.pageBytes)
            #expect(found[0].orderByteCount < found[0].byteCount / 2, "content is not read")
        }
        #expect(try part.blocks(of: run, at: 30_001) == [])
        #expect(part.counts.pagesRead == 2, "44 blocks are in one page")
    }

    @Test func blocksAreFoundByTime() throws {
        let world = try Self.world()
        let part = try world.make("all")
        let run = try #require(try part.runs(of: "main", identity: Self.key.identity).first)
        func first(_ span: ClosedRange<Int64>) throws -> [UInt64] {
            let wanted = span.lowerBound * 1_000_000...span.upperBound * 1_000_000
            return try part.blocks(of: run, during: wanted).map(\.first)
        }
        #expect(try first(1...1) == [1])
        #expect(try first(8_192...8_193) == [1, 8_193])
        #expect(try first(16_385...90_000) == [16_385, 24_577])
        #expect(try first(30_001...90_000) == [])
        #expect(try part.block(run.blocks.lowerBound + 1).levelMax == Level.error.rawValue)
        #expect(try part.block(run.blocks.lowerBound).levelMax == Level.info.rawValue)
    }

    @Test func runsOfManyExecutionsAreFoundByPages() throws {
        let world = try PartWorld()
        for number in 0..<500 {
            let key = ProcessKey(
                execution: "test-\(number)", host: "h", process: ProcessID(name: "p"))
            try world.add("\(number)", agent: "a", Self.events(1...2, of: key), of: 2)
        }
        _ = try world.make("all")
        for number in stride(from: 0, to: 500, by: 49) {
            let part = try PartFile("/parts/all.lcpart", on: world.disk)
            let runs = try part.runs(of: "test-\(number)")
            #expect(runs.map(\.key.execution) == ["test-\(number)"])
            #expect(part.counts.pagesRead <= 4, "9 pages, by halves")
        }
        #expect(try PartFile("/parts/all.lcpart", on: world.disk).runs(of: "test-500") == [])
    }

    /// No word of an event is denied, and of others few are found; within the limit of bytes.
    @Test func aFilterHasEveryWord() throws {
        let world = try Self.world()
        let part = try world.make("all")
        let run = try #require(try part.runs(of: "main", identity: Self.key.identity).first)
        for index in run.blocks {
            let entry = try part.block(index)
            let filter = try part.filter(entry)
            for number in stride(from: entry.first, through: entry.last, by: 7) {
                let text = "order PLACED get item \(number) took \(number % 17) ms u\(number % 100)"
                #expect(filter.mayHold(text), "\(number)")
            }
            let strangers = (0..<2_000).count { filter.mayHold("stranger\($0)") }
            #expect(strangers < 160, "one in eighteen, or so")
            #expect(filter.byteCount <= entry.rowCount * 3 / 2 + 2)
        }
    }

    @Test(arguments: [("Ärger MIT Straße", "ärger"), ("x_1-y", "X_1"), ("a\"b\"", "B")])
    func wordsAreLowerCaseRunsOfLetters(text: String, word: String) {
        let hashes = Words.hashes(of: text)
        #expect(Words.hashes(of: word).allSatisfy { hashes.contains($0) })
        #expect(!Words.hashes(of: "nothing").allSatisfy { hashes.contains($0) })
    }

    /// A run that goes on from segment to segment is checked in the order of its blocks, and not block after block for each of them.
    @Test func chainsThatFollowOnOneAnotherAreCheckedInOneGo() throws {
        let world = try PartWorld()
        for number: UInt64 in 0..<20 {
            try world.add(
                "\(number)", agent: "a", Self.events(number * 1_000 + 1...number * 1_000 + 1_000),
                of: 500)
        }
        try world.make("all")
        let part = try PartFile("/parts/all.lcpart", on: world.disk)
        #expect(part.footer.blockCount == 3 && part.footer.segmentCount == 20)
        #expect(try PartVerification(part).brokenChains() == [])
        #expect(part.counts.blocksOpened == 2 * 3, "where rows are from, then the rows")
    }

    /// Numbers that are missing within a frame are missing in the source itself, wherever a block ends: between the first two
    /// blocks too, but for the second argument.
    @Test(arguments: [2_731, 5_000, 8_193] as [UInt64])
    func holesOfTheSourceOutliveTheEndOfABlock(period: UInt64) throws {
        let world = try PartWorld()
        let numbers = (1...9_000 as ClosedRange<UInt64>).map { $0 + $0 / period }
        try world.add("1", agent: "a", Self.events(numbers), of: 9_000)
        let part = try world.make("all")
        #expect(part.footer.blockCount == 2)
        let expected = try world.history()
        let (found, hasHoles) = (
            try world.history([part]), expected.contains { $0.contains("in the source itself") }
        )
        #expect(difference(found, expected) == nil && hasHoles)
        let frames = try part.frames(of: "main").frames
        #expect(frames.map(\.pieces.count) == (period == 5_000 ? [1, 1] : [2]))
        #expect(try PartVerification(part).brokenChains() == [])
        // Taken apart and put together again.
        let merged = try world.merge("merged", [part])
        let again = try world.history([merged])
        #expect(difference(again, expected) == nil)
    }

    /// All but clocks is told by rows, and where there are no causes without the column of the changes.
    @Test func eventsAreToldWithoutTheirClocks() throws {
        let world = try Self.world()
        try world.add("sample", agent: "c", Sample.events(seed: 4, count: 300), of: 50)
        let part = try world.make("all")
        var (plain, caused) = (0, 0)
        for index in 0..<part.footer.blockCount {
            let block = try part.read(try part.block(index), .all)
            let whole = try block.batch()
            var bytes = block.bytes
            bytes[block.header.range(BlockHeader.place(.changes)).lowerBound] ^= 1
            let rotten = try StoredBlock(decoding: bytes, at: block.offset)
            #expect(throws: FormatError.self) { try rotten.batch() }
            let hasCauses = !whole.causes.isEmpty || !whole.rulings.isEmpty
            let rows = Array(stride(from: 0, to: whole.count, by: whole.count / 10 + 1))
            if hasCauses {
                #expect(throws: FormatError.self) {
                    try rotten.events(rows, saying: rotten.columns())
                }
            }
            let readable = hasCauses ? block : rotten
            let some = try readable.events(rows, saying: readable.columns())
            for (place, row) in rows.enumerated() {
                var (event, expected) = (some.event(place), whole.event(row))
                (event.clock, expected.clock) = (VectorClock(), VectorClock())
                #expect(event == expected)
            }
            plain += hasCauses ? 0 : 1
            caused += hasCauses ? 1 : 0
        }
        #expect(plain > 0 && caused > 0, "\(plain) \(caused)")
    }
}
