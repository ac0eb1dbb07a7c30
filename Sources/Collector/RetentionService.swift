import Causality
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
        try await threads.repeatedly(every: .seconds(pauseSeconds), [:]) { look($0) }
    }

    /// What the last look at an execution found.
    private struct Look {
        var taken: Int
        var at: WallTime
        /// Nanoseconds before which nothing is to be dropped of what was there.
        var restsFor: Int64
        var problem: String?

        /// Whether to look again: what was there has become old, or what came since may be old, or too much.
        func isOver(
            _ rule: RetentionRule, _ taken: Int, _ now: WallTime, pause: Int64
        ) -> Bool {
            let passed = now.nanoseconds.subtractingReportingOverflow(at.nanoseconds).partialValue
            if passed < 0 || passed >= restsFor { return true }
            // What was merged counts for a size, too, though nothing came.
            if rule.bytes != nil, passed >= pause { return true }
            return taken != self.taken && passed >= Limits.retentionRestNanosecondsMax
        }
    }

    /// Nanoseconds between two tries at what could not be dropped, and two looks at what an execution takes.
    private var pause: Int64 { Int64(pauseSeconds) * Limits.looksBetweenTries * 1_000_000_000 }

    /// Looks at every execution of which something may have to go.
    private func look(_ before: [ExactText: Look]) -> [ExactText: Look] {
        var looks: [ExactText: Look] = [:]
        let now = WallTime.now
        do {
            for execution in try store.executions() {
                let rule = policy.rule(for: execution)
                guard !rule.isNone else { continue }
                let (last, taken) = (
                    before[ExactText(execution)], try store.archive.taken(of: execution)
                )
                looks[ExactText(execution)] = last
                guard last?.isOver(rule, taken, now, pause: pause) ?? true else { continue }
                let look = try look(at: execution, rule, taken, now)
                looks[ExactText(execution)] = look
                if let why = look.problem, why != last?.problem {
                    logger.warning(
                        "cannot drop what is not to be kept",
                        metadata: ["execution": "\(execution)", "why": "\(why)"])
                }
            }
        } catch is QuestionStopped {
            // The collector stops.
        } catch {
            logger.warning(
                "cannot look for what is not to be kept", metadata: ["why": "\(error)"])
        }
        return looks
    }

    private func look(
        at execution: String, _ rule: RetentionRule, _ taken: Int, _ now: WallTime
    ) throws -> Look {
        let cancellation = Cancellation { [stopping] in
            stopping.isStopping ? .shuttingDown : nil
        }
        var look = Look(taken: taken, at: now, restsFor: 0)
        do {
            let before = try store.tombstone(of: execution)?.eventCount ?? 0
            let retained = try store.retain(execution, rule, now: now, cancellation)
            look.problem = retained.problem
            look.restsFor =
                retained.problem == nil
                ? retained.restsFor ?? Limits.retentionRestNanosecondsMax
                // To find out that it still cannot be may take as long as to load all of it.
                : pause
            if retained.hasDropped, let dropped = try store.tombstone(of: execution) {
                logger.notice(
                    "dropped",
                    metadata: [
                        "execution": "\(execution)", "events": "\(dropped.eventCount - before)",
                        "upTo": "\(dropped.newest?.description ?? "?")", "why": "\(dropped.rule)",
                    ])
            }
        } catch let error where !(error is QuestionStopped) {
            look.problem = "\(error)"
        }
        return look
    }
}
