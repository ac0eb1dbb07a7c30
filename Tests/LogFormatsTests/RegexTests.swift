import Causality
import LogFormats
import Testing

@Suite struct RegexTests {
    static let twoLines = #"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)"#

    @Test func namesMissingGroups() {
        #expect(throws: LogFormatError.self) {
            try reader(.regex(pattern: "(?<host>a)(?<event>b)", delimiter: nil))
        }
        do {
            _ = try reader(.regex(pattern: "(?<host>a)(?<event>b)", delimiter: nil))
        } catch {
            #expect(
                "\(error)".contains("no group clock") && "\(error)".contains("found host, event"))
        }
        #expect(throws: LogFormatError.self) { try reader(.regex(pattern: "(", delimiter: nil)) }
        #expect(throws: LogFormatError.self) {
            try reader(.regex(pattern: RegexTests.twoLines, delimiter: "(?=x)"))
        }
    }

    @Test func otherGroupsBecomeAttributes() throws {
        let pattern =
            #"(?<date>\S+ \S+) (?<priority>\w+) (?<host>\w+) (?<clock>\{.*?\}) (?<event>.*)( (?<none>zzz))?"#
        let event = try #require(
            try items(
                "2013-05-24 23:28:00,637 WARN a {\"a\":3} hello\n",
                .regex(pattern: pattern, delimiter: nil)
            ).events.first)
        #expect(event.level == .warning && event.time?.description == "2013-05-24T23:28:00.637Z")
        #expect(
            event.attributes == [
                Attribute("date", .text("2013-05-24 23:28:00,637")),
                Attribute("priority", .text("WARN")),
            ])
        #expect(event.text == "hello" && event.id.sequence == 3)
    }

    @Test func unmatchedLinesKeepTheirPlace() throws {
        let items = try items(
            "x\n\na {\"a\":1}\none\ny\nz\nb {\"c\":1}\ntwo\n",
            .regex(pattern: RegexTests.twoLines, delimiter: nil))
        #expect(items.unmatched.map(\.line) == [1, 5, 6, 7, 8])
        #expect(items.unmatched.map(\.text) == ["x", "y", "z", "b {\"c\":1}", "two"])
        #expect(
            items.unmatched[3].reason == "the clock {\"c\":1} has no entry for its own process b")
        #expect(items.events.map(\.text) == ["one"])
    }

    @Test func delimitersSplit() throws {
        let format = LogFormat.regex(
            pattern: RegexTests.twoLines, delimiter: "^=== ?(?<trace>.*?) ?===$")
        let text =
            "=== x ===\na {\"a\":1}\n=== x ===\na {\"a\":1}\n2\n======\na {\"a\":1}\n3\n======\na {\"a\":1}\n4"
        let whole = try items(text, format)
        // The first clock's event is the empty text before the delimiter.
        #expect(whole.keys.map(\.execution) == ["x", "x-2", "main", "main-2"])
        #expect(whole.events.map(\.text) == ["", "2", "3", "4"])
        for restarts in [false, true] {
            #expect(try items(Array(text.utf8), format, restarts: restarts) { 1 } == whole)
        }
    }

    @Test(arguments: ["^", "x*", #"\b"#, "()", "(?:x|)"]) func emptyMatchesEnd(_ empty: String)
        throws
    {
        let format = LogFormat.regex(
            pattern: "(?<host>\(empty))(?<clock>)(?<event>)", delimiter: empty)
        #expect(try items("one two\nthree\n\nfour", format).unmatched.map(\.line) == [1, 2, 4])
    }

    @Test func anchorsSeeTheWholeFile() throws {
        let format = LogFormat.regex(
            pattern: #"^(?<host>\w+) (?<clock>\{[^}]*\})(?<event>)"#, delimiter: nil)
        let text = "a {\"a\":1}b {\"b\":1}\na {\"a\":2}\n"
        let whole = try items(text, format)
        #expect(whole.events.map(\.id.description) == ["a:1", "a:2"])
        #expect(try items(Array(text.utf8), format, restarts: true) { 1 } == whole)
    }

    @Test func bytesThatAreNotTextDoNotSpread() throws {
        let bytes =
            Array("a {\"a\":1}\n\u{201c}x\u{201d} ".utf8) + [0xff, 0xe2, 0x80]
            + Array("\na {\"a\":2}\ny\n".utf8)
        let whole = try items(bytes, .regex(pattern: RegexTests.twoLines, delimiter: nil))
        #expect(
            whole.events.count == 2 && whole.events[0].text.hasPrefix("\u{201c}x\u{201d} \u{fffd}"))
        #expect(
            try items(bytes, .regex(pattern: RegexTests.twoLines, delimiter: nil), restarts: true) {
                1
            } == whole)
    }

    @Test func shivizBringsItsPattern() throws {
        let text =
            RegexTests.twoLines + "\n^--(?<trace>.*)$\n\na {\"a\":1}\nx\n--second\na {\"a\":1}\ny\n"
        let whole = try items(text, .shiviz)
        #expect(whole.keys.map(\.execution) == ["main", "second"] && whole.unmatched.isEmpty)
        #expect(try items(Array(text.utf8), .shiviz, restarts: true) { 1 } == whole)
        let refused = try items("(?<host>x)\n\nsome\n\nlines\n", .shiviz)
        #expect(refused.unmatched.map(\.line) == [1, 3, 5] && refused.events.isEmpty)
        #expect(refused.unmatched[0].reason.contains("no group clock and event"))
        #expect(try items("", .shiviz).isEmpty)
        #expect(try items("nothing", .shiviz).unmatched.count == 1)
    }

    /// However a file of ShiViz ends, and in whatever pieces it comes, no line of it is counted twice.
    @Test(arguments: [
        ("a {\"a\":1}\nhello", 2), ("a {\"a\":1}\nhello\n", 2), ("a\r\nb\r\n", 2), ("a", 1),
        ("a\n", 1), ("\u{feff}a\nb", 2), ("a\nb\nc", 3), ("\na\n", 1),
        ("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n(\n", 2),
        ("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n", 0),
        ("(?<host>\\S*) (?<clock>{.*})\\n(?<event>.*)\n\nx\ny", 2),
    ])
    func shortShiVizFiles(text: String, unmatched: Int) throws {
        let bytes = Array(text.utf8)
        for count in 1...bytes.count {
            let items = try items(bytes, .shiviz, restarts: true) { count }
            #expect(items.unmatched.count == unmatched, "pieces of \(count): \(items.unmatched)")
        }
    }
}
