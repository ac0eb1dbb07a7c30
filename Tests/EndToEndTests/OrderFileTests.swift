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
                // Clocks that are not set alike, and go back now and then.
                if number % 3 > 0, process != "c" {
                    let second = (number - number % 7 * 40 + (process == "a" ? 300 : 600)) % 60
                    let minute = 10 + number / 200 % 50
                    line +=
                        #","time":"2026-01-01T00:\#(minute):\#(second < 10 ? "0" : "")\#(second)Z""#
                }
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
        // These read events too.
        ["timeline", "--limit", "50"], ["timeline", #"{ text = "step 43" }"#],
        ["timeline", #"{ "STEP 43" }"#], ["timeline", #"{ text =~ "799" && !("7993") }"#],
        ["timeline", "{ kind = receive && seq > 7000 }"], ["timeline", "--process", "b"],
        ["timeline", "--last", "30"], ["past", "b:5000", "--reverse", "--limit", "30"],
        ["timeline", "--since", "2026-01-01T00:20:30Z", "--until", "2026-01-01T00:20:31Z"],
        ["future", "a:43", "--count", "--until", "2026-01-01T00:12:00Z"],
        ["past", "b:50", "--limit", "30"], ["future", "a:7900"], ["show", "b:47"],
        ["show", "a:43"], ["show", "c:9999"], ["path", "a:43", "b:50"], ["path", "b:3", "c:9"],
        ["view", "b", "--at", "b:4007", "--limit", "9"], ["gaps"], ["defects"],
        ["cut", "--at", "2026-01-01T00:20:30Z"], ["cut", "--at", "2025-01-01T00:00:00Z"],
        ["export", "--format", "ndjson", "--past-of", "b:60"],
        ["export", "--format", "dot", "--past-of", "c:60"],
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
        var pierced = whole
        for place in stride(from: 300, to: whole.count, by: 400) { pierced[place] ^= 1 }
        try #require(pierced != whole)
        for part in [whole.prefix(whole.count / 2), Data(whole.map { $0 ^ 1 }), pierced, Data()] {
            try part.write(to: URL(fileURLWithPath: path))
            for (found, expected) in zip(try Self.answers(source), answers) {
                #expect(found == expected, "\(part.count) bytes")
            }
        }
        try FileManager.default.removeItem(atPath: path)
        #expect(try Self.answers(source) == answers)

        // What was imported lies in parts, and its segments are gone.
        let files = FileManager.default.subpaths(atPath: source) ?? []
        #expect(!files.contains { $0.hasSuffix(".lcseg") })
        #expect(files.contains { $0.hasSuffix(".lcpart") })

        // Made anew, it is the same.
        #expect(try Program.lightcone("catalogue", "rebuild", "--data", source).status == 0)
        #expect(Self.orderFiles(source) == [path])
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == whole)
    }

    /// An import answers as agents and a collector do for the same logs, in whatever order it reads them.
    @Test func importsAnswerAsAgentsDo() throws {
        let folder = try TemporaryFolder()
        let lines = Self.log().split(separator: "\n")
        let logs = try ["a", "b", "c"].map { process in
            let mine = lines.filter { $0.hasPrefix(#"{"process":"\#(process)""#) }
            return (
                process,
                try folder.write("\(process).jsonl", mine.joined(separator: "\n") + "\n")
            )
        }
        let sources = ["forth", "back"].map { "\(folder.path)/\($0)" }
        for (source, logs) in zip(sources, [logs, logs.reversed()]) {
            for (process, log) in logs {
                let result = try Program.lightcone(
                    "import", "--into", source, "--format", "jsonl", "--host", "host-\(process)",
                    log)
                #expect(result.status == 0, "\(result.errors)")
            }
        }
        let collector = try RunningCollector(folder)
        let agents = try logs.map { process, log in
            try JourneyTests.agent(
                folder, collector.url, host: "host-\(process)", follow: "jsonl:\(log)")
        }
        try waitUntil("everything has arrived") { try collector.eventCount() == lines.count }
        /// Up to when an agent has read is nothing that an import knows.
        func answers(_ source: String) throws -> [String] {
            try Self.answers(source).map {
                $0.replacingOccurrences(
                    of: #""readUpTo":(null|"[^"]*")"#, with: "", options: .regularExpression)
            }
        }
        let expected = try answers(collector.url)
        for source in sources {
            for (found, expected) in zip(try answers(source), expected) {
                #expect(found == expected)
            }
        }
        for agent in agents { #expect(agent.stop() == 0, "\(agent.text)") }
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

        // One that is damaged is written anew once somebody has noticed it.
        #expect(collector.program.stop() == 0)
        let path = try #require(Self.orderFiles(collector.data).first)
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var pierced = whole
        for place in stride(from: 300, to: whole.count, by: 400) { pierced[place] ^= 1 }
        try #require(pierced != whole)
        try pierced.write(to: URL(fileURLWithPath: path))
        try collector.start()
        #expect(try Self.answers(collector.url) == answers)
        try waitUntil("the order file is whole again") {
            let files = Self.orderFiles(collector.data)
            return files.count == 1
                && (try? Data(contentsOf: URL(fileURLWithPath: files[0]))) == whole
        }
        #expect(try Self.answers(collector.url) == answers)
    }
}
