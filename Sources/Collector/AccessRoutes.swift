import Access
import Causality
import FoundationEssentials
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Segments

/// `GET /v1/authority`, `POST /v1/enroll` and `POST /v1/renew`: how agents get their certificates; `GET /v1/token-keys`: what their
/// programs seal the tokens of messages with.
struct AccessRoutes: Sendable {
    let control: AccessControl
    let logger: Logger

    func add(to router: Router<CollectorContext>) {
        addTokenKeys(to: router)
        router.get("/v1/authority") { [control] _, _ in
            let pem = try await control.threads.runIfActive { try control.folder.authorityPEM() }
            return pemResponse(pem)
        }
        router.post("/v1/enroll") { request, context in
            let bytes = try await request.body.collect(upTo: Limits.accessRequestBytesMax)
            let body = try Self.decode(Enrolment.self, bytes)
            guard let secret = Secret(body.token, prefix: Registry.enrolmentPrefix) else {
                throw Problem(.badRequest, "token: expected one of lightcone enroll-token")
            }
            // Who tries at random keeps nobody from the folder.
            guard try await control.find({ $0.has(secret) ? true : nil }) != nil else {
                throw Problem(.forbidden, "there is no such enrolment token")
            }
            return try await issue(body.request, body.signer, of: context) {
                registry throws(AccessError) in
                try registry.enrol(secret, now: .now)
            }
        }
        router.post("/v1/renew") { request, context in
            guard case .agent(let host) = context.requester else {
                throw Problem(.unauthorized, "expected the certificate of an agent")
            }
            let bytes = try await request.body.collect(upTo: Limits.accessRequestBytesMax)
            let body = try Self.decode(Renewal.self, bytes)
            return try await issue(body.request, body.signer, of: context, renewing: host) { _ in
                host
            }
        }
    }

    private func addTokenKeys(to router: Router<CollectorContext>) {
        router.get("/v1/token-keys") { [control] _, context in
            guard case .agent = context.requester else {
                throw Problem(.unauthorized, "expected the certificate of an agent")
            }
            let keys = try await control.threads.runIfActive {
                try control.folder.tokenKeys(now: .now)
            }
            return Response(
                status: .ok,
                headers: [.contentType: "text/plain; charset=utf-8", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: keys.text)))
        }
    }

    private struct Enrolment: Decodable {
        var token: String
        var request: String
        var signer: String
    }

    private struct Renewal: Decodable {
        var request: String
        /// The key with which the agent signs what it records, in hexadecimal digits.
        var signer: String
    }

    private static func decode<Body: Decodable>(_: Body.Type, _ bytes: ByteBuffer) throws -> Body {
        do {
            return try JSONDecoder().decode(Body.self, from: Data(bytes.readableBytesView))
        } catch {
            throw Problem(.badRequest, "expected a JSON object with token, request and signer")
        }
    }

    /// Issues a certificate for the host that `admit` names, and notes it: both or neither.
    private func issue(
        _ request: String, _ signer: String, of context: CollectorContext, renewing: String? = nil,
        _ admit: @escaping @Sendable (inout Registry) throws(AccessError) -> String
    ) async throws -> Response {
        guard HeadSignature.key(hex: signer) != nil else {
            throw Problem(.badRequest, "signer: expected an Ed25519 key of 64 hexadecimal digits")
        }
        do {
            let (pem, host) = try await control.threads.runIfActive { [control] in
                try control.folder.change { registry in
                    let host = try admit(&registry)
                    let issued = try control.folder.authority().issue(
                        host: host, request: request, now: .now)
                    registry.note(
                        serial: issued.serial, of: host, expires: issued.expires, signer: signer,
                        isEnrolment: renewing == nil, now: .now)
                    return (issued.pem, host)
                }
            }
            logger.notice(
                renewing == nil ? "enrolled" : "renewed", metadata: ["host": "\(printable(host))"])
            var response = pemResponse(pem)
            response.headers[.init("Lightcone-Host")!] = String.escaped(host)
            return response
        } catch let error as AccessError {
            logger.notice(
                "refused to enrol",
                metadata: [
                    "why": "\(error)",
                    "peer": "\(context.channel.remoteAddress?.ipAddress ?? "")",
                ])
            throw Problem(.forbidden, error.text)
        }
    }

    private func pemResponse(_ pem: String) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/x-pem-file", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: pem)))
    }
}

/// `POST /v1/login` and `POST /v1/logout`: a browser gets a cookie in exchange for a reader's token, which no script can read.
struct LoginRoutes: Sendable {
    let control: AccessControl
    private static let cookie = "lightcone-token"

    /// The token that a browser brings.
    static func token(of request: Request) -> String? {
        for field in request.headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let pair = pair.drop { $0 == " " }
                if pair.hasPrefix(cookie + "=") { return String(pair.dropFirst(cookie.count + 1)) }
            }
        }
        return nil
    }

    func add(to router: Router<CollectorContext>) {
        router.post("/v1/login") { [control] request, _ in
            let bytes = try await request.body.collect(upTo: Limits.accessRequestBytesMax)
            let token = String(buffer: bytes).filter { !$0.isWhitespace }
            guard try await control.find({ $0.reader(token, now: .now) }) != nil else {
                throw Problem(
                    .unauthorized,
                    "the token is not one of this collector, has expired, or was revoked")
            }
            return Self.response(token, seconds: Limits.loginSeconds)
        }
        router.post("/v1/logout") { _, _ in Self.response("", seconds: 0) }
    }

    private static func response(_ token: String, seconds: Int) -> Response {
        Response(
            status: .noContent,
            headers: [
                .setCookie:
                    "\(cookie)=\(token); Path=/; Max-Age=\(seconds); Secure; HttpOnly; SameSite=Strict",
                .cacheControl: "no-store",
            ])
    }
}
