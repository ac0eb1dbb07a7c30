import Testing
import Tracing

@testable import LightconeInstrumentation

@Suite struct TraceparentTests {
    static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    static let span = "00f067aa0ba902b7"

    @Test(arguments: [
        "00-\(trace)-\(span)-01", "00-\(trace)-\(span)-00", "cc-\(trace)-\(span)-01",
        "cc-\(trace)-\(span)-01-what-the-future-will-be-like",
    ])
    func itsIDsAreRead(_ header: String) throws {
        let traceparent = try #require(Traceparent(header))
        #expect(traceparent.traceID == Self.trace)
        #expect(traceparent.spanID == Self.span)
    }

    @Test(arguments: [
        "", "00", "\(trace)-\(span)", "00-\(trace)-\(span)", "00-\(trace)-\(span)-",
        "00-\(trace)-\(span)-01-more", "00-\(trace)-\(span)-01x", "cc-\(trace)-\(span)-01x",
        "ff-\(trace)-\(span)-01", "00-\(trace.uppercased())-\(span)-01",
        "00-\(trace)-\(span)-0g", "00_\(trace)_\(span)_01",
        "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01",
        "00-\(trace)-00f067aa0ba902é-01", String(repeating: "0", count: 100_000),
    ])
    func whatIsNoneIsLeftOut(_ header: String) {
        #expect(Traceparent(header) == nil)
    }

    @Test(arguments: ["traceparent", "Traceparent"])
    func anotherTracerIsAskedForIt(_ header: String) throws {
        let tracer = W3CTracer(header: header)
        let span = tracer.startSpan("operation")
        let traceparent = try #require(Traceparent(of: span.context, by: tracer))
        #expect(traceparent.traceID == span.traceID)
        #expect(traceparent.spanID == span.spanID)
        #expect(Traceparent(of: .topLevel, by: tracer) == nil)
        #expect(Traceparent(of: span.context, by: NoOpTracer()) == nil)
    }
}
