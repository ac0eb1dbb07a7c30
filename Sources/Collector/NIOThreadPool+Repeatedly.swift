import NIOPosix
import ServiceLifecycle

extension NIOThreadPool {
    /// Does something on a thread now and then, each time with what came of the time before, until the collector is asked to stop.
    ///
    /// - Parameters:
    ///   - pause: Before the first time, and between two.
    ///   - state: What the first time has.
    func repeatedly<State: Sendable>(
        every pause: Duration, _ state: State, _ body: @escaping @Sendable (State) -> State
    ) async throws {
        try await cancelWhenGracefulShutdown {
            var state = state
            while true {
                do {
                    try await Task.sleep(for: pause)
                } catch {
                    return
                }
                let before = state
                state = try await self.runIfActive { body(before) }
            }
        }
    }
}
