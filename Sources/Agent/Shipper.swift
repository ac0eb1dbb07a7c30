import Causality
import Disks
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
    /// Takes a new identity, where somebody else writes under this one.
    let renewIdentity: @Sendable () async throws -> Void
    private let files: SegmentFiles
    private let stop = StopTime()

    init(
        index: SpoolIndex, transport: any Transport, logger: Logger, disk: any Disk,
        renewIdentity: @escaping @Sendable () async throws -> Void
    ) {
        self.renewIdentity = renewIdentity
        self.index = index
        files = SegmentFiles(disk)
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
            } catch .notContinuation(let text) {
                logger.warning(
                    "another agent writes under this agent's identity: this one takes a new one, and ships anew",
                    metadata: [
                        "segment": "\(entry.id)", "why": "\(text)",
                        "look": "was this machine cloned, or restored from a copy?",
                    ])
                do {
                    try await renewIdentity()
                } catch {
                    logger.error(
                        "cannot take a new identity", metadata: ["error": "\(error)"])
                    await rest(milliseconds: backoff.next(retryAfterSeconds: nil, using: &random))
                }
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
            let remote = try await transport.state(of: entry.id)
            if let digest = remote.digest, remote.byteCount <= entry.durableByteCount,
                await files.digest(entry.path, at: remote.byteCount) != digest
            {
                throw .notContinuation("its last block there is none of this segment's")
            }
            return try goOn(entry, from: remote.byteCount)
        }
        let bytes: [UInt8]
        do {
            bytes = try await files.read(entry.path, from: acknowledged, to: entry.durableByteCount)
        } catch {
            throw .refused(status: 0, "the spool's own file cannot be read: \(error)")
        }
        do throws(ShippingError) {
            let answer = try await transport.append(bytes, to: entry.id, at: acknowledged)
            for note in answer.notes { logger.warning("\(note)") }
            let end = answer.byteCount
            guard end == acknowledged + bytes.count else { throw .wrongOffset(expected: end) }
            index.update(entry.id) { $0.acknowledged = end }
        } catch .wrongOffset(let expected) {
            try goOn(entry, from: expected)
        }
    }

    private func goOn(_ entry: SpoolIndex.Entry, from offset: Int) throws(ShippingError) {
        guard offset <= entry.durableByteCount else {
            throw .notContinuation(
                "it has \(offset) bytes of a segment that has \(entry.durableByteCount) here")
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
    private let disk: any Disk
    private let executor = QueueExecutor(label: "lightcone.shipper")
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ disk: any Disk) { self.disk = disk }

    func read(_ path: String, from offset: Int, to end: Int) throws -> [UInt8] {
        try Piece.read(try disk.open(path, .read), from: offset, to: end)
    }

    /// The digest of the last block up to `offset`, in hexadecimal digits; nil where neither a block nor the segment ends there.
    func digest(_ path: String, at offset: Int) -> String? {
        guard let file = try? disk.open(path, .read) else { return nil }
        var scanner = SegmentScanner(file)
        var last: StoredBlock?
        while let item = try? scanner.next() {
            guard case .block(let block) = item, block.offset < offset else { break }
            last = block
            if block.offset + block.bytes.count == offset { break }
        }
        guard let last,
            last.offset + last.bytes.count == offset
                || scanner.isSealed && scanner.intactEnd == offset
        else { return nil }
        return hexadecimal(last.digest)
    }

    func remove(_ path: String) throws { try disk.remove(file: path) }
}

/// When to stop at the latest, once the agent was asked to.
private final class StopTime: Sendable {
    let value = Mutex<ContinuousClock.Instant?>(nil)
}
