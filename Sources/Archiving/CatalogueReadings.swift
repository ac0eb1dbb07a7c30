import Causality
import Synchronization

/// What was read of a catalogue since it was last written to: questions ask for the same again and again.
///
/// Only for whoever alone writes to it. Nothing is given that was read before a write that has returned.
final class CatalogueReadings: Sendable {
    private struct State {
        var writeCount = 0
        var values: [ExactText: any Sendable] = [:]
    }

    private let state = Mutex(State())
    /// More are forgotten together: a reading takes up to some bytes for each segment of an execution.
    private static let valuesMax = 64

    /// To be called when something was written, before anybody is told so.
    func forget() {
        state.withLock { state in
            state.writeCount += 1
            state.values = [:]
        }
    }

    /// What `read` gives, or gave earlier for the same key.
    func value<Value: Sendable, Failure: Error>(
        _ key: String, _ read: () throws(Failure) -> Value
    ) throws(Failure) -> Value {
        // Names of executions that look alike are of two.
        let key = ExactText(key)
        let (writeCount, known) = state.withLock { ($0.writeCount, $0.values[key]) }
        if let known = known as? Value { return known }
        let value = try read()
        state.withLock { state in
            // What was written meanwhile may be in it, or not.
            guard state.writeCount == writeCount else { return }
            if state.values.count >= Self.valuesMax { state.values = [:] }
            state.values[key] = value
        }
        return value
    }
}
