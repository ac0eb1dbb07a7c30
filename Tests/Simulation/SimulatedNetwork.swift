import Causality
import Segments
import Shipping
import SimulatedHistories

/// What lies between agents and a collector: requests and answers take time, get lost, come again, and come to nobody. It has the
/// promises of a connection and no more: what arrives has arrived whole, and who gets no answer knows nothing.
///
/// Unchecked because it is not locked: all that comes to it runs on the thread of its loop.
final class SimulatedNetwork: @unchecked Sendable {
    private let loop: RunLoop
    private var random: SeededGenerator
    /// What the collector answers; nil where nobody is there.
    var collector: ((Request) -> Answer?) = { _ in nil }
    /// Of a hundred requests or answers.
    var lossPercent = 0
    /// Of a hundred requests: delivered once more, later.
    var replayPercent = 0
    var delayMilliseconds: Int64 = 5
    /// Machines that reach nobody, and those whose requests arrive while no answer does.
    var cut: Set<String> = []
    var halfOpen: Set<String> = []
    private(set) var requests = 0
    private var waiting: [Int: Waiting] = [:]
    /// What has not arrived yet, in the order in which it was sent.
    private var underWay: [(number: Int, arrive: () -> Void)] = []
    private var sentCount = 0

    private static let timeoutNanoseconds: Int64 = 30_000_000_000

    enum Request: Sendable {
        case state(Identity128)
        case append([UInt8], Identity128, Int)
    }

    enum Answer: Sendable {
        case state(RemoteSegment)
        case appended(Acknowledgement)
        case failed(ShippingError)
    }

    private struct Waiting {
        var machine: String
        var continuation: CheckedContinuation<Answer, Never>
    }

    init(_ loop: RunLoop, seed: UInt64) {
        self.loop = loop
        random = SeededGenerator(seed: seed)
    }

    private func chance(_ percent: Int) -> Bool {
        percent > 0 && Int.random(in: 0..<100, using: &random) < percent
    }

    private func delay() -> Int64 {
        Int64.random(in: 100_000...max(delayMilliseconds, 1) * 1_000_000, using: &random)
    }

    func exchange(_ request: Request, from machine: String) async -> Answer {
        requests += 1
        let number = requests
        return await withCheckedContinuation { continuation in
            waiting[number] = Waiting(machine: machine, continuation: continuation)
            loop.after(Self.timeoutNanoseconds) { self.fail(number, "no answer in time") }
            guard !cut.contains(machine) else { return }
            if chance(lossPercent) {
                return loop.after(delay()) { self.fail(number, "the connection was closed") }
            }
            if chance(replayPercent) {
                send(20 * delay()) { _ = self.collector(request) }
            }
            send(delay()) {
                guard let answer = self.collector(request) else {
                    return self.fail(number, "connection refused")
                }
                guard !self.cut.contains(machine), !self.halfOpen.contains(machine) else { return }
                if self.chance(self.lossPercent) {
                    return self.fail(number, "the connection was closed")
                }
                self.loop.after(self.delay()) { self.settle(number, answer) }
            }
        }
    }

    /// Has something arrive after so many nanoseconds, unless it does before.
    private func send(_ nanoseconds: Int64, _ arrive: @escaping () -> Void) {
        sentCount += 1
        let number = sentCount
        underWay.append((number, arrive))
        loop.after(nanoseconds) {
            guard let index = self.underWay.firstIndex(where: { $0.number == number }) else {
                return
            }
            self.underWay.remove(at: index).arrive()
        }
    }

    /// Has what was sent first arrive at once: for whoever is in the middle of something, while time stands still. False where
    /// nothing is under way.
    func deliverNext() -> Bool {
        guard !underWay.isEmpty else { return false }
        underWay.removeFirst().arrive()
        return true
    }

    private func fail(_ number: Int, _ why: String) {
        settle(number, .failed(.unreachable("the collector: \(why)")))
    }

    private func settle(_ number: Int, _ answer: Answer) {
        waiting.removeValue(forKey: number)?.continuation.resume(returning: answer)
    }

    /// Whoever waited on a machine is gone.
    func abandon(_ machine: String) {
        for number in waiting.keys.sorted() where waiting[number]!.machine == machine {
            fail(number, "the agent is gone")
        }
    }
}

/// The way from one machine to the collector.
struct SimulatedTransport: Transport {
    let network: SimulatedNetwork
    let machine: String

    func state(of segment: Identity128) async throws(ShippingError) -> RemoteSegment {
        switch await network.exchange(.state(segment), from: machine) {
        case .state(let remote): return remote
        case .failed(let error): throw error
        case .appended: preconditionFailure("an answer to another request")
        }
    }

    func append(
        _ bytes: [UInt8], to segment: Identity128, at offset: Int
    ) async throws(ShippingError) -> Acknowledgement {
        switch await network.exchange(.append(bytes, segment, offset), from: machine) {
        case .appended(let acknowledgement): return acknowledgement
        case .failed(let error): throw error
        case .state: preconditionFailure("an answer to another request")
        }
    }
}
