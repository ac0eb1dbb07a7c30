import Glibc
import Hummingbird
import NIOCore

/// A request to the local interface, and the channel that it came through.
package struct LocalContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    private let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The `struct ucred` of unix(7).
    private struct Credentials: Sendable {
        var process: Int32
        var user: UInt32
        var group: UInt32
    }

    /// The user of the program at the other end, as the system has it (SO_PEERCRED); nil where it does not tell, as of a port.
    func user() async throws -> UInt32? {
        guard let address = channel.localAddress, case .unixDomainSocket = address,
            let socket = channel as? any SocketOptionProvider
        else { return nil }
        let credentials: EventLoopFuture<Credentials> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return try await credentials.get().user
    }
}
