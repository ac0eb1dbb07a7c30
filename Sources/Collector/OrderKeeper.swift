import Causality
import Logging
import NIOPosix
import Querying
import ServiceLifecycle

/// Writes down what follows from executions to which nothing was added for a while, or so much, or for so long, that it should
/// not all stay in memory; so that neither the next collector nor whoever asks its folder has to find it out again.
struct OrderKeeper: Service {
    let store: ArchiveStore
    let threads: NIOThreadPool
    let stopping: Stopping
    let logger: Logger

    func run() async throws {
        try await threads.repeatedly(every: .seconds(Limits.orderQuietSeconds), [:]) { look($0) }
    }

    /// What an execution had taken at the last look.
    private struct Seen {
        var taken: Int
        /// And when slices of it were last written while it grew, or could not be.
        var tried: Int
        var triedAt: ContinuousClock.Instant
    }

    /// Takes care of the executions that have as many events as they had before, or many more than are written.
    private func look(_ before: [ExactText: Seen]) -> [ExactText: Seen] {
        var seen: [ExactText: Seen] = [:]
        do {
            for execution in try store.executions() {
                let (slices, taken) = try store.archive.orders(of: execution)
                let last = before[ExactText(execution)]
                let written = max(slices.last?.taken ?? 0, last?.tried ?? 0)
                seen[ExactText(execution)] = Seen(
                    taken: taken, tried: last?.tried ?? 0, triedAt: last?.triedAt ?? .now)
                let isGrowing = taken != last?.taken
                let isOld =
                    last.map { $0.triedAt.duration(to: .now) > .seconds(Limits.sliceSecondsMax) }
                    ?? false
                // Of what does not grow all is written.
                let eventsMin =
                    isOld || !isGrowing
                    ? Limits.orderFileEventsMin
                    : try store.nextSliceEvents(of: execution, on: slices)
                guard !isGrowing || taken - written >= eventsMin else { continue }
                (seen[ExactText(execution)]!.tried, seen[ExactText(execution)]!.triedAt) = (
                    taken, .now
                )
                let cancellation = Cancellation { [stopping] in
                    stopping.isStopping ? .shuttingDown : nil
                }
                let patience =
                    isGrowing
                    ? Patience(
                        now: WallTime.now, readUpTo: try store.readUpTo(), eventsMin: eventsMin)
                    : nil
                try store.keepOrder(of: execution, patience, cancellation: cancellation)
            }
        } catch is QuestionStopped {
            // The collector stops.
        } catch {
            logger.warning("cannot write what follows", metadata: ["why": "\(error)"])
        }
        return seen
    }
}
