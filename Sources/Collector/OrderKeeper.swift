import Logging
import NIOPosix
import Querying
import ServiceLifecycle

/// Writes down what follows from executions to which nothing was added for a while, or so much that it should not all stay in
/// memory; so that neither the next collector nor whoever asks its folder has to find it out again.
struct OrderKeeper: Service {
    let store: ArchiveStore
    let threads: NIOThreadPool
    let stopping: Stopping
    let logger: Logger

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            var seen: [String: Seen] = [:]
            while true {
                do {
                    try await Task.sleep(for: .seconds(Limits.orderQuietSeconds))
                } catch {
                    return
                }
                let before = seen
                seen = try await threads.runIfActive { look(before) }
            }
        }
    }

    /// What an execution had taken at the last look.
    private struct Seen {
        var taken: Int
        /// And when slices of it were last written while it grew, or could not be.
        var tried: Int
    }

    /// Takes care of the executions that have as many events as they had before, or many more than are written.
    private func look(_ before: [String: Seen]) -> [String: Seen] {
        var seen: [String: Seen] = [:]
        do {
            for execution in try store.executions() {
                let (slices, taken) = try store.archive.orders(of: execution)
                let written = max(slices.last?.taken ?? 0, before[execution]?.tried ?? 0)
                seen[execution] = Seen(taken: taken, tried: before[execution]?.tried ?? 0)
                let isGrowing = taken != before[execution]?.taken
                guard !isGrowing || taken - written >= Limits.sliceEventsMax else { continue }
                seen[execution]?.tried = taken
                let cancellation = Cancellation { [stopping] in
                    stopping.isStopping ? .shuttingDown : nil
                }
                try store.keepOrder(of: execution, isGrowing: isGrowing, cancellation)
            }
        } catch is QuestionStopped {
            // The collector stops.
        } catch {
            logger.warning("cannot write what follows", metadata: ["why": "\(error)"])
        }
        return seen
    }
}
