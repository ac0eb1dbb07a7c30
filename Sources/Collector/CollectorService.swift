import Archiving
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
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
        let uploads = NIOThreadPool(numberOfThreads: Limits.uploadThreads)
        let questions = NIOThreadPool(numberOfThreads: Limits.questionThreads)
        uploads.start()
        questions.start()
        let data = configuration.data
        let archive = try await uploads.runIfActive { try Archive(data, .readWrite) }
        for warning in try await uploads.runIfActive({ try archive.recover() }) {
            logger.error("damage", metadata: ["what": "\(warning)"])
        }
        let router = router(archive, uploads: uploads, questions: questions)
        var idle = HTTP1Channel.Configuration()
        idle.idleTimeout = .seconds(Limits.idleSecondsMax)
        let application = Application(
            router: router,
            server: .http1(configuration: idle),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.listenHost, port: configuration.listenPort),
                serverName: "lightcone",
                availableConnectionsDelegate: MaximumAvailableConnections(Limits.connectionsMax)),
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
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { [logger] in
                    try await MergingService(archive, logger: logger).run()
                }
                try await application.runService(gracefulShutdownSignals: [.sigterm, .sigint])
                group.cancelAll()
                try await group.waitForAll()
            }
        } catch {
            throw CollectorError(
                "cannot serve on \(configuration.listenHost):\(configuration.listenPort): \(error)")
        }
        try await uploads.shutdownGracefully()
        try await questions.shutdownGracefully()
        logger.notice("stopped")
    }

    private func router(
        _ archive: Archive, uploads: NIOThreadPool, questions: NIOThreadPool
    ) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: ProblemMiddleware())
        router.get("/healthz") { _, _ in "ok\n" }
        let readiness = Readiness(archive, threads: uploads)
        router.get("/readyz") { _, _ in
            if let reason = await readiness.reason {
                throw Problem(
                    .serviceUnavailable, reason, retryAfterSeconds: Limits.readinessSecondsMax)
            }
            return "ready\n"
        }
        UploadRoutes(archive: archive, threads: uploads, logger: logger).add(to: router)
        QuestionRoutes(store: ArchiveStore(archive), threads: questions).add(to: router)
        return router
    }
}

/// Why a collector cannot run.
package struct CollectorError: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }

    init(_ text: String) { self.text = text }
}
