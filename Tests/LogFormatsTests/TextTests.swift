import Causality
import LogFormats
import Testing

@Suite struct TextTests {
    @Test func everyLineIsAnEvent() throws {
        let whole = try items("one\n\n  \r\ntwo\r\nthree", .text())
        let log = ProcessID(name: "log")
        #expect(whole.events.map(\.text) == ["one", "two", "three"])
        #expect(
            whole.events[1]
                == Event(
                    id: EventID(log, 2), kind: .unsaid, text: "two", clock: VectorClock([log: 2]),
                    stamp: .silent))
        #expect(whole.keys[0] == ProcessKey(execution: "main", host: "log", process: log))
    }

    @Test(arguments: [
        ("2013-05-24T23:28:00Z INFO x", "2013-05-24T23:28:00Z", Level.info),
        ("[2013-05-24 23:28:00,637 a.b] WARN x", "2013-05-24T23:28:00.637Z", .warning),
        ("1545000000 [error] x", "2018-12-16T22:40:00Z", .error), ("404 not found", nil, nil),
        ("no info here", nil, nil), ("XINFO INFORM", nil, nil), ("a FATAL", nil, .critical),
        (String(repeating: "x ", count: 40) + "ERROR", nil, nil),
        ("2013-05-24T23:28:00Zulu", nil, nil),
    ]) func readsTimesAndLevels(_ line: String, _ time: String?, _ level: Level?) throws {
        let event = try #require(try items(line, .text()).events.first)
        #expect(event.time?.description == time && event.level == level && event.text == line)
    }

    private static let trace = """
          at the end of one
        2026-11-23 10:20:30 INFO it failed
        java.lang.Error: ERROR
        \tat f(A.java:1)

        \tat g(A.java:2)\r
        \r
        2026-11-23 10:20:31 WARN again
        2026-11-23 10:20:32 done

        """

    @Test func aStackTraceIsOneEvent() throws {
        let events = try items(Self.trace, .text(multiline: #"^\d{4}-"#)).events
        #expect(
            events.map(\.text) == [
                "  at the end of one",
                "2026-11-23 10:20:30 INFO it failed\njava.lang.Error: ERROR\n\tat f(A.java:1)\n\n\tat g(A.java:2)",
                "2026-11-23 10:20:31 WARN again", "2026-11-23 10:20:32 done",
            ])
        #expect(events.map(\.id.sequence) == [1, 2, 3, 4])
        // Time and level are those of the first line.
        #expect(events[1].time?.description == "2026-11-23T10:20:30Z")
        #expect(events.map(\.level) == [nil, .info, .warning, nil])
    }

    /// However the file grows, and wherever the reader is restarted.
    @Test(arguments: 1...40)
    func eventsOfSeveralLinesDoNotDependOnThePieces(piece: Int) throws {
        let format = LogFormat.text(multiline: #"^\d{4}-"#)
        let bytes = Array(Self.trace.utf8)
        let whole = try items(bytes, format).events.map(\.text)
        for restarts in [false, true] {
            let pieces = try items(bytes, format, restarts: restarts) { piece }
            #expect(pieces.events.map(\.text) == whole)
        }
    }

    /// Lines that wait for the end of their event are counted once it is there.
    @Test func linesThatWaitAreNotCounted() throws {
        var reader = try LogReader(.text(multiline: "^x"), LogReader.Options())
        var sink = LogSink()
        let bytes = Array("x 1\n a\nx 2\n b\n".utf8)
        #expect(reader.read(Array(bytes[..<7]), isFinal: false, into: &sink) == 0)
        #expect(reader.lineCount == 0)
        #expect(reader.read(bytes, isFinal: false, into: &sink) == 7 && reader.lineCount == 2)
        #expect(
            reader.read(Array(bytes[7...]), isFinal: true, into: &sink) == 7
                && reader.lineCount == 4)
    }

    /// An event is never larger than one may be: what is more begins another.
    @Test func anEventOfManyLinesIsCutAtALine() throws {
        let line = String(repeating: "x", count: 1_023) + "\n"
        let count = Causality.Limits.eventBytesMax / 1_024
        let text = "2026-11-23 first\n" + String(repeating: line, count: count) + "2026-11-24\n"
        let read = try items(text, .text(multiline: #"^\d{4}-"#))
        #expect(read.events.count == 3 && read.unmatched.isEmpty)
        #expect(read.events[1].text == line.dropLast())
        #expect(
            read.events.map { $0.text.split(separator: "\n").count } == [count, 1, 1])
    }

    @Test func aPatternThatIsNoneIsRefused() {
        let error = #expect(throws: LogFormatError.self) {
            try LogReader(.text(multiline: "("), LogReader.Options())
        }
        #expect(error?.description.hasPrefix("multiline: ") == true)
    }
}
