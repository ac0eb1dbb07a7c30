import Recording
import Tracing

/// What the events in one context have in common.
struct Scope: Sendable {
    /// With which it began: the start of a span, or the receive of a message.
    var event: EventID?
    var traceparent: Traceparent?
    var span: SpanRecord?

    /// What each of its events says of it.
    func describe(_ attributes: inout Attributes) {
        if let event { attributes.add("span", .text("\(event)")) }
        attributes.add(traceparent)
    }
}

extension Attributes {
    mutating func add(_ traceparent: Traceparent?) {
        guard let traceparent else { return }
        add("trace_id", .text(traceparent.traceID))
        add("span_id", .text(traceparent.spanID))
    }
}

extension ServiceContext {
    /// The event with which this context began: the start of its span, or the receive of the message that it came with. It
    /// is what events in this context have as their attribute `span`, and what another log may name to point here.
    public var lightconeEvent: EventID? {
        if let arrival { arrival.event } else { scope?.event }
    }

    /// The host to which messages go from here, where somebody says so: `inject` is not told. Where tokens may travel to some hosts only
    /// (`TokenHosts`), messages carry none without it.
    public var lightconeDestination: String? {
        get { self[DestinationKey.self] }
        set { self[DestinationKey.self] = newValue }
    }

    /// The span that this context is of.
    var scope: Scope? {
        get { self[ScopeKey.self] }
        set { self[ScopeKey.self] = newValue }
    }

    /// The message that this context came with, newer than its span.
    var arrival: Arrival? {
        get { self[ArrivalKey.self] }
        set { self[ArrivalKey.self] = newValue }
    }

    /// To be called before an event in this context is recorded: records the message that it came with, if nobody has.
    func enter() -> Scope {
        guard let arrival else { return scope ?? Scope() }
        return Scope(event: arrival.settle(), traceparent: arrival.traceparent)
    }

    private enum DestinationKey: ServiceContextKey {
        typealias Value = String
        static let nameOverride: String? = "lightcone-destination"
    }

    private enum ScopeKey: ServiceContextKey {
        typealias Value = Scope
        static let nameOverride: String? = "lightcone-span"
    }

    private enum ArrivalKey: ServiceContextKey {
        typealias Value = Arrival
        static let nameOverride: String? = "lightcone-arrival"
    }
}
