import AsyncHTTPClient
import NIOCore
import NIOSSL

/// What a client of a collector trusts, and shows of itself: certificates and keys as PEM.
package struct Credentials: Sendable {
    /// The certificates of the authorities that may vouch for the collector; nil: those that the system trusts.
    package var authorities: String?
    /// The client's own certificates, the first its own, and its key; nil: it shows none.
    package var own: (certificates: String, key: String)?

    /// Whether whoever answers is believed to be whom he says he is: for what is public, or is checked otherwise.
    private var isAnybodyTrusted = false

    package init(authorities: String? = nil, own: (certificates: String, key: String)? = nil) {
        self.authorities = authorities
        self.own = own
    }

    package init(isAnybodyTrusted: Bool) { self.isAnybodyTrusted = isAnybodyTrusted }

    /// TLS 1.3 to a collector, whose certificate must be right for its name.
    package func configuration() throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        if isAnybodyTrusted { tls.certificateVerification = .none }
        if let authorities {
            tls.trustRoots = .certificates(
                try NIOSSLCertificate.fromPEMBytes(Array(authorities.utf8)))
        }
        if let own {
            tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(Array(own.certificates.utf8))
                .map { .certificate($0) }
            tls.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(own.key.utf8), format: .pem))
        }
        return tls
    }

    /// A client that says at once that nobody answers: whoever uses it knows better when to try again.
    ///
    /// - Parameter readSeconds: How long it waits for the next bytes; nil: for ever.
    package func client(readSeconds: Int? = nil) throws -> HTTPClient {
        var configuration = HTTPClient.Configuration(tlsConfiguration: try self.configuration())
        configuration.timeout.connect = .seconds(Int64(Limits.connectSecondsMax))
        if let readSeconds { configuration.timeout.read = .seconds(Int64(readSeconds)) }
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }
}
