import Causality
import Testing

@testable import Querying

/// What a query does, and what that takes.
@Suite struct ExplainTests {
    private static func lines(_ query: String, _ store: MemoryStore) throws -> [[String]] {
        let question = try Question(
            "query", QuestionParameters(["q": [query], "explain": ["true"]]))
        #expect(!question.listsEvents)
        guard case .table(let table) = try Answering(store, .init()).answer(question) else {
            throw QuestionError(.misuse, "expected numbers")
        }
        return table.lines.map { line in
            guard case .count(let count) = line.number else { return line.groups + ["–"] }
            return line.groups + ["\(count)"]
        }
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func tellsOfEachStep(seed: UInt64) throws {
        let world = QueryTests.World(seed: seed, lossPercent: 0)
        let (xs, ys) = (
            world.here.count { $0.text == "x" && $0.id.process.name == "p1" },
            world.here.count { $0.text == "y" }
        )
        let query = "{ text = x && process =~ \"^p1\" } -> { text = y } until { text = w }"
        let matches = try QueryTests.found(query, world.store).tuples.count
        let steps = try Self.lines(query, world.store)
        #expect(
            steps.map { $0[0] } == [
                "{ text = x && process =~ \"^p1\" }", "{ text = y }", "{ text = w }", "answer",
            ])
        #expect(
            steps.map { $0[4] } == [
                "\(xs)", "\(ys)", "\(world.here.count { $0.text == "w" })", "\(matches)",
            ])
        #expect(
            steps.map { $0[1] } == [
                "\(world.here.count { $0.id.process.name == "p1" })", "\(world.here.count)",
                "\(world.here.count)", "–",
            ])
        for step in steps[..<3] { #expect(Int(step[2])! > 0 && Int(step[3])! > 0, "\(step)") }
        let counted = try Self.lines("\(query) | count()", world.store)
        #expect(
            counted.map { $0[0] } == [steps[..<3].map { $0[0] }.joined(separator: ", "), "count()"])
        #expect(counted[0][4] == "\(steps[..<3].compactMap { Int($0[4]) }.reduce(0, +))")
        let stages = try Self.lines(
            "{ text = x } | last 3 | past hops 2 | { text = y } | count() by (process)", world.store
        )
        #expect(
            stages.map { $0[0] }
                == [
                    "last 3", "past hops 2", "{ comparison }", "count() by (process)",
                ].map { $0 == "{ comparison }" ? "{ text = \"y\" }" : $0 })
        #expect(stages[0][4] == "3" && stages[2][4] == "–")
    }
}
