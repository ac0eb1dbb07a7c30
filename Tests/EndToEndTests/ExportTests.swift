import Foundation
import Testing

@Suite struct ExportFormats {
    private func facebook() throws -> (folder: TemporaryFolder, source: String)? {
        guard let log = SharedLog.all.first(where: { $0.file == "facebook.log" }) else {
            return nil
        }
        let folder = try TemporaryFolder()
        _ = try log.importInto(folder.path + "/db")
        return (folder, folder.path + "/db")
    }

    private func export(_ source: String, _ format: String, to file: String, _ more: String...)
        throws -> Program.Result
    {
        try Program.lightcone(
            ["export", "--source", source, "--format", format, "-o", file] + more)
    }

    @Test(arguments: ["shiviz", "ndjson"])
    func whatIsWrittenCanBeImported(format: String) throws {
        guard let (folder, source) = try facebook() else { return }
        let file = folder.path + "/out"
        #expect(try export(source, format, to: file).status == 0)
        let result = try Program.lightcone(
            "import", "--into", folder.path + "/again", "--format",
            format == "ndjson" ? "jsonl" : format, file, "--json")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors.isEmpty)
        #expect(try edges(source, "main") == edges(folder.path + "/again", "main"))
        func events(_ source: String) throws -> [String: String] {
            let graph = try Program.lightcone("export", "--source", source, "--format", "json")
                .object
            return try Dictionary(
                uniqueKeysWithValues: #require(graph["events"] as? [[String: Any]]).map {
                    (try #require($0["id"] as? String), try #require($0["text"] as? String))
                })
        }
        #expect(try events(source) == events(folder.path + "/again"))
        if format == "ndjson" {
            let timelines = try [source, folder.path + "/again"].map {
                try Program.lightcone("timeline", "--json", "--source", $0).output
            }
            #expect(timelines[0] == timelines[1])
        }
    }

    @Test func causesAndOddNamesSurviveShiViz() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write(
            "a.jsonl",
            #"""
            {"process":"a b","kind":"send","text":"x"}
            {"process":"\u00e9","cause":"a b:1","text":"y"}
            {"process":"\u00e9","kind":"send","text":"w"}
            {"process":"e\u0301","cause":"\u00e9:2","text":"z"}

            """#)
        let (source, again) = (folder.path + "/db", folder.path + "/again")
        #expect(
            try Program.lightcone("import", "--into", source, "--format", "jsonl", log).status == 0)
        let order = try Program.lightcone(
            "order", "--source", source, "--json", "a b:1", "e\u{301}:1"
        ).object
        #expect(order["order"] as? String == "before")
        #expect(try export(source, "shiviz", to: folder.path + "/s.log").status == 0)
        #expect(
            try Program.lightcone(
                "import", "--into", again, "--format", "shiviz", folder.path + "/s.log"
            ).status == 0)
        #expect(try edges(source, "main").count == 2)
        #expect(try edges(source, "main") == edges(again, "main"))
        #expect(
            try Program.lightcone("processes", "--source", again).output.split(separator: "\n")
                .count == 3)
    }

    @Test func graphvizAcceptsDot() throws {
        guard let (folder, source) = try facebook() else { return }
        #expect(try export(source, "dot", to: folder.path + "/g.dot").status == 0)
        guard let dot = Program.find("dot") else {
            print("skipped: no dot")
            return
        }
        let result = try Program.run(dot, ["-Tsvg", folder.path + "/g.dot"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        #expect(result.output.contains("alice:1"))
    }

    @Test func networkxReadsGraphML() throws {
        guard let (folder, source) = try facebook() else { return }
        #expect(try export(source, "graphml", to: folder.path + "/g.graphml").status == 0)
        guard let python = Program.find("python3"),
            try Program.run(python, ["-c", "import networkx"]).status == 0
        else {
            print("skipped: no python3 with networkx")
            return
        }
        let script = """
            import networkx, json, sys
            g = networkx.read_graphml(sys.argv[1])
            print(json.dumps({"nodes": sorted(g.nodes), "edges": sorted(f"{a} → {b}" for a, b in g.edges),
                "clock": g.nodes["alice:2"]["clock"], "text": g.nodes["alice:3"]["text"]}))
            """
        let result = try Program.run(python, ["-c", script, folder.path + "/g.graphml"])
        #expect(result.status == 0, "\(result.errors)")
        let graph = try Program.lightcone("export", "--source", source, "--format", "json").object
        let ids = (graph["events"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        #expect(result.object["nodes"] as? [String] == ids.sorted())
        #expect(Set(result.object["edges"] as? [String] ?? []) == (try edges(source, "main")))
        #expect(result.object["clock"] as? String == "alice=2 eastDC=6 loadBalancer=2 westDC=3")
    }

    @Test func perfettoIsTraceEventJSON() throws {
        guard let (folder, source) = try facebook() else { return }
        #expect(try export(source, "perfetto", to: folder.path + "/g.json").status == 0)
        let trace =
            try JSONSerialization.jsonObject(
                with: Data(contentsOf: URL(fileURLWithPath: folder.path + "/g.json")))
            as? [String: Any]
        let events = try #require(trace?["traceEvents"] as? [[String: Any]])
        func of(_ phase: String) -> [[String: Any]] {
            events.filter { $0["ph"] as? String == phase }
        }
        #expect(of("X").count == 47)
        #expect(of("s").count == 23 && of("f").count == 23)
        #expect(of("M").count { $0["name"] as? String == "thread_name" } == 4)
        // Every arrow begins and ends within a slice of its track, and never points back in time.
        for (start, end) in zip(of("s"), of("f")) {
            #expect(start["id"] as? Int == end["id"] as? Int)
            let (began, ended) = try (
                #require(start["ts"] as? Double), #require(end["ts"] as? Double)
            )
            #expect(began < ended)
            for arrow in [start, end] {
                #expect(
                    of("X").contains {
                        $0["tid"] as? Int == arrow["tid"] as? Int
                            && $0["pid"] as? Int == arrow["pid"] as? Int
                            && $0["ts"] as? Double == arrow["ts"] as? Double
                    })
            }
        }
    }

    @Test func mermaidIsRefusedWhereItIsTooLarge() throws {
        guard let (folder, source) = try facebook() else { return }
        let diagram = try Program.lightcone("export", "--source", source, "--format", "mermaid")
        #expect(diagram.output.hasPrefix("sequenceDiagram\n  participant p0 as alice\n"))
        #expect(diagram.output.split(separator: "\n").count { $0.contains("->>") } == 23)
        let log = try #require(SharedLog.all.first { $0.file == "chord.log" })
        _ = try log.importInto(folder.path + "/large")
        let refused = try Program.lightcone(
            "export", "--source", folder.path + "/large", "--format", "mermaid")
        #expect(refused.status == 2)
        #expect(refused.errors.contains("at most 200") && refused.errors.contains("--past-of"))
        let part = try Program.lightcone(
            "export", "--source", folder.path + "/large", "--format", "mermaid", "--past-of",
            "kv-node-10:20")
        #expect(part.status == 0, "\(part.errors)")
    }

    @Test func aPastHoldsItsEvent() throws {
        guard let (folder, source) = try facebook() else { return }
        defer { withExtendedLifetime(folder) {} }
        let graph = try Program.lightcone(
            "export", "--source", source, "--format", "json", "--past-of", "alice:2"
        ).object
        let ids = (graph["events"] as? [[String: Any]] ?? []).compactMap { $0["id"] as? String }
        let past = try Program.lightcone("past", "--source", source, "alice:2", "--json").objects
            .compactMap { $0["id"] as? String }
        #expect(Set(ids) == Set(past + ["alice:2"]))
        #expect(ids.last == "alice:2")
    }
}

/// What becomes of the file of `-o`, and how an export is chosen.
@Suite struct ExportTargets {
    private let folder: TemporaryFolder
    private let source: String

    init() throws {
        folder = try TemporaryFolder()
        source = folder.path + "/data"
        let log = try folder.write(
            "a.jsonl",
            #"""
            {"process":"a","kind":"send","name":"ask","attributes":{"n":1.50,"who":"a<b"}}
            {"process":"b","cause":"a:1","name":"take","text":"it"}
            {"process":"b","text":"alone"}
            {"process":"c","cause":"b:2","level":"warn"}

            """#)
        let result = try Program.lightcone("import", "--into", source, "--format", "jsonl", log)
        #expect(result.status == 0, "\(result.errors)")
    }

    private func export(_ arguments: String...) throws -> Program.Result {
        try Program.lightcone(["export", "--source", source] + arguments)
    }

    @Test func aFileIsReplacedOnlyByAWholeAnswer() throws {
        let target = try folder.write("graph.dot", "before")
        chmod(target, 0o640)
        for failing in [
            ["--source", folder.path + "/nowhere", "--format", "dot"],
            ["--source", source, "--format", "dot", "--past-of", "nobody:1"],
            ["--source", source, "--format", "dot", "{ text = }"],
            ["--source", "http://127.0.0.1:1", "--format", "dot"],
        ] {
            let result = try Program.lightcone(["export", "-o", target] + failing)
            #expect(result.status != 0)
            #expect(try String(contentsOfFile: target, encoding: .utf8) == "before", "\(failing)")
        }
        #expect(try export("--format", "dot", "-o", target).status == 0)
        #expect(try String(contentsOfFile: target, encoding: .utf8).hasPrefix("digraph"))
        let mode = try FileManager.default.attributesOfItem(atPath: target)[.posixPermissions]
        #expect(mode as? Int == 0o640)
        // An answer without events is an answer.
        _ = try export("--format", "ndjson", "-o", target, "{ text = none }")
        #expect(try String(contentsOfFile: target, encoding: .utf8).isEmpty)
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(left.allSatisfy { !$0.hasSuffix(".partial") }, "\(left)")
    }

    @Test func linksStayAndWhatIsNoFileIsWrittenTo() throws {
        let target = try folder.write("graph.dot", "before")
        let link = folder.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        #expect(try export("--format", "dot", "-o", link).status == 0)
        #expect(try String(contentsOfFile: target, encoding: .utf8).hasPrefix("digraph"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == target)
        #expect(try export("--format", "dot", "-o", "/dev/null").status == 0)
        #expect(
            try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type]
                as? FileAttributeType
                == .typeCharacterSpecial)
        #expect(try export("--format", "dot", "-o", folder.path).status == 3)
    }

    @Test func aPastAndASelectionCombine() throws {
        let collector = try RunningCollector(folder)
        for place in [source, collector.url] {
            for (arguments, expected) in [
                (["--past-of", "c:1", "process = b"], ["b:1", "b:2"]),
                (["--future-of", "b:1", "level = warn"], ["c:1"]),
                (["--past-of", "b:1"], ["a:1", "b:1"]),
            ] {
                let graph = try Program.lightcone(
                    ["export", "--source", place, "--format", "json"] + arguments)
                #expect(graph.status == 0, "\(graph.errors)")
                let events = graph.object["events"] as? [[String: Any]] ?? []
                #expect(events.map { $0["id"] as? String } == expected, "\(arguments)")
            }
            let both = try Program.lightcone(
                "export", "--source", place, "--format", "json", "--past-of", "c:1", "--future-of",
                "a:1")
            #expect(both.status == 2 && both.errors.contains("past-of and future-of: expected one"))
        }
    }

    @Test func namesAndAttributesAreWritten() throws {
        let dot = try export("--format", "dot").output
        #expect(dot.contains(#"label="a:1\nask""#) && dot.contains(#"label="b:1\ntake: it""#))
        #expect(dot.contains(#"label="b:2\nalone""#))
        let mermaid = try export("--format", "mermaid").output
        #expect(mermaid.contains("1#58; ask\n") && mermaid.contains("1#58; take#58; it\n"))
        let graphML = try export("--format", "graphml").output
        #expect(graphML.contains("<key id=\"attributes\" for=\"node\""))
        #expect(
            graphML.contains(
                "<data key=\"attributes\">{&quot;n&quot;:1.50,&quot;who&quot;:&quot;a&lt;b&quot;}</data>"
            ))
        let trace = try export("--format", "perfetto").output
        #expect(trace.contains(#""attributes":{"n":1.50,"who":"a<b"}"#))
    }

    /// The last instant that there is: what follows on it has no later one.
    @Test func aSendAtTheEndOfTimeIsExported() throws {
        let other = try TemporaryFolder()
        let end = "2262-04-11T23:47:16.854775807Z"
        let log = try other.write(
            "a.jsonl",
            #"{"process":"a","seq":1,"kind":"send","time":"\#(end)"}"# + "\n"
                + #"{"process":"a","seq":2,"time":"\#(end)"}"# + "\n"
                + #"{"process":"b","seq":1,"kind":"receive","cause":"a:1"}"# + "\n")
        _ = try Program.lightcone(
            "import", "--into", other.path + "/data", "--format", "jsonl", log)
        let trace = try Program.lightcone(
            "export", "--source", other.path + "/data", "--format", "perfetto")
        #expect(trace.status == 0, "\(trace.errors)")
        #expect(trace.output.contains("\"ts\":9223372036854775.807"))
        #expect(trace.output.contains("\"ph\":\"f\""))
    }

    /// What is more than a pipe holds, through `head`.
    @Test func aReaderThatHasEnoughIsNoError() throws {
        let other = try TemporaryFolder()
        let line = #"{"process":"a","text":""# + String(repeating: "x", count: 200) + "\"}\n"
        let log = try other.write("a.jsonl", String(repeating: line, count: 5_000))
        _ = try Program.lightcone(
            "import", "--into", other.path + "/data", "--format", "jsonl", log)
        let collector = try RunningCollector(other)
        let bash = try #require(Program.find("bash"))
        for place in [other.path + "/data", collector.url] {
            let script =
                "'\(Program.path)' timeline --source '\(place)' | head -1 > /dev/null; echo ${PIPESTATUS[0]}"
            let result = try Program.run(bash, ["-c", script])
            #expect(result.output == "0\n" && result.errors.isEmpty, "\(result.errors)")
        }
    }
}

@Suite struct CommandLineTests {
    static let commands = [
        ["agent"], ["agent", "enroll"], ["agent", "names"], ["collector"], ["collector", "init"],
        ["collector", "rotate-token-key"], ["enroll-token"],
        ["hosts"], ["hosts", "list"], ["hosts", "revoke"], ["token"], ["token", "create"],
        ["token", "list"], ["token", "revoke"], ["import"], ["executions"], ["processes"], ["gaps"],
        ["defects"],
        ["timeline"], ["tail"], ["query"], ["why"], ["status"], ["top"], ["show"],
        ["order"], ["past"], ["future"], ["concurrent"], ["path"], ["cut"], ["snapshot"], ["view"],
        ["browse"],
        ["export"],
        ["segment"], ["part"], ["catalogue"], ["segment", "inspect"],
        ["segment", "verify"], ["part", "inspect"], ["part", "verify"], ["catalogue", "rebuild"],
        ["drop"], ["verify"], ["prove"], ["verify-proof"], ["demo"], ["record"], ["rule-out"],
    ]

    /// The parser wraps what is wider than the terminal, and a wrapped example is another command.
    @Test(arguments: commands + [[]]) func examplesAreWholeLinesOnAnyTerminal(
        command: [String]
    ) throws {
        func example(_ columns: String) throws -> Substring {
            let result = try Program.run(
                Program.path, command + ["--help"], environment: ["COLUMNS": columns])
            let text = result.output
            let start = try #require(text.range(of: "Example:\n")).upperBound
            return text[start..<(text[start...].range(of: "\n\n")?.lowerBound ?? text.endIndex)]
        }
        let narrow = try example("80")
        #expect(try narrow == example("1000"))
        let bash = try #require(Program.find("bash"))
        let folder = try TemporaryFolder()
        let syntax = try Program.run(bash, ["-n", folder.write("example", String(narrow))])
        #expect(syntax.status == 0, "\(syntax.errors)")
    }

    @Test(arguments: [
        (["timelin"], "no command “timelin”: perhaps “timeline”"),
        (["recrod", "--process", "a"], "no command “recrod”: perhaps “record”"),
        (["segment", "inspct", "x"], "no command “inspct”: perhaps “inspect”"),
        (["search", "x"], "no command “search”: perhaps “query”"),
        (["segment", "services"], "no command “services”: expected one of "),
        (["xyzzyx"], "no command “xyzzyx”: expected one of agent, "),
    ])
    func misspeltCommands(arguments: [String], complaint: String) throws {
        let result = try Program.lightcone(arguments)
        #expect(result.status == 2 && result.output.isEmpty)
        #expect(result.errors.contains(complaint), "\(result.errors)")
    }

    @Test(arguments: [
        ("http://127.0.0.1:1", "cannot reach http://127.0.0.1:1: connection refused\n"),
        ("http://localhost:1/", "cannot reach http://localhost:1: connection refused\n"),
        (
            "http://a.invalid:1",
            "cannot reach http://a.invalid:1: no host of the name “a.invalid” is known\n"
        ),
        ("http://a b", "cannot reach http://a b: not a URL such as http://127.0.0.1:4780\n"),
    ])
    func unreachableSources(source: String, complaint: String) throws {
        let result = try Program.lightcone("timeline", "--source", source)
        #expect(result.status == 3 && result.errors == "lightcone: \(complaint)")
    }

    @Test(arguments: commands) func helpHasAnExample(command: [String]) throws {
        let result = try Program.lightcone(command + ["--help"])
        #expect(result.status == 0)
        #expect(
            result.output.contains("Example:")
                && result.output.contains("lightcone \(command.joined(separator: " "))"))
    }

    @Test func completions() throws {
        let script = try Program.lightcone("--generate-completion-script", "bash")
        #expect(script.status == 0 && script.output.contains("timeline"))
        let folder = try TemporaryFolder()
        let bash = try #require(Program.find("bash"))
        #expect(try Program.run(bash, ["-n", folder.write("c.bash", script.output)]).status == 0)
    }

    /// Of an event that is not here nobody knows all that it had seen: reasons claim what follows from others only.
    @Test func reasonsClaimNothingThatIsNotHere() throws {
        let recording = Program.root.appendingPathComponent(
            "Sources/lightcone/Documentation.docc/demo.ndjson")
        let lines = try String(contentsOf: recording, encoding: .utf8).split(separator: "\n")
        let folder = try TemporaryFolder()
        let log = try folder.write(
            "demo.ndjson",
            lines.filter { !$0.contains(#""process":"n3""#) }.joined(separator: "\n"))
        let source = folder.path + "/db"
        _ = try Program.lightcone("import", "--into", source, "--format", "jsonl", log)
        let before = try Program.lightcone("order", "--source", source, "n2:26", "n3:20")
        #expect(
            before.output
                == "before, because events after n3:20 learned of n2:26 from it, though it is not here\n"
        )
        let concurrent = try Program.lightcone("order", "--source", source, "n3:14", "n2:21")
        #expect(
            concurrent.output
                == "concurrent, because neither has seen the other: n3:14 has not seen n2:21, and n2:21 has seen n3 up to 7\n"
        )
    }

    @Test func exitCodes() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write("a.log", "a {\"a\":1}\nhello\na {\"a\":2}\nagain\n")
        let source = folder.path + "/db"
        #expect(
            try Program.lightcone("import", "--into", source, "--format", "govector", log).status
                == 0)
        #expect(try Program.lightcone("order", "--source", source, "a:1", "a:2").status == 0)
        #expect(try Program.lightcone("order", "--source", source, "a:1", "b:2").status == 1)
        #expect(
            try Program.lightcone("timeline", "--source", source, "{ text = \"nothing\" }").status
                == 1)
        #expect(try Program.lightcone("gaps", "--source", source).status == 1)
        let misuse = try Program.lightcone("timeline", "--source", source, "{ text = }")
        #expect(misuse.status == 2 && misuse.errors.contains("column 10"))
        #expect(try Program.lightcone("order", "--source", source, "a1", "a:2").status == 2)
        #expect(try Program.lightcone("order", "--source", source, "a:1").status == 2)
        #expect(try Program.lightcone("timeline", "--source", folder.path + "/nowhere").status == 3)
        #expect(try Program.lightcone("timeline", "--source", "http://127.0.0.1:1").status == 3)
        #expect(try Program.lightcone("nonsense").status == 2)
        #expect(
            try Program.lightcone(
                "import", "--into", source, "--format", "regex", "--pattern", "(?<host>", log
            ).status == 2)
    }

    @Test func whatNobodyHasHeardOfIsUnknown() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write(
            "a.log", "\u{feff}a {\"a\":1}\nhello\nb {\"b\":1,\"a\":1}\nagain\n")
        let source = folder.path + "/db"
        _ = try Program.lightcone("import", "--into", source, "--format", "govector", log)
        #expect(
            try Program.lightcone("order", "--source", source, "a:1", "b:1").output.hasPrefix(
                "before"))
        let order = try Program.lightcone("order", "--source", source, "--json", "a:1", "a:99")
        #expect(order.status == 1 && order.object["order"] as? String == "unknown")
        let nobody = try Program.lightcone("order", "--source", source, "--json", "zz:1", "a:1")
        #expect(nobody.status == 1 && nobody.output.isEmpty)
        #expect(nobody.errors.contains("no process “zz” in execution “main”"))
        for question in [
            ["past", "a:99"], ["cut", "a:99"], ["path", "a:1", "a:99"],
            ["view", "a", "--at", "a:99"],
        ] {
            let answer = try Program.lightcone(question + ["--source", source])
            #expect(
                answer.status == 1 && answer.errors.contains("nothing that is here cites it"),
                "\(question)")
        }
        let cut = try Program.lightcone(
            "cut", "--source", source, "--json", "--at", "2026-01-01T00:00:00Z"
        ).object
        #expect(cut["complete"] as? Bool == false)
    }

    @Test func textFromEventsIsEscaped() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write("a.log", "a {\"a\":1}\n\u{1b}[2Jgone\u{7}\u{202e}\n")
        _ = try Program.lightcone(
            "import", "--into", folder.path + "/db", "--format", "govector", log)
        let output = try Program.lightcone("timeline", "--source", folder.path + "/db").output
        #expect(output == "a:1  \\u{1b}[2Jgone\\u{7}\\u{202e}\n")
    }

    /// What a terminal obeys, what nobody sees, and what turns the direction of writing.
    static let harmful =
        "\u{1b}[2J\u{7}\u{9b}\u{202e}\u{2066}\u{200b}\u{feff}\u{ad}\u{2028}\u{e0041}"

    private func expectHarmless(_ text: String, _ what: String) {
        let found = text.unicodeScalars.filter { Self.harmful.unicodeScalars.contains($0) }
            .filter { !"[2J".unicodeScalars.contains($0) }
        #expect(found.isEmpty, "\(what): \(found.map(\.value))")
    }

    /// A process, a text and attributes that are as hostile as they can be, in every format.
    @Test(arguments: [
        "json", "ndjson", "dot", "graphml", "mermaid", "shiviz", "perfetto",
    ])
    func noExportHarmsATerminal(format: String) throws {
        let folder = try TemporaryFolder()
        let text = try String(
            decoding: JSONEncoder().encode("x\(Self.harmful)y"), as: UTF8.self)
        let log = try folder.write(
            "a.jsonl",
            #"{"process":\#(text),"kind":"send","text":\#(text),"name":\#(text),"k":{"n":\#(text)}}"#
                + "\n" + #"{"process":"b","cause":"b:9","text":"z"}"# + "\n")
        let source = folder.path + "/db"
        #expect(
            try Program.lightcone("import", "--into", source, "--format", "jsonl", log).status == 0)
        let file = folder.path + "/out"
        #expect(
            try Program.lightcone(
                "export", "--source", source, "--format", format, "-o", file
            ).status == 0)
        let output = try String(contentsOfFile: file, encoding: .utf8)
        expectHarmless(output, format)
        if format == "ndjson" {
            let hostile = try #require(output.split(separator: "\n").first { $0.contains("send") })
            let event = try #require(
                JSONSerialization.jsonObject(with: Data(hostile.utf8)) as? [String: Any])
            #expect(event["text"] as? String == "x\(Self.harmful)y")
            let attributes = try #require(event["attributes"] as? [String: [String: String]])
            #expect(attributes["k"]?["n"] == "x\(Self.harmful)y")
        }
        if format == "shiviz" {
            let again = try Program.lightcone(
                "import", "--into", folder.path + "/again", "--format", "shiviz", file, "--json")
            #expect(again.status == 0 && again.output.contains("\"events\":2"), "\(again.output)")
            #expect(again.output.contains("\"unmatchedLines\":0"))
        }
    }

    /// The same of what answers say, of a folder and of a collector, for people and as JSON, and of what files are shown to hold.
    @Test func noAnswerHarmsATerminal() throws {
        let folder = try TemporaryFolder()
        let text = try String(
            decoding: JSONEncoder().encode("x\(Self.harmful)y"), as: UTF8.self)
        var lines = ""
        for number in [1, 2, 5] {
            lines +=
                #"{"process":\#(text),"seq":\#(number),"kind":"send","text":\#(text),"name":\#(text),\#(text):\#(text)}"#
                + "\n"
        }
        lines += #"{"process":"b","seq":1,"kind":"receive","cause":{"process":\#(text),"seq":2}}"#
        lines += "\n" + #"{"process":"b","seq":2,"kind":"receive","clock":{\#(text):9}}"#
        lines += "\nno event \(Self.harmful)\n"
        let log = try folder.write("a\(Self.harmful).jsonl", lines)
        let imported = try Program.lightcone([
            "import", "--into", folder.path + "/data", "--format", "jsonl", "--execution",
            "e\(Self.harmful)", "--host", "h\(Self.harmful)", log,
        ])
        #expect(imported.status == 0, "\(imported.errors)")
        expectHarmless(imported.output + imported.errors, "import")
        let collector = try RunningCollector(folder)
        for source in [collector.data, collector.url] {
            let names = try Program.lightcone("processes", "--source", source, "--json").objects
                .compactMap { $0["process"] as? String }
            let hostile = try #require(names.first { $0.contains("x") })
            let (one, other) = ("\(hostile):1", "b:2")
            let shown = try Program.lightcone("show", one, "--source", source)
            #expect(shown.output.contains("\\u{202e}"), "\(shown)")
            let questions = [
                ["executions"], ["processes"], ["gaps"], ["defects"], ["timeline"],
                ["order", one, other], ["past", other], ["future", one], ["concurrent", one],
                ["cut", other], ["show", one], ["show", other], ["path", one, other],
                ["view", hostile], ["order", "\(hostile):3", other], ["show", "\(hostile):4"],
            ]
            for question in questions {
                for more in [[], ["--json"]] {
                    let answer = try Program.lightcone(question + more + ["--source", source])
                    #expect(answer.status < 3, "\(question): \(answer.errors)")
                    expectHarmless(answer.output + answer.errors, "\(question + more)")
                }
            }
        }
        #expect(collector.program.stop() == 0)
        expectHarmless(collector.program.text, "the log")
        let files = try #require(FileManager.default.enumerator(atPath: collector.data))
            .compactMap { $0 as? String }
        var seen: Set<String> = []
        for file in files {
            let kinds = ["lcpart": "part", "lcseg": "segment", "lcorder": "part"]
            guard let kind = kinds[URL(fileURLWithPath: file).pathExtension] else { continue }
            for verb in ["inspect", "verify"] {
                let shown = try Program.lightcone(kind, verb, "\(collector.data)/\(file)")
                #expect(shown.status == 0, "\(kind) \(verb): \(shown.errors)")
                expectHarmless(shown.output + shown.errors, "\(kind) \(verb)")
                seen.insert(kind)
            }
        }
        #expect(seen.contains("part"), "\(files)")
    }

    @Test func noErrorHarmsATerminal() throws {
        let folder = try TemporaryFolder()
        let hostile = folder.path + "/x\(Self.harmful)y"
        for arguments in [
            ["show", "--source", hostile, "a:1"], ["order", hostile, "a:1"],
            ["timeline", "--source", folder.path, hostile], [hostile],
            ["import", "--into", folder.path + "/db", "--format", hostile, hostile],
            ["import", "--into", folder.path + "/db", "--format", "text", hostile],
            ["segment", "verify", hostile], ["agent", "--config", hostile],
            ["export", "--source", "http://127.0.0.1:1/\(hostile)", "--format", "dot"],
            ["collector", "--data", hostile, "--listen", hostile],
            ["record", "--spool", hostile, "--process", "a", "--attr", hostile, "x"],
        ] {
            let result = try Program.lightcone(arguments)
            #expect(result.status > 1, "\(arguments)")
            expectHarmless(result.errors + result.output, "\(arguments)")
        }
    }

    @Test func noLogHarmsATerminal() throws {
        let folder = try TemporaryFolder()
        let log = folder.path + "/collector.log"
        let collector = try RunningProgram(
            [
                "collector", "--data", folder.path + "/x\(Self.harmful)y", "--listen",
                "127.0.0.1:0",
            ], log: log)
        try waitUntil("the collector listens", seconds: 30) {
            collector.text.contains("listen=http://127.0.0.1:")
        }
        #expect(collector.text.contains("x\\u{1b}[2J\\u{7}\\u{9b}\\u{202e}"))
        expectHarmless(collector.text, "the log")
    }

    /// An answer comes over the network in pieces, which end in the middle of a character.
    @Test func aCollectorsAnswerIsTheLocalOneToTheByte() throws {
        let folder = try TemporaryFolder()
        let line = #"{"process":"a","text":""# + String(repeating: "€", count: 300) + "\"}\n"
        let log = try folder.write("a.jsonl", String(repeating: line, count: 3_000))
        _ = try Program.lightcone(
            "import", "--into", folder.path + "/data", "--format", "jsonl", log)
        let collector = try RunningCollector(folder)
        let answers = try [collector.data, collector.url].map {
            try Program.lightcone("timeline", "--source", $0).output
        }
        #expect(answers[0].utf8.elementsEqual(answers[1].utf8))
        #expect(!answers[1].unicodeScalars.contains("\u{fffd}"))
    }

    @Test func aLogWithoutClocks() throws {
        let folder = try TemporaryFolder()
        let log = try folder.write("notes.txt", "2026-11-23T10:00:00Z ERROR one\n\ntwo\n")
        let result = try Program.lightcone(
            "import", "--into", folder.path + "/db", "--format", "text", "--host", "web-1", log,
            "--json")
        #expect(result.status == 0)
        let events = try Program.lightcone("timeline", "--source", folder.path + "/db", "--json")
            .objects
        #expect(events.map { $0["id"] as? String } == ["web-1/notes.txt:1", "web-1/notes.txt:2"])
        #expect(events.first?["level"] as? String == "error")
        #expect(events.first?["time"] as? String == "2026-11-23T10:00:00Z")
    }
}
