import Causality
import Exporting
import HappensBefore
import Segments
import SimulatedHistories
import Synchronization
import Testing

@testable import Querying

/// Frames that will be asked for are searched before they are, whichever way a listing goes.
@Suite struct AheadTests {
    /// Frames with columns, as files have them.
    private struct ColumnStore: HistoryStore {
        let plain: MemoryStore

        func executions() throws -> [String] { try plain.executions() }
        func frames(of execution: String) throws -> [FrameSummary] {
            try plain.frames(of: execution)
        }
        func causality(of frame: Int) throws -> EventBatch { try plain.causality(of: frame) }
        func events(of frame: Int) throws -> EventBatch { try plain.events(of: frame) }
        func expected(in execution: String) throws -> [(process: ProcessKey, last: UInt64)] {
            try plain.expected(in: execution)
        }
        func sourceDefects(of execution: String) throws -> [Defect] { [] }
        func readUpTo() throws -> [String: WallTime] { [:] }

        /// As a filter says it, exactly.
        func mayHold(words hashes: [UInt64], in frame: Int) throws -> Bool {
            let found = try plain.events(of: frame).events().flatMap {
                Words.hashes(of: $0.event.text)
            }
            return Set(hashes).isSubset(of: found)
        }

        func searchable(_ frame: Int) throws -> SearchableRows? {
            let batch = try plain.events(of: frame)
            let encoded = RowColumns(batch)
            var columns: [RowColumn: [UInt8]] = [:]
            for column in RowColumn.content { columns[column] = encoded.encoded(column).bytes }
            var budget = Budget()
            let content = try ContentColumns(columns: columns, rowCount: batch.count, &budget)
            let events = batch.events()
            return SearchableRows(content) { rows in EventBatch(rows.map { events[$0] }) }
        }
    }

    private static func store(_ seed: UInt64) -> MemoryStore {
        var random = SeededGenerator(seed: seed)
        var frames: [[Event]] = []
        for name in ["a", "b", "c"] {
            var next: UInt64 = 1
            for _ in 0..<20 {
                let count = UInt64.random(in: 1...9, using: &random)
                frames.append(
                    (next..<next + count).map { sequence in
                        let text = Int.random(in: 0..<4, using: &random) == 0 ? "yes" : "no"
                        return AnsweringTests.event(name, sequence, text)
                    })
                next += count
            }
        }
        return MemoryStore(events: frames)
    }

    /// A word that few frames have: the others are not opened.
    @Test(arguments: ["yes", "nowhere"]) func framesWithoutAWordArePassedBy(word: String) throws {
        let plain = Self.store(7)
        for parameters in [[:], ["reverse": ["true"]], ["last": ["5"]]] {
            func lines(_ selection: String, _ store: some HistoryStore) throws -> [String] {
                var parameters = parameters
                parameters["where"] = [selection]
                return try Answering(store, Question.Options()).written(
                    Question("timeline", QuestionParameters(parameters)), as: .text
                ).text().split(separator: "\n").map(String.init)
            }
            let found = try lines("{ \"\(word)\" }", ColumnStore(plain: plain))
            #expect(try found == lines("{ text = \"\(word)\" }", plain))
            #expect(found.isEmpty == (word == "nowhere"))
        }
    }

    @Test(
        arguments: [[:], ["reverse": ["true"]], ["last": ["40"]], ["last": ["3"]]],
        1...5 as ClosedRange<UInt64>)
    func whatIsSearchedAtOnceIsFound(parameters: [String: [String]], seed: UInt64) throws {
        let plain = Self.store(seed)
        let parameters = parameters.merging(["where": ["{ text =~ \"ye\" }"]]) { $1 }
        let expected = try AnsweringTests.ask(plain, "timeline", parameters)
        for count in 1...4 {
            let atOnceMax = Mutex(1)
            var options = Question.Options()
            options.workers = Workers(count: count) { count, body in
                atOnceMax.withLock { $0 = max($0, count) }
                for number in (0..<count).reversed() { body(number) }
            }
            let question = try Question("timeline", QuestionParameters(parameters))
            let found = try Answering(ColumnStore(plain: plain), options)
                .written(question, as: .json).text()
            #expect(found == expected)
            #expect(atOnceMax.withLock { $0 } == (count == 1 ? 1 : 2 * count))
        }
    }

    /// Of frames larger than what one step looks through, the rest is passed by at once: nothing that is taken is in it.
    @Test(arguments: [[:], ["where": ["{ text = \"yes\" && seq > 1500 }"]], ["last": ["2"]]])
    func whatASearchHasNotFoundIsPassedBy(parameters: [String: [String]]) throws {
        let step = UInt64(Limits.rowsLookedAt)
        let having: Set<UInt64> = [1, step - 1, step, step + 1, 2 * step + 7, 3_000, 3_001, 8_999]
        let plain = MemoryStore(
            events: (0..<3).map { frame in
                (1...3_000).map { row in
                    let sequence = UInt64(frame * 3_000 + row)
                    return AnsweringTests.event(
                        "a", sequence, having.contains(sequence) ? "yes" : "no")
                }
            })
        let parameters = ["where": ["{ text =~ \"ye\" }"]].merging(parameters) { $1 }
        func found(_ store: some HistoryStore) throws -> String {
            try Answering(store, Question.Options()).written(
                Question("timeline", QuestionParameters(parameters)), as: .json
            ).text()
        }
        let expected = try found(plain)
        #expect(!expected.isEmpty)
        #expect(try found(ColumnStore(plain: plain)) == expected)
    }

    @Test func countingLooksAheadToo() throws {
        let plain = Self.store(1)
        let parameters = QuestionParameters([
            "event": ["a:1"], "where": ["{ text =~ \"ye\" }"], "count": ["true"],
        ])
        let question = try Question("concurrent", parameters)
        var options = Question.Options()
        options.workers = Workers(count: 3) { count, body in
            for number in 0..<count { body(number) }
        }
        let answering = Answering(ColumnStore(plain: plain), options)
        let expected = try Answering(plain, Question.Options()).written(question, as: .json).text()
        #expect(try answering.written(question, as: .json).text() == expected)
    }
}
