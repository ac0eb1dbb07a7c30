import Archiving
import HTTPTypes
import Hummingbird
import Logging
import NIOPosix
import Querying
import Shipping

/// `DELETE /v1/executions?execution=NAME`: drops an execution. Without TLS programs of this machine may, and no browser; else
/// whoever has a token of the scope admin.
struct DropRoute: Sendable {
    let archive: Archive
    let connections: Connections
    let threads: NIOThreadPool
    let logger: Logger

    private static let passedOn = ["forwarded", "x-forwarded-for", "via", "origin"]
        .compactMap { HTTPField.Name($0) }

    func add(to router: Router<CollectorContext>) {
        router.delete("/v1/executions") { request, context in
            // A proxy or a browser of this machine may ask for somebody else.
            let isForOthers = DropRoute.passedOn.contains { request.headers[$0] != nil }
            switch context.requester {
            case .local where isForOthers:
                throw Problem(
                    .forbidden, "executions are dropped by programs, of this machine itself")
            case let requester where !requester.isAdmin:
                throw Problem(.forbidden, "executions are dropped with a token of the scope admin")
            default: break
            }
            let parameters = FormQuery.parameters(request.uri.query ?? "")
            try parameters.expect(only: ["execution"])
            guard let execution = try parameters.one("execution") else {
                throw Problem(.badRequest, "expected a parameter execution")
            }
            let isJSON = request.headers[.accept]?.contains("text/plain") != true
            let text = try await drop(execution).text(isJSON: isJSON)
            return Response(
                status: .ok,
                headers: [
                    .contentType: isJSON ? "application/json" : "text/plain; charset=utf-8",
                    .cacheControl: "no-store",
                ], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        }
    }

    private func drop(_ execution: String) async throws -> DropAnswer {
        let dropped: Dropped?
        do {
            dropped = try await threads.runIfActive { [archive] in try archive.drop(execution) }
        } catch let error as ArchiveError {
            if case .busy = error {
                throw Problem(
                    .serviceUnavailable, "files are being replaced just now: try again",
                    retryAfterSeconds: Limits.retrySeconds)
            }
            throw error
        }
        guard let dropped else { throw DropAnswer.nothing(execution) }
        logger.notice(
            "dropped",
            metadata: ["execution": "\(execution)", "events": "\(dropped.eventCount)"])
        return DropAnswer(dropped)
    }
}
