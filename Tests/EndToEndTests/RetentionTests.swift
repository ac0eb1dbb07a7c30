import Foundation
import Testing

/// What a collector does not keep for ever, by the real programs.
@Suite(.serialized) struct RetentionEndToEndTests {
    /// Two processes that talk all the time, an event each every hour for some days up to now: of as many the last ones.
    private static func log(_ folder: TemporaryFolder, days: Int) throws -> String {
        let now = Date().timeIntervalSince1970
        var lines: [String] = []
        let hours = days * 24
        for hour in 1...hours {
            let time = Date(timeIntervalSince1970: now - Double(hours - hour) * 3_600)
                .formatted(.iso8601)
            lines.append(
                #"{"process":"a","clock":{"a":\#(hour),"b":\#(hour - 1)},"time":"\#(time)","text":"a \#(hour)"}"#
            )
            lines.append(
                #"{"process":"b","clock":{"a":\#(hour),"b":\#(hour)},"time":"\#(time)","text":"b \#(hour)"}"#
            )
        }
        return try folder.write("old.jsonl", lines.joined(separator: "\n") + "\n")
    }

    private static func imported(_ folder: TemporaryFolder, days: Int) throws {
        let result = try Program.lightcone(
            "import", "--into", folder.path + "/data", "--format", "jsonl", "--execution", "prod",
            try log(folder, days: days))
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test func whatIsOlderThanThatIsDropped() throws {
        let folder = try TemporaryFolder()
        try Self.imported(folder, days: 10)
        let collector = try RunningCollector(folder, "--retain", "4d", "--retain-seconds", "1")
        try waitUntil("what is old is dropped") { try collector.eventCount("prod") < 480 }
        func ask(_ arguments: String...) throws -> Program.Result {
            try Program.lightcone(
                [arguments[0], "--source", collector.url] + arguments.dropFirst())
        }
        let executions = try ask("executions", "--json").object
        let kept = try #require(executions["events"] as? Int)
        #expect(kept >= 2 * 4 * 24 - 2 && kept <= 2 * (4 * 24 + 13), "\(executions)")
        #expect(executions["dropped"] as? Int == 480 - kept)
        #expect(executions["droppedBy"] as? String == "older than 4d")
        #expect(executions["droppedUpTo"] as? String != nil)
        let text = try ask("executions").output
        #expect(text.contains("dropped") && text.contains("older than 4d"), "\(text)")
        // Order goes through it.
        let order = try ask("order", "a:1", "b:240")
        #expect(order.output.hasPrefix("before, because"), "\(order)")
        let concurrent = try ask("order", "a:240", "b:240")
        #expect(concurrent.output.hasPrefix("before"), "\(concurrent)")
        let unknown = try ask("order", "a:2", "b:1")
        #expect(
            unknown.status == 1 && unknown.output.hasPrefix("unknown, because events of "),
            "\(unknown)")
        let shown = try ask("show", "a:1")
        #expect(
            shown.status == 1 && shown.output.hasPrefix("a:1 was dropped by ")
                && shown.output.contains(": older than 4d"), "\(shown)")
        #expect(try ask("show", "a:240").output.contains("text       a 240"))
        let timeline = try ask("timeline")
        #expect(timeline.output.split(separator: "\n").count == kept)
        #expect(timeline.errors.contains("incomplete, because events of a up to "), "\(timeline)")
        let processes = try ask("processes", "--json").objects
        #expect(
            processes.map { ($0["events"] as? Int ?? 0) + ($0["dropped"] as? Int ?? 0) }
                == [240, 240])
        let cut = try ask("cut", "--at", "2001-01-01T00:00:00Z")
        #expect(cut.errors.contains("were dropped"), "\(cut)")
        // The same from the folder, by another program, and when everything is found out anew.
        let before = try ask("timeline", "--json").output
        #expect(collector.program.stop() == 0, "\(collector.program.text)")
        #expect(collector.program.text.contains("why=older than 4d"), "\(collector.program.text)")
        let folderAnswer = try Program.lightcone("timeline", "--source", collector.data, "--json")
        #expect(folderAnswer.output == before)
        let rebuilt = try Program.lightcone("catalogue", "rebuild", "--data", collector.data)
        #expect(rebuilt.status == 0, "\(rebuilt)")
        let again = try Program.lightcone("timeline", "--source", collector.data, "--json")
        #expect(again.output == before)
        // Importing it once more brings nothing back.
        let repeated = try Program.lightcone(
            "import", "--into", collector.data, "--format", "jsonl", "--execution", "prod",
            folder.path + "/old.jsonl")
        #expect(repeated.status == 0, "\(repeated)")
        let still = try Program.lightcone("timeline", "--source", collector.data, "--json")
        #expect(still.output == before)
    }

    @Test func eachExecutionHasARuleOfItsOwn() throws {
        let folder = try TemporaryFolder()
        try Self.imported(folder, days: 3)
        let config = try folder.write(
            "collector.yaml",
            """
            retain: 1d
            executions:
              prod: {retain: 2d, retainBytes: 1GB}
            """)
        let collector = try RunningCollector(
            folder, "--config", config, "--retain-seconds", "1")
        try waitUntil("what is old is dropped") { try collector.eventCount("prod") < 144 }
        #expect(try collector.eventCount("prod") >= 94)
        #expect(collector.program.stop() == 0)
    }

    @Test(
        arguments: [
            (["--retain", "soon"], "retain: expected a time such as 12h, 30d or 8w, found “soon”"),
            (
                ["--retain-bytes", "500"],
                "retain-bytes: expected a size such as 800MB, 500GB or 2TiB, found “500”"
            ),
            (["--retain-seconds", "0"], "--retain-seconds: expected 1 to 86400, found 0"),
            (["--merge-seconds", "0"], "merge-seconds: expected 1 to 3600, found “0”"),
            (["--config", "CONFIG"], "line 2: no key “retian”"),
        ] as [([String], String)])
    func whatCannotBeMeantIsSaid(arguments: [String], error: String) throws {
        let folder = try TemporaryFolder()
        let config = try folder.write("c.yaml", "executions:\n  prod: {retian: 2d}\n")
        let result = try Program.lightcone(
            ["collector", "--data", folder.path + "/data"]
                + arguments.map { $0 == "CONFIG" ? config : $0 })
        #expect(result.status == 2 && result.errors.contains(error), "\(result)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
    }
}
