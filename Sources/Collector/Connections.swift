import NIOCore
import Synchronization

/// A connection as the routes see it.
final class Connection: Sendable {
    /// The address that it comes from.
    let peer: String
    /// True where it came beyond its peer's share, or everybody's: it is told how the collector is, and nothing else.
    let isReserve: Bool
    private let gone = Atomic(false)

    init(peer: String, isReserve: Bool) {
        self.peer = peer
        self.isReserve = isReserve
    }

    var isGone: Bool { gone.load(ordering: .relaxed) }
    func leave() { gone.store(true, ordering: .relaxed) }
}

/// All connections that are open.
final class Connections: Sendable {
    private let usual = Quota(max: Limits.connectionsMax, peerMax: Limits.connectionsOfPeerMax)
    private let reserve = Quota(max: Limits.reserveMax, peerMax: Limits.reserveOfPeerMax)
    private let open = Mutex<[ObjectIdentifier: (connection: Connection, share: Quota.Share)]>([:])

    /// A connection that has come; nil where there is no room even in the reserve.
    func add(_ channel: any Channel) -> Connection? {
        let peer = channel.remoteAddress?.ipAddress ?? ""
        let usual = try? usual.enter(peer)
        guard let share = usual ?? (try? reserve.enter(peer)) else { return nil }
        let connection = Connection(peer: peer, isReserve: usual == nil)
        open.withLock { $0[ObjectIdentifier(channel)] = (connection, share) }
        return connection
    }

    func remove(_ channel: any Channel) {
        open.withLock { $0.removeValue(forKey: ObjectIdentifier(channel)) }?.connection.leave()
    }

    /// The connection of a channel; one that is gone where it has been closed.
    subscript(channel: any Channel) -> Connection {
        let known = open.withLock { $0[ObjectIdentifier(channel)]?.connection }
        if let known { return known }
        let connection = Connection(peer: "", isReserve: true)
        connection.leave()
        return connection
    }
}
