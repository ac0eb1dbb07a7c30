import Causality
import FoundationEssentials
import Logging
import NIOPosix
import Querying
import ServiceLifecycle

/// Drops what executions may not keep any more, now and then.
struct RetentionService: Service {
    let store: ArchiveStore
    let policy: RetentionPolicy
    let pauseSeconds: Int
    let threads: NIOThreadPool
    let stopping: Stopping
    let logger: Logger

    func run() async throws {
        guard !policy.isNone else { return try await gracefulShutdown() }
        try await cancelWhenGracefulShutdown {
            var complaints: [String: String] = [:]
            while true {
                do {
                    try await Task.sleep(for: .seconds(pauseSeconds))
                } catch {
                    return
                }
                let before = complaints
                complaints = try await threads.runIfActive { look(before) }
            }
        }
    }

    /// Looks at every execution once. Returns what cannot be dropped, and why: said once.
    private func look(_ before: [String: String]) -> [String: String] {
        var complaints: [String: String] = [:]
        let cancellation = Cancellation { [stopping] in
            stopping.isStopping ? .shuttingDown : nil
        }
        let now = WallTime(
            nanoseconds: Int64(Date().timeIntervalSince1970 * 1_000) * 1_000_000)
        do {
            for execution in try store.executions() {
                let rule = policy.rule(for: execution)
                guard !rule.isNone else { continue }
                do {
                    let found = try store.retain(execution, rule, now: now, cancellation)
                    if found.hasDropped, let dropped = try store.tombstone(of: execution) {
                        logger.notice(
                            "dropped",
                            metadata: [
                                "execution": "\(execution)", "events": "\(dropped.eventCount)",
                                "upTo": "\(dropped.newest?.description ?? "?")",
                                "why": "\(dropped.rule)",
                            ])
                    }
                    complaints[execution] = found.problem
                } catch let error where !(error is QuestionStopped) {
                    complaints[execution] = "\(error)"
                }
            }
        } catch {
            // The collector stops, or cannot read its catalogue, which others say.
        }
        for (execution, why) in complaints where before[execution] != why {
            logger.warning(
                "cannot drop what is not to be kept",
                metadata: ["execution": "\(execution)", "why": "\(why)"])
        }
        return complaints
    }
}
