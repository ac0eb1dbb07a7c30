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
                .silent, .silent, .chained, .complete, .silent, .silent,
            ])
        #expect(
            whole.events.map(\.kind) == [.unsaid, .unsaid, .receive, .unsaid, .unsaid, .unsaid])
        #expect(
            whole.events[2].causes == [
                Cause(EventReference(EventID(ProcessID(name: "b"), 3)), .key)
            ])
        #expect(whole.events[2].clock == VectorClock([ProcessID(name: "a"): 6]))
        #expect(try items(Array(text.utf8), .jsonl(fields: nil), restarts: true) { 1 } == whole)
    }

    @Test func aLineSpeaksOfMessagesWhereItsSourceSaysSo() throws {
        func stamps(_ text: String, declared: Bool = false) throws -> [Stamp] {
            try items(text, .jsonl(fields: nil, declaresMessages: declared)).events.map(\.stamp)
        }
        #expect(try stamps(#"{"process":"a"}"#) == [.silent])
        #expect(try stamps(#"{"process":"a"}"#, declared: true) == [.chained])
        #expect(try stamps(#"{"process":"a","kind":"local"}"#) == [.chained])
        #expect(try stamps(#"{"process":"a","cause":"b:1"}"#) == [.chained])
        #expect(try stamps(#"{"process":"a","kind":"odd"}"#) == [.silent])
        #expect(try stamps(#"{"process":"a","clock":{"a":1}}"#, declared: true) == [.complete])
    }

    /// What an archive did not know when it was exported, nobody knows who reads the export.
    @Test func whatWasNotExactWhenExportedIsLossy() throws {
        let stamps = try items(
            #"{"process":"a","seq":7,"clock":{"a":7},"exact":false}"# + "\n"
                + #"{"process":"a","clock":{"a":8},"exact":true}"# + "\n", .jsonl(fields: nil)
        ).events.map(\.stamp)
        #expect(stamps == [.lossy(Loss(since: 7, .exported)), .complete])
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

    @Test func mapsNestedFields() throws {
        let fields = [
            "process": "event.nid", "clock": "pkt.vc", "term": "event.state.term", "text": "a.b",
            "kind": "kinds.of",
        ]
        let event = try event(
            #"{"event":{"nid":"n1","state":{"term":3}},"pkt":{"vc":{"n1":2,"n2":1}},"a.b":"literal","a":{"b":"nested"},"kinds":7}"#,
            fields)
        #expect(event.id.description == "n1:2" && event.text == "literal")
        #expect(event.clock == VectorClock([ProcessID(name: "n1"): 2, ProcessID(name: "n2"): 1]))
        #expect(
            event.attributes == [
                Attribute("event", .json(#"{"nid":"n1","state":{"term":3}}"#)),
                Attribute("pkt", .json(#"{"vc":{"n1":2,"n2":1}}"#)),
                Attribute("a", .json(#"{"b":"nested"}"#)), Attribute("kinds", .json("7")),
                Attribute("term", .json("3")),
            ])
        // Within a path too a key with dots goes before what is nested, and null is as good as nothing.
        let other = try self.event(
            #"{"p":1,"attributes":{"s.t":5,"s":{"t":6}},"x":{"y":null,"z":null}}"#,
            ["process": "p", "t": "attributes.s.t", "text": "x.y", "attr.name": "x.z"])
        #expect(other.text.isEmpty)
        #expect(other.attributes.contains(Attribute("t", .json("5"))))
        #expect(other.attributes.contains(Attribute("name", .json("null"))))
        #expect(other.attributes.contains(Attribute("s", .json(#"{"t":6}"#))))
    }

    @Test func ourOwnKeysCountBesideAMap() throws {
        let line =
            #"{"svc":"a","msg":"m","text":"t","level":"warn","time":1545000000,"name":"n","seq":4,"host":"h","execution":"e","cause":"b:3","attributes":{"k":1}}"#
        let items = try items(line, .jsonl(fields: ["process": "svc", "text": "msg"]))
        let event = try #require(items.events.first, "\(items)")
        #expect(items.keys.first?.host == "h" && items.keys.first?.execution == "e")
        #expect(event.id.description == "a:4" && event.level == .warning && event.name == "n")
        #expect(event.kind == .receive && event.time != nil)
        #expect(event.causes == [Cause(EventReference(EventID(ProcessID(name: "b"), 3)), .key)])
        #expect(event.text == "m")
        #expect(event.attributes == [Attribute("text", .text("t")), Attribute("k", .json("1"))])
        // A key that is mapped means only what it is mapped to.
        let taken = try self.event(line, ["process": "svc", "text": "name", "attr.level": "level"])
        #expect(taken.text == "n" && taken.name.isEmpty && taken.level == nil)
        #expect(taken.attributes.contains(Attribute("level", .text("warn"))))
        let whole = try self.event(line, ["process": "svc", "all": "attributes"])
        #expect(whole.attributes.contains(Attribute("all", .json(#"{"k":1}"#))))
    }

    @Test(
        arguments: [
            ("txt", "text"), ("proces", nil), ("clok", "clock"), ("hots", nil), ("leevl", nil),
            ("executoin", "execution"), ("Text", "text"), ("term", nil), ("cost", "host"),
            ("attr.cost", nil), ("message", nil),
        ] as [(String, String?)])
    func aMisspeltWordIsRefused(word: String, meant: String?) throws {
        let format = LogFormat.jsonl(fields: ["process": "p", word: "x"])
        guard let meant else {
            _ = try reader(format)
            return
        }
        let error = try #require(throws: LogFormatError.self) { try reader(format) }
        #expect(error.description.contains("“\(word)”: perhaps “\(meant)”"))
        #expect(error.description.contains("“attr.\(word)”"))
        // Where the word itself is mapped as well, or nothing is renamed, it is no misspelling.
        _ = try reader(.jsonl(fields: ["process": "p", meant: "y", word: "x"]))
        _ = try reader(.jsonl(fields: ["process": "p", word: word]))
    }

    @Test func keysThatAreNowhereAreFound() throws {
        func complaint(_ fields: [String: String], _ lines: String) throws -> String? {
            var reader = try reader(.jsonl(fields: fields))
            reader.searchFields()
            var sink = LogSink()
            _ = reader.read(Array(lines.utf8), isFinal: true, into: &sink)
            return reader.missingField
        }
        let lines = "{\"p\":1,\"message\":\"x\"}\n{\"p\":1,\"pkt\":{\"vc\":{\"1\":2}}}\nodd\n"
        #expect(
            try complaint(["process": "p", "text": "message", "clock": "pkt.vc"], lines) == nil)
        let prefix = "no line has the key"
        #expect(
            try complaint(["process": "p", "text": "mesage"], lines)
                == "\(prefix) “mesage” of the field map: perhaps “message”")
        #expect(
            try complaint(["process": "p", "clock": "vc"], lines)
                == "\(prefix) “vc” of the field map: perhaps “pkt.vc”")
        #expect(
            try complaint(["process": "p", "text": "something"], lines)
                == "\(prefix) “something” of the field map: there are message, p, pkt, pkt.vc, pkt.vc.1"
        )
        #expect(try complaint(["process": "p", "text": "mesage"], "odd\n") == nil)
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
        (#"{"process":"a\u0000"}"#, "a process name of a NUL byte in it, which no name has"),
        (
            #"{"process":"a","clock":{"a":1,"b\u0000":1}}"#,
            "in the clock a process name of a NUL byte in it, which no name has"
        ),
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
