import Foundation
import Testing

/// What follows from an execution is written down once, and answers as the events themselves do.
@Suite struct OrderFileTests {
    /// Enough events for a file: three processes, of which two hear from the first now and then.
    private static func log() -> String {
        var lines: [String] = []
        for number in 1...8_000 {
            for process in ["a", "b", "c"] {
                var line = #"{"process":"\#(process)","seq":\#(number),"text":"step \#(number)""#
                switch (process, number % 40) {
                case ("a", 3): line += #","kind":"send""#
                case ("b", 7), ("c", 11):
                    line += #","kind":"receive","cause":"a:\#(number / 40 * 40 + 3)""#
                default: line += #","kind":"local""#
                }
                lines.append(line + "}")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let questions: [[String]] = [
        ["order", "a:43", "b:50"], ["order", "b:50", "a:43"], ["order", "c:7999", "b:12"],
        ["order", "a:1", "c:8001"], ["past", "b:4000", "--count"], ["future", "a:4003", "--count"],
        ["concurrent", "c:5000", "--count"], ["cut", "c:5000"], ["processes"], ["executions"],
    ]

    private static func answers(_ source: String) throws -> [String] {
        try questions.flatMap { question in
            try [[], ["--json"]].map { json in
                let result = try Program.lightcone(question + json + ["--source", source])
                return "\(question) \(result.status) \(result.output) \(result.errors)"
            }
        }
    }

    private static func orderFiles(_ source: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: source + "/order")) ?? []
        return names.map { "\(source)/order/\($0)" }
    }

    @Test func itAnswersAsTheEventsDo() throws {
        let folder = try TemporaryFolder()
        let (log, source) = (try folder.write("log.jsonl", Self.log()), folder.path + "/db")
        let imported = try Program.lightcone("import", "--into", source, "--format", "jsonl", log)
        #expect(imported.status == 0, "\(imported.errors)")
        let path = try #require(Self.orderFiles(source).first)
        let answers = try Self.answers(source)
        #expect(answers[0].contains("before, because b:50 has seen a up to 43"))

        // Damaged anywhere, it is not believed.
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for part in [whole.prefix(whole.count / 2), Data(whole.map { $0 ^ 1 }), Data()] {
            try part.write(to: URL(fileURLWithPath: path))
            #expect(try Self.answers(source) == answers)
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(try Self.answers(source) == answers)

        // Made anew, it is the same.
        #expect(try Program.lightcone("catalogue", "rebuild", "--data", source).status == 0)
        #expect(Self.orderFiles(source) == [path])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole)
    }

    @Test func aCollectorWritesItWhenNothingArrivesAnyMore() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        _ = collector.program.stop()
        let log = try folder.write("log.jsonl", Self.log())
        let imported = try Program.lightcone(
            "import", "--into", collector.data, "--format", "jsonl", log)
        #expect(imported.status == 0, "\(imported.errors)")
        let answers = try Self.answers(collector.data)
        try FileManager.default.removeItem(atPath: collector.data + "/order")
        try collector.start()
        try waitUntil("the order file is there") { !Self.orderFiles(collector.data).isEmpty }
        #expect(try Self.answers(collector.data) == answers)
        #expect(try Self.answers(collector.url) == answers)
    }
}
