import Archiving
import Hummingbird
import Logging
import ServiceLifecycle
import UnixSignals

/// Serves the page for an archive in a folder, to this machine alone. Nothing is written there.
package struct BrowsingService: Sendable {
    private let data: String
    private let port: Int
    private let logger: Logger

    /// - Parameters:
    ///   - data: The folder of the archive.
    ///   - port: 0 lets the machine choose.
    package init(_ data: String, port: Int, logger: Logger) {
        self.data = data
        self.port = port
        self.logger = logger
    }

    /// Serves until the process is asked to stop (SIGTERM, SIGINT). Throws where there is no archive, or the port is taken.
    ///
    /// - Parameter onRunning: Gets to know the address of the page.
    package func run(onRunning: @escaping @Sendable (String) -> Void) async throws {
        let store = ArchiveStore(try Archive(data, .readOnly))
        let threads = AskingThreads()
        let connections = Connections()
        let stopping = Stopping()
        let router = Router(context: CollectorContext.self)
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: AccessMiddleware(control: nil, logger: logger))
        router.get("/healthz") { _, _ in "ok\n" }
        addAsking(to: router, store, connections, stopping, threads)
        let application = server(
            router, host: "127.0.0.1", port: port, connections, nil, logger, onRunning: onRunning)
        do {
            // The last one is told first to stop, as in a collector.
            try await ServiceGroup(
                services: [application, StopWatcher(stopping: stopping)],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        } catch {
            throw CollectorError("cannot serve on 127.0.0.1:\(port): \(error)")
        }
        try await threads.shutdown()
    }
}
