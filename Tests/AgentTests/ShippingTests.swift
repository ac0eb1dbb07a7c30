import AsyncHTTPClient
import NIOCore
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

@Suite struct HTTPTransportTests {
    @Test(arguments: [
        ("http://127.0.0.1:1/", "cannot reach http://127.0.0.1:1: connection refused"),
        (
            "http://a.invalid",
            "cannot reach http://a.invalid: no host of the name “a.invalid” is known"
        ),
    ])
    func whyNobodyAnswersIsSaidPlainly(collector: String, why: String) async throws {
        let error = await #expect(throws: ShippingError.self) {
            try await HTTPTransport(collector: collector).offset(of: Identity128(naming: [1]))
        }
        #expect(error?.description == why)
    }

    @Test func timeOutsAreSaidPlainly() {
        #expect(HTTPTransport.reason(HTTPClientError.deadlineExceeded) == "no answer in time")
        #expect(HTTPTransport.reason(HTTPClientError.connectTimeout) == "no answer in 10 s")
        #expect(
            HTTPTransport.reason(ChannelError.connectTimeout(.seconds(3))) == "no answer in 3 s")
        #expect(
            HTTPTransport.reason(HTTPClientError.remoteConnectionClosed)
                == "the connection was closed")
    }
}
