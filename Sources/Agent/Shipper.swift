import Logging
import Segments
import ServiceLifecycle
import Shipping
import Synchronization

/// Ships what is durable in the spool, oldest first, for ever; deletes what is sealed and acknowledged.
struct Shipper: Service {
    let index: SpoolIndex
    let transport: any Transport
    let logger: Logger
    private let files = SegmentFiles()
    private let stop = StopTime()

    init(index: SpoolIndex, transport: any Transport, logger: Logger) {
        self.index = index
        self.transport = transport
        self.logger = logger
    }

    func run() async throws {
        await withGracefulShutdownHandler {
            await shipAll()
        } onGracefulShutdown: {
            stop.value.withLock { $0 = .now + .seconds(Limits.drainSecondsMax) }
        }
    }

    private func shipAll() async {
        var backoff = Backoff()
        var random = SystemRandomNumberGenerator()
        var isReachable = true
        var refusedSince: ContinuousClock.Instant?
        while !Task.isCancelled {
            await dispose()
            let deadline = stop.value.withLock { $0 }
            if let deadline, index.isDrained || deadline < .now { break }
            if let since = refusedSince, since + .seconds(Limits.refusedSecondsMax) < .now {
                for entry in index.all { index.update(entry.id) { $0.isRefused = false } }
                refusedSince = nil
            }
            guard let entry = index.next else {
                try? await Task.sleep(for: .milliseconds(Limits.shipPollMilliseconds))
                continue
            }
            do {
                try await ship(entry)
                backoff.reset()
                if !isReachable { logger.notice("the collector takes segments again") }
                isReachable = true
            } catch .refused(let status, let text) {
                logger.error(
                    "the collector refused a segment: it is kept",
                    metadata: ["segment": "\(entry.path)", "status": "\(status)", "why": "\(text)"])
                index.update(entry.id) { $0.isRefused = true }
                refusedSince = refusedSince ?? .now
            } catch {
                if isReachable { logger.warning("cannot ship now", metadata: ["why": "\(error)"]) }
                isReachable = false
                // Asked to stop, and nobody takes it: the spool keeps it.
                if stop.value.withLock({ $0 }) != nil { break }
                var after: Int?
                if case .busy(_, let seconds) = error { after = seconds }
                let wait = backoff.next(retryAfterSeconds: after, using: &random)
                await rest(milliseconds: wait)
            }
        }
        let left = index.all.reduce(0) { $0 + $1.durableByteCount - ($1.acknowledged ?? 0) }
        if left > 0 {
            logger.warning(
                "stopping: the spool keeps what was not shipped", metadata: ["bytes": "\(left)"])
        }
    }

    /// Waits, but not on when the agent is asked to stop.
    private func rest(milliseconds: Int) async {
        let end = ContinuousClock.now + .milliseconds(milliseconds)
        while ContinuousClock.now < end, stop.value.withLock({ $0 }) == nil, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(Limits.shipPollMilliseconds))
        }
        // When stopping, a collector that does not answer is asked now and then, not as fast as possible.
        try? await Task.sleep(for: .milliseconds(Limits.shipPollMilliseconds))
    }

    /// One request for a segment: asks where to go on, or ships a piece.
    private func ship(_ entry: SpoolIndex.Entry) async throws(ShippingError) {
        guard let acknowledged = entry.acknowledged else {
            let offset = try await transport.offset(of: entry.id)
            return try goOn(entry, from: offset)
        }
        let bytes: [UInt8]
        do {
            bytes = try await files.read(entry.path, from: acknowledged, to: entry.durableByteCount)
        } catch {
            throw .refused(status: 0, "the spool's own file cannot be read: \(error)")
        }
        do throws(ShippingError) {
            let end = try await transport.append(bytes, to: entry.id, at: acknowledged)
            guard end == acknowledged + bytes.count else { throw .wrongOffset(expected: end) }
            index.update(entry.id) { $0.acknowledged = end }
        } catch .wrongOffset(let expected) {
            try goOn(entry, from: expected)
        }
    }

    private func goOn(_ entry: SpoolIndex.Entry, from offset: Int) throws(ShippingError) {
        guard offset <= entry.durableByteCount else {
            throw .refused(
                status: 409,
                "it has \(offset) bytes of a segment of \(entry.durableByteCount): is this a restored spool?"
            )
        }
        index.update(entry.id) { $0.acknowledged = offset }
    }

    private func dispose() async {
        for entry in index.disposable {
            do {
                try await files.remove(entry.path)
                index.remove(entry.id)
                logger.info("shipped and deleted", metadata: ["segment": "\(entry.id)"])
            } catch {
                logger.error(
                    "cannot delete", metadata: ["segment": "\(entry.path)", "error": "\(error)"])
                return
            }
        }
    }
}

/// Reads and deletes segments on a thread of its own.
private actor SegmentFiles {
    private let executor = QueueExecutor(label: "lightcone.shipper")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    func read(_ path: String, from offset: Int, to end: Int) throws -> [UInt8] {
        try Piece.read(try File(path, .read), from: offset, to: end)
    }

    func remove(_ path: String) throws { try Folder.remove(file: path) }
}

/// When to stop at the latest, once the agent was asked to.
private final class StopTime: Sendable {
    let value = Mutex<ContinuousClock.Instant?>(nil)
}
