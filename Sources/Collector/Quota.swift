import Synchronization

/// Counts what is under way in all and for each peer, up to a limit each, so that one peer cannot take everybody's share.
final class Quota: Sendable {
    enum Refusal: Error {
        case everybodyTogether(max: Int)
        case thisPeer(max: Int)
    }

    private struct Counts {
        var total = 0
        var byPeer: [String: Int] = [:]
    }

    private let max: Int
    private let peerMax: Int
    private let counts = Mutex(Counts())

    init(max: Int, peerMax: Int) {
        self.max = max
        self.peerMax = peerMax
    }

    /// One of what is counted: until nobody holds it any more.
    final class Share: Sendable {
        private let quota: Quota
        private let peer: String

        fileprivate init(_ quota: Quota, _ peer: String) {
            self.quota = quota
            self.peer = peer
        }

        deinit { quota.leave(peer) }
    }

    /// Throws where a limit is reached.
    func enter(_ peer: String) throws(Refusal) -> Share {
        let refusal = counts.withLock { counts -> Refusal? in
            if counts.byPeer[peer, default: 0] >= peerMax { return .thisPeer(max: peerMax) }
            if counts.total >= max { return .everybodyTogether(max: max) }
            counts.total += 1
            counts.byPeer[peer, default: 0] += 1
            return nil
        }
        if let refusal { throw refusal }
        return Share(self, peer)
    }

    /// The same; a problem that names `things` where a limit is reached.
    func enter(_ peer: String, _ things: String) throws -> Share {
        do { return try enter(peer) } catch { throw error.problem(things) }
    }

    private func leave(_ peer: String) {
        counts.withLock { counts in
            counts.total -= 1
            let left = counts.byPeer[peer, default: 1] - 1
            counts.byPeer[peer] = left == 0 ? nil : left
        }
    }
}

extension Quota.Refusal {
    /// What a client is told that came for one more of `things`.
    fileprivate func problem(_ things: String) -> Problem {
        switch self {
        case .everybodyTogether(let max):
            Problem(
                .serviceUnavailable, "\(max) \(things) are under way",
                retryAfterSeconds: Limits.retrySeconds)
        case .thisPeer(let max):
            Problem(
                .tooManyRequests, "\(max) \(things) of this address are under way",
                retryAfterSeconds: Limits.retrySeconds)
        }
    }
}
