import Foundation
import Testing

/// The real logs in `../shared/data`.
struct SharedLog: Sendable, CustomTestStringConvertible {
    struct Execution: Sendable {
        var name: String
        var events: Int
        var hosts: Int
        var edges: String?
    }
    var file: String
    var arguments: [String]
    var executions: [Execution]

    var testDescription: String { file }
    var isMalformed: Bool { file.hasPrefix("malformed/") }
    /// One machine's log alone: the others are ghosts.
    var isAlone: Bool { file.hasSuffix("-Log.txt") }

    static let all: [SharedLog] = {
        let entries = ["index.json", "more.json"].flatMap { name -> [[String: Any]] in
            guard let data = Program.data,
                let index = try? JSONSerialization.jsonObject(
                    with: Data(contentsOf: data.appendingPathComponent(name)))
            else { return [] }
            return index as? [[String: Any]] ?? []
        }
        return entries.map { entry in
            var arguments: [String]
            switch (entry["format"] as? String, entry["header"] as? Bool) {
            case ("jsonl", _) where entry["fields"] == nil: arguments = ["--format", "jsonl"]
            case ("jsonl", _):
                var fields = entry["fields"] as? [String: String] ?? [:]
                fields["trace"] = nil
                let map = fields.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",")
                arguments = ["--format", "jsonl", "--fields", map]
            case (_, true): arguments = ["--format", "shiviz"]
            default:
                arguments = ["--format", "regex", "--pattern", entry["regex"] as? String ?? ""]
                if let delimiter = entry["delimiter"] as? String {
                    arguments += ["--delimiter", delimiter]
                }
            }
            let executions = (entry["executions"] as? [[String: Any]] ?? []).map { execution in
                let label = execution["label"] as? String ?? ""
                return Execution(
                    name: label.isEmpty ? "main" : label, events: execution["events"] as? Int ?? -1,
                    hosts: execution["hosts"] as? Int ?? -1, edges: execution["edges"] as? String)
            }
            return SharedLog(
                file: entry["file"] as? String ?? "", arguments: arguments, executions: executions)
        }
    }()

    func importInto(_ folder: String) throws -> Program.Result {
        try Program.lightcone(
            ["import", "--into", folder] + arguments + [
                "--json", Program.data!.appendingPathComponent(file).path,
            ])
    }
}

/// The message edges of an export, as `from → to`.
func edges(_ source: String, _ execution: String) throws -> Set<String> {
    let graph = try Program.lightcone(
        "export", "--source", source, "--execution", execution, "--format", "json"
    ).object
    return Set(
        (graph["edges"] as? [[String: String]] ?? []).map { "\($0["from"]!) → \($0["to"]!)" })
}

@Suite struct SharedLogImports {
    @Test(arguments: SharedLog.all)
    func countsAndEdgesAreExact(log: SharedLog) throws {
        let folder = try TemporaryFolder()
        let result = try log.importInto(folder.path + "/db")
        #expect(result.status == 0, "\(result.errors)")
        let executions = result.object["executions"] as? [[String: Any]] ?? []
        #expect(executions.compactMap { $0["name"] as? String } == log.executions.map(\.name))
        for (found, expected) in zip(executions, log.executions) {
            #expect(found["events"] as? Int == expected.events)
            #expect(found["processes"] as? Int == expected.hosts)
            let lines = try Program.lightcone(
                "processes", "--source", folder.path + "/db", "--execution", expected.name, "--json"
            ).objects
            #expect(lines.count == expected.hosts)
            guard let file = expected.edges, let data = Program.data else { continue }
            let rows = try String(contentsOf: data.appendingPathComponent(file), encoding: .utf8)
                .split(separator: "\n").map { $0.split(separator: "\t") }
            let expectedEdges = Set(rows.map { "\($0[0]):\($0[1]) → \($0[2]):\($0[3])" })
            #expect(try edges(folder.path + "/db", expected.name) == expectedEdges)
            #expect(found["messageEdges"] as? Int == expectedEdges.count)
            if !log.isAlone {
                #expect(found["defects"] as? Int == 0)
                #expect(found["gaps"] as? Int == 0)
            }
        }
    }

    @Test(arguments: SharedLog.all.filter(\.isAlone))
    func aLogAloneSaysWhatIsUnknown(log: SharedLog) throws {
        let folder = try TemporaryFolder()
        let source = folder.path + "/db"
        _ = try log.importInto(source)
        let gaps = try Program.lightcone("gaps", "--source", source, "--json").objects
        #expect(!gaps.isEmpty && gaps.allSatisfy { $0["first"] as? Int == 1 })
        let ghosts = try Program.lightcone("defects", "--source", source, "--json").objects
            .filter { $0["kind"] as? String == "ghost" }
        #expect(ghosts.count == gaps.count)
        let process = try #require(gaps.first?["process"] as? String)
        let last = try #require(gaps.first?["last"] as? Int)
        let mine = try #require(
            Program.lightcone("processes", "--source", source, "--json").objects.first?["process"]
                as? String)
        // The missing process's last cited event is before the one that cites it; what it had seen is unknown.
        let end = try #require(
            Program.lightcone("processes", "--source", source, "--json").objects.first?["last"]
                as? Int)
        let known = try Program.lightcone(
            "order", "--source", source, "--json", "\(process):\(last)", "\(mine):\(end)")
        #expect(known.object["order"] as? String == "before")
        let unknown = try Program.lightcone(
            "order", "--source", source, "--json", "\(mine):1", "\(process):\(last)")
        #expect(unknown.object["order"] as? String == "unknown")
        #expect(
            (unknown.object["because"] as? String)?.contains("\(process) 1–\(last) are missing")
                == true)
        #expect(unknown.status == 1)
        let past = try Program.lightcone(
            "past", "--source", source, "--json", "--count", "\(mine):\(end)"
        ).object
        #expect(past["complete"] as? Bool == false)
    }

    @Test(.enabled(if: Program.data != nil)) func partsAddUpToTheWhole() throws {
        let folder = try TemporaryFolder()
        let pattern = #"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"#
        let data = try #require(Program.data)
        func load(_ into: String, _ files: [String]) throws {
            for file in files {
                _ = try Program.lightcone(
                    "import", "--into", folder.path + into, "--format", "regex", "--pattern",
                    pattern,
                    data.appendingPathComponent(file).path)
            }
        }
        try load("/whole", ["rfs/merged.log"])
        try load("/parts", ["rfs/Miner3-Log.txt", "rfs/Miner1-Log.txt", "rfs/Miner2-Log.txt"])
        #expect(try edges(folder.path + "/whole", "main") == edges(folder.path + "/parts", "main"))
        for question in [
            ["past", "Miner2:2000", "--count"], ["future", "Miner1:700", "--count"],
            ["concurrent", "Miner3:900", "--count"], ["cut", "Miner2:77"], ["defects"],
            ["timeline", "--json"],
        ] {
            let answers = try ["/whole", "/parts"].map {
                try Program.lightcone(question + ["--source", folder.path + $0]).output
            }
            if question != ["defects"] { #expect(answers[0] == answers[1], "\(question)") }
        }
    }

    @Test(.enabled(if: Program.data != nil)) func theSameFileTwiceAddsNothing() throws {
        let folder = try TemporaryFolder()
        let log = try #require(SharedLog.all.first { $0.file == "chord.log" })
        let first = try log.importInto(folder.path + "/db")
        let again = try log.importInto(folder.path + "/db")
        #expect(again.status == 0)
        #expect(again.errors.contains("imported before"))
        #expect((again.object["files"] as? [[String: Any]])?.first?["added"] as? Bool == false)
        #expect(
            (first.object["executions"] as? [NSDictionary])
                == (again.object["executions"] as? [NSDictionary]))
    }
}

/// Times that do not say all of it.
@Suite struct ImportedTimes {
    private static let lines = """
        Dec 31 23:59:58 web su: failed
        Jan  1 00:00:01 web level=warn msg="still there"
        E0101 00:00:02.5 1234 file.go:12] closed

        """

    /// The times and levels of an import under a zone, of a file that was written to last at a time.
    private func imported(
        _ folder: TemporaryFolder, zone: String, changed: String, into: String = "data"
    ) throws -> (times: [String], levels: [String?], added: Bool?) {
        let file = try folder.write("syslog", Self.lines)
        let date = try #require(ISO8601DateFormatter().date(from: changed))
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file)
        let source = "\(folder.path)/\(into)"
        let run = try Program.run(
            Program.path, ["import", "--into", source, "--format", "text", "--json", file],
            environment: ["TZ": zone])
        try #require(run.status == 0, "\(run.errors)")
        let events = try Program.lightcone("timeline", "--source", source, "--json").objects
        return (
            events.compactMap { $0["time"] as? String }, events.map { $0["level"] as? String },
            (run.object["files"] as? [[String: Any]])?.first?["added"] as? Bool
        )
    }

    @Test func haveTheYearOfTheFileAndTheZoneOfTheImport() throws {
        let folder = try TemporaryFolder()
        let first = try imported(folder, zone: "", changed: "2024-01-01T06:00:00Z")
        #expect(
            first.times == [
                "2023-12-31T23:59:58Z", "2024-01-01T00:00:01Z", "2024-01-01T00:00:02.500Z",
            ])
        #expect(first.levels == [nil, "warning", "error"] && first.added == true)
        // The same file is the same import, also where it was touched, as long as its times stay the same.
        let again = try imported(folder, zone: "UTC", changed: "2024-03-01T06:00:00Z")
        #expect(again.times == first.times && again.added == false)
        let zoned = try imported(
            folder, zone: "XYZ-5:30", changed: "2024-01-01T06:00:00Z", into: "zoned")
        #expect(zoned.times.first == "2023-12-31T18:29:58Z")
        let later = try imported(
            folder, zone: "UTC", changed: "2026-03-01T06:00:00Z", into: "later")
        #expect(later.times.first == "2025-12-31T23:59:58Z")
    }

    @Test func anUnknownZoneIsRefused() throws {
        let folder = try TemporaryFolder()
        let run = try Program.run(
            Program.path,
            [
                "import", "--into", folder.path + "/data", "--format", "text",
                folder.write("syslog", Self.lines),
            ], environment: ["TZ": "Nowhere/Land"])
        #expect(run.status == 2)
        #expect(run.errors.hasPrefix("lightcone: TZ: no time zone “Nowhere/Land” here"))
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data"))
    }

    /// An agent takes the last change of a file that it follows, and TZ of its environment.
    @Test func areTheSameWhereAFileIsFollowed() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write("syslog", Self.lines)
        let date = try #require(ISO8601DateFormatter().date(from: "2024-01-01T06:00:00Z"))
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: file)
        let collector = try RunningCollector(folder)
        let agent = try RunningProgram(
            [
                "agent", "--collector", collector.url, "--host", "h", "--spool",
                "\(folder.path)/spool", "--data", "\(folder.path)/agent", "--follow",
                "text:\(file)",
            ], log: "\(folder.path)/log", environment: ["TZ": "XYZ-5:30"])
        try waitUntil("it has come") { try collector.eventCount() == 3 }
        let events = try Program.lightcone("timeline", "--source", collector.url, "--json").objects
        #expect(
            events.compactMap { $0["time"] as? String } == [
                "2023-12-31T18:29:58Z", "2023-12-31T18:30:01Z", "2023-12-31T18:30:02.500Z",
            ])
        #expect(agent.stop() == 0)
    }
}

@Suite struct ImportMisuse {
    private func importing(_ lines: String, _ arguments: String...) throws -> Program.Result {
        let folder = try TemporaryFolder()
        let log = try folder.write("a.log", lines)
        let into = folder.path + "/db"
        let result = try Program.lightcone(["import", "--into", into] + arguments + [log])
        if result.status == 2 { #expect(!FileManager.default.fileExists(atPath: into)) }
        return result
    }

    @Test(arguments: [
        (
            "process=p,text=mesage",
            "no line has the key “mesage” of the field map: perhaps “message”"
        ),
        ("process=node", "no line has the key “node” of the field map: there are message, p"),
        ("process=p,txt=message", "the field map has “txt”: perhaps “text”"),
    ])
    func misspeltFields(fields: String, complaint: String) throws {
        let result = try importing(
            #"{"p":1,"message":"m"}"# + "\n", "--format", "jsonl", "--fields", fields)
        #expect(result.status == 2 && result.errors.contains(complaint), "\(result.errors)")
    }

    /// A log is the same whether it is a file, compressed, or comes on standard input.
    @Test func compressedLogsAndStandardInput() throws {
        let folder = try TemporaryFolder()
        let text = "2026-11-23 10:20:30 ERROR it failed\n\tat f\n\tat g\n2026-11-23 10:20:31 done\n"
        let log = try folder.write("app.log", text)
        let shell = """
            set -e; cd \(folder.path)
            gzip -k app.log; (cat app.log.gz; printf 'trailing 1\\n' | gzip) > two.gz
            head -c 30 app.log.gz > cut.gz
            printf '\\050\\265\\057\\375rest' > app.zst
            """
        try #require(Program.run("/bin/sh", ["-c", shell]).status == 0)
        let rule = "--format text --multiline '^[0-9]{4}-' --json"
        func imported(_ into: String, _ command: String) throws -> Program.Result {
            let binary = "\(Program.path) import --into \(folder.path)/\(into) \(rule)"
            return try Program.run(
                "/bin/sh",
                ["-c", "cd \(folder.path); \(command.replacing("IMPORT", with: binary))"])
        }
        func files(_ result: Program.Result) -> [[String: Any]] {
            result.object["files"] as? [[String: Any]] ?? []
        }
        let plain = try imported("plain", "IMPORT app.log")
        #expect(files(plain).first?["events"] as? Int == 2)
        // The same content is the same import.
        let zipped = try imported("plain", "IMPORT app.log.gz")
        #expect(files(zipped).first?["added"] as? Bool == false)
        let shown = try Program.lightcone(
            "timeline", "--source", "\(folder.path)/plain", "--json",
            "{ text =~ 'at g' }"
                .replacing("'", with: "\""))
        #expect(shown.objects.count == 1)
        #expect(shown.objects[0]["process"] as? String == "app.log")
        #expect((shown.objects[0]["text"] as? String)?.hasSuffix("failed\n\tat f\n\tat g") == true)
        #expect(shown.objects[0]["level"] as? String == "error")

        for (place, command) in ["cat app.log | IMPORT -", "cat app.log.gz | IMPORT -"].enumerated()
        {
            let piped = try imported("piped-\(place)", command)
            #expect(piped.status == 0 && files(piped).first?["events"] as? Int == 2)
            #expect(files(piped).first?["path"] as? String == "standard input")
        }
        #expect(files(try imported("two", "IMPORT two.gz")).first?["events"] as? Int == 3 - 1)

        for (command, said, status) in [
            ("IMPORT app.zst", "zstdcat app.zst | lightcone import", 2),
            ("IMPORT - < app.zst", "zstdcat FILE | lightcone import", 2),
            ("IMPORT cut.gz", "ends in the middle", 3), ("IMPORT - -", "given twice", 2),
            ("IMPORT /dev/null", "no regular file (- reads", 3), ("IMPORT none", "no file", 3),
        ] as [(String, String, Int32)] {
            let refused = try imported("none", command)
            #expect(refused.status == status && refused.errors.contains(said), "\(refused.errors)")
        }
        let misuse = try Program.lightcone(
            "import", "--into", "\(folder.path)/none", "--format", "jsonl", "--multiline", "^x", log
        )
        #expect(misuse.status == 2)
        #expect(misuse.errors.contains("multiline belongs to the format text"))
    }

    @Test func misspeltFormats() throws {
        for more in [[], ["--fields", "process=p"], ["--pattern", "x"]] {
            let result = try Program.lightcone(
                ["import", "--into", "/nowhere", "--format", "josnl", "/dev/null"] + more)
            #expect(
                result.status == 2 && result.errors.contains("no format “josnl”")
                    && result.errors.contains("perhaps “jsonl”"), "\(result.errors)")
        }
    }

    @Test func aFileWithoutEventsIsToldByTheExitCode() throws {
        let folder = try TemporaryFolder()
        let good = try folder.write("good.log", "a {\"a\":1}\nhello\n")
        let bad = try folder.write("bad.log", "hello\n")
        func status(_ files: String...) throws -> Int32 {
            try Program.lightcone(
                ["import", "--into", folder.path + "/db", "--format", "govector"] + files
            ).status
        }
        #expect(try status(good) == 0)
        #expect(try status(good, bad) == 1)
        #expect(try status(bad) == 1)
        #expect(try status(good) == 0)
    }

    @Test func nestedAttributesAreSelected() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write(
            "a.log",
            #"""
            {"at":{"node":"a"},"level":"info","attr":1,"pkt":{"type":"tok"}}
            {"at":{"node":"a"},"level":"loud","pkt":{"type":"pl"}}

            """#)
        let source = folder.path + "/db"
        let result = try Program.lightcone(
            "import", "--into", source, "--format", "jsonl", "--fields",
            "process=at.node,sort=pkt.type", log)
        #expect(result.status == 0, "\(result.errors)")
        for (selection, expected) in [
            ("pkt.type = tok", ["a:1"]), ("attr.level = loud", ["a:2"]), ("sort = pl", ["a:2"]),
            ("level = info", ["a:1"]), ("attr = 1", ["a:1"]),
        ] {
            let events = try Program.lightcone(
                "timeline", "--source", source, "--json", selection
            ).objects
            #expect(events.map { $0["id"] as? String } == expected, "\(selection)")
        }
    }
}

@Suite struct MalformedLogs {
    private func imported(_ name: String, _ body: (Program.Result, String) throws -> Void) throws {
        guard let log = SharedLog.all.first(where: { $0.file == "malformed/" + name }) else {
            return
        }
        let folder = try TemporaryFolder()
        let result = try log.importInto(folder.path + "/db")
        #expect(result.status == 0)
        try body(result, folder.path + "/db")
    }

    private func defects(_ source: String) throws -> [[String: Any]] {
        try Program.lightcone("defects", "--source", source, "--json").objects
    }

    @Test func anUnknownHost() throws {
        try imported("shiviz-142-facebook-renamed-host.log") { _, source in
            let found = try defects(source)
            let ghost = try #require(found.first { $0["kind"] as? String == "ghost" })
            #expect(ghost["events"] as? [String] == ["loadB:2", "alice:2"])
            #expect((ghost["text"] as? String)?.contains("no event of loadB is here") == true)
            #expect(
                found.contains {
                    $0["kind"] as? String == "clock-backwards"
                        && ($0["text"] as? String)?.contains("loadB") == true
                })
            let gaps = try Program.lightcone("gaps", "--source", source, "--json").objects
            #expect(gaps.map { $0["process"] as? String } == ["loadB"])
        }
    }

    @Test func holes() throws {
        try imported("shiviz-179-holes.ndjson") { result, source in
            let gaps = try Program.lightcone("gaps", "--source", source, "--json").objects
            #expect(gaps.count == 1)
            #expect(gaps.first?["first"] as? Int == 4 && gaps.first?["last"] as? Int == 5)
            #expect(gaps.first?["process"] as? String == "0")
            let jump = try #require(
                try defects(source).first { $0["kind"] as? String == "clock-jump" })
            #expect(jump["events"] as? [String] == ["0:6", "0:3"])
            let order = try Program.lightcone("order", "--source", source, "--json", "0:3", "0:6")
                .object
            #expect(order["order"] as? String == "before")
        }
    }

    @Test func aCycle() throws {
        try imported("shiviz-22-causal-cycle.log") { _, source in
            let cycle = try #require(try defects(source).first { $0["kind"] as? String == "cycle" })
            #expect(cycle["events"] as? [String] == ["alice:2", "eastDC:7", "alice:3"])
            let order = try Program.lightcone(
                "order", "--source", source, "--json", "alice:2", "eastDC:7"
            ).object
            #expect(order["order"] as? String == "unknown")
            #expect((order["because"] as? String)?.contains("contradict") == true)
            #expect(
                try Program.lightcone("timeline", "--source", source).output.split(separator: "\n")
                    .count == 10)
        }
    }

    @Test func aMissingHost() throws {
        try imported("shiviz-28-missing-host.log") { result, source in
            let execution = (result.object["executions"] as? [[String: Any]])?.first
            #expect(execution?["unmatchedLines"] as? Int == 2)
            #expect(result.errors.contains("line 1:") && result.errors.contains("line 2:"))
            // And whoever asks how it is doing is told the same.
            let status = try Program.lightcone("status", "--source", source, "--json").object
            let told = (status["executions"] as? [[String: Any]])?.first
            #expect(told?["unmatchedLines"] as? Int == 2)
            #expect(told?["defects"] as? Int == execution?["defects"] as? Int)
            let problems = status["problems"] as? [String] ?? []
            #expect(
                problems.contains {
                    $0.hasSuffix("2 lines of logs are no events (lightcone defects)")
                })
            let gaps = try Program.lightcone("gaps", "--source", source).output
            #expect(gaps.contains("alice 1 is missing") && gaps.contains("bob 1 is missing"))
            #expect(
                try defects(source).contains {
                    $0["kind"] as? String == "ghost"
                        && ($0["text"] as? String)?.contains("bob") == true
                })
        }
    }

    @Test func wallClocksAreOnlyNoted() throws {
        for (name, kind) in [
            ("tsviz-48-receive-before-send.log", "wall-clock-disagrees"),
            ("tsviz-48-wallclock-backwards.log", "wall-clock-backwards"),
        ] {
            try imported(name) { result, source in
                let execution = (result.object["executions"] as? [[String: Any]])?.first
                #expect(execution?["defects"] as? Int == 0)
                #expect(execution?["notes"] as? Int == 1)
                let found = try defects(source)
                #expect(found.map { $0["kind"] as? String } == [kind])
                #expect(found.first?["note"] as? Bool == true)
            }
        }
        try imported("tsviz-48-receive-before-send.log") { _, source in
            let order = try Program.lightcone("order", "--source", source, "--json", "a:1", "b:1")
                .object
            #expect(order["order"] as? String == "before")
        }
    }
}
