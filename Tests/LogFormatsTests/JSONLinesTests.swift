import Causality
import LogFormats
import Testing

@Suite struct JSONLinesTests {
    private func event(_ line: String, _ fields: [String: String]? = nil) throws -> Event {
        let items = try items(line, .jsonl(fields: fields))
        return try #require(items.events.first, "\(items)")
    }

    @Test func readsOurOwnKeys() throws {
        let line = #"""
            {"process":"web%3A1#2","host":"h","execution":"e","kind":"send","name":"n","text":"t","level":"warn",
            "time":1545000000,"seq":4,"attributes":{"k":1.50},"clock":{"web%3A1#2":4,"b":2},"more":[1, 2],"s":"\u00e9"}
            """#.replacing("\n", with: "")
        let items = try items(line, .jsonl(fields: nil))
        let event = try #require(items.events.first)
        let process = ProcessID(name: "web:1", incarnation: 2)
        #expect(items.keys == [ProcessKey(execution: "e", host: "h", process: process)])
        #expect(
            event.id == EventID(process, 4) && event.kind == .send && event.name == "n"
                && event.text == "t")
        #expect(event.level == .warning && event.time?.nanoseconds == 1_545_000_000_000_000_000)
        #expect(
            event.attributes == [
                Attribute("k", .json("1.50")), Attribute("more", .json("[1, 2]")),
                Attribute("s", .text("é")),
            ])
        #expect(
            event.clock == VectorClock([process: 4, ProcessID(name: "b"): 2])
                && event.stamp == .complete)
    }

    @Test func countsWhereNoClockIs() throws {
        let text =
            #"{"process":"a"}"# + "\n" + #"{"process":"a","seq":5}"# + "\n"
            + #"{"process":"a","cause":"b:3"}"# + "\n" + #"{"process":"a","clock":{"a":9}}"# + "\n"
            + #"{"process":"a","execution":"x"}"# + "\n" + #"{"process":"a"}"# + "\n"
        let whole = try items(text, .jsonl(fields: nil))
        #expect(whole.events.map(\.id.sequence) == [1, 5, 6, 9, 1, 10])
        #expect(
            whole.events.map(\.stamp) == [
                .lowerBound, .lowerBound, .lowerBound, .complete, .lowerBound, .lowerBound,
            ])
        #expect(whole.events[2].kind == .receive && whole.events[2].cause?.description == "b:3")
        #expect(whole.events[2].clock.entries == [ProcessID(name: "a"): 6])
        #expect(try items(Array(text.utf8), .jsonl(fields: nil), restarts: true) { 1 } == whole)
    }

    @Test func mapsFields() throws {
        let fields = ["process": "host", "clock": "vc", "text": "msg", "seq": "n", "trace": "id"]
        let event = try event(
            #"{"host":0,"msg":{"q": 0},"vc":{"x#2":1},"n":"3","id":33182656162274247190,"z":null}"#,
            fields)
        #expect(event.id.description == "0:3" && event.text == #"{"q": 0}"#)
        #expect(event.clock == VectorClock([ProcessID(name: "0"): 3, ProcessID(name: "x#2"): 1]))
        #expect(
            event.attributes == [
                Attribute("trace", .json("33182656162274247190")), Attribute("z", .json("null")),
            ])
        #expect(throws: LogFormatError.self) { try reader(.jsonl(fields: ["clock": "vc"])) }
        #expect(throws: LogFormatError.self) { try reader(.jsonl(fields: ["process": ""])) }
    }

    @Test func decodesStrings() throws {
        let event = try event(
            #"{"process":"a","text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud800x\udc00","text2":"","text2":"last"}"#
        )
        #expect(event.text == "\"\\/\u{8}\u{c}\n\r\té😀\u{fffd}x\u{fffd}")
        #expect(event.attributes == [Attribute("text2", .text("last"))])
    }

    @Test func whatCannotBeReadStays() throws {
        let event = try event(
            #"{"process":"a","level":30,"time":"soon","kind":"odd","clock":null}"#)
        #expect(
            Set(event.attributes) == [
                Attribute("level", .json("30")), Attribute("time", .text("soon")),
                Attribute("kind", .text("odd")),
            ])
    }

    @Test(arguments: [
        ("plain", "not JSON at byte 0: expected a JSON object, found plain"),
        (#"{"a":1}"#, "no process: expected the key process, or TracerIdentity and VectorClock"),
        (
            #"{"process":"a","seq":0}"#,
            "the seq is 0: expected an integer from 1 to 4611686018427387904"
        ),
        (
            #"{"process":"a","cause":"b"}"#,
            "the cause is b: expected PROCESS:SEQ with a SEQ from 1 to 4611686018427387904"
        ),
        (#"{"process":["a"]}"#, "the process is an array: expected a string"),
        (#"{"process":""}"#, "a process name of 0 bytes: expected 1 to 256"),
        (#"{"process":"a","clock":[]}"#, "the clock is an array: expected an object"),
        (
            #"{"process":"a","clock":{"b":1}}"#,
            #"the clock {"b":1} has no entry for its own process a"#
        ),
        (
            #"{"process":"a","seq":2,"clock":{"a":1}}"#,
            "the clock's entry for its own process a is 1: expected its seq 2"
        ),
        (
            #"{"process":"a","clock":{"a":99999999999999999999}}"#,
            "the clock's entry for a is 99999999999999999999: expected an integer from 0 to 4611686018427387904"
        ),
        (#"{"process":"a"} x"#, "not JSON at byte 16: expected the end after the object, found x"),
        (#"{"process":"a","x":01}"#, "not JSON at byte 20: expected `,` or `}`, found 1}"),
        (#"{"process":"a","x":"\x"}"#, #"not JSON at byte 21: expected an escape, found x"}"#),
        (#"{"process":"a""#, "not JSON at byte 14: expected `,` or `}`, found the end"),
    ]) func saysWhyNot(_ line: String, _ reason: String) throws {
        #expect(try items(line, .jsonl(fields: nil)).unmatched.map(\.reason) == [reason])
    }

    @Test func limitsAreNamed() throws {
        let long = String(repeating: "k", count: 300)
        let many = (0..<129).map { "\"k\($0)\":1" }.joined(separator: ",")
        let reasons = try items(
            "{\"process\":\"a\",\"\(long)\":1}\n{\"process\":\"a\",\(many)}\n{\"process\":\"\(long)\"}\n",
            .jsonl(fields: nil)
        ).unmatched.map(\.reason)
        #expect(
            reasons == [
                "an attribute key of 300 bytes: expected 1 to 256",
                "129 attributes: expected at most 128",
                "a process name of 300 bytes: expected 1 to 256",
            ])
    }
}
