import Dispatch
import Querying
import Synchronization

/// Hands out turns to the threads that answer questions.
final class Turns: Sendable {
    private struct State {
        var order: TurnOrder
        var signals: [Int: DispatchSemaphore] = [:]
        var lastQuestion = 0
    }

    private let state: Mutex<State>

    init(atOnce: Int) { state = Mutex(State(order: TurnOrder(workingMax: atOnce))) }

    /// A number for one more question.
    func number() -> Int {
        state.withLock { state in
            state.lastQuestion += 1
            return state.lastQuestion
        }
    }

    /// Blocks until the question has a turn. A reason where it is not to go on: `isOver` is asked now and then.
    func take(
        _ question: Int, worked: Duration, isOver: () -> QuestionStopped.Reason?
    ) -> QuestionStopped.Reason? {
        let signal = state.withLock { state -> DispatchSemaphore? in
            guard !state.order.ask(question, worked: worked) else { return nil }
            let signal = DispatchSemaphore(value: 0)
            state.signals[question] = signal
            return signal
        }
        guard let signal else { return nil }
        while signal.wait(timeout: .now() + .milliseconds(Limits.turnWaitMilliseconds)) != .success
        {
            guard let reason = isOver() else { continue }
            let hasGivenUp = state.withLock { state in
                guard state.order.giveUp(question) else { return false }
                state.signals[question] = nil
                return true
            }
            if !hasGivenUp { giveBack() }
            return reason
        }
        return nil
    }

    func giveBack() {
        let next = state.withLock { state in
            state.order.leave().flatMap { state.signals.removeValue(forKey: $0) }
        }
        next?.signal()
    }
}
