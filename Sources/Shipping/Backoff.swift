/// How long to wait before the next try: exponential with full jitter, so that agents do not come back in step
/// (Brooker, "Exponential Backoff and Jitter", 2015).
package struct Backoff: Sendable {
    private var ceilingMilliseconds = Limits.retryMillisecondsMin

    package init() {}

    /// Something succeeded: the next failure waits a short time again.
    package mutating func reset() { ceilingMilliseconds = Limits.retryMillisecondsMin }

    /// Milliseconds to wait now; at least as long as the collector asked for.
    package mutating func next(
        retryAfterSeconds: Int?, using random: inout some RandomNumberGenerator
    ) -> Int {
        let jittered = Int.random(
            in: Limits.retryMillisecondsMin / 2...ceilingMilliseconds, using: &random)
        ceilingMilliseconds = min(2 * ceilingMilliseconds, Limits.retryMillisecondsMax)
        return max(jittered, max(0, min(retryAfterSeconds ?? 0, 3600)) * 1000)
    }
}
