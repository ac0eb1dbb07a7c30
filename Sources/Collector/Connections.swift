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
    private let open = Mutex<[ObjectIdentifier: Connection]>([:])

    /// A connection that has come; nil where there is no room even in the reserve.
    func add(_ channel: any Channel) -> Connection? {
        let peer = channel.remoteAddress?.ipAddress ?? ""
        let connection: Connection
        if (try? usual.enter(peer)) != nil {
            connection = Connection(peer: peer, isReserve: false)
        } else if (try? reserve.enter(peer)) != nil {
            connection = Connection(peer: peer, isReserve: true)
        } else {
            return nil
        }
        open.withLock { $0[ObjectIdentifier(channel)] = connection }
        return connection
    }

    func remove(_ channel: any Channel) {
        guard let connection = open.withLock({ $0.removeValue(forKey: ObjectIdentifier(channel)) })
        else { return }
        connection.leave()
        (connection.isReserve ? reserve : usual).leave(connection.peer)
    }

    /// The connection of a channel; one that is gone where it has been closed.
    subscript(channel: any Channel) -> Connection {
        if let connection = open.withLock({ $0[ObjectIdentifier(channel)] }) { return connection }
        let connection = Connection(peer: "", isReserve: true)
        connection.leave()
        return connection
    }
}
