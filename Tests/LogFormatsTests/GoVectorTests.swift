import Causality
import LogFormats
import Testing

@Suite struct GoVectorTests {
    @Test func readsRecordsOfSeveralLines() throws {
        let items = try items(
            "a {\"a\":1, \"b\":2}\nfirst\n\nthird\nb {\"b\":3}\nlast\n", .govector)
        #expect(items.events.map(\.text) == ["first\n\nthird", "last"])
        let a = ProcessID(name: "a")
        let b = ProcessID(name: "b")
        #expect(
            items.events[0]
                == Event(
                    id: EventID(a, 1), kind: .unsaid, text: "first\n\nthird",
                    clock: VectorClock([a: 1, b: 2])))
        #expect(items.keys[0] == ProcessKey(execution: "main", host: "a", process: a))
        #expect(
            try LogFormatsTests.items("a {\"a\":1}\nx", .govector, host: "h").keys[0].host == "h")
    }

    @Test func tellsTimesFromProcesses() throws {
        let text =
            "1545000000000000000 a {\"a\":1}\nx\n24464 {\"24464\":1} \ny\n1545000000000000000 {\"1545000000000000000\":7}\n"
        let events = try items(text, .govector).events
        #expect(events.map(\.id.description) == ["a:1", "24464:1", "1545000000000000000:7"])
        #expect(events.map(\.time?.description) == ["2018-12-16T22:40:00Z", nil, nil])
        #expect(events[2].text == "")
    }

    @Test(arguments: [
        ("INFO-NS: Listening", Level.info, "NS: Listening"), ("DEBUG: x", .debug, "x"),
        ("WARNING x", .warning, "x"), ("FATAL-", .critical, ""), ("ERROR", nil, "ERROR"),
        ("INFORM me", nil, "INFORM me"), ("info-x", nil, "info-x"),
    ]) func readsLevels(_ message: String, _ level: Level?, _ text: String) throws {
        let event = try #require(try items("a {\"a\":1}\n\(message)\n", .govector).events.first)
        #expect(event.level == level && event.text == text)
    }

    @Test func separatorsBeginExecutions() throws {
        let record = "a {\"a\":1}\nx\n"
        let text =
            record + "=== Execution #2  ===\n" + record + "=======\n" + "=== Execution #2 ===\n"
            + record + "=== main ===\n" + record
        let items = try items(text, .govector)
        #expect(
            items.keys.map(\.execution) == ["main", "Execution #2", "Execution #2-2", "main-2"])
        #expect(items.events[1].text == "x\n=======")
        #expect(
            try LogFormatsTests.items("=== main ===\n" + record, .govector).keys[0].execution
                == "main")
    }

    @Test(arguments: [
        ("lost\na {\"a\":1}\nx\n", 1, "before a record: expected a line such as `PID {\"PID\":1}`"),
        ("alice {\"b\":1}\n", 1, "the clock {\"b\":1} has no entry for its own process alice"),
        (
            "a {\"a\":0}\nx\n", 2,
            "the clock's entry for its own process a is 0: expected at least 1"
        ),
        (
            "a {\"a\":99999999999999999999}\n", 1,
            "the clock's entry for a is 99999999999999999999: expected an integer from 0 to 4611686018427387904"
        ),
        (
            "a {\"a\":1,\"b\":-1}\n", 1,
            "the clock's entry for b is -1: expected an integer from 0 to 4611686018427387904"
        ),
        (
            "a {\"a\":1.5}\n", 1,
            "the clock's entry for a is 1.5: expected an integer from 0 to 4611686018427387904"
        ),
    ]) func saysWhyNot(_ text: String, _ count: Int, _ reason: String) throws {
        let unmatched = try items(text, .govector).unmatched
        #expect(unmatched.map(\.reason) == Array(repeating: reason, count: count))
        #expect(unmatched.map(\.line) == (1...UInt64(count)).map { $0 })
    }

    @Test func clocksAreReadLeniently() throws {
        let text =
            #"a b  { "a b" : "7" , "z":0 }  "# + "\nx\n" + #"c {\"c\":2,\"a b\":7}"# + "\ny\n"
        let events = try items(text, .govector).events
        #expect(
            events.map(\.id) == [
                EventID(ProcessID(name: "a b"), 7), EventID(ProcessID(name: "c"), 2),
            ])
        #expect(events[0].clock.entries.count == 1 && events[1].clock.entries.count == 2)
    }

    @Test func waitsForTheEndOfARecord() throws {
        var reader = try reader(.govector)
        var sink = LogSink()
        let text = Array("a {\"a\":1}\nx\n".utf8)
        #expect(reader.read(text, isFinal: false, into: &sink) == 0)
        #expect(LogItems(&sink).isEmpty && reader.lineCount == 0)
        #expect(
            reader.read(text + Array("a {\"a\":2}\n".utf8), isFinal: false, into: &sink)
                == text.count)
        #expect(LogItems(&sink).events.count == 1 && reader.lineCount == 2)
    }
}
