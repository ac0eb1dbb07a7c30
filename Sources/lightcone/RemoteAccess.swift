import Access
import ArgumentParser
import AsyncHTTPClient
import FoundationEssentials
import Shipping
import Synchronization

/// With what a collector is asked that speaks TLS.
struct RemoteAccess: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the token that a collector wants (default: $LIGHTCONE_TOKEN).",
            valueName: "file"), completion: .file())
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "A file with the certificate of the collector's authority: authority.pem in its folder access (default: $LIGHTCONE_AUTHORITY, or those that the system trusts).",
            valueName: "file"), completion: .file())
    var authority: String?

    /// The token; nil where none is given.
    func token() throws -> String? {
        let environment = ProcessInfo.processInfo.environment
        if let tokenFile {
            return try SecretFile.text(tokenFile, isSecret: true).filter { !$0.isWhitespace }
        }
        return environment["LIGHTCONE_TOKEN"].flatMap { $0.isEmpty ? nil : $0 }
    }

    private func credentials() throws -> Credentials? {
        let variable = ProcessInfo.processInfo.environment["LIGHTCONE_AUTHORITY"] ?? ""
        guard let path = authority ?? (variable.isEmpty ? nil : variable) else { return nil }
        return Credentials(authorities: try SecretFile.text(path, isSecret: false))
    }

    /// One client for all that a command asks.
    ///
    /// - Parameter readSeconds: How long it waits for the next bytes; nil: for ever.
    func client(readSeconds: Int? = nil) throws -> HTTPClient {
        let credentials = try credentials()
        if credentials == nil, readSeconds == nil { return HTTPTransport.client }
        let client = try (credentials ?? Credentials()).client(readSeconds: readSeconds)
        Self.clients.withLock { $0.append(client) }
        return client
    }

    /// Those that this process made: they end with it.
    private static let clients = Mutex<[HTTPClient]>([])
}
