import Recording
import Tracing

/// Records spans as events, and lets tokens travel with the messages of frameworks that know swift-distributed-tracing.
///
///     InstrumentationSystem.bootstrap(LightconeTracer(recorder: recorder))
///     InstrumentationSystem.bootstrap(LightconeTracer(recorder: recorder, beside: tracer))
///
/// Beside another tracer, every call is forwarded to it, so that it sees what it would see alone, and its ids stand on the events.
///
/// | call | event's name | text | kind | `phase` |
/// |---|---|---|---|---|
/// | `startSpan` | operation | `started (server)` | receive, where its context came with a message; else local | `start` |
/// | `addEvent` | the span event's | | local | `event` |
/// | `recordError` | `error` | the error | local, level error | `error` |
/// | `addLink` to a message | operation | `linked message received` | receive | `link` |
/// | `end` | operation, as it is called then | `ended after 1.2 ms` | local, level error where the status is one | `end` |
/// | `inject` | operation, or `message` without a span | `sent` | send | `send` |
/// | a context used without a span, or not at all | `message` | `received` | receive | `receive` |
/// | `extract` of what is no token | `token refused` | why | receive, level warning | |
///
/// | attribute | on | meaning |
/// |---|---|---|
/// | `span` | all but the start | the start event of the span that it belongs to |
/// | `parent` | start | the start event of the enclosing span of this process |
/// | `span_kind` | start, end | `server`, `client`, `producer`, `consumer`, `internal` |
/// | `duration_ns` | end | nanoseconds between the instants of start and end; left out where the clock ran backwards |
/// | `status`, `status_message` | end | where it was set: `ok` or `error` |
/// | `links` | end | a list of events of this process that the span was linked to |
/// | `error.type` | error | the type of the error |
/// | `trace_id`, `span_id` | all | from the other tracer's `traceparent`; without such a tracer, from the message's |
/// | `lightcone.refused` | token refused | what is wrong with the token |
///
/// The attributes of a span stand on its end event, since most are set after its start; those of span events, errors and links
/// on theirs. An attribute of the program's that has one of these names stands before ours.
///
/// Everything is recorded, whatever the other tracer samples; an event's time is when it was recorded, whatever instant is given. Levels
/// are `info` where nothing else is said, and the recorder leaves out what is below its own level, but for messages.
///
/// When a message arrives, `extract` puts it into the context. It is recorded by whoever first uses that context: a span's start
/// becomes its receive event; before an `inject` or a log line (see `LightconeLogHandler`) an event of its own is recorded; and
/// where nobody uses it, one is recorded when the context goes.
public struct LightconeTracer: Tracer {
    private let recorder: Recorder
    private let hosts: TokenHosts
    private let other: (any Tracer)?

    /// - Parameters:
    ///   - recorder: The process whose spans these are.
    ///   - other: The tracer that the program had before. Once a span it is asked, by an injection, for the span's `traceparent`.
    ///   - hosts: To which hosts tokens may travel; without it as `LIGHTCONE_TOKEN_HOSTS` says, else to all. Which one a message goes to is
    ///     what its context has as `lightconeDestination`.
    public init(
        recorder: Recorder, beside other: (any Tracer)? = nil,
        tokenHosts hosts: TokenHosts = .environment
    ) {
        self.recorder = recorder
        self.hosts = hosts
        self.other = other
    }

    /// Records the start of a span: the receive event of the message that its context came with, if nobody has recorded it.
    /// Costs an event, and what the other tracer costs.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> LightconeSpan {
        let context = context()
        let instant = instant()
        let otherSpan = other?.startSpan(
            operationName, context: context, ofKind: kind, at: instant, function: function,
            file: fileID, line: line)
        let arrival = context.arrival
        var scope = Scope(
            traceparent: arrival.map(\.traceparent) ?? context.scope?.traceparent)
        if let other, let otherSpan {
            scope.traceparent = Traceparent(of: otherSpan.context, by: other)
        }

        func attributes(parent: EventID?) -> Attributes {
            var attributes: Attributes = ["phase": "start", "span_kind": .text("\(kind)")]
            if let parent { attributes.add("parent", .text("\(parent)")) }
            attributes.add(scope.traceparent)
            return attributes
        }
        let (name, text) = (EventName(operationName), "started (\(kind))")
        scope.event =
            arrival?.take(name, text, attributes(parent: context.scope?.event))
            ?? recorder.record(
                name, text, attributes: attributes(parent: context.lightconeEvent))
            // Its start is below the recorder's level: what is not belongs to the span around it.
            ?? context.lightconeEvent

        let record = SpanRecord(
            operationName, kind, scope, recorder: recorder, other: otherSpan,
            startNanoseconds: instant.nanosecondsSinceEpoch)
        scope.span = record
        var own = otherSpan?.context ?? context
        own.scope = scope
        own.arrival = nil
        return LightconeSpan(record, context: own)
    }

    /// The span of a context, until it ends; none where a message has come since.
    public func activeSpan(identifiedBy context: ServiceContext) -> LightconeSpan? {
        guard context.arrival == nil, let record = context.scope?.span, record.isRecording
        else { return nil }
        return LightconeSpan(record, context: context)
    }

    /// Puts the message that arrived into the context. Nothing where it has no token.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        other?.extract(carrier, into: &context, using: extractor)
        guard let arrival = recorder.arrival(of: carrier, using: extractor) else { return }
        // A message that came earlier is not seen from this context any more, and arrived before this one.
        context.arrival?.settle()
        context.arrival = arrival
    }

    /// Records that a message is sent from this context, and writes its token into the header `lightcone`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        other?.inject(context, into: &carrier, using: injector)
        recorder.send(from: context, to: hosts, into: &carrier, using: injector)
    }

    /// Has the other tracer flush; what is recorded here needs none.
    @available(*, deprecated)
    public func forceFlush() {
        other?.forceFlush()
    }
}
