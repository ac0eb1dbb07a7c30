import Hummingbird
import NIOCore

/// A request, and the channel that it came through.
struct CollectorContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// Who asks, once that was found out.
    var requester = Requester.local
    /// Whether who asks may still: for answers that go on.
    var isLetIn: @Sendable () async -> Bool = { true }

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// Tells those who came beyond their share how the collector is, and nothing else.
struct ReserveMiddleware: RouterMiddleware {
    let connections: Connections

    func handle(
        _ request: Request, context: CollectorContext,
        next: (Request, CollectorContext) async throws -> Response
    ) async throws -> Response {
        let isHealth = request.uri.path == "/healthz" || request.uri.path == "/readyz"
        if !isHealth, connections[context.channel].isReserve {
            throw Problem(
                .tooManyRequests, "too many connections are open, of this address or of all",
                retryAfterSeconds: Limits.retrySeconds)
        }
        return try await next(request, context)
    }
}
