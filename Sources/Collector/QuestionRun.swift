import Querying
import Synchronization

/// A question on its way: how long it may take, whether its asker is still there, and its turns on the machine.
///
/// The time counts in which it works or waits for a turn, not the time in which its reader takes nothing.
final class QuestionRun: Sendable {
    private struct State {
        /// Of earlier turns.
        var worked = Duration.zero
        var spent = Duration.zero
        var turnBegan: ContinuousClock.Instant?
        var resumed: ContinuousClock.Instant?
    }

    private let timeoutSeconds: Int
    private let asker: Connection
    private let stopping: Stopping
    private let turns: Turns
    private let number: Int
    private let state = Mutex(State())

    init(timeoutSeconds: Int, asker: Connection, stopping: Stopping, turns: Turns) {
        self.timeoutSeconds = timeoutSeconds
        self.asker = asker
        self.stopping = stopping
        self.turns = turns
        number = turns.number()
    }

    /// For the loops of the answer: now and then it gives the turn to others, and waits for the next one.
    var cancellation: Cancellation { Cancellation { [self] in isOver() ?? passTurn() } }

    /// Works in turns on the calling thread until `body` returns.
    func work<T>(_ body: () throws -> T) rethrows -> T {
        state.withLock { $0.resumed = .now }
        defer {
            endTurn()
            state.withLock { state in
                state.spent += .now - state.resumed!
                state.resumed = nil
            }
        }
        // Where there is no turn any more, the answer finds out why at its next look, and may say so in its text.
        _ = beginTurn()
        return try body()
    }

    private func isOver() -> QuestionStopped.Reason? {
        if asker.isGone { return .askerGone }
        if stopping.isStopping { return .shuttingDown }
        let spent = state.withLock { $0.spent + ($0.resumed.map { .now - $0 } ?? .zero) }
        return spent < .seconds(timeoutSeconds) ? nil : .deadline(seconds: timeoutSeconds)
    }

    private func passTurn() -> QuestionStopped.Reason? {
        let began = state.withLock { $0.turnBegan }
        guard let began, .now - began >= .milliseconds(Limits.turnMilliseconds) else { return nil }
        endTurn()
        return beginTurn()
    }

    private func beginTurn() -> QuestionStopped.Reason? {
        let worked = state.withLock { $0.worked }
        if let reason = turns.take(number, worked: worked, isOver: isOver) { return reason }
        state.withLock { $0.turnBegan = .now }
        return nil
    }

    private func endTurn() {
        let hadTurn = state.withLock { state in
            guard let began = state.turnBegan else { return false }
            state.worked += .now - began
            state.turnBegan = nil
            return true
        }
        if hadTurn { turns.giveBack() }
    }
}

/// Whether the collector shuts down: what is under way then ends soon.
final class Stopping: Sendable {
    private let flag = Atomic(false)

    var isStopping: Bool { flag.load(ordering: .relaxed) }
    func stop() { flag.store(true, ordering: .relaxed) }
}
