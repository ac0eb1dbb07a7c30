import Access
import AsyncHTTPClient
import Causality
import Disks
import FoundationEssentials
import Journals
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Shipping
import Synchronization

/// How the agent of a host gets its certificate from a collector, and keeps it good.
package struct Enrolment: Sendable {
    let collector: String
    let folder: AgentFolder
    private let data: String

    /// - Parameters:
    ///   - collector: Its URL.
    ///   - data: The agent's data folder.
    package init(collector: String, data: String) {
        self.collector = collector.hasSuffix("/") ? String(collector.dropLast()) : collector
        folder = AgentFolder(data: data)
        self.data = data
    }

    /// The key with which the agent signs, which its certificate's request names.
    private func signer() throws -> String {
        try RealDisk().make(folder: data)
        return hexadecimal(try SegmentLog.key(in: data, on: RealDisk()).publicKey)
    }

    /// Gets the certificate of a host with a token of `lightcone enroll-token`, which names the host, and the authority that the
    /// collector must have. Returns the name of the host.
    package func enrol(_ token: String) async throws -> String {
        guard collector.hasPrefix("https://") else {
            throw AgentError("collector: expected https://…, found “\(printable(collector))”")
        }
        let token = token.filter { !$0.isWhitespace }
        let fingerprint = token.suffix(64)
        guard fingerprint.utf8.count == 64, token.dropLast(64).last == "_",
            let secret = Secret(token.dropLast(65), prefix: Registry.enrolmentPrefix)
        else { throw AgentError("token: expected one that lightcone enroll-token made") }
        // Whoever answers: the authority is the one that the token names, or else nothing is told.
        let authority = try await asking(Credentials(isAnybodyTrusted: true)) { client in
            try await text(of: HTTPClientRequest(url: collector + "/v1/authority"), client).body
        }
        guard try Authority.fingerprint(ofPEM: authority) == String(fingerprint) else {
            throw AgentError(
                "\(collector) has another authority than the one of the token: is it the right collector?"
            )
        }
        let (request, key) = try Authority.request()
        let answer = try await asking(Credentials(authorities: authority)) { client in
            try await text(
                of: post(
                    "enroll",
                    [
                        "request": request, "token": secret.text(Registry.enrolmentPrefix),
                        "signer": try signer(),
                    ]), client)
        }
        let kept = AgentFolder.Kept(
            authority: authority, own: CertifiedKey(certificates: answer.body, key: key))
        try folder.keep(kept)
        try await folder.keep(tokenKeys(kept))
        guard let host = try Authority.host(ofPEM: answer.body) else {
            throw AgentError("\(collector) has given a certificate that is none of a host")
        }
        return host
    }

    /// Gets another certificate in the place of the one that is kept.
    func renew(_ kept: AgentFolder.Kept) async throws {
        let (request, key) = try Authority.request()
        let answer = try await asking(Credentials(kept)) { client in
            try await text(of: post("renew", ["request": request, "signer": try signer()]), client)
        }
        try folder.keep(
            AgentFolder.Kept(
                authority: kept.authority, own: CertifiedKey(certificates: answer.body, key: key)))
    }

    /// What programs of this host seal the tokens of messages with.
    func tokenKeys(_ kept: AgentFolder.Kept) async throws -> TokenKeys {
        let answer = try await asking(Credentials(kept)) { client in
            try await text(of: HTTPClientRequest(url: collector + "/v1/token-keys"), client)
        }
        guard let keys = TokenKeys(text: answer.body) else {
            throw AgentError("\(collector) has given something else than keys of tokens")
        }
        return keys
    }

    private func post(_ path: String, _ body: [String: String]) throws -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "\(collector)/v1/\(path)")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        return request
    }

    private func asking<Value>(
        _ credentials: Credentials, _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        let client = try credentials.client()
        do {
            let value = try await body(client)
            try await client.shutdown()
            return value
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    private struct ProblemText: Decodable { var detail: String }

    private func text(
        of request: HTTPClientRequest, _ client: HTTPClient
    ) async throws -> (status: UInt, body: String) {
        let response: HTTPClientResponse
        let body: ByteBuffer
        do {
            response = try await client.execute(request, timeout: .seconds(30))
            body = try await response.body.collect(upTo: 1 << 20)
        } catch {
            throw AgentError("cannot reach \(collector): \(HTTPTransport.reason(error))")
        }
        guard response.status == .ok else {
            let problem = try? JSONDecoder().decode(
                ProblemText.self, from: Data(body.readableBytesView))
            throw AgentError(
                "\(collector): \(problem?.detail ?? "it answered with status \(response.status.code)")"
            )
        }
        return (response.status.code, String(buffer: body))
    }
}

extension Credentials {
    init(_ kept: AgentFolder.Kept) {
        self.init(authorities: kept.authority, own: (kept.own.certificates, kept.own.key))
    }
}

/// The client of an agent whose host was enrolled, with the certificate that it has now; renews that in time, and sees to it that
/// programs have the keys of tokens.
final class CertificateKeeper: Service {
    private let enrolment: Enrolment
    private let spool: SpoolFolder
    private let logger: Logger
    private let state: Mutex<(kept: AgentFolder.Kept, client: HTTPClient)>

    /// Nil where the host was not enrolled, or TLS is not spoken: then anybody's client will do.
    init?(_ configuration: AgentConfiguration, data: String, logger: Logger) throws {
        enrolment = Enrolment(collector: configuration.collector, data: data)
        spool = configuration.spool
        self.logger = logger
        guard configuration.collector.hasPrefix("https://"),
            let kept = try enrolment.folder.kept()
        else { return nil }
        if let host = try Authority.host(ofPEM: kept.own.certificates),
            !ExactText.isSame(host, configuration.host)
        {
            throw AgentError(
                "host: the certificate in \(enrolment.folder.path) is that of \(printable(host)), found \(printable(configuration.host))"
            )
        }
        state = Mutex((kept, try Credentials(kept).client()))
    }

    var client: HTTPClient { state.withLock { $0.client } }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.look()
                await self.lookForTokenKeys()
                try? await Task.sleep(for: .seconds(Limits.certificateLookSeconds))
            }
        }
    }

    /// The keys that the collector gave last.
    func tokenKeys() throws -> TokenKeys? { try enrolment.folder.tokenKeys() }

    private func lookForTokenKeys() async {
        do {
            let keys = try await enrolment.tokenKeys(state.withLock { $0.kept })
            if try tokenKeys() != keys { try enrolment.folder.keep(keys) }
            try spool.leave(tokenKeys: keys)
        } catch {
            logger.warning(
                "cannot get the keys of message tokens: the ones before go on",
                metadata: ["why": "\(error)"])
        }
    }

    private func look() async {
        do {
            let kept = state.withLock { $0.kept }
            if try Authority.isDue(pem: kept.own.certificates, now: .now()) {
                try await enrolment.renew(kept)
                logger.notice("the host has a new certificate")
            }
            // Somebody may have enrolled it again.
            guard let fresh = try enrolment.folder.kept(), fresh != kept else { return }
            let client = try Credentials(fresh).client()
            let old = state.withLock { state in
                defer { state = (fresh, client) }
                return state.client
            }
            try await old.shutdown()
        } catch {
            logger.warning("cannot renew the host's certificate", metadata: ["why": "\(error)"])
        }
    }
}
