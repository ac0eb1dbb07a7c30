import Causality
import FoundationEssentials
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Shipping

/// The way in for programs in any language: HTTP on a Unix-domain socket in the spool and, if configured, a loopback port.
///
///     POST /v1/events   a line of JSON for each event (see `EventRequest`), at most 1,000 lines and 1 MiB
///                       → 200, a line {"id": …} for each, for sends {"id": …, "token": …}
///                       → 400 {"title", "status", "detail", "line", "field"}: nothing was recorded
///                         403 a browser's page asks (it sends an Origin): pages of strangers must not write what others believe;
///                             or the process is another user's (see `NameOwners`)
///                         429 as many processes as one user may have: come again after Retry-After
///                         413 too large · 503 too many processes, no room, or stopping: come again after Retry-After
///     GET /v1/redaction → 200, {"rule", "count"} for each rule of what is not recorded: how often it found something since
///                       the agent began
///     GET /healthz      → 200
package struct LocalInterface: Service {
    private let configuration: AgentConfiguration
    private let processes: LocalProcesses
    private let logger: Logger

    /// - Parameters:
    ///   - owners: Who may record under which name; nil: all may.
    ///   - processes: Nil: those that it opens itself.
    package init(
        _ configuration: AgentConfiguration, logger: Logger, owners: NameOwners? = nil,
        processes: LocalProcesses? = nil
    ) {
        self.configuration = configuration
        self.logger = logger
        self.processes = processes ?? LocalProcesses(configuration, owners: owners)
    }

    package func run() async throws {
        let socket = configuration.spool.socket
        // Left by an agent that was killed; this one holds the lock.
        unlink(socket)
        try await withThrowingTaskGroup { group in
            let local = application(.unixDomainSocket(path: socket)) { _ in
                // Whoever may write journals may also ask.
                chmod(socket, 0o666)
                logger.notice("local interface", metadata: ["socket": "\(socket)"])
            }
            group.addTask { try await local.run() }
            if let listen = configuration.listen, let address = ListenAddress(listen) {
                let port = application(.hostname(address.host, port: address.port)) { channel in
                    logger.notice(
                        "local interface",
                        metadata: [
                            "listen": "http://\(address.host):\(channel.localAddress?.port ?? 0)"
                        ])
                }
                group.addTask { try await port.run() }
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        try? await Task.sleep(for: .seconds(configuration.localIdleSeconds) / 4)
                        await processes.closeIdle()
                    }
                }
            }
            try await group.waitForAll()
        }
        await processes.close()
        unlink(socket)
    }

    private func application(
        _ address: BindAddress, onRunning: @escaping @Sendable (any Channel) -> Void
    ) -> some ApplicationProtocol {
        var idle = HTTP1Channel.Configuration(
            additionalChannelHandlers: [ContinueHandler(bodyBytesMax: Limits.requestBytesMax)])
        idle.idleTimeout = .seconds(Limits.localConnectionIdleSecondsMax)
        return Application(
            responder: responder(), server: .http1(configuration: idle),
            configuration: ApplicationConfiguration(
                address: address, serverName: "lightcone-agent",
                availableConnectionsDelegate: MaximumAvailableConnections(
                    Limits.localConnectionsMax)),
            onServerRunning: onRunning, logger: logger)
    }

    /// What answers a request, whichever way it came.
    package func responder() -> RouterResponder<LocalContext> {
        let router = Router(context: LocalContext.self)
        router.get("/healthz") { _, _ in "ok\n" }
        router.get("/v1/redaction") { _, _ in redactionCounts() }
        router.post("/v1/events") { request, context in
            await record(request, of: try await context.user() ?? configuration.listenUser)
        }
        return router.buildResponder()
    }

    private struct RedactionCount: Encodable {
        var rule: String
        var count: Int
    }

    private func redactionCounts() -> Response {
        let hits = configuration.redaction?.hits ?? []
        return respond(
            .ok, "application/x-ndjson",
            hits.map { json(RedactionCount(rule: $0.rule, count: $0.count)) })
    }

    private func record(_ request: Request, of user: UInt32) async -> Response {
        if let origin = request.headers[.origin] {
            return problem(
                .forbidden, "events are taken of programs, and this is a page of \(origin)")
        }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Limits.requestBytesMax)
        } catch {
            return problem(
                .contentTooLarge,
                "the body is too large, or was cut: expected at most \(Limits.requestBytesMax) bytes"
            )
        }
        let lines = Array(body.readableBytesView).split(separator: UInt8(ascii: "\n"))
            .filter { $0.contains { $0 > 0x20 } }.map(Array.init)
        guard !lines.isEmpty else {
            return problem(.badRequest, "no event: expected a line of JSON for each")
        }
        guard lines.count <= Limits.requestLinesMax else {
            return problem(
                .contentTooLarge,
                "\(lines.count) lines: expected at most \(Limits.requestLinesMax)")
        }
        do throws(LocalProcesses.Refusal) {
            let replies = try await processes.record(lines, of: user)
            return respond(.ok, "application/x-ndjson", replies.map { $0.json ?? json($0) })
        } catch {
            switch error {
            case .line(let line, let defect):
                return problem(
                    .badRequest, "line \(line): \(defect)", line: line, field: defect.field)
            case .refused(let line, let reason):
                logger.warning(
                    "an event is refused",
                    metadata: ["user": "\(user)", "why": "\(reason)"])
                return problem(
                    .forbidden, "line \(line): \(reason)", line: line, field: "process")
            case .tooManyOfUser:
                return problem(
                    .tooManyRequests,
                    "more than \(Limits.localProcessesOfUserMax) processes of user \(user)",
                    retryAfterSeconds: configuration.localIdleSeconds)
            case .tooManyProcesses:
                return problem(
                    .serviceUnavailable, "more than \(Limits.localProcessesMax) processes",
                    retryAfterSeconds: configuration.localIdleSeconds)
            case .lost(let count, let reason):
                return problem(
                    .serviceUnavailable,
                    "\(count) of \(lines.count) events could not be recorded: \(reason)",
                    retryAfterSeconds: 1)
            case .unnumbered(let reason):
                return problem(
                    .serviceUnavailable, "no event could be recorded: \(reason)",
                    retryAfterSeconds: 1)
            case .closed:
                return problem(.serviceUnavailable, "the agent is stopping", retryAfterSeconds: 1)
            }
        }
    }

    /// An error as RFC 9457 writes it, with the line and the field that are wrong.
    private struct ProblemDocument: Encodable {
        var type = "about:blank"
        var title: String
        var status: Int
        var detail: String
        var line: Int?
        var field: String?
    }

    private func problem(
        _ status: HTTPResponse.Status, _ detail: String, line: Int? = nil, field: String? = nil,
        retryAfterSeconds: Int? = nil
    ) -> Response {
        let document = ProblemDocument(
            title: status.reasonPhrase, status: status.code, detail: detail, line: line,
            field: field)
        var response = respond(status, "application/problem+json", [json(document)])
        if let retryAfterSeconds { response.headers[.retryAfter] = String(retryAfterSeconds) }
        return response
    }

    private func respond(
        _ status: HTTPResponse.Status, _ type: String, _ lines: [String]
    ) -> Response {
        var body = ByteBuffer()
        for line in lines {
            body.writeString(line)
            body.writeString("\n")
        }
        return Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: body))
    }

    private func json(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // What these types hold can always be written.
        let json = (try? encoder.encode(value)) ?? Data()
        return printableJSON(String(decoding: json, as: UTF8.self))
    }
}
