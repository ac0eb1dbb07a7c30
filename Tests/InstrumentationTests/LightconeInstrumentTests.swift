import Causality
import LightconeInstrumentation
import Recording
import Testing
import Tracing

extension TemporarySpool {
    fileprivate func instrument(_ process: String) -> LightconeInstrument {
        LightconeInstrument(recorder: recorder(process))
    }
}

@Suite struct LightconeInstrumentTests {
    @Test func messagesBecomeEdges() throws {
        let spool = try TemporarySpool()
        let (a, b) = (spool.instrument("a"), spool.instrument("b"))
        let c = spool.instrument("c")
        let atB = b.receive(a.send())
        let atC = c.receive(b.send(from: atB))
        #expect("\(try #require(atB.lightconeEvent))" == "host/b:1")
        #expect("\(try #require(atC.lightconeEvent))" == "host/c:1")

        let (onA, onB) = (try spool.events(of: "a"), try spool.events(of: "b"))
        let received = try #require(try spool.events(of: "c").first)
        try #require(onA.map(\.kind) == [.send])
        try #require(onB.map(\.kind) == [.receive, .send])
        #expect(onB[0].cause?.event == onA[0].id)
        #expect(onB[1]["span"] == "host/b:1")
        #expect(received.cause?.event == onB[1].id)
        #expect(try spool.hasSeen(received, onA[0]))
        #expect(received["trace_id"] == nil)
    }

    static let token: String = {
        guard let spool = try? TemporarySpool() else { return "" }
        return spool.recorder("a").send("ask").text
    }()

    @Test(arguments: [
        "", " ", "x", "no token", "🚀", "\(token)=", String(token.dropLast(4)), "A\(token)",
        "\(token), ", String(repeating: "A", count: 100_000),
        String(token.reversed()), "\u{0}", "Aw" + token.dropFirst(2),
    ])
    func whatIsNoTokenIsRefused(_ header: String) throws {
        let spool = try TemporarySpool()
        let b = spool.instrument("b")
        let context = b.receive(["lightcone": header])
        #expect(context.isEmpty)
        let events = try spool.events(of: "b")
        try #require(events.map(\.name) == ["token refused"])
        let event = try #require(events.first)
        #expect(event.kind == .receive && event.level == .warning && event.causes == [])
        #expect(event.stamp == .lossy(Loss(since: 1, .unreadableToken)))
        #expect(event.clock.entries.count == 1)
        let reason = try #require(event["lightcone.refused"])
        #expect(!reason.isEmpty && reason.utf8.count < 200)
    }

    @Test func whoSendsNoTokenIsNotMentioned() throws {
        let spool = try TemporarySpool()
        let b = spool.instrument("b")
        #expect(b.receive(["accept": "*/*"]).isEmpty)
        #expect(try spool.events(of: "b") == [])
    }

    /// Proxies pass on their caller's headers, and add their own.
    @Test(arguments: [", ", ","])
    func theLastOfSeveralTokensIsTheSenders(_ separator: String) throws {
        let spool = try TemporarySpool()
        let (caller, proxy) = (spool.recorder("caller"), spool.recorder("proxy"))
        let tokens = [caller.send("ask"), caller.send("ask"), proxy.send("ask")]
        let b = spool.instrument("b")
        _ = b.receive(["lightcone": tokens.map(\.text).joined(separator: separator)])
        #expect(try spool.events(of: "b").map(\.cause?.event) == [tokens[2].event])
    }

    @Test func idsOfTheOtherTracerStandOnMessages() throws {
        let spool = try TemporarySpool()
        let tracer = W3CTracer()
        let a = LightconeInstrument(recorder: spool.recorder("a"), traceIDsOf: tracer)
        let b = spool.instrument("b")
        let span = tracer.startSpan("ask")
        let headers = MultiplexInstrument([tracer, a]).send(from: span.context)
        let context = MultiplexInstrument([tracer, b]).receive(headers)
        #expect(context.inMemorySpanContext?.spanID == span.spanID)

        for event in try spool.events(of: "a") + spool.events(of: "b") {
            #expect(event["trace_id"] == span.traceID && event["phase"] != nil)
            #expect(event["span_id"] == span.spanID)
        }
        #expect(try spool.events(of: "b").map(\.kind) == [.receive])
    }
}
