import Foundation
import Testing

/// The program as a person meets it: on a terminal.
@Suite struct TerminalTests {
    private static let lines = """
        {"process":"web","seq":1,"name":"asked","text":"POST /orders","time":"2026-11-23T10:20:30Z","level":"info","kind":"send","attributes":{"user":"Ann B","n":3}}
        {"process":"db","seq":1,"cause":"web:1","kind":"receive","text":"\\u001b[31mred \\u202e","time":"2026-11-23T10:20:30.5Z","level":"error"}
        {"process":"db","seq":2,"cause":"web:3","kind":"receive","text":"from nobody","time":"2026-11-24T10:20:30.5Z"}

        """

    /// Runs a shell line on a terminal of its own; what it shows there, without the terminal's own line ends.
    private static func shown(
        _ command: String, columns: Int = 80, rows: Int = 24, environment: [String: String] = [:]
    ) throws -> String {
        let script = try #require(Program.find("script"))
        var environment = environment
        environment["TERM"] = "xterm-256color"
        environment["TZ"] = "UTC"
        environment["NO_COLOR"] = environment["NO_COLOR"] ?? ""
        if environment["PAGER"] == nil { environment["LIGHTCONE_PAGER"] = "" }
        let run = try Program.run(
            script,
            ["-qec", "stty cols \(columns) rows \(rows); \(command)", "/dev/null"],
            environment: environment)
        return run.output.replacing("\r\n", with: "\n")
    }

    private static func archive(_ folder: TemporaryFolder, name: String = "data") throws -> String {
        let file = try folder.write("log.ndjson", lines)
        let into = "\(folder.path)/\(name)"
        let run = try Program.lightcone("import", "--into", into, "--format", "jsonl", file)
        try #require(run.status == 0, "\(run.errors)")
        return into
    }

    @Test func cutsHaveNamesThatSayWhatTheyDo() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        func ask(_ arguments: String...) throws -> String {
            let run = try Program.lightcone(arguments + ["--source", source])
            return "\(run.status) \(run.output)"
        }
        #expect(try ask("seen-by", "db:1") == ask("cut", "db:1"))
        let time = "2026-11-23T10:20:30.2Z"
        #expect(try ask("snapshot", time) == ask("cut", "--at", time))
        #expect(try ask("snapshot", time).hasPrefix("0 web  1"))
    }

    /// Nobody reads what is recorded where no agent is: that is told, and what was mistyped is not made without a word.
    @Test func recordingWithoutAnAgentIsTold() throws {
        let folder = try TemporaryFolder()
        let spool = ["--spool", "\(folder.path)/spool"]
        let first = try Program.lightcone(["record", "--process", "p", "one"] + spool)
        #expect(
            first.status == 0 && first.errors.contains("there was no spool \(folder.path)/spool"))
        let second = try Program.lightcone(["record", "--process", "p", "two"] + spool)
        #expect(second.status == 0 && second.errors.contains("no agent answers in"))
    }

    /// An agent tells at its start what it cannot do yet.
    @Test func anAgentTellsAtItsStartWhatIsNotThere() throws {
        let folder = try TemporaryFolder()
        let agent = try RunningProgram(
            [
                "agent", "--collector", "http://127.0.0.1:9", "--host", "h", "--spool",
                "\(folder.path)/spool", "--data", "\(folder.path)/data", "--follow",
                "jsonl:\(folder.path)/none.log",
            ], log: "\(folder.path)/log")
        try waitUntil("it is told") {
            agent.text.contains("the collector does not answer")
                && agent.text.contains("waits for a file that is not there")
        }
        #expect(agent.stop() == 0)
    }

    @Test func aTimelineHasColumnsOnATerminalAndLinesInAPipe() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let ask = "\(Program.path) timeline --source \(source) 2>/dev/null"
        let plain = """
            ── 2026-11-23 UTC ──
            10:20:30.000  web:1  →                  INFO   asked  POST /orders  user="Ann B…
            10:20:30.500  db:1   ← web:1            ERROR         \\u{1b}[31mred \\u{202e}
            ── 2026-11-24 UTC ──
            10:20:30.500  db:2   ← web:3 (missing)                from nobody

            """
        #expect(try Self.shown(ask, environment: ["NO_COLOR": "1"]) == plain)
        #expect(try Self.shown("\(ask) --color never") == plain)
        let colored = try Self.shown(ask)
        #expect(colored.contains("\u{1b}[31mERROR\u{1b}[m"))
        #expect(!colored.contains("\u{1b}[31mred"))
        #expect(try Self.shown("\(ask) --color never --wide").contains(#"user="Ann B" n=3"#))
        #expect(
            try Self.shown("\(ask) --color never --columns id,attr.n")
                == "web:1  3\ndb:1\ndb:2\n")

        #expect(
            try Self.shown("\(ask) --color never --columns id --limit 1") == "web:1\n")
        let piped = try Program.lightcone("timeline", "--source", source)
        #expect(
            piped.output == """
                web:1  2026-11-23T10:20:30Z  →  INFO  [asked]  POST /orders  user="Ann B" n=3
                db:1  2026-11-23T10:20:30.500Z  ← web:1  ERROR  \\u{1b}[31mred \\u{202e}
                db:2  2026-11-24T10:20:30.500Z  ← web:3 (missing)  from nobody

                """)
        let always = try Program.lightcone("timeline", "--source", source, "--color", "always")
        #expect(always.output.contains("\u{1b}["))
        let misspelt = try Program.lightcone("timeline", "--source", source, "--columns", "ids")
        #expect(misspelt.status == 2)
        #expect(misspelt.errors.contains("perhaps “id”"))
    }

    @Test func aCollectorIsShownAsAFolderIs() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let collector = try RunningCollector(folder)
        for question in [
            "timeline", "timeline --columns time,from,attr.user --utc", "past db:2", "future web:1",
            "concurrent web:1", "past db:2 --count", "why db:2", "timeline --last 1", "processes",
            "gaps",
        ] {
            let local = try Self.shown("\(Program.path) \(question) --source \(source)")
            #expect(!local.isEmpty)
            let remote = try Self.shown("\(Program.path) \(question) --source \(collector.url)")
            #expect(local == remote, "\(question)")
        }
    }

    @Test func aDiagramFitsTheScreenWhereverItComesFrom() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let ask = "\(Program.path) timeline --lanes --color never --source"
        let shown = try Self.shown("\(ask) \(source) 2>/dev/null", columns: 50)
        #expect(
            shown == """
                              web   db
                ── 2026-11-23 UTC ──
                10:20:30.500  ●────>●  web:1 → db:1  asked  POST …
                ── 2026-11-24 UTC ──
                10:20:30.500  ├╌╌╌╌>●  db:2 ← web:3 (missing)  fr…
                              ┊        web:2–3 are missing

                """)
        let collector = try RunningCollector(folder)
        #expect(try Self.shown("\(ask) \(collector.url) 2>/dev/null", columns: 50) == shown)
        let past = try Self.shown(
            "\(Program.path) past db:2 --lanes --color never --source \(source) 2>/dev/null; echo $?"
        )
        #expect(past.contains("●") && past.contains("web:1 → db:1") && past.hasSuffix("\n0\n"))
        let count = try Self.shown(
            "\(Program.path) past db:2 --count --lanes --source \(source) 2>/dev/null; echo $?")
        #expect(count == "2\n", "a number is no diagram")
        for wrong in ["--lanes --json", "--lanes --reverse", "--ascii", "--lanes --columns id"] {
            let refused = try Self.shown(
                "\(Program.path) timeline --source \(source) \(wrong); echo $?")
            #expect(refused.hasSuffix("\n2\n"), "\(refused)")
        }
        let narrow = try Self.shown("\(ask) \(source); echo $?", columns: 20)
        #expect(narrow.contains("2 processes do not fit side by side into 20 columns"))
        #expect(narrow.hasSuffix("\n2\n"))
    }

    /// What is said where there is nothing to show, and where there is more than is shown.
    @Test(arguments: [
        (
            #"timeline '{ usr = x }'"#,
            "0 of 3 events match; no event has an attribute usr (perhaps user)"
        ),
        (
            #"timeline '{ levl = x }'"#,
            "0 of 3 events match; no event has an attribute levl (perhaps level)"
        ),
        (
            #"timeline '{ exists(usr) }'"#,
            "0 of 3 events match; no event has an attribute usr (perhaps user)"
        ),
        (#"timeline '{ user = x }'"#, "0 of 3 events match"),
        ("timeline --until 2001-01-01", "0 of 3 events match"),
        (
            #"query '{ levl = x } -> { user = y } | past'"#,
            "no event matches; no event has an attribute levl (perhaps level)"
        ),
        ("query '{ user = x } -> { user = y }'", "no matches"),
        ("past web:1", "nothing here is before web:1"),
        ("future db:2 '{ n = 3 }'", "no event after db:2 matches"),
        ("gaps --source HALF", "no gaps"), ("defects --source HALF", "no defects"),
        ("timeline --limit 1", "… 2 more (--limit)"),
        ("past db:2 --limit 1", "… 1 more (--limit)"),
        ("timeline '{ seq > 0 }' --limit 1", "… more (--limit)"),
    ])
    func silenceIsExplained(question: String, note: String) throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let half = folder.path + "/half"
        let lines = try folder.write("half.log", #"p {"p":1}"# + "\nsaid\n")
        try Program.lightcone("import", "--into", half, "--format", "govector", lines)
        let ask = "\(Program.path) \(question.replacing("HALF", with: half))"
        let environment = ["LIGHTCONE_SOURCE": source]
        let shown = try Self.shown("\(ask) >/dev/tty", environment: environment)
        let last = shown.split(separator: "\n").filter { !$0.hasPrefix("all up to") }.last
        #expect(last == note[...], "\(shown)")
        // Not where nobody looks.
        let quiet = try Self.shown("\(ask) 2>\(folder.path)/said", environment: environment)
        #expect(!quiet.contains(note))
        let said = try String(contentsOfFile: "\(folder.path)/said", encoding: .utf8)
        #expect(!said.contains(note))
    }

    @Test func statusSaysWhatNeedsAPerson() throws {
        let folder = try TemporaryFolder()
        let source = try Self.archive(folder)
        let collector = try RunningCollector(folder)
        for source in [source, collector.url] {
            let status = try Program.lightcone("status", "--source", source)
            #expect(status.status == 1)
            #expect(status.output.contains("waits for web 2–3, which 1 event has seen"))
            #expect(status.output.hasSuffix("  main: 2 events are missing (lightcone gaps)\n"))
            let json = try Program.lightcone("status", "--source", source, "--json").object
            #expect((json["problems"] as? [String])?.count == 1)
            #expect(((json["disk"] as? [String: Any])?["bytes"] as? Int ?? 0) > 100)
        }
        let whole = try folder.write("whole.log", #"p {"p":1}"# + "\nsaid\n")
        try Program.lightcone(
            "import", "--into", folder.path + "/whole", "--format", "govector", whole)
        #expect(try Program.lightcone("status", "--source", folder.path + "/whole").status == 0)
    }

    @Test func anAnswerLongerThanTheScreenIsShownByAPager() throws {
        let folder = try TemporaryFolder()
        let ask = "\(Program.path) timeline --source \(try Self.archive(folder)) 2>/dev/null"
        let pager = ["LIGHTCONE_PAGER": "sed s/^/paged:/", "PAGER": "sed s/^/wrong:/"]
        let paged = try Self.shown(ask, rows: 4, environment: pager)
        #expect(paged.split(separator: "\n").allSatisfy { $0.hasPrefix("paged:") })
        #expect(paged.split(separator: "\n").count == 5)
        // What fits is not, nor what goes elsewhere, nor what is not to be.
        #expect(try !Self.shown(ask, rows: 24, environment: pager).contains("paged:"))
        #expect(try !Self.shown("\(ask) | cat", rows: 4, environment: pager).contains("paged:"))
        #expect(try !Self.shown("\(ask) --no-pager", rows: 4, environment: pager).contains("paged"))
        // Who has seen enough has not failed; a pager that is not there is told.
        let enough = ["LIGHTCONE_PAGER": "head -1", "PAGER": ""]
        #expect(
            try Self.shown("\(ask); echo $?", rows: 4, environment: enough).hasSuffix("\n0\n"))
        let missing = ["LIGHTCONE_PAGER": "no-such-pager", "PAGER": ""]
        let failed = try Self.shown(
            "\(Program.path) timeline --source \(folder.path)/data; echo $?", rows: 4,
            environment: missing)
        #expect(failed.contains("cannot start the pager “no-such-pager”"))
        #expect(failed.hasSuffix("\n3\n"))
    }
}
