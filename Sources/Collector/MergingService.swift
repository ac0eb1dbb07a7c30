import Archiving
import Logging
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Merges what the archive has, beside everything else: on a thread of its own, so that nobody waits for it.
struct MergingService: Service {
    private let archive: Archive
    private let pauseSeconds: Int
    private let control: AccessControl?
    private let logger: Logger

    init(_ archive: Archive, pauseSeconds: Int, control: AccessControl?, logger: Logger) {
        self.control = control
        self.archive = archive
        self.pauseSeconds = pauseSeconds
        self.logger = logger
    }

    /// What is handed from step to step.
    private final class State: Sendable {
        let schedule: Mutex<MergeSchedule>
        let isStopped = Atomic(false)
        /// When the log is to tell next how far segments have come.
        let tellsHeadsAt = Mutex(0)

        init(pauseSeconds: Int) { schedule = Mutex(MergeSchedule(pauseSeconds: pauseSeconds)) }
    }

    /// Merges until the collector is asked to stop; a merge that is under way then is given up, which loses nothing.
    func run() async throws {
        try await cancelWhenGracefulShutdown { try await merge() }
    }

    private func merge() async throws {
        let state = State(pauseSeconds: pauseSeconds)
        let thread = NIOThreadPool(numberOfThreads: 1)
        // Named, so that what merging costs is seen beside the rest.
        thread._start(threadNamePrefix: "merging-")
        let start = ContinuousClock.now
        await withTaskCancellationHandler {
            while !Task.isCancelled {
                let now = Int((ContinuousClock.now - start).components.seconds)
                let seconds = await step(state, now, thread)
                guard seconds > 0 else { continue }
                try? await Task.sleep(for: .seconds(seconds))
            }
        } onCancel: {
            state.isStopped.store(true, ordering: .relaxed)
        }
        state.tellsHeadsAt.withLock { $0 = 0 }
        // This task was cancelled: the log still tells what was done last.
        try await Task { try await thread.runIfActive { extendLog(state, 0) } }.value
        try await thread.shutdownGracefully()
    }

    /// Has the log tell what was done since.
    private func extendLog(_ state: State, _ now: Int) {
        let tellsHeads = state.tellsHeadsAt.withLock { due in
            guard now >= due else { return false }
            due = now + Limits.headsSeconds
            return true
        }
        do {
            if let control { try archive.log(hosts: control.hosts()) }
            if let problem = try archive.extendLog(now: .now, tellsHeads: tellsHeads).problem {
                logger.error(
                    "the log of what was done is not as it was", metadata: ["why": "\(problem)"])
            }
        } catch {
            logger.error("cannot write the log of what was done", metadata: ["why": "\(error)"])
        }
    }

    /// Seconds until there may be more to do.
    private func step(_ state: State, _ now: Int, _ thread: NIOThreadPool) async -> Int {
        do {
            return try await thread.runIfActive { [archive, logger] in
                try archive.removeReplaced(now: now)
                extendLog(state, now)
                do { try archive.keepReserve() } catch {
                    logger.warning("no room is kept", metadata: ["why": "\(error)"])
                }
                var schedule = state.schedule.withLock { $0 }
                defer { state.schedule.withLock { $0 = schedule } }
                return try archive.merge(&schedule, now: now) {
                    state.isStopped.load(ordering: .relaxed)
                }
            }
        } catch {
            logger.error("cannot merge", metadata: ["error": "\(error)"])
            return Limits.mergeRetrySeconds
        }
    }
}
