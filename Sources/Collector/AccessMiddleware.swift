import Access
import Causality
import HTTPTypes
import Hummingbird
import Logging
import NIOSSL
import Shipping

extension HTTPField.Name {
    fileprivate static let secFetchSite = HTTPField.Name("Sec-Fetch-Site")!
}

/// Finds out who asks, and lets nobody further who may not come.
///
/// Without TLS a collector listens to its own machine alone, whose programs all may: but no page of a stranger that a browser of
/// this machine shows, which is told by `Host` and `Origin`.
struct AccessMiddleware: RouterMiddleware {
    /// Nil: without TLS.
    let control: AccessControl?
    let logger: Logger

    /// What is for everybody.
    private static let open: Set = [
        "/", "/healthz", "/readyz", "/v1/authority", "/v1/enroll", "/v1/login", "/v1/logout",
    ]

    func handle(
        _ request: Request, context: CollectorContext,
        next: (Request, CollectorContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        try checkOrigin(of: request)
        guard let control else {
            try checkHost(of: request)
            return try await next(request, context)
        }
        context.requester = .stranger
        let path = request.uri.path
        // What is none of these, however it is spelt, is for those who may come; and each route looks who it is.
        if Self.open.contains(path) || path.hasPrefix("/page/") {
            return try await next(request, context)
        }
        do {
            let isUpload = path.hasPrefix("/v1/segments/")
            let isAgents = path == "/v1/renew" || path == "/v1/token-keys"
            if (isUpload && request.headers[.authorization] == nil) || isAgents {
                context.requester = .agent(host: try await host(context, control))
            } else {
                context.requester = try await reader(request, &context, control)
            }
        } catch let problem as Problem {
            logger.notice(
                "refused",
                metadata: [
                    "path": "\(printable(path))", "why": "\(problem.detail)",
                    "peer": "\(context.channel.remoteAddress?.ipAddress ?? "")",
                ])
            throw problem
        }
        return try await next(request, context)
    }

    /// The host whose agent has the connection.
    private func host(
        _ context: CollectorContext, _ control: AccessControl
    ) async throws -> String {
        let certificate = try await context.channel.nioSSL_peerCertificate().get()
        guard let certificate else {
            throw Problem(
                .unauthorized,
                "expected the certificate of an agent: enrol the host with lightcone agent enroll")
        }
        guard let (host, serial) = try? Authority.host(ofDER: certificate.toDERBytes()), let host
        else { throw Problem(.forbidden, "the certificate is not that of a host") }
        let isLetIn = try await control.find {
            $0.refusal(host: host, serial: serial, now: .now) == nil ? true : nil
        }
        if isLetIn == nil {
            let refusal = try await control.find {
                $0.refusal(host: host, serial: serial, now: .now)
            }
            throw Problem(.forbidden, refusal ?? "host \(printable(host)) may not come")
        }
        return host
    }

    private func reader(
        _ request: Request, _ context: inout CollectorContext, _ control: AccessControl
    ) async throws -> Requester {
        let bearer = "Bearer "
        let header = request.headers[.authorization]
        let token =
            header.flatMap { $0.hasPrefix(bearer) ? String($0.dropFirst(bearer.count)) : nil }
            ?? LoginRoutes.token(of: request)
        var denied = Problem(
            .unauthorized,
            token == nil
                ? "expected a token: give --token-file, LIGHTCONE_TOKEN, or log in on the page"
                : "the token is not one of this collector, has expired, or was revoked")
        denied.headers[.wwwAuthenticate] = "Bearer"
        guard let token,
            let (name, scopes) = try await control.find({ $0.reader(token, now: .now) })
        else { throw denied }
        context.isLetIn = {
            (try? await control.find { $0.reader(token, now: .now) }) != nil
        }
        let requester = Requester.reader(name: name, scopes: scopes)
        guard let executions = try requester.executions() else { return requester }
        // What may not be seen is as if it were not there.
        let asked = FormQuery.parameters(request.uri.query ?? "")["execution"]
        guard !asked.isEmpty || request.uri.path == "/v1/executions" else {
            throw Problem(
                .badRequest,
                "this token is for \(executions.joined(separator: ", ")): name the execution")
        }
        for name in asked where !executions.contains(where: { ExactText.isSame($0, name) }) {
            throw Problem(.notFound, "no execution “\(printable(name))” here")
        }
        return requester
    }

    /// A page that somebody else serves asks nothing here: its requests name where it is from.
    private func checkOrigin(of request: Request) throws {
        if let origin = request.headers[.origin] {
            let host = request.head.authority ?? ""
            guard origin == "https://\(host)" || origin == "http://\(host)" else {
                throw Problem(
                    .forbidden, "a page of \(printable(origin)) may not ask this collector")
            }
        }
        if request.headers[.secFetchSite] == "cross-site", request.uri.path.hasPrefix("/v1/") {
            throw Problem(.forbidden, "a page of another site may not ask this collector")
        }
    }

    /// A name that a stranger's server gave this machine is none of its own.
    private func checkHost(of request: Request) throws {
        let authority = request.head.authority ?? ""
        let address = ListenAddress(authority) ?? ListenAddress(authority + ":80")
        guard authority.isEmpty || address?.isLoopback == true else {
            throw Problem(
                .forbidden,
                "expected to be asked as localhost or 127.0.0.1, found \(printable(authority))")
        }
    }
}
