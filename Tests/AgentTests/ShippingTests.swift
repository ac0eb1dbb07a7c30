import AsyncHTTPClient
import Causality
import Disks
import Logging
import NIOCore
import Segments
import Shipping
import SimulatedHistories
import Synchronization
import Testing

@testable import Agent

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

/// A collector in memory that has gone on with a segment, as another agent wrote it.
private final class OtherCollector: Transport {
    struct State {
        var segments: [Identity128: [UInt8]] = [:]
        var refused: [Identity128] = []
    }
    let state: Mutex<State>
    /// The segment that another agent writes too, and how much of it is here.
    private let foreign: Identity128

    init(foreign: Identity128, byteCount: Int) {
        self.foreign = foreign
        state = Mutex(State(segments: [foreign: [UInt8](repeating: 0, count: byteCount)]))
    }

    func state(of segment: Identity128) async throws(ShippingError) -> RemoteSegment {
        let count = state.withLock { $0.segments[segment]?.count ?? 0 }
        let isForeign = segment == foreign
        if isForeign { state.withLock { $0.refused.append(segment) } }
        return RemoteSegment(byteCount: count, digest: isForeign ? "00" : nil)
    }

    func append(_ bytes: [UInt8], to segment: Identity128, at offset: Int)
        async throws(ShippingError) -> Acknowledgement
    {
        guard segment != foreign else { throw .notContinuation("other bytes") }
        let count = state.withLock {
            $0.segments[segment, default: []] += bytes
            return $0.segments[segment]!.count
        }
        return Acknowledgement(byteCount: count)
    }
}

@Suite struct RenewalTests {
    /// Whether the collector has less or more of it than the agent: other bytes are no continuation.
    @Test(arguments: [40, 1 << 20]) func anAgentWhoseSegmentsAreRefusedShipsAnew(
        remote: Int
    ) async throws {
        let folder = DataFolder()
        do {
            var log = try SegmentLog.opened(folder.path) { _ in }
            for number in 1...2 as ClosedRange<UInt64> {
                try log.commit(
                    EventBatch([SegmentLogTests.event(number)], of: SegmentLogTests.key),
                    [SegmentLogTests.checkpoint(number)],
                    now: WallTime(nanoseconds: Int64(number)))
            }
        }
        // As an agent that is started on a copy of a folder.
        let opened = try SegmentLog.opened(folder.path) { _ in }
        let index = opened.index
        let before = try #require(index.all.first)
        let collector = OtherCollector(foreign: before.id, byteCount: remote)
        let owner = Owner(opened)
        let shipper = Shipper(
            index: index, transport: collector, logger: Logger(label: "test"), disk: RealDisk(),
            renewIdentity: { try await owner.renew() }, onDelete: {})
        let shipping = Task { try await shipper.run() }
        while index.all.contains(where: { !$0.isShipped }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        shipping.cancel()
        try await shipping.value
        let state = collector.state.withLock { $0 }
        #expect(state.refused == [before.id], "asked once, then it ships anew")
        let shipped = state.segments.filter { $0.key != before.id }
        try #require(shipped.count == 1)
        var scanner = SegmentScanner(BytesInMemory(shipped.values.first!))
        var sequences: [UInt64] = []
        while let item = try scanner.next() {
            guard case .frame(let frame) = item else { continue }
            sequences += try frame.causality().sequences
        }
        #expect(sequences == [1, 2], "nothing is lost")
    }

    private actor Owner {
        private var log: SegmentLog

        init(_ log: consuming sending SegmentLog) { self.log = log }

        func renew() throws { try log.renewIdentity() }
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
            try await HTTPTransport(collector: collector).state(of: Identity128(naming: [1]))
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
