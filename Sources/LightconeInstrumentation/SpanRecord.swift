import Recording
import Synchronization
import Tracing

/// What a span knows of itself. Without its context, which refers to it.
final class SpanRecord: Sendable {
    let other: (any Span)?
    private let kind: SpanKind
    private let scope: Scope
    private let recorder: Recorder
    private let startNanoseconds: UInt64
    private let state: Mutex<State>

    private struct State {
        var operationName: String
        var attributes: SpanAttributes = [:]
        var status: SpanStatus?
        var links: [EventID] = []
        var isEnded = false
    }

    init(
        _ operationName: String, _ kind: SpanKind, _ scope: Scope, recorder: Recorder,
        other: (any Span)?, startNanoseconds: UInt64
    ) {
        self.kind = kind
        self.scope = scope
        self.recorder = recorder
        self.other = other
        self.startNanoseconds = startNanoseconds
        state = Mutex(State(operationName: operationName))
    }

    var operationName: String {
        get { state.withLock { $0.operationName } }
        set { update { $0.operationName = newValue } }
    }

    var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { update { $0.attributes = newValue } }
    }

    var isRecording: Bool { state.withLock { !$0.isEnded } }

    func setStatus(_ status: SpanStatus) { update { $0.status = status } }

    /// Changes what the end event will say; not after it.
    private func update(_ change: (inout State) -> Void) {
        state.withLock { if !$0.isEnded { change(&$0) } }
    }

    func add(_ event: SpanEvent) {
        guard isRecording else { return }
        recorder.record(
            EventName(event.name), attributes: described(event.attributes, phase: "event"))
    }

    func add(_ error: any Error, _ attributes: SpanAttributes) {
        guard isRecording else { return }
        var described = described(attributes, phase: "error")
        described.add("error.type", .text(String(reflecting: type(of: error))))
        recorder.record("error", "\(error)", level: .error, attributes: described)
    }

    func add(_ link: SpanLink) {
        guard isRecording else { return }
        let received = link.context.arrival?.take(
            EventName(operationName), "linked message received",
            described(link.attributes, phase: "link"))
        guard received == nil, let event = link.context.lightconeEvent else { return }
        update { $0.links.append(event) }
    }

    /// Records the end; the first time.
    func end(atNanoseconds end: UInt64) {
        let ended: State? = state.withLock {
            guard !$0.isEnded else { return nil }
            $0.isEnded = true
            return $0
        }
        guard let ended else { return }
        var text = "ended"
        var attributes = described(ended.attributes, phase: "end")
        attributes.add("span_kind", .text("\(kind)"))
        if end >= startNanoseconds {
            let nanoseconds = end - startNanoseconds
            text += " after \(SpanRecord.written(nanoseconds: nanoseconds))"
            attributes.add("duration_ns", .init(nanoseconds))
        }
        if let status = ended.status {
            attributes.add("status", .text("\(status.code)"))
            if let message = status.message {
                attributes.add("status_message", .text(message))
                text += ": \(message)"
            }
        }
        if !ended.links.isEmpty { attributes.add("links", .init(ended.links)) }
        recorder.record(
            EventName(ended.operationName), text,
            level: ended.status?.code == .error ? .error : .info, attributes: attributes)
    }

    private func described(_ given: SpanAttributes, phase: String) -> Attributes {
        var attributes = Attributes()
        attributes.add(given)
        attributes.add("phase", .text(phase))
        scope.describe(&attributes)
        return attributes
    }

    /// A duration for a person: one decimal, rounded down, and a unit.
    private static func written(nanoseconds: UInt64) -> String {
        let units: [(String, UInt64)] = [("s", 1_000_000_000), ("ms", 1_000_000), ("µs", 1000)]
        for (unit, size) in units where nanoseconds >= size {
            return "\(nanoseconds / size).\(nanoseconds % size / (size / 10)) \(unit)"
        }
        return "\(nanoseconds) ns"
    }
}
