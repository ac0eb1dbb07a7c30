import Foundation
import Testing

/// Following an execution: `lightcone tail`, `timeline --follow` and `GET /v1/tail`.
@Suite(.serialized) struct TailTests {
    /// A collector, an agent, and what they share.
    private final class House {
        let folder: TemporaryFolder
        let collector: RunningCollector
        private(set) var agent: RunningProgram
        private let environment: [String: String]

        init() throws {
            folder = try TemporaryFolder()
            collector = try RunningCollector(folder)
            environment = ["LIGHTCONE_SPOOL": "\(folder.path)/spool"]
            agent = try RunningProgram(
                [
                    "agent", "--collector", collector.url, "--host", "web-1", "--data",
                    "\(folder.path)/agent",
                ], log: "\(folder.path)/agent.log", environment: environment)
            try waitUntil("the agent listens") {
                FileManager.default.fileExists(atPath: "\(folder.path)/spool/agent.sock")
            }
        }

        /// The token, where it is a send.
        @discardableResult
        func record(_ arguments: String...) throws -> String {
            let run = try Program.run(
                Program.path, ["record"] + arguments, environment: environment)
            try #require(run.status == 0, "\(run.errors)")
            return run.output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    /// A program whose output is read while it runs.
    private final class Reader {
        private let process = Process()
        private let path: String
        private let errors: String

        init(_ folder: TemporaryFolder, _ arguments: [String]) throws {
            (path, errors) = ("\(folder.path)/\(UUID()).out", "\(folder.path)/\(UUID()).err")
            for path in [path, errors] {
                _ = FileManager.default.createFile(atPath: path, contents: nil)
            }
            process.executableURL = URL(fileURLWithPath: Program.path)
            process.arguments = arguments
            process.standardOutput = FileHandle(forWritingAtPath: path)
            process.standardError = FileHandle(forWritingAtPath: errors)
            process.standardInput = FileHandle.nullDevice
            try process.run()
        }

        deinit { if process.isRunning { process.terminate() } }

        private static func text(_ path: String) -> String {
            String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        }

        /// All that it has shown.
        var output: String { Self.text(path) }
        var lines: [Substring] { output.split(separator: "\n") }
        var said: String { Self.text(errors) }

        /// The events that it has shown.
        var ids: [String] { lines.map { String($0.prefix { $0 != " " }) } }

        func status() -> Int32 {
            process.waitUntilExit()
            return process.terminationStatus
        }
    }

    /// A restart of the collector leaves out nothing and shows nothing twice.
    @Test func aRestartOfTheCollectorIsSurvived() throws {
        let house = try House()
        try house.record("--process", "early", "before anybody looks")
        try waitUntil("it is there") { try house.collector.eventCount() == 1 }
        let tail = try Reader(
            house.folder, ["tail", "--source", house.collector.url, "--last", "0"])
        let all = try Reader(
            house.folder,
            ["timeline", "--follow", "--source", house.collector.url, "--limit", "32"])
        try waitUntil("all is shown at first") { all.ids == ["web-1/early:1"] }
        for number in 1...10 { try house.record("--process", "p\(number % 3)", "\(number)") }
        let token = try house.record("--process", "deploy", "--send", "to rollout")
        try waitUntil("they are shown") { tail.ids.count == 11 }
        house.collector.kill()
        try waitUntil("it is told") { tail.said.contains("the collector is away") }
        try house.record("--process", "rollout", "--receive", token, "started")
        for number in 11...20 { try house.record("--process", "p\(number % 3)", "\(number)") }
        try house.collector.start()
        try waitUntil("it goes on") { tail.ids.count >= 22 }
        #expect(tail.said.contains("the collector is back"))
        for number in 21...30 { try house.record("--process", "p\(number % 3)", "\(number)") }
        try waitUntil("the rest is shown") { tail.ids.count >= 32 }
        #expect(Set(tail.ids).count == 32 && tail.ids.count == 32)
        let deploy = try #require(tail.ids.firstIndex(of: "web-1/deploy:1"))
        let rollout = try #require(tail.ids.firstIndex(of: "web-1/rollout:1"))
        #expect(deploy < rollout)
        // The other has seen one more at first, and ends at its limit.
        #expect(all.status() == 0)
        #expect(all.ids.count == 32 && Set(all.ids).count == 32)
        #expect(!tail.said.contains("late") && tail.lines.allSatisfy { !$0.contains("(late)") })
    }

    /// An event whose cause has not come waits; after a second it is told for what. When it comes, both are shown in order.
    @Test func whatWaitsIsTold() throws {
        let house = try House()
        let url = house.collector.url
        // Two machines: what the second has seen of the first is not here yet.
        let log = try house.folder.write(
            "a.log", #"{"process":"a","seq":1,"text":"sent","kind":"send"}"# + "\n")
        let other = try house.folder.write(
            "b.log", #"{"process":"b","seq":1,"cause":"a:1","text":"got it"}"# + "\n")
        for name in ["spool-a", "spool-b"] {
            try FileManager.default.createDirectory(
                atPath: "\(house.folder.path)/\(name)", withIntermediateDirectories: true)
        }
        func agent(_ host: String, _ file: String) throws -> RunningProgram {
            try RunningProgram(
                [
                    "agent", "--collector", url, "--host", host, "--data",
                    "\(house.folder.path)/data-\(host)", "--follow", "jsonl:\(file)",
                ], log: "\(house.folder.path)/agent-\(host).log",
                environment: ["LIGHTCONE_SPOOL": "\(house.folder.path)/spool-\(host)"])
        }
        let readers = try [[], ["--json"], ["--eager"]].map {
            try Reader(house.folder, ["tail", "--source", url] + $0)
        }
        let second = try agent("b", other)
        try waitUntil("it is told") {
            readers[0].said.contains("waiting: b (1 event) for a 1 is missing")
                && readers[1].lines.contains { $0.contains(#""notice":"waiting""#) }
        }
        #expect(readers[0].lines.isEmpty)
        try waitUntil("eager shows it") { readers[2].lines.count == 1 }
        #expect(readers[2].lines[0].hasSuffix("  (waits for what it has seen)"))
        let first = try agent("a", log)
        try waitUntil("it comes") { readers.allSatisfy { $0.lines.count >= 2 } }
        #expect(readers[0].ids == ["a:1", "b:1"])
        let notice = try #require(
            JSONSerialization.jsonObject(with: Data(readers[1].lines[0].utf8)) as? [String: Any])
        #expect(notice["process"] as? String == "a" && notice["first"] as? Int == 1)
        #expect(notice["last"] as? Int == 1 && notice["text"] is String)
        #expect(readers[2].ids == ["b:1", "a:1"])
        #expect(second.stop() == 0 && first.stop() == 0)
    }

    /// One connection after the other, each of a few bytes: every event is there once.
    @Test func aCursorGoesOnWhereTheLastMessageEnded() throws {
        let house = try House()
        for number in 1...3 { try house.record("--process", "p", "\(number)") }
        try waitUntil("they are there") { try house.collector.eventCount() == 3 }
        func connect(_ cursor: String?, _ enough: (String) -> Bool) throws -> String {
            let connection = try RawConnection(house.collector.port)
            let header = cursor.map { "Last-Event-ID: \($0)\r\n" } ?? ""
            connection.send(
                "GET /v1/tail?all=true&as=text HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n")
            return connection.read(seconds: 20, until: enough).text
        }
        func cursor(_ text: String) throws -> String {
            let line = try #require(
                text.split(whereSeparator: \.isNewline).last { $0.hasPrefix("id: ") })
            return String(line.dropFirst(4))
        }
        let first = try connect(nil) { $0.contains("  3\n\n") }
        #expect(first.contains("text/event-stream"))
        for number in 1...3 { #expect(first.contains("data: web-1/p:\(number)  ")) }
        for number in 4...6 { try house.record("--process", "p", "\(number)") }
        let second = try connect(cursor(first)) { $0.contains("  6\n\n") }
        for number in 1...6 {
            #expect(second.contains("data: web-1/p:\(number)  ") == (number > 3))
        }
        // Nothing has come: it is told where that is, and nothing else.
        let third = try connect(cursor(second)) { $0.contains("\n\n") }
        #expect(!third.contains("data:") && third.contains("id: "))
        // The longest cursor of all gets through.
        let longest = try connect(String(repeating: "A", count: 71_000)) { $0.contains("}") }
        #expect(longest.contains("400 Bad Request") && longest.contains("no cursor of a tail"))
    }

    /// The matches of a pattern come as query shows them, each once, over a restart of the collector.
    @Test func matchesAreFollowedOverARestart() throws {
        let house = try House()
        let url = house.collector.url
        func send(_ number: Int) throws -> String {
            try house.record("--process", "deploy", "--send", "to rollout \(number)")
        }
        func receive(_ token: String, _ number: Int) throws {
            try house.record("--process", "rollout", "--receive", token, "started \(number)")
        }
        try receive(send(1), 1)
        try waitUntil("they are there") { try house.collector.eventCount() == 2 }
        let pattern = "{ process = deploy } as cause ~> { process = rollout } as effect"
        let before = "{ process = deploy } -> { text =~ \"^started\" } select 2"
        let readers = try [
            [pattern], [pattern, "--json", "--all"], [pattern, "--last", "0", "--limit", "3"],
            [before, "--all"],
        ].map { try Reader(house.folder, ["tail", "--source", url] + $0) }
        try waitUntil("what is there is shown") {
            readers[0].lines.count == 2 && readers[1].lines.count == 1
                && readers[3].lines.count == 1
        }
        let half = try send(2)
        house.collector.kill()
        try waitUntil("it is told") {
            readers.allSatisfy { $0.said.contains("the collector is away") }
        }
        try receive(half, 2)
        try house.collector.start()
        try waitUntil("it goes on") { readers[0].lines.count == 4 }
        try receive(send(3), 3)
        try receive(send(4), 4)
        try waitUntil("all are shown") {
            readers[0].lines.count == 8 && readers[1].lines.count == 4
                && readers[3].lines.count == 10
        }
        func query(_ text: String, _ options: String...) throws -> String {
            let run = try Program.lightcone(["query", text, "--source", url] + options)
            try #require(run.status == 0, "\(run.errors)")
            return run.output
        }
        #expect(readers[0].output == (try query(pattern)))
        #expect(readers[1].output == (try query(pattern, "--json")))
        #expect(readers[2].status() == 0)
        #expect((try query(pattern)).hasSuffix(readers[2].output))
        #expect(Set(readers[3].lines) == Set(try query(before).split(separator: "\n")))
        // On a terminal, too.
        let shown = try Program.lightcone([
            "tail", pattern, "--source", url, "--all", "--limit", "4", "--color", "always",
        ])
        #expect(try shown.output == query(pattern, "--color", "always") && shown.status == 0)
    }

    /// Who comes again with the cursor of an earlier connection gets the matches that were not sent, from a collector that was
    /// restarted, too.
    @Test func aCursorGoesOnBetweenMatches() throws {
        let house = try House()
        for number in 1...4 { try house.record("--process", "p", "\(number)") }
        try waitUntil("they are there") { try house.collector.eventCount() == 4 }
        func connect(_ cursor: String?, _ enough: (String) -> Bool) throws -> String {
            let connection = try RawConnection(house.collector.port)
            let header = cursor.map { "Last-Event-ID: \($0)\r\n" } ?? ""
            let query = "q=%7B%20seq%20%3C%203%20%7D%20-%3E%20%7B%20seq%20%3E%202%20%7D"
            connection.send(
                "GET /v1/tail?all=true&as=json&\(query) HTTP/1.1\r\nHost: localhost\r\n\(header)\r\n"
            )
            return connection.read(seconds: 20, until: enough).text
        }
        func cursor(_ text: String) throws -> String {
            let line = try #require(
                text.split(whereSeparator: \.isNewline).last { $0.hasPrefix("id: ") })
            return String(line.dropFirst(4))
        }
        func matches(_ text: String) -> Int {
            text.split(separator: "data: {\"match\":", omittingEmptySubsequences: false).count - 1
        }
        let first = try connect(nil) { matches($0) == 4 && $0.hasSuffix("\n\n\r\n") }
        #expect(matches(first) == 4 && first.contains("event: events"), "\(first)")
        house.collector.kill()
        try house.collector.start()
        for number in 5...6 { try house.record("--process", "p", "\(number)") }
        let second = try connect(cursor(first)) {
            matches($0) == 4 && $0.hasSuffix("\n\n\r\n")
        }
        for number in 3...6 {
            #expect(second.contains("\"2\":{\"id\":\"web-1/p:\(number)\"") == (number > 4))
        }
        let third = try connect(cursor(second)) { $0.contains("\n\n") }
        #expect(matches(third) == 0 && third.contains("id: "))
    }

    /// Who takes nothing is cut off, and costs others nothing.
    @Test func whoTakesNothingIsCutOff() throws {
        let folder = try TemporaryFolder()
        let lines = (1...60_000).map {
            #"{"process":"p","seq":\#($0),"text":"\#(String(repeating: "x", count: 200))"}"#
        }
        let log = try folder.write("p.log", lines.joined(separator: "\n") + "\n")
        let imported = try Program.lightcone(
            "import", "--into", "\(folder.path)/data", "--format", "jsonl", log)
        try #require(imported.status == 0, "\(imported.errors)")
        let collector = try RunningCollector(folder)
        let slow = try RawConnection(collector.port, receiveBuffer: 4_096)
        slow.get("/v1/tail?all=true&as=text")
        let quick = try Program.lightcone(
            "timeline", "--follow", "--source", collector.url, "--limit", "60000", "--color",
            "never")
        #expect(quick.status == 0 && quick.output.split(separator: "\n").count == 60_000)
        // Longer than a reader may take nothing (20 s): to look whether it is cut off yet would be to read.
        Thread.sleep(forTimeInterval: 25)
        let rest = slow.read(seconds: 10)
        #expect(rest.isClosed)
        #expect(!rest.text.contains("p:60000"))
    }

    /// A pattern whose terms take more than is kept ends, and says so, and from where a narrower one goes on; nobody tries again.
    @Test func aPatternThatIsTooWideEnds() throws {
        let folder = try TemporaryFolder()
        let lines = (1...200_001).map { #"{"process":"p","seq":\#($0)}"# }
        let log = try folder.write("p.log", lines.joined(separator: "\n") + "\n")
        let imported = try Program.lightcone(
            "import", "--into", "\(folder.path)/data", "--format", "jsonl", log)
        try #require(imported.status == 0, "\(imported.errors)")
        let collector = try RunningCollector(folder)
        let pattern = "{} -> { text = never }"
        let run = try Program.lightcone("tail", "--source", collector.url, "--all", pattern)
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.errors.contains("more than 200000 events"), "\(run.errors)")
        let connection = try RawConnection(collector.port)
        connection.get("/v1/tail?all=true&q=%7B%7D%20-%3E%20%7B%20text%20=%20never%20%7D")
        let answer = connection.read(seconds: 20) { $0.contains("\"notice\"") }.text
        #expect(answer.contains("id: ") && answer.contains("event: ended\n"))
        #expect(answer.contains(#""notice":"ended","text":"the terms of the pattern"#))
    }

    @Test func whatCannotBeFollowedIsSaid() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        for (arguments, status, words) in [
            (["tail", "--source", folder.path], 2, "a collector is followed"),
            (["tail", "--source", "http://127.0.0.1:9"], 3, "cannot reach"),
            (["tail", "--source", collector.url, "{ text = }"], 2, "text"),
            (["tail", "--source", collector.url, "{ a = 1 } !-> { a = 2 }"], 2, "!-> cannot be"),
            (["tail", "--source", collector.url, "{ a = 1 } | count()"], 2, "| count() cannot"),
            (["tail", "--source", collector.url, "{ a = 1 } -> { a = 2"], 2, "expected"),
            (["tail", "--source", collector.url, "--last", "1001"], 2, "from 0 to 1000"),
            (["tail", "--source", collector.url, "--last", "x"], 2, "x"),
            (["tail", "--source", collector.url, "--lanes"], 2, "--lanes"),
            (["tail", "--source", collector.url, "--timeout", "1s"], 2, "--timeout"),
            (["timeline", "--follow", "--reverse", "--source", collector.url], 2, "--reverse"),
        ] as [([String], Int32, String)] {
            let run = try Program.lightcone(arguments)
            #expect(run.status == status, "\(arguments): \(run.errors)")
            #expect(run.errors.contains(words), "\(arguments): \(run.errors)")
        }
        for query in [
            "as=xml", "all=true&last=3", "lost=1", "cursor=x", "q=%7B%7D%20!-%3E%20%7B%7D",
            "q=%7B%7D%20-%3E%20%7B%7D&where=%7B%7D",
        ] {
            let connection = try RawConnection(collector.port)
            connection.get("/v1/tail?\(query)")
            let answer = connection.read(seconds: 10) { $0.contains("}") }.text
            #expect(answer.contains("400 Bad Request"), "\(query): \(answer)")
        }
    }

    /// More than may follow at once from one address are told to come again; and those that leave make room.
    @Test func thereIsALimitToFollowers() throws {
        let folder = try TemporaryFolder()
        let collector = try RunningCollector(folder)
        var followers: [RawConnection] = []
        for _ in 0..<8 {
            let connection = try RawConnection(collector.port)
            connection.get("/v1/tail")
            _ = connection.read(seconds: 10) { $0.contains("nothing is here yet") }
            followers.append(connection)
        }
        func another() throws -> String {
            let connection = try RawConnection(collector.port)
            connection.get("/v1/tail")
            return connection.read(seconds: 10) { $0.contains("nothing") || $0.contains("}") }.text
        }
        #expect(try another().contains("429"))
        followers.removeAll()
        try waitUntil("there is room") { try another().contains("nothing is here yet") }
        // They hold up nobody's end.
        followers.append(try RawConnection(collector.port))
        followers[0].get("/v1/tail")
        #expect(collector.program.stop() == 0)
    }
}
