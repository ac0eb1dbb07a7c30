import Causality
import Shipping

/// Decides what is shipped next, and what becomes of a segment after each answer: oldest first, for ever, with back-off. It
/// does nothing itself: `next` says what is to be done now, and `handle` is told what became of it.
///
/// Times are seconds of a clock that never steps.
struct ShippingQueue: Sendable {
    enum Action: Hashable, Sendable {
        /// Ask the collector how much of a segment it has.
        case ask(Identity128)
        /// Send what lies between two offsets, or a part from its beginning.
        case send(Identity128, from: Int, to: Int)
        /// Delete a segment that nobody needs any more.
        case delete(Identity128)
        /// Take another identity: somebody else writes under this one.
        case renewIdentity
        /// Nothing to do until then, or until something is committed or the agent is asked to stop.
        case wait(until: Double)
        /// Everything is shipped that can be, and the agent is asked to stop.
        case stop
    }

    enum Outcome: Sendable {
        /// The collector has so many bytes; `isOurs` is false where these are others than the segment's.
        case has(bytes: Int, isOurs: Bool)
        case deleted
        case cannotDelete
        case renewed
        case cannotRenew
        case failed(ShippingError)
        /// The agent's own file cannot be read.
        case unreadable
    }

    private var backoff = Backoff()
    private var retrySeconds = 0.0
    private(set) var isReachable = true
    /// True where the next thing to do is to take another identity.
    private(set) var mustRenew = false
    private var deleteAfter = 0.0
    /// When to stop at the latest, once the agent was asked to.
    private var stopSeconds: Double?

    init() {}

    /// The agent is asked to stop.
    mutating func stop(now: Double) { stopSeconds = now + Double(Limits.drainSecondsMax) }

    /// - Parameter entries: The segments, oldest first.
    mutating func next(_ entries: [SegmentIndex.Entry], now: Double) -> Action {
        if let stopSeconds {
            let isDrained = entries.allSatisfy { $0.isShipped }
            if isDrained || now >= stopSeconds || !isReachable { return .stop }
        }
        if now >= deleteAfter, let entry = SegmentIndex.disposable(entries).first {
            return .delete(entry.id)
        }
        if now < retrySeconds { return wait(until: retrySeconds, now) }
        if mustRenew { return .renewIdentity }
        let entry = entries.first { !$0.isShipped && $0.retrySeconds ?? now <= now }
        guard let entry else { return wait(until: now + Limits.shipLookSeconds, now) }
        guard let acknowledged = entry.acknowledged else { return .ask(entry.id) }
        return .send(entry.id, from: acknowledged, to: entry.durableByteCount)
    }

    /// Nothing is to be done until then, but for what else is due before.
    private func wait(until seconds: Double, _ now: Double) -> Action {
        let due = [seconds, stopSeconds ?? seconds, deleteAfter].filter { $0 > now }
        return .wait(until: due.min() ?? seconds)
    }

    /// Takes note of what became of an action on `entry`. Returns what of the entry changed.
    mutating func handle(
        _ outcome: Outcome, of entry: SegmentIndex.Entry?, now: Double,
        using random: inout some RandomNumberGenerator
    ) -> SegmentIndex.Entry? {
        var changed = entry
        switch outcome {
        case .has(let bytes, let isOurs):
            succeed()
            guard var entry else { return nil }
            guard isOurs, bytes <= entry.durableByteCount else {
                mustRenew = true
                return nil
            }
            entry.acknowledged = bytes
            entry.retrySeconds = nil
            changed = entry
        case .deleted: deleteAfter = 0
        case .cannotDelete: deleteAfter = now + Limits.retrySeconds
        case .renewed:
            mustRenew = false
            succeed()
        case .cannotRenew: wait(now, nil, &random)
        case .unreadable: changed?.retrySeconds = now + Limits.unreadableSeconds
        case .failed(let error): changed = fail(error, entry, now, &random)
        }
        return changed
    }

    private mutating func fail(
        _ error: ShippingError, _ entry: SegmentIndex.Entry?, _ now: Double,
        _ random: inout some RandomNumberGenerator
    ) -> SegmentIndex.Entry? {
        switch error {
        case .wrongOffset:
            // How far the collector is does not tell whose bytes it has: what it says when it is asked does.
            wait(now, nil, &random)
            var entry = entry
            entry?.acknowledged = nil
            return entry
        case .notContinuation:
            mustRenew = true
            return entry
        case .refused:
            var entry = entry
            entry?.retrySeconds = now + Limits.refusedSeconds
            return entry
        case .busy(_, let seconds):
            isReachable = false
            wait(now, seconds, &random)
            return entry
        case .unreachable:
            isReachable = false
            wait(now, nil, &random)
            return entry
        }
    }

    private mutating func succeed() {
        backoff.reset()
        isReachable = true
        retrySeconds = 0
    }

    private mutating func wait(
        _ now: Double, _ seconds: Int?, _ random: inout some RandomNumberGenerator
    ) {
        let milliseconds = backoff.next(retryAfterSeconds: seconds, using: &random)
        retrySeconds = now + Double(milliseconds) / 1000
    }
}
