import Recording
import Synchronization

/// A message that has arrived, and that is recorded once: by whoever first does something in the context that it
/// came with, or else when the last such context goes.
final class Arrival: Sendable {
    let traceparent: Traceparent?
    private let token: Token
    private let recorder: Recorder
    private let received = Mutex<EventID?>(nil)

    init(_ token: Token, traceparent: Traceparent?, recorder: Recorder) {
        self.token = token
        self.traceparent = traceparent
        self.recorder = recorder
    }

    deinit { settle() }

    /// The event that received the message; nil where there is none yet.
    var event: EventID? { received.withLock { $0 } }

    /// Records the message as an event of the caller's; nil where it has been recorded before.
    ///
    /// Whoever comes second waits until the event is recorded, so that what they do next stands after it.
    func take(_ name: EventName, _ text: String, _ attributes: Attributes) -> EventID? {
        received.withLock { received in
            guard received == nil else { return nil }
            received = recorder.receive(token, name, text, attributes: attributes)
            return received
        }
    }

    /// Records the message, unless that was done. Its event in either case.
    @discardableResult
    func settle() -> EventID {
        received.withLock { received in
            if let event = received { return event }
            var attributes: Attributes = ["phase": "receive"]
            attributes.add(traceparent)
            let event = recorder.receive(token, "message", "received", attributes: attributes)
            received = event
            return event
        }
    }
}
