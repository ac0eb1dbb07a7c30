import Synchronization

/// Ends somebody's sleep. Where nobody sleeps, the next sleep ends at once: what rang is not missed.
final class Alarm: Sendable {
    private struct State {
        var isRung = false
        var sleeper: Task<Void, any Error>?
    }

    private let state = Mutex(State())

    func ring() {
        state.withLock { state in
            state.isRung = true
            state.sleeper?.cancel()
        }
    }

    /// Returns after some seconds, when it rings, or when the task is cancelled. Who sleeps looks at everything afterwards, and
    /// is alone in that.
    func sleep(seconds: Double) async {
        let sleeper = Task { try await Task.sleep(for: .seconds(seconds)) }
        let isRung = state.withLock { state in
            state.sleeper = sleeper
            return state.isRung
        }
        if isRung { sleeper.cancel() }
        await withTaskCancellationHandler {
            _ = await sleeper.result
        } onCancel: {
            sleeper.cancel()
        }
        state.withLock { $0 = State() }
    }
}
