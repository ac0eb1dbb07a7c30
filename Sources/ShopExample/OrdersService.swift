import AsyncHTTPClient
import Hummingbird
import Logging

/// Takes orders, packs them, and tells the shop.
struct OrdersService {
    /// Its tracing configuration takes the tracer that is bootstrapped when the client is first used.
    let client = HTTPClient.shared

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: TracingMiddleware())
        router.post("orders/:item") { request, context in
            let item = try context.parameters.require("item")
            // Its number only: nobody can have this service ask another machine.
            let shopPort = try request.uri.queryParameters.require("notify", as: UInt16.self)
            context.logger.info("order taken", metadata: ["item": "\(item)"])

            var packed = HTTPClientRequest(url: "http://127.0.0.1:\(shopPort)/packed/\(item)")
            packed.method = .POST
            let response = try await client.execute(packed, timeout: .seconds(30))
            context.logger.info(
                "shop told", metadata: ["item": "\(item)", "status": "\(response.status.code)"])
            return HTTPResponse.Status.created
        }
        return router
    }
}
