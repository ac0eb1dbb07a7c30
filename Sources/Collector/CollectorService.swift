import Archiving
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Shipping
import UnixSignals

/// The service that receives segments, keeps them, and answers questions.
package struct CollectorService: Sendable {
    package struct Configuration: Sendable {
        /// The folder of the archive.
        package var data: String
        package var listenHost: String
        /// 0: the machine chooses; the log says which.
        package var listenPort: Int
        /// Allows to listen beyond this machine, though there is no TLS and no authentication.
        package var isInsecureAllowed: Bool
        /// Seconds between two looks for what may be merged; at least 1.
        package var mergeSeconds = Archiving.Limits.mergeSeconds
        /// How long executions are kept.
        package var retention = RetentionPolicy()
        /// Seconds between two looks for what is not to be kept any more; at least 1.
        package var retentionSeconds = Limits.retentionSeconds

        package init(data: String, listen: String, isInsecureAllowed: Bool) throws(CollectorError) {
            guard let address = ListenAddress(listen) else {
                throw CollectorError(
                    "listen: expected HOST:PORT such as 127.0.0.1:4780, found “\(listen)”")
            }
            self.data = data
            listenHost = address.host
            listenPort = address.port
            self.isInsecureAllowed = isInsecureAllowed
            guard address.isLoopback || isInsecureAllowed else {
                throw CollectorError(
                    "\(listenHost) is reachable from other machines, and there is no TLS and no authentication yet: "
                        + "listen on 127.0.0.1, or say --insecure if the network keeps strangers out"
                )
            }
        }
    }

    private let configuration: Configuration
    private let logger: Logger

    package init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Opens the archive and serves until the process is asked to stop (SIGTERM, SIGINT).
    package func run() async throws {
        raiseOpenFilesMax(to: Limits.openFilesMax)
        let pools = ThreadPools()
        let uploads = pools.uploads
        let data = configuration.data
        let archive = try await uploads.runIfActive { try Archive(data, .readWrite) }
        for warning in try await uploads.runIfActive({ try archive.recover() }) {
            logger.error("damage", metadata: ["what": "\(warning)"])
        }
        do { try await uploads.runIfActive { try archive.keepReserve() } } catch {
            logger.warning("no room is kept", metadata: ["why": "\(error)"])
        }
        let connections = Connections()
        let stopping = Stopping()
        let store = ArchiveStore(archive)
        let router = router(store, connections, stopping, pools)
        let application = Application(
            router: router,
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [
                        ConnectionGuard(connections),
                        ContinueHandler(bodyBytesMax: Archiving.Limits.appendBytesMax),
                    ])),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.listenHost, port: configuration.listenPort),
                serverName: "lightcone"),
            onServerRunning: { [logger] channel in
                let port = channel.localAddress?.port ?? 0
                let host = channel.localAddress?.ipAddress ?? "?"
                logger.notice(
                    "collecting",
                    metadata: [
                        "data": "\(data)",
                        "listen": "http://\(host.contains(":") ? "[\(host)]" : host):\(port)",
                    ])
            },
            logger: logger)
        do {
            // The last one is told first to stop: then questions end, and the server waits for none.
            try await ServiceGroup(
                services: [
                    application,
                    OrderKeeper(
                        store: store, threads: pools.order, stopping: stopping, logger: logger),
                    MergingService(
                        archive, pauseSeconds: configuration.mergeSeconds, logger: logger),
                    RetentionService(
                        store: store, policy: configuration.retention,
                        pauseSeconds: configuration.retentionSeconds, threads: pools.order,
                        stopping: stopping, logger: logger),
                    StopWatcher(stopping: stopping),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
            ).run()
        } catch {
            throw CollectorError(
                "cannot serve on \(configuration.listenHost):\(configuration.listenPort): \(error)")
        }
        try await pools.shutdown()
        logger.notice("stopped")
    }

    private func router(
        _ store: ArchiveStore, _ connections: Connections, _ stopping: Stopping,
        _ pools: ThreadPools
    ) -> Router<CollectorContext> {
        let router = Router(context: CollectorContext.self)
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: ReserveMiddleware(connections: connections))
        router.get("/healthz") { _, _ in "ok\n" }
        let readiness = Readiness(store.archive, threads: pools.health)
        router.get("/readyz") { _, _ in
            if let reason = await readiness.reason {
                throw Problem(
                    .serviceUnavailable, reason, retryAfterSeconds: Limits.readinessSecondsMax)
            }
            return "ready\n"
        }
        UploadRoutes(
            archive: store.archive, connections: connections, threads: pools.uploads, logger: logger
        ).add(to: router)
        DropRoute(
            archive: store.archive, connections: connections, threads: pools.uploads, logger: logger
        ).add(to: router)
        QuestionRoutes(
            store: store, connections: connections, stopping: stopping,
            begins: pools.begins, pieces: pools.pieces
        ).add(to: router)
        TailRoute(
            store: store, connections: connections, stopping: stopping, threads: pools.follow
        ).add(to: router)
        return router
    }
}

/// The threads of a collector: what one kind of work does with its own, the others do not feel.
private struct ThreadPools {
    let uploads = NIOThreadPool(numberOfThreads: Limits.uploadThreads)
    /// Each question has one until its answer begins.
    let begins = NIOThreadPool(numberOfThreads: Limits.questionsBegunMax)
    let pieces = NIOThreadPool(numberOfThreads: Limits.pieceThreads)
    let follow = NIOThreadPool(numberOfThreads: Limits.followThreads)
    let health = NIOThreadPool(numberOfThreads: 1)
    let order = NIOThreadPool(numberOfThreads: 1)

    private var all: [NIOThreadPool] { [uploads, begins, pieces, follow, health, order] }

    init() { for pool in all { pool.start() } }

    func shutdown() async throws {
        for pool in all { try await pool.shutdownGracefully() }
    }
}

/// Tells questions when the collector is asked to stop.
private struct StopWatcher: Service {
    let stopping: Stopping

    func run() async throws {
        try await gracefulShutdown()
        stopping.stop()
    }
}

/// Why a collector cannot run.
package struct CollectorError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    init(_ text: String) { self.text = text }
}
