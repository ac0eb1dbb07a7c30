import Synchronization

/// Counts what is under way, up to a limit: beyond it a client is told to come again.
final class Waiting: Sendable {
    private let max: Int
    private let count = Mutex(0)

    init(max: Int) { self.max = max }

    /// False where the limit is reached; else `leave` must follow.
    func enter() -> Bool {
        count.withLock { count in
            guard count < max else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}
