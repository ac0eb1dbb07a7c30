import Causality
import Testing

@testable import Exporting

/// A timeline as a person sees it on a terminal.
@Suite struct TimelineTextTests {
    static let lines = [
        #"{"id":"web-1/api:1","process":"web-1/api","host":"web-1","seq":1,"kind":"local","name":"start","text":"日本語 ok","level":"info","time":"2026-11-23T10:20:30Z","attributes":{"user":"Ann B","n":3,"o":{"a":1}},"causes":[]}"#,
        #"{"id":"web-1/api:2","process":"web-1/api","host":"web-1","seq":2,"kind":"send","name":"","text":"red \u001b[31m and \u202e back","level":"critical","time":"2026-11-23T23:59:59.9999Z","attributes":{"":"","a=b":"c"},"causes":[]}"#,
        #"{"id":"db:1","process":"db","host":"db","seq":1,"kind":"receive","name":"","text":"got it","level":"warning","time":"2026-11-24T00:00:00.0001Z","attributes":{},"causes":["web-1/api:2","x:7"],"ghosts":["x:7"]}"#,
        #"{"id":"db:2","unreadable":"db:2 cannot be read"}"#,
        #"{"stopped":"at the limit","limit":"events"}"#,
    ]

    static func shown(
        _ lines: [String] = lines, width: Int? = nil, isColored: Bool = false,
        columns: [TimelineColumn] = TimelineColumn.usual,
        zone: @escaping @Sendable (WallTime) -> Int = { _ in 0 }
    ) throws -> String {
        var text = TimelineText(
            TimelineForm(columns: columns, width: width, isColored: isColored, zone: zone))
        var shown = ""
        for line in lines { shown += text.add(try #require(ListingRow(json: Array(line.utf8)))) }
        return shown + text.finish()
    }

    @Test func columnsAreAlignedAndNothingHarmsATerminal() throws {
        #expect(
            try Self.shown() == """
                ── 2026-11-23 UTC ──
                10:20:30.000  web-1/api:1                              INFO      start  日本語 ok  user="Ann B" n=3 o={"a":1}
                23:59:59.999  web-1/api:2  →                           CRITICAL         red \\u{1b}[31m and \\u{202e} back  ""="" "a=b"=c
                ── 2026-11-24 UTC ──
                00:00:00.000  db:1         ← web-1/api:2, x:7 (missing)  WARNING          got it
                db:2 cannot be read
                stopped: at the limit

                """)
    }

    @Test(arguments: 1...90)
    func noLineIsWiderThanTheScreen(width: Int) throws {
        for line in try Self.shown(width: width).split(separator: "\n") {
            #expect(TextWidth.columns(String(line)) <= width, "\(line)")
        }
    }

    /// Colours change nothing but colours, and each is ended where it began.
    @Test(arguments: [nil, 40, 61] as [Int?])
    func coloursStandAroundTheSameText(width: Int?) throws {
        let plain = try Self.shown(width: width)
        let colored = try Self.shown(width: width, isColored: true)
        #expect(colored.contains("\u{1b}["))
        var rest = colored[...]
        var text = ""
        while let start = rest.firstIndex(of: "\u{1b}") {
            text += rest[..<start]
            rest = rest[start...].drop { $0 != "m" }.dropFirst()
        }
        #expect(text + rest == plain)
        for line in colored.split(separator: "\n") where line.contains("\u{1b}") {
            #expect(line.count { $0 == "\u{1b}" } % 2 == 0)
        }
    }

    @Test func theRestartsOfAProgramHaveOneColour() {
        let first = TextStyle.process("web-1/api").applied(to: "x")
        #expect(first == TextStyle.process("web-1/api#2").applied(to: "x"))
        let names = (0..<40).map { TextStyle.process("p\($0)").applied(to: "x") }
        #expect(Set(names).count == 15)
    }

    @Test(arguments: ["n%", "web-%/api", "shop-%", "%"])
    func replicasHaveColoursOfTheirOwn(name: String) {
        let colors = (1...15).map { number in
            TextStyle.process(name.replacing("%", with: "\(number)")).applied(to: "x")
        }
        #expect(Set(colors).count == 15)
    }

    @Test func timesAreThoseOfTheZone() throws {
        let shown = try Self.shown(
            Array(Self.lines.prefix(3)), columns: [.time, .id],
            zone: { $0.nanoseconds % 2 == 0 ? 3_600 : -19_800 })
        #expect(
            shown == """
                ── 2026-11-23 +01:00 ──
                11:20:30.000  web-1/api:1
                ── 2026-11-24 +01:00 ──
                00:59:59.999  web-1/api:2
                01:00:00.000  db:1

                """)
        let early = LocalTime(WallTime.earliest) { _ in -19_800 }
        #expect(early.day.hasSuffix("-05:30"))
    }

    @Test func aWiderRowWidensItsColumnForThoseThatFollow() throws {
        var text = TimelineText(
            TimelineForm(columns: [.id, .text], width: nil, isColored: false))
        func row(_ id: String) throws -> ListingRow {
            let line = #"{"id":"\#(id)","process":"p","text":"t"}"#
            return try #require(ListingRow(json: Array(line.utf8)))
        }
        var shown = ""
        for _ in 0..<Limits.rowsHeldMax { shown += text.add(try row("a:1")) }
        #expect(shown.split(separator: "\n").allSatisfy { $0 == "a:1  t" })
        #expect(text.add(try row("abc:1")) == "abc:1  t\n")
        #expect(text.add(try row("a:1")) == "a:1    t\n")
        #expect(text.finish() == "")
    }

    private static let matches = [
        #"{"match":{"a":{"id":"web:1","process":"web","text":"asks","kind":"send","time":"2026-11-23T10:20:30Z"},"reply":{"id":"db:22","process":"db","text":"answers","causes":["web:1"],"time":"2026-11-24T10:20:30Z"}},"known":true}"#,
        #"{"match":{"a":{"id":"web:2","process":"web","text":"asks","time":"2026-11-24T10:20:31Z"},"reply":{"id":"db:3","unreadable":"db:3 cannot be read"}},"known":false,"because":"db 4 is missing"}"#,
    ]

    /// Of a query: the names of terms in front, an empty line between two matches and none at the end.
    @Test func matchesAreShownAsATimelineIs() throws {
        #expect(
            try Self.shown(Self.matches) == """
                ── 2026-11-23 UTC ──
                a      10:20:30.000  web:1  →        asks
                ── 2026-11-24 UTC ──
                reply  10:20:30.000  db:22  ← web:1  answers

                a      10:20:31.000  web:2           asks
                reply  db:3 cannot be read
                unknown, because db 4 is missing

                """)
        let one =
            #"{"match":{"a":{"id":"web:1","process":"web","text":"x"}},"known":false,"because":"y"}"#
        #expect(
            try Self.shown([one, one])
                == String(repeating: "web:1  x  (unknown, because y)\n", count: 2))
        for line in try Self.shown(Self.matches, width: 20).split(separator: "\n") {
            #expect(TextWidth.columns(String(line)) <= 20, "\(line)")
        }
        var table = TimelineTable(try TimelineColumn.list("id,text"))
        let rows = try Self.matches.map { try #require(ListingRow(json: Array($0.utf8))) }
        #expect(
            rows.map { table.add($0) }.joined()
                == "a\tweb:1\tasks\nreply\tdb:22\tanswers\n\na\tweb:2\tasks\nreply\tdb:3 cannot be read\n"
        )
        #expect(ListingRow(json: Array(#"{"match":{"a":3}}"#.utf8)) == nil)
    }

    @Test func columnsAreChosenByTheirNames() throws {
        let columns = try TimelineColumn.list("id, host,attr.user,attr.o,kind,text")
        #expect(columns == [.id, .host, .attribute("user"), .attribute("o"), .kind, .text])
        var table = TimelineTable(columns)
        let row = try #require(ListingRow(json: Array(Self.lines[0].utf8)))
        #expect(table.add(row) == "web-1/api:1\tweb-1\tAnn B\t{\"a\":1}\tlocal\t日本語 ok\n")
        let error = #expect(throws: TimelineColumnError.self) {
            try TimelineColumn.list("id,tiem")
        }
        #expect(error?.text.hasSuffix("perhaps “time”") == true)
        #expect(throws: TimelineColumnError.self) { try TimelineColumn.list("id,,text") }
        #expect(throws: TimelineColumnError.self) { try TimelineColumn.list("attr.") }
    }

    @Test(arguments: ["", "{}", "x", #"{"id":3}"#, #"{"id":"a:1"}"#, "[1]"])
    func whatIsNoLineOfAListingIsNone(line: String) {
        #expect(ListingRow(json: Array(line.utf8)) == nil)
    }

    @Test(arguments: [
        ("abc", 3), ("日本", 4), ("e\u{301}", 1), ("😀", 2), ("🇩🇪", 2), ("ﬁ→…", 3), ("가ﾊ", 3),
        ("\u{3099}", 0),
    ])
    func lettersAreAsWideAsTerminalsDrawThem(text: String, columns: Int) {
        #expect(TextWidth.columns(text) == columns)
    }

    @Test func aTextIsCutBetweenLetters() {
        #expect(TextWidth.prefix("日本", columns: 3).text == "日")
        #expect(TextWidth.prefix("e\u{301}x", columns: 1).text == "e\u{301}")
        var line = StyledLine(width: 4, isColored: false)
        line.append("日本語")
        #expect(line.finished == "日…")
    }
}
