import Logging
import NIOPosix
import Querying
import ServiceLifecycle

/// Writes down what follows from executions to which nothing was added for a while, so that neither the next collector nor
/// whoever asks its folder has to find it out again.
struct OrderKeeper: Service {
    let store: ArchiveStore
    let threads: NIOThreadPool
    let stopping: Stopping
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var counts: [String: Int] = [:]
            while true {
                do {
                    try await Task.sleep(for: .seconds(Limits.orderQuietSeconds))
                } catch {
                    return
                }
                let before = counts
                counts = try await threads.runIfActive { look(before) }
            }
        }
    }

    /// Takes care of the executions that have as many events as they had before; how many each has now.
    private func look(_ before: [String: Int]) -> [String: Int] {
        var counts: [String: Int] = [:]
        do {
            for execution in try store.executions() {
                counts[execution] = try store.archive.taken(of: execution)
                guard counts[execution] == before[execution] else { continue }
                let cancellation = Cancellation { [stopping] in
                    stopping.isStopping ? .shuttingDown : nil
                }
                try store.keepOrder(of: execution, cancellation)
            }
        } catch is QuestionStopped {
            // The collector stops.
        } catch {
            logger.warning("cannot write what follows", metadata: ["why": "\(error)"])
        }
        return counts
    }
}
