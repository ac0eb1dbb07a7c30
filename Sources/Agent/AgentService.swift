import Causality
import Disks
import FoundationEssentials
import Logging
import ServiceLifecycle
import Shipping
import UnixSignals

/// The service on each host: sources → segments → shipping.
package struct AgentService: Sendable {
    private let configuration: AgentConfiguration
    private let logger: Logger

    package init(_ configuration: AgentConfiguration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
    }

    /// Runs until the process is asked to stop (SIGTERM, SIGINT): then input stops, the open segment is sealed, and
    /// what can be shipped within `Limits.drainSecondsMax` is.
    package func run() async throws {
        try configuration.check()
        raiseOpenFilesMax(to: Limits.openFilesMax)
        let recorder = try SourceRecorder(configuration, logger: logger)
        let keeper = try CertificateKeeper(
            configuration, data: configuration.makeDataFolder(), logger: logger)
        let keys = try keeper?.tokenKeys()
        do throws(DiskError) {
            try configuration.spool.leave(tokenKeys: keys)
        } catch {
            guard error.isDiskFull else { throw error }
            logger.warning(
                "programs have no keys for message tokens", metadata: ["why": "\(error)"])
        }
        let transport = HTTPTransport(
            collector: configuration.collector,
            client: { keeper?.client ?? HTTPTransport.client })
        let shipper = Shipper(
            index: recorder.index, transport: transport,
            logger: logger, disk: configuration.disk,
            renewIdentity: { try await recorder.renewIdentity(Uptime.seconds) },
            onDelete: { await recorder.keepReserve() })
        logger.notice(
            "recording",
            metadata: [
                "host": "\(configuration.host)", "spool": "\(configuration.spool.path)",
                "collector": "\(configuration.collector)",
                "follow": "\(configuration.follow.map(\.path))",
            ])
        for follow in configuration.follow
        where !follow.isPattern && (try? configuration.disk.status(follow.path)) ?? nil == nil {
            logger.notice(
                "waits for a file that is not there", metadata: ["path": "\(follow.path)"])
        }
        let greeting = Task { await greet(transport) }
        defer { greeting.cancel() }
        // Shut down from the last to the first: the local interface ends, the recorder takes what it left and seals, then
        // the shipper ends.
        let group = ServiceGroup(
            configuration: .init(
                services: [
                    shipper, Following(recorder: recorder),
                    LocalInterface(configuration, logger: logger, owners: recorder.owners),
                ] + (keeper.map { [$0] } ?? []),
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        logger.notice("stopped")
    }

    /// Tells at the start where nobody answers: else that is told with the first event, which may come much later.
    private func greet(_ transport: HTTPTransport) async {
        let nothing = Identity128(high: 0, low: 0)
        do throws(ShippingError) {
            _ = try await transport.state(of: nothing)
        } catch {
            guard !Task.isCancelled else { return }
            logger.warning(
                "the collector does not answer: what is recorded is kept until it does",
                metadata: ["why": "\(error)"])
        }
    }
}

/// Drives the recorder.
private struct Following: Service {
    let recorder: SourceRecorder

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                if await recorder.tick(Uptime.seconds, wall: .now()) { continue }
                let seconds = await recorder.restSeconds(Uptime.seconds)
                try? await Task.sleep(for: .seconds(seconds))
            }
        }
        await recorder.drain(Uptime.seconds, wall: .now())
    }
}

extension WallTime {
    static func now() -> WallTime {
        WallTime(saturatingSeconds: Date().timeIntervalSince1970)
    }
}
