import Archiving
import HTTPTypes
import Hummingbird
import Logging
import NIOPosix
import Querying
import Shipping

/// `DELETE /v1/executions?execution=NAME`: drops an execution. Only programs of this machine may: there is no authentication yet,
/// and what is dropped does not come back.
struct DropRoute: Sendable {
    let archive: Archive
    let connections: Connections
    let threads: NIOThreadPool
    let logger: Logger

    private static let passedOn = ["forwarded", "x-forwarded-for", "via", "origin"]
        .compactMap { HTTPField.Name($0) }

    func add(to router: Router<CollectorContext>) {
        router.delete("/v1/executions") { request, context in
            let peer = connections[context.channel].peer
            let address = ListenAddress(peer.contains(":") ? "[\(peer)]:0" : "\(peer):0")
            // A proxy or a browser of this machine may ask for somebody else.
            let isForOthers = DropRoute.passedOn.contains { request.headers[$0] != nil }
            guard address?.isLoopback == true, !isForOthers else {
                throw Problem(
                    .forbidden,
                    "executions are dropped from the collector's own machine only, found \(peer)")
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
