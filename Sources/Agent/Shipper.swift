import Causality
import Disks
import Logging
import Segments
import ServiceLifecycle
import Shipping
import Synchronization

/// Does what `ShippingQueue` decides.
package struct Shipper: Service {
    private let index: SegmentIndex
    private let transport: any Transport
    private let logger: Logger
    /// Takes a new identity, where somebody else writes under this one.
    private let renewIdentity: @Sendable () async throws -> Void
    /// Told when a segment was deleted.
    private let onDelete: @Sendable () async -> Void
    private let files: SegmentFiles
    private let isStopping = Flag()

    /// - Parameter executor: Where files are read and deleted; nil: on a thread of its own.
    package init(
        index: SegmentIndex, transport: any Transport, logger: Logger, disk: any Disk,
        renewIdentity: @escaping @Sendable () async throws -> Void,
        onDelete: @escaping @Sendable () async -> Void, on executor: (any SerialExecutor)? = nil
    ) {
        self.index = index
        self.transport = transport
        self.logger = logger
        self.renewIdentity = renewIdentity
        self.onDelete = onDelete
        files = SegmentFiles(disk, executor)
    }

    package func run() async throws {
        await withGracefulShutdownHandler {
            await shipAll()
        } onGracefulShutdown: {
            isStopping.value.withLock { $0 = true }
            index.grown.ring()
        }
    }

    private func shipAll() async {
        var state = State()
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            if isStopping.value.withLock({ $0 }) { state.stop(now: Uptime.seconds) }
            switch await turn(&state, { Uptime.seconds }, using: &random) {
            case .goesOn: continue
            case .rests(let until):
                await index.grown.sleep(seconds: max(until - Uptime.seconds, 0.001))
            case .ends:
                return tellOfRest()
            }
        }
        tellOfRest()
    }

    /// Where shipping stands.
    package struct State: Sendable {
        fileprivate var queue = ShippingQueue()
        private var wasAskedToStop = false

        package init() {}

        /// What is left is shipped as far as `Limits.drainSecondsMax` allows, and nothing is waited for after that.
        package mutating func stop(now: Double) {
            guard !wasAskedToStop else { return }
            wasAskedToStop = true
            queue.stop(now: now)
        }
    }

    /// What comes after a turn.
    package enum Next: Sendable {
        case goesOn
        /// Nothing is to be done before this moment, or before there is more to ship.
        case rests(until: Double)
        case ends
    }

    /// Does the next thing.
    ///
    /// - Parameter clock: Seconds of a clock that never steps.
    package func turn(
        _ state: inout State, _ clock: () -> Double,
        using random: inout some RandomNumberGenerator
    ) async -> Next {
        let before = state.queue
        let action = state.queue.next(index.all, now: clock())
        if action == .stop { return .ends }
        if case .wait(let until) = action { return .rests(until: until) }
        let (outcome, id) = await perform(action)
        guard let outcome else { return .goesOn }
        let entry = id.flatMap { id in index.all.first { $0.id == id } }
        let changed = state.queue.handle(outcome, of: entry, now: clock(), using: &random)
        if let changed, let entry, changed != entry {
            index.update(entry.id) {
                $0.acknowledged = changed.acknowledged
                $0.retrySeconds = changed.retrySeconds
            }
        }
        tell(outcome, entry, from: before, to: state.queue)
        return .goesOn
    }

    private func tellOfRest() {
        let left = index.all.reduce(0) { $0 + $1.durableByteCount - ($1.acknowledged ?? 0) }
        if left > 0 {
            logger.warning(
                "stopping: the agent keeps what was not shipped", metadata: ["bytes": "\(left)"])
        }
    }

    /// Does what was decided; what became of it, and of which segment.
    private func perform(
        _ action: ShippingQueue.Action
    ) async -> (ShippingQueue.Outcome?, Identity128?) {
        switch action {
        case .ask(let id):
            do throws(ShippingError) {
                let remote = try await transport.state(of: id)
                let entry = index.all.first { $0.id == id }
                var isOurs = true
                if let entry, let digest = remote.digest,
                    remote.byteCount <= entry.durableByteCount
                {
                    do {
                        isOurs = try await files.digest(entry.path, at: remote.byteCount) == digest
                    } catch {
                        return (unreadable(entry, error), id)
                    }
                }
                return (.has(bytes: remote.byteCount, isOurs: isOurs), id)
            } catch {
                return (.failed(error), id)
            }
        case .send(let id, let from, let to): return (await send(id, from, to), id)
        case .delete(let id): return (await delete(id), id)
        case .renewIdentity:
            do {
                try await renewIdentity()
                return (.renewed, nil)
            } catch {
                logger.error("cannot take a new identity", metadata: ["error": "\(error)"])
                return (.cannotRenew, nil)
            }
        case .wait, .stop: return (nil, nil)
        }
    }

    private func unreadable(
        _ entry: SegmentIndex.Entry, _ error: any Error
    ) -> ShippingQueue.Outcome {
        logger.error(
            "a segment of the agent's own cannot be read: it is kept",
            metadata: ["segment": "\(entry.path)", "error": "\(error)"])
        return .unreadable
    }

    private func send(_ id: Identity128, _ from: Int, _ to: Int) async -> ShippingQueue.Outcome {
        guard let entry = index.all.first(where: { $0.id == id }) else { return .unreadable }
        let bytes: [UInt8]
        do {
            bytes = try await files.read(entry.path, from: from, to: to)
        } catch {
            return unreadable(entry, error)
        }
        do throws(ShippingError) {
            let answer = try await transport.append(bytes, to: id, at: from)
            for note in answer.notes { logger.warning("\(note)") }
            guard answer.byteCount == from + bytes.count else {
                return .failed(.wrongOffset(expected: answer.byteCount))
            }
            return .has(bytes: answer.byteCount, isOurs: true)
        } catch {
            return .failed(error)
        }
    }

    private func delete(_ id: Identity128) async -> ShippingQueue.Outcome {
        guard let entry = index.all.first(where: { $0.id == id }) else { return .deleted }
        do {
            try await files.remove(entry.path)
            index.remove(id)
            logger.info("shipped and deleted", metadata: ["segment": "\(id)"])
            await onDelete()
            return .deleted
        } catch {
            logger.error(
                "cannot delete", metadata: ["segment": "\(entry.path)", "error": "\(error)"])
            return .cannotDelete
        }
    }

    /// Says what a person should know: a change, not each try.
    private func tell(
        _ outcome: ShippingQueue.Outcome, _ entry: SegmentIndex.Entry?,
        from before: ShippingQueue, to queue: ShippingQueue
    ) {
        if queue.isReachable, !before.isReachable {
            logger.notice("the collector takes segments again")
        }
        if queue.mustRenew, !before.mustRenew { return tellOfClone(entry, outcome) }
        switch outcome {
        case .failed(.refused(let status, let text)):
            logger.error(
                "the collector refused a segment: it is kept",
                metadata: [
                    "segment": "\(entry?.path ?? "?")", "status": "\(status)", "why": "\(text)",
                ])
        case .failed(let error) where !queue.isReachable && before.isReachable:
            logger.warning("cannot ship now", metadata: ["why": "\(error)"])
        default: break
        }
    }

    private func tellOfClone(_ entry: SegmentIndex.Entry?, _ outcome: ShippingQueue.Outcome) {
        let text =
            switch outcome {
            case .failed(let error): "\(error)"
            default: "what the collector has of it is not what is here"
            }
        logger.warning(
            "another agent writes under this agent's identity: this one takes a new one, and ships anew",
            metadata: [
                "segment": "\(entry.map { "\($0.id)" } ?? "?")", "why": "\(text)",
                "look": "was this machine cloned, or restored from a copy?",
            ])
    }
}

/// Reads and deletes segments.
private actor SegmentFiles {
    private let disk: any Disk
    private let executor: any SerialExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ disk: any Disk, _ executor: (any SerialExecutor)?) {
        self.disk = disk
        self.executor = executor ?? QueueExecutor(label: "lightcone.shipper")
    }

    func read(_ path: String, from offset: Int, to end: Int) throws -> [UInt8] {
        try Piece.read(try disk.open(path, .read), from: offset, to: end)
    }

    /// The digest of the last frame up to `offset`, in hexadecimal digits; nil where neither a frame nor the segment ends there.
    func digest(_ path: String, at offset: Int) throws -> String? {
        var scanner = try SegmentScanner(disk.open(path, .read))
        var last: StoredFrame?
        while let item = try scanner.next() {
            guard case .frame(let frame) = item, frame.offset < offset else { break }
            last = frame
            if frame.offset + frame.bytes.count == offset { break }
        }
        guard let last,
            last.offset + last.bytes.count == offset
                || scanner.isSealed && scanner.intactEnd == offset
        else { return nil }
        return hexadecimal(last.digest)
    }

    func remove(_ path: String) throws { try disk.remove(file: path) }
}

private final class Flag: Sendable {
    let value = Mutex(false)
}
