import Access
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
        /// Seconds between two looks for what may be merged; at least 1.
        package var mergeSeconds = Archiving.Limits.mergeSeconds
        /// How long executions are kept.
        package var retention = RetentionPolicy()
        /// Seconds between two looks for what is not to be kept any more; at least 1.
        package var retentionSeconds = Limits.retentionSeconds

        package init(data: String, listen: String) throws(CollectorError) {
            guard let address = ListenAddress(listen) else {
                throw CollectorError(
                    "listen: expected HOST:PORT such as 127.0.0.1:4780, found “\(listen)”")
            }
            self.data = data
            listenHost = address.host
            listenPort = address.port
        }

        /// The folder that says who may come; nil where all programs of this machine may, and nobody else. Throws where others
        /// could.
        func accessFolder() throws -> AccessFolder? {
            let folder = AccessFolder(data: data)
            if try folder.exists() { return folder }
            guard ListenAddress(host: listenHost, port: listenPort).isLoopback else {
                throw CollectorError(
                    "\(listenHost) is reachable from other machines, which needs TLS and tells who may come: make both "
                        + "with `lightcone collector init --data \(data) --name NAME`, or listen on 127.0.0.1"
                )
            }
            return nil
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
        let control = try await uploads.runIfActive { try accessControl(pools.access) }
        let connections = Connections()
        let stopping = Stopping()
        let store = ArchiveStore(archive)
        let router = router(store, connections, stopping, pools, control)
        let application = server(
            router, host: configuration.listenHost, port: configuration.listenPort, connections,
            control, logger
        ) { [logger] address in
            logger.notice("collecting", metadata: ["data": "\(data)", "listen": "\(address)"])
        }
        do {
            // The last one is told first to stop: then questions end, and the server waits for none.
            try await ServiceGroup(
                services: [
                    application,
                    OrderKeeper(
                        store: store, threads: pools.order, stopping: stopping, logger: logger),
                    MergingService(
                        archive, pauseSeconds: configuration.mergeSeconds, control: control,
                        logger: logger),
                    RetentionService(
                        store: store, policy: configuration.retention,
                        pauseSeconds: configuration.retentionSeconds, threads: pools.order,
                        stopping: stopping, logger: logger),
                    CertificateKeeper(control: control),
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

    private func accessControl(_ threads: NIOThreadPool) throws -> AccessControl? {
        do {
            return try configuration.accessFolder().map {
                try AccessControl($0, threads: threads, logger: logger)
            }
        } catch let error as AccessError {
            throw CollectorError(error.text)
        }
    }

    private func router(
        _ store: ArchiveStore, _ connections: Connections, _ stopping: Stopping,
        _ pools: ThreadPools, _ control: AccessControl?
    ) -> Router<CollectorContext> {
        let router = Router(context: CollectorContext.self)
        router.add(middleware: ProblemMiddleware())
        router.add(middleware: ReserveMiddleware(connections: connections))
        router.add(middleware: AccessMiddleware(control: control, logger: logger))
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
            archive: store.archive, connections: connections, threads: pools.uploads,
            control: control, logger: logger
        ).add(to: router)
        DropRoute(
            archive: store.archive, connections: connections, threads: pools.uploads, logger: logger
        ).add(to: router)
        if let control {
            AccessRoutes(control: control, logger: logger).add(to: router)
            LoginRoutes(control: control).add(to: router)
        }
        addAsking(to: router, store, connections, stopping, pools.asking)
        return router
    }
}

/// Adds the page, and the questions that it and the command line ask.
func addAsking(
    to router: Router<CollectorContext>, _ store: ArchiveStore, _ connections: Connections,
    _ stopping: Stopping, _ threads: AskingThreads
) {
    QuestionRoutes(
        store: store, connections: connections, stopping: stopping,
        begins: threads.begins, pieces: threads.pieces
    ).add(to: router)
    TailRoute(
        store: store, connections: connections, stopping: stopping, threads: threads.follow
    ).add(to: router)
    PageRoutes().add(to: router)
}

/// An HTTP server; with TLS where there is somebody who says who may come. `onRunning` gets to know its address, once it listens.
func server(
    _ router: Router<CollectorContext>, host: String, port: Int, _ connections: Connections,
    _ control: AccessControl?, _ logger: Logger, onRunning: @escaping @Sendable (String) -> Void
) -> some ApplicationProtocol {
    let http = HTTP1Channel.Configuration(
        additionalChannelHandlers: [
            ConnectionGuard(connections),
            ContinueHandler(bodyBytesMax: Archiving.Limits.appendBytesMax),
        ])
    return Application(
        router: router,
        server: HTTPServerBuilder { responder in
            let plain = HTTP1Channel(responder: responder, configuration: http)
            guard let control else { return plain }
            return ReloadingTLS(base: plain, control: control)
        },
        configuration: ApplicationConfiguration(
            address: .hostname(host, port: port), serverName: "lightcone"),
        onServerRunning: { channel in
            let port = channel.localAddress?.port ?? 0
            let host = channel.localAddress?.ipAddress ?? "?"
            onRunning(
                "\(control == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
            )
        },
        logger: logger)
}

/// The threads that answer questions.
struct AskingThreads {
    /// Each question has one until its answer begins.
    let begins = NIOThreadPool(numberOfThreads: Limits.questionsBegunMax)
    let pieces = NIOThreadPool(numberOfThreads: Limits.pieceThreads)
    let follow = NIOThreadPool(numberOfThreads: Limits.followThreads)

    fileprivate var all: [NIOThreadPool] { [begins, pieces, follow] }

    init() { for pool in all { pool.start() } }

    func shutdown() async throws {
        for pool in all { try await pool.shutdownGracefully() }
    }
}

/// The threads of a collector: what one kind of work does with its own, the others do not feel.
private struct ThreadPools {
    let uploads = NIOThreadPool(numberOfThreads: Limits.uploadThreads)
    let asking = AskingThreads()
    let health = NIOThreadPool(numberOfThreads: 1)
    let access = NIOThreadPool(numberOfThreads: 1)
    let order = NIOThreadPool(numberOfThreads: 1)

    private var own: [NIOThreadPool] { [uploads, health, access, order] }

    init() { for pool in own { pool.start() } }

    func shutdown() async throws {
        for pool in own { try await pool.shutdownGracefully() }
        try await asking.shutdown()
    }
}

/// Renews the collector's certificate in time.
private struct CertificateKeeper: Service {
    let control: AccessControl?

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(Limits.certificateLookSeconds))
                guard !Task.isCancelled, let control else { continue }
                try? await control.threads.runIfActive { control.refresh() }
            }
        }
    }
}

/// Tells questions when the collector is asked to stop.
struct StopWatcher: Service {
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
