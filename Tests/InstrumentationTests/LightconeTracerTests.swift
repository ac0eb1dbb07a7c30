import Causality
import Dispatch
import InMemoryTracing
import Recording
import Testing
import Tracing

@testable import LightconeInstrumentation

@Suite struct LightconeTracerTests {
    let spool: TemporarySpool
    let a: LightconeTracer
    let recorder: Recorder
    let b: LightconeTracer

    init() throws {
        spool = try TemporarySpool()
        a = LightconeTracer(recorder: spool.recorder("a"))
        recorder = spool.recorder("b")
        b = LightconeTracer(recorder: recorder)
    }

    func events() throws -> [Event] { try spool.events(of: "b") }

    // MARK: Messages

    @Test func theStartOfASpanIsTheReceive() throws {
        let client = a.startSpan("GET", ofKind: .client)
        let headers = a.send(from: client.context)
        client.end()
        let context = b.receive(headers)
        #expect(try events() == [])
        #expect(context.lightconeEvent == nil)
        let span = b.startSpan("/orders", context: context, ofKind: .server)
        #expect(span.context.lightconeEvent?.description == "host/b:1")

        let sent = try spool.events(of: "a")
        try #require(sent.map(\.name) == ["GET", "GET", "GET"])
        #expect(sent.map(\.kind) == [.local, .send, .local])
        #expect(sent.map { $0["phase"] } == ["start", "send", "end"])
        #expect(sent.map { $0["span"] } == [nil, "host/a:1", "host/a:1"])
        let start = try #require(try events().first)
        #expect(try events().count == 1)
        #expect(start.kind == .receive && start.cause?.event == sent[1].id)
        #expect(start.name == "/orders" && start.text == "started (server)")
        #expect(start["span_kind"] == "server" && start["parent"] == nil)
    }

    @Test func aMessageIsReceivedOnce() throws {
        let context = b.receive(a.send())
        let first = b.startSpan("first", context: context)
        let second = b.startSpan("second", context: context)
        _ = b.startSpan("child", context: first.context)
        _ = b.send(from: context)
        let events = try events()
        try #require(events.map(\.kind) == [.receive, .local, .local, .send])
        #expect(events.map { $0["parent"] } == [nil, "host/b:1", "host/b:1", nil])
        #expect(events[3]["span"] == "host/b:1" && events[3].name == "message")
        #expect(second.context.lightconeEvent == events[1].id)
    }

    @Test func whatIsSentWithoutASpanIsSentAfterItsCause() throws {
        let context = b.receive(a.send())
        _ = b.send(from: context)
        let events = try events()
        try #require(events.map(\.kind) == [.receive, .send])
        #expect(events[0].name == "message" && events[0].text == "received")
        #expect(events[1]["span"] == "host/b:1")
        #expect(context.lightconeEvent == events[0].id)
    }

    @Test func aMessageThatNobodyHandlesIsRecordedWhenItsContextGoes() throws {
        do {
            let context = b.receive(a.send())
            #expect(try events() == [])
            _ = context
        }
        #expect(try events().map(\.kind) == [.receive])
    }

    @Test func theEarlierOfTwoMessagesArrivesFirst() throws {
        let (first, second) = (a.send(), a.send())
        let outer = b.receive(first)
        let inner = b.receive(second, into: outer)
        _ = b.startSpan("second", context: inner)
        _ = b.startSpan("first", context: outer)
        let events = try events()
        #expect(events.map(\.cause?.sequence) == [1, 2, nil])
        try #require(events.map(\.name) == ["message", "second", "first"])
    }

    @Test func ofManyWhoUseOneContextOneReceives() throws {
        for _ in 0..<50 {
            let context = b.receive(a.send())
            DispatchQueue.concurrentPerform(iterations: 8) { [b] index in
                if index % 2 == 0 {
                    b.startSpan("span", context: context).end()
                } else {
                    _ = b.send(from: context)
                }
            }
        }
        let events = try events()
        let receives = events.indices.filter { events[$0].kind == .receive }
        #expect(receives.count == 50)
        // Of what a context's users recorded, nothing stands before its receive.
        for (receive, next) in zip(receives, receives.dropFirst() + [events.count]) {
            let id = "\(events[receive].id)"
            let users = events[receive + 1..<next].filter { $0["phase"] != "end" }
            #expect(users.count == (events[receive]["phase"] == "start" ? 7 : 8))
            #expect(users.allSatisfy { $0["parent"] == id || $0["span"] == id })
        }
    }

    @Test func whatIsNoTokenIsRefusedAndTheSpanIsLocal() throws {
        let context = b.receive(["lightcone": "AAAA"])
        b.startSpan("/orders", context: context).end()
        let events = try events()
        try #require(events.map(\.name) == ["token refused", "/orders", "/orders"])
        #expect(events.map(\.kind) == [.receive, .local, .local])
        #expect(events[1].stamp == .lossy(Loss(since: 1, .unreadableToken)))
    }

    // MARK: Spans

    struct Instant: TracerInstant {
        var nanosecondsSinceEpoch: UInt64
        static func < (a: Self, b: Self) -> Bool {
            a.nanosecondsSinceEpoch < b.nanosecondsSinceEpoch
        }
    }

    @Test func aSpansLifeIsRecorded() throws {
        let span = b.startSpan(
            "route not found", ofKind: .server, at: Instant(nanosecondsSinceEpoch: 1000))
        span.attributes["http.status"] = 500
        span.updateAttributes {
            $0["ratio"] = 0.5
            $0["kept"] = true
            $0["hosts"] = ["x", "\"y\"\n\u{1}"]
            $0["sizes"] = [1, 2]
            $0["span"] = "the program's own"
        }
        span.addEvent(SpanEvent(name: "cache miss", attributes: ["key": "k"]))
        span.recordError(Failure(description: "no route"), attributes: ["attempt": 3])
        span.operationName = "/orders"
        span.setStatus(SpanStatus(code: .error, message: "broken"))
        span.end(at: Instant(nanosecondsSinceEpoch: 1_235_000))

        let events = try events()
        try #require(events.map(\.name) == ["route not found", "cache miss", "error", "/orders"])
        #expect(
            events.map(\.text) == [
                "started (server)", "", "no route", "ended after 1.2 ms: broken",
            ])
        #expect(events.map(\.level) == [.info, .info, .error, .error])
        try #require(events.map { $0["phase"] } == ["start", "event", "error", "end"])
        #expect(events.map { $0["span"] } == [nil, "host/b:1", "host/b:1", "host/b:1"])
        #expect(events[1]["key"] == "k")
        #expect(events[2]["attempt"] == "3")
        #expect(try #require(events[2]["error.type"]).hasSuffix(".Failure"))
        let end = events[3].attributes
        #expect(
            end.prefix(6) == [
                Attribute("hosts", .json(#"["x","\"y\"\n\u0001"]"#)),
                Attribute("http.status", .json("500")), Attribute("kept", .json("true")),
                Attribute("ratio", .json("0.5")), Attribute("sizes", .json("[1,2]")),
                Attribute("span", .text("the program's own")),
            ])
        #expect(events[3]["duration_ns"] == "1234000")
        #expect(events[3]["status"] == "error" && events[3]["status_message"] == "broken")
        #expect(events[3]["span_kind"] == "server")
    }

    @Test(
        arguments: [
            (999, "999 ns"), (1000, "1.0 µs"), (59_990, "59.9 µs"), (1_000_000_000, "1.0 s"),
            (90_250_000_000, "90.2 s"),
        ] as [(UInt64, String)])
    func durationsAreReadable(_ nanoseconds: UInt64, _ written: String) throws {
        let span = b.startSpan("x", at: Instant(nanosecondsSinceEpoch: 5))
        span.end(at: Instant(nanosecondsSinceEpoch: 5 + nanoseconds))
        #expect(try events().last?.text == "ended after \(written)")
    }

    @Test func aClockThatRanBackwardsMeasuresNothing() throws {
        let span = b.startSpan("x", at: Instant(nanosecondsSinceEpoch: 5))
        span.end(at: Instant(nanosecondsSinceEpoch: 4))
        let end = try #require(try events().last)
        #expect(end.text == "ended" && end["duration_ns"] == nil)
    }

    @Test func afterItsEndASpanSaysNoMore() throws {
        let span = b.startSpan("x")
        #expect(span.isRecording)
        #expect(b.activeSpan(identifiedBy: span.context)?.operationName == "x")
        #expect(b.activeSpan(identifiedBy: b.receive(a.send(), into: span.context)) == nil)
        span.end()
        #expect(!span.isRecording)
        #expect(b.activeSpan(identifiedBy: span.context) == nil)
        span.end()
        span.addEvent("event")
        span.recordError(Failure(description: "late"))
        span.operationName = "y"
        span.attributes["a"] = 1
        #expect(try events().map { $0["phase"] } == ["start", "receive", "end"])
        #expect(span.operationName == "x" && span.attributes.isEmpty)
    }

    @Test func whatAnOperationThrowsIsRecorded() throws {
        #expect(throws: Failure.self) {
            try b.withSpan("outer") { _ in
                try b.withSpan("inner") { _ in throw Failure(description: "out of stock") }
            }
        }
        let events = try events()
        try #require(events.map(\.name) == ["outer", "inner", "error", "inner", "error", "outer"])
        #expect(events[1]["parent"] == "host/b:1")
        #expect(
            events.map { $0["span"] } == [nil, nil, "host/b:2", "host/b:2", "host/b:1", "host/b:1"])
        #expect(events[2].text == "out of stock")
        #expect(events[3].level == .error && events[3]["status"] == "error")
    }

    @Test func linksAreCauses() throws {
        let messages = [b.receive(a.send()), b.receive(a.send())]
        let local = b.startSpan("earlier")
        let taken = b.startSpan("first", context: messages[0])
        let span = b.startSpan("batch", ofKind: .consumer)
        for message in messages { span.addLink(SpanLink(context: message, attributes: ["n": 1])) }
        span.addLink(local)
        span.addLink(SpanLink(context: .topLevel, attributes: [:]))
        span.end()

        let events = try events()
        try #require(events.map(\.name) == ["earlier", "first", "batch", "batch", "batch"])
        let link = events[3]
        #expect(link.kind == .receive && link.cause?.sequence == 2)
        #expect(link["phase"] == "link" && link["span"] == "host/b:3" && link["n"] == "1")
        #expect(taken.context.lightconeEvent?.sequence == 2)
        #expect(
            events[4].attributes.contains(Attribute("links", .json(#"["host/b:2","host/b:1"]"#))))
    }

    @Test func levelsLeaveOutWhatOrdersNothing() throws {
        recorder.level = .warning
        let outer = b.startSpan("/orders", context: b.receive(a.send()))
        let inner = b.startSpan("inner", context: outer.context)
        _ = b.send(from: inner.context)
        inner.recordError(Failure(description: "x"))
        inner.end()
        let events = try events()
        try #require(events.map(\.kind) == [.receive, .send, .local])
        #expect(events[2].text == "x" && events[2]["span"] == "host/b:1")
    }

    // MARK: Beside another tracer

    @Test func theOtherTracerSeesWhatItWouldSeeAlone() throws {
        let (atA, atB) = (W3CTracer(seed: 1), W3CTracer(seed: 2))
        let a = LightconeTracer(recorder: spool.recorder("a2"), beside: atA)
        let b = LightconeTracer(recorder: recorder, beside: atB)
        let client = a.startSpan("GET", ofKind: .client)
        let context = b.receive(a.send(from: client.context))
        try? b.withSpan("not found", context: context, ofKind: .server) { span in
            span.attributes["a"] = 1
            span.operationName = "/orders"
            span.addEvent("event")
            span.addLink(SpanLink(context: .topLevel, attributes: ["l": 1]))
            #expect(b.activeSpan(identifiedBy: span.context) != nil)
            throw Failure(description: "out of stock")
        }
        client.end()

        let seen = try #require(atB.memory.finishedSpans.first)
        #expect(seen.operationName == "/orders" && seen.kind == .server)
        #expect(seen.attributes.get("a") == 1)
        #expect(seen.events.map(\.name) == ["event"])
        #expect(seen.links.map(\.attributes) == [["l": 1]])
        #expect(seen.errors.count == 1 && seen.status?.code == .error)
        #expect(seen.traceID == atA.memory.finishedSpans.first?.traceID)

        let clientIDs = try #require(client.context.inMemorySpanContext)
        for event in try spool.events(of: "a2") {
            #expect(event["trace_id"] == clientIDs.traceID && event["span_id"] == clientIDs.spanID)
        }
        let events = try events()
        try #require(events.map { $0["phase"] } == ["start", "event", "error", "end"])
        #expect(events[0].kind == .receive)
        #expect(events.allSatisfy { $0["trace_id"] == clientIDs.traceID })
        #expect(events.allSatisfy { $0["span_id"] == seen.spanID })
        #expect(seen.spanID != clientIDs.spanID)
    }

    @Test func whatTheOtherTracerForgetsIsKept() throws {
        let b = LightconeTracer(recorder: recorder, beside: NoOpTracer())
        let span = b.startSpan("x")
        span.attributes["first"] = 1
        span.attributes["second"] = 2
        span.attributes["first"] = nil
        span.end()
        let end = try #require(try events().last)
        #expect(end["first"] == nil && end["second"] == "2" && end["trace_id"] == nil)
    }

    @Test func withoutAnotherTracerTheMessagesIDsStay() throws {
        let tracer = W3CTracer()
        let a = LightconeTracer(recorder: spool.recorder("a2"), beside: tracer)
        let client = a.startSpan("GET")
        let span = b.startSpan("/orders", context: b.receive(a.send(from: client.context)))
        b.startSpan("inner", context: span.context).end()
        let ids = try #require(client.context.inMemorySpanContext)
        let events = try events()
        #expect(events.count == 3)
        #expect(events.allSatisfy { $0["trace_id"] == ids.traceID && $0["span_id"] == ids.spanID })
    }
}
