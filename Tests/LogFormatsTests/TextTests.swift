import Causality
import LogFormats
import Testing

@Suite struct TextTests {
    @Test func everyLineIsAnEvent() throws {
        let whole = try items("one\n\n  \r\ntwo\r\nthree", .text)
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
        let event = try #require(try items(line, .text).events.first)
        #expect(event.time?.description == time && event.level == level && event.text == line)
    }
}
