import Causality
import LogFormats
import Testing

@Suite struct CausesTests {
    @Test func severalCausesAreKeptOnceEach() throws {
        let text =
            #"{"process":"c","causes":["a:1","b:2"]}"# + "\n"
            + #"{"process":"c","cause":"a:3","causes":["b:4","a:3","b:4"]}"# + "\n"
            + #"{"process":"c","causes":[]}"# + "\n" + #"{"process":"c","causes":null}"# + "\n"
        let whole = try items(text, .jsonl(fields: nil))
        func causes(_ texts: String...) throws -> [Cause] {
            try texts.map { Cause(EventReference(try #require(EventID(text: $0))), .key) }
        }
        #expect(whole.unmatched == [])
        #expect(
            whole.events.map(\.causes) == [
                try causes("a:1", "b:2"), try causes("a:3", "b:4"), [], [],
            ])
        #expect(whole.events.map(\.kind) == [.receive, .receive, .unsaid, .unsaid])
        #expect(whole.events.map(\.stamp) == [.chained, .chained, .silent, .silent])
        #expect(try items(Array(text.utf8), .jsonl(fields: nil), restarts: true) { 1 } == whole)
    }

    @Test(arguments: [
        (#""a:1""#, "the causes are a string: expected an array of strings"),
        (#"{"a":1}"#, "the causes are an object: expected an array of strings"),
        (#"["a:1",2]"#, "the causes are an array: expected an array of strings"),
        (
            #"["a:1","b"]"#,
            "the cause is b: expected PROCESS:SEQ with a SEQ from 1 to 4611686018427387904"
        ),
        (
            #"["a:0"]"#,
            "the cause is a:0: expected PROCESS:SEQ with a SEQ from 1 to 4611686018427387904"
        ),
    ]) func whatIsNoListOfEventsIsRefused(causes: String, reason: String) throws {
        let whole = try items(
            "{\"process\":\"c\",\"causes\":\(causes)}\n{\"process\":\"c\"}\n", .jsonl(fields: nil))
        #expect(whole.unmatched.map(\.reason) == [reason])
        // Nothing of the refused line is left for the next one.
        #expect(whole.events.map(\.id.sequence) == [1] && whole.events[0].causes == [])
    }

    @Test(arguments: [(1_024, true), (1_025, false)])
    func causesAreLimited(count: Int, isRead: Bool) throws {
        let causes = (1...count).map { "\"a:\($0)\"" }.joined(separator: ",")
        let whole = try items("{\"process\":\"c\",\"causes\":[\(causes)]}", .jsonl(fields: nil))
        #expect(whole.events.map(\.causes.count) == (isRead ? [count] : []))
        #expect(
            whole.unmatched.map(\.reason)
                == (isRead ? [] : ["1025 causes: expected at most 1024"]))
    }
}

@Suite struct FollowingTests {
    private static func lines(_ texts: String...) -> [UInt8] {
        Array((texts.joined(separator: "\n") + "\n").utf8)
    }

    /// Where a file is missing between two, so are its events: a number of each process says so.
    @Test(arguments: [false, true]) func aBreakOfRotationLeavesAGap(isBroken: Bool) throws {
        var reader = try reader(.jsonl(fields: nil))
        var sink = LogSink()
        let bytes = Self.lines(
            #"{"process":"a"}"#, #"{"process":"a"}"#, #"{"process":"a","host":"h"}"#,
            #"{"process":"b","seq":7}"#, "odd")
        #expect(reader.read(bytes, isFinal: true, into: &sink) == bytes.count)
        reader.startNextFile(isBroken: isBroken)
        let state = reader.storedState()
        reader = try LogFormatsTests.reader(.jsonl(fields: nil))
        try reader.restore(state)
        let next = Self.lines(
            #"{"process":"a"}"#, #"{"process":"a","host":"h"}"#, #"{"process":"b"}"#,
            #"{"process":"c"}"#, "odd")
        #expect(reader.read(next, isFinal: true, into: &sink) == next.count)
        let items = LogItems(&sink)
        let gap: UInt64 = isBroken ? 1 : 0
        // Numbers are by execution, host and process.
        #expect(
            items.events.map(\.id.sequence) == [1, 2, 1, 7, 3 + gap, 2 + gap, 8 + gap, 1],
            "of a process that was not there before nothing is missing")
        #expect(items.keys.map(\.host) == ["a", "a", "h", "b", "a", "h", "b", "c"])
        #expect(items.unmatched.map(\.line) == [5, 5], "lines count from 1 in each file")
    }

    /// After a frame that nobody may read, the clocks do not go on from it.
    @Test(arguments: [
        LogFormat.govector, .jsonl(fields: nil),
        .regex(pattern: RegexTests.twoLines, delimiter: nil),
    ]) func forgottenClocksAreWrittenWhole(format: LogFormat) throws {
        func line(_ process: String, _ own: Int) -> [UInt8] {
            let clock = "{\"a\":\(own),\"b\":\(own),\"z\":1}"
            if case .jsonl = format {
                return Self.lines("{\"process\":\"\(process)\",\"clock\":\(clock)}")
            }
            return Self.lines("\(process) \(clock)", "x")
        }
        var reader = try reader(format)
        var sink = LogSink()
        func read(_ bytes: [UInt8]) -> EventBatch {
            _ = reader.read(bytes, isFinal: true, into: &sink)
            defer { sink.batch.removeAll() }
            return sink.batch
        }
        let first = read(line("a", 1) + line("b", 1) + line("a", 2))
        #expect(first.predecessors == [0, 0] && first.wholes == [])
        #expect(first.changeStarts == [0, 2, 4, 5], "a's second line says what changed")
        let second = read(line("a", 3))
        #expect(second.predecessors == [2] && second.changes.count == 1)
        sink.batch.forgetClocks()
        let third = read(line("a", 4) + line("b", 4) + line("b", 5))
        #expect(third.predecessors == [0, 0] && third.changeStarts == [0, 2, 4, 5])
        let clock = VectorClock([
            ProcessID(name: "a"): 4, ProcessID(name: "b"): 4, ProcessID(name: "z"): 1,
        ])
        #expect(third.events()[0].event.clock == clock)
        // What was carried over says the same as what is whole.
        var clocks: [ProcessKey: VectorClock] = [:]
        let all = [first, second, third].flatMap { $0.events(after: &clocks) }
        #expect(all.map { $0.event.clock[ProcessID(name: "z")] } == [1, 1, 1, 1, 1, 1, 1])
        // A clock that goes back is whole, in the middle of a batch too.
        let back = read(line("b", 6) + line("b", 2) + line("b", 3))
        #expect(back.predecessors == [5] && back.wholes == [1])
        #expect(back.events()[2].event.clock.entries.count == 3)
    }
}
