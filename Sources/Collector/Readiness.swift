import Archiving
import NIOPosix

/// Whether uploads can be stored, found out by storing something: at most once in a few seconds, however many ask.
actor Readiness {
    private let archive: Archive
    private let threads: NIOThreadPool
    private var last: (at: ContinuousClock.Instant, reason: String?)?
    private var underWay: Task<String?, Never>?

    init(_ archive: Archive, threads: NIOThreadPool) {
        self.archive = archive
        self.threads = threads
    }

    /// Why nothing can be stored or answered; nil where it can.
    var reason: String? {
        get async {
            if let last, .now - last.at < .seconds(Limits.readinessSecondsMax) {
                return last.reason
            }
            if let underWay { return await underWay.value }
            let task = Task { [archive, threads] () -> String? in
                do {
                    return try await threads.runIfActive {
                        try archive.checkWritable()
                        _ = try archive.executions()
                        return nil
                    }
                } catch {
                    return "\(error)"
                }
            }
            underWay = task
            let reason = await task.value
            underWay = nil
            last = (.now, reason)
            return reason
        }
    }
}
