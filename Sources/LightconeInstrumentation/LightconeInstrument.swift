import Recording
import Tracing

/// Lets tokens travel with the messages of frameworks that know swift-distributed-tracing, and records nothing but those messages.
///
/// For programs that want no spans; `LightconeTracer` does all that this does. Beside a tracer:
///
///     let instrument = LightconeInstrument(recorder: recorder, traceIDsOf: tracer)
///     InstrumentationSystem.bootstrap(MultiplexInstrument([tracer, instrument]))
///
/// A framework that injects through its tracer alone, as AsyncHTTPClient does, never asks an instrument: there the requests
/// need `LightconeTracer(recorder: recorder, beside: tracer)`.
///
/// | call | event | kind | text |
/// |---|---|---|---|
/// | `inject` | `message` | send | `sent` |
/// | `extract` | `message` | receive, at once | `received` |
/// | `extract` of what is no token | `token refused` | receive, warning | why; also as the attribute `lightcone.refused` |
///
/// The receive event goes into the context. What is sent or logged there has its id as the attribute `span`. `trace_id` and
/// `span_id` are those of the `traceparent`: the one that came with a message, and the one that goes with it.
public struct LightconeInstrument: Instrument {
    private let recorder: Recorder
    private let hosts: TokenHosts
    private let tracer: (any Instrument)?

    /// - Parameters:
    ///   - recorder: The process whose messages these are.
    ///   - tracer: Where the messages have a `traceparent`, the tracer that writes it. It is asked what it would send, once a
    ///     message, and nothing is forwarded to it.
    ///   - hosts: To which hosts tokens may travel; without it as `LIGHTCONE_TOKEN_HOSTS` says, else to all. Which one a message goes to is
    ///     what its context has as `lightconeDestination`.
    public init(
        recorder: Recorder, traceIDsOf tracer: (any Instrument)? = nil,
        tokenHosts hosts: TokenHosts = .environment
    ) {
        self.recorder = recorder
        self.hosts = hosts
        self.tracer = tracer
    }

    /// Records that a message arrived, and has the context go on from there. Nothing where it has no token.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let arrival = recorder.arrival(of: carrier, using: extractor) else { return }
        arrival.settle()
        context.arrival = arrival
    }

    /// Records that a message is sent from this context, and writes its token into the header `lightcone`.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        recorder.send(
            from: context, traceparent: tracer.flatMap { Traceparent(of: context, by: $0) },
            to: hosts, into: &carrier, using: injector)
    }
}
