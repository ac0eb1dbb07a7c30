import Recording
import Tracing

/// A span whose start, events, errors and end are events. `LightconeTracer` says which.
///
/// What is done after its end goes to the other tracer's span only.
public struct LightconeSpan: Span {
    /// What goes on in this context belongs to the span.
    public let context: ServiceContext
    private let record: SpanRecord

    init(_ record: SpanRecord, context: ServiceContext) {
        self.record = record
        self.context = context
    }

    /// The name of the end event; a change does not reach events that are recorded.
    public var operationName: String {
        get { record.operationName }
        nonmutating set {
            record.operationName = newValue
            record.other?.operationName = newValue
        }
    }

    /// The attributes of the end event, and also those that the other tracer gave its span.
    public var attributes: SpanAttributes {
        get {
            // A span that the other tracer does not sample forgets its attributes.
            var attributes = record.other?.attributes ?? [:]
            attributes.merge(record.attributes)
            return attributes
        }
        nonmutating set {
            record.attributes = newValue
            record.other?.attributes = newValue
        }
    }

    /// True until the span ends: everything is recorded.
    public var isRecording: Bool { record.isRecording }

    /// Sets what the end event says of how it went; the last one counts.
    public func setStatus(_ status: SpanStatus) {
        record.setStatus(status)
        record.other?.setStatus(status)
    }

    /// Records an event of the span. Its time is now.
    public func addEvent(_ event: SpanEvent) {
        record.add(event)
        record.other?.addEvent(event)
    }

    /// Records an event of level error, which the status need not follow. Its time is now.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        record.add(error, attributes)
        record.other?.recordError(error, attributes: attributes, at: instant())
    }

    /// Makes a message a cause of what the span does from here on, or notes another span of this process.
    public func addLink(_ link: SpanLink) {
        record.add(link)
        record.other?.addLink(link)
    }

    /// Records the end, the first time.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let instant = instant()
        record.end(atNanoseconds: instant.nanosecondsSinceEpoch)
        record.other?.end(at: instant)
    }
}
