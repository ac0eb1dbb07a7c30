import Access
import Causality
import FoundationEssentials
import Logging
import NIOPosix
import NIOSSL
import Segments
import Synchronization
import Transparency

/// Who may come to a collector that speaks TLS, and with which certificate it does. What commands change in the folder counts
/// within `Limits.accessLookSeconds`.
final class AccessControl: Sendable {
    let folder: AccessFolder
    let threads: NIOThreadPool
    private let state: Mutex<State>
    private let logger: Logger

    private struct State {
        var registry: Registry
        /// What the file said that it comes from.
        var text: String?
        var looked: ContinuousClock.Instant
        var own: CertifiedKey
        var tls: NIOSSLContext
    }

    /// Throws where the folder lacks something, or others can read its secrets.
    ///
    /// - Parameter threads: Where the folder is read and written.
    init(_ folder: AccessFolder, threads: NIOThreadPool, logger: Logger) throws {
        self.folder = folder
        self.threads = threads
        self.logger = logger
        let text = try folder.registryText()
        let own = try folder.collector(now: .now)
        state = Mutex(
            State(
                registry: try folder.registry(from: text), text: text, looked: .now, own: own,
                tls: try Self.context(own, authority: folder.authorityPEM())))
    }

    private static func context(_ own: CertifiedKey, authority: String) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMBytes(Array(own.certificates.utf8))
        let key = try NIOSSLPrivateKey(bytes: Array(own.key.utf8), format: .pem)
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        tls.minimumTLSVersion = .tlsv13
        // Agents show a certificate, readers a token.
        tls.certificateVerification = .optionalVerification
        tls.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(authority.utf8)))
        return try NIOSSLContext(configuration: tls)
    }

    /// With what the next connection is made.
    var tls: NIOSSLContext { state.withLock { $0.tls } }

    /// What `find` finds among those who may come: looked for again where it is nothing, since somebody may just have been let in.
    func find<Value: Sendable>(
        _ find: @escaping @Sendable (Registry) -> Value?
    ) async throws -> Value? {
        let known = state.withLock { state in
            .now - state.looked < .seconds(Limits.accessLookSeconds) ? find(state.registry) : nil
        }
        if let known { return known }
        return try await threads.runIfActive { find(self.look()) }
    }

    /// The hosts that may ship, and those that may not any more, for the log.
    func hosts() -> [LoggedHost] {
        look().hosts.map { host in
            LoggedHost(
                host: host.name, isAdmitted: host.revoked == nil,
                publicKeys: host.signers.compactMap { HeadSignature.key(hex: $0) })
        }
    }

    /// Who may come now. Its text is compared, since a file that takes another's place may look like that one. One at a time, on
    /// its own thread; nobody waits for the disk.
    private func look() -> Registry {
        let known = state.withLock { state in
            state.looked = .now
            return (text: state.text, registry: state.registry)
        }
        var (text, registry): (String?, Registry) = (nil, Registry())
        do {
            text = try folder.registryText()
            registry = text == known.text ? known.registry : try folder.registry(from: text)
        } catch {
            // Whoever was revoked by what cannot be read must not come in by what was read before.
            logger.error("cannot read who may come: nobody may", metadata: ["why": "\(error)"])
            (text, registry) = (nil, Registry())
        }
        state.withLock { ($0.text, $0.registry) = (text, registry) }
        return registry
    }

    /// Has the collector's certificate made anew where it is due, or read anew where it was changed.
    func refresh() {
        do {
            let own = try folder.collector(now: .now)
            guard state.withLock({ $0.own != own }) else { return }
            let tls = try Self.context(own, authority: folder.authorityPEM())
            state.withLock { ($0.own, $0.tls) = (own, tls) }
            logger.notice("the collector has a new certificate")
        } catch {
            logger.error("cannot renew the collector's certificate", metadata: ["why": "\(error)"])
        }
    }
}

/// Who asks.
enum Requester: Sendable {
    /// A program of this machine, of a collector that listens to this machine alone.
    case local
    /// Nobody in particular.
    case stranger
    case agent(host: String)
    case reader(name: String, scopes: [Scope])

    /// Which executions may be asked about; nil where all are. Throws for those who may not ask.
    func executions() throws(Problem) -> [String]? {
        switch self {
        case .local: return nil
        case .agent, .stranger: throw Problem(.unauthorized, "expected a token")
        case .reader(_, let scopes): return Self.executions(scopes)
        }
    }

    private static func executions(_ scopes: [Scope]) -> [String]? {
        var names: [String] = []
        for scope in scopes {
            guard case .read(let execution?) = scope else { return nil }
            names.append(execution)
        }
        return names
    }

    /// The host whose events may come; nil where those of all may. Throws for those who may not record.
    func host() throws(Problem) -> String? {
        switch self {
        case .local: return nil
        case .agent(let host): return host
        case .reader, .stranger:
            guard isAdmin else {
                throw Problem(
                    .forbidden, "segments are taken of agents, and of tokens of the scope admin")
            }
            return nil
        }
    }

    var isAdmin: Bool {
        switch self {
        case .local: true
        case .reader(_, let scopes): scopes.contains(.admin)
        case .agent, .stranger: false
        }
    }
}
