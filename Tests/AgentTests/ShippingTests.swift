import Segments
import Shipping
import SimulatedHistories
import Testing

@Suite struct BackoffTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func waitsLongerAndNeverTooLong(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var backoff = Backoff()
        var most = 0
        for round in 0..<40 {
            let wait = backoff.next(retryAfterSeconds: nil, using: &random)
            let ceiling = min(
                Limits.retryMillisecondsMin << min(round, 20), Limits.retryMillisecondsMax)
            #expect((Limits.retryMillisecondsMin / 2...ceiling).contains(wait))
            most = max(most, wait)
        }
        #expect(most > Limits.retryMillisecondsMin)
        #expect(backoff.next(retryAfterSeconds: 30, using: &random) >= 30_000)
        backoff.reset()
        #expect(backoff.next(retryAfterSeconds: nil, using: &random) <= Limits.retryMillisecondsMin)
    }
}
