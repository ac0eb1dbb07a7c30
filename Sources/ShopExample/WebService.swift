import AsyncHTTPClient
import Hummingbird
import Logging

/// The shop: orders what somebody buys, and hears of it when it is packed.
struct WebService {
    /// The address of the orders service.
    let orders: String
    let client = HTTPClient.shared

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: TracingMiddleware())
        router.post("buy/:item") { request, context in
            let item = try context.parameters.require("item")
            let port = request.head.authority?.split(separator: ":").last ?? "80"
            context.logger.info("buying", metadata: ["item": "\(item)"])

            var order = HTTPClientRequest(url: "\(orders)/orders/\(item)?notify=\(port)")
            order.method = .POST
            let response = try await client.execute(order, timeout: .seconds(30))
            guard response.status == .created else {
                context.logger.error("not ordered", metadata: ["status": "\(response.status)"])
                throw HTTPError(.badGateway)
            }
            return "\(item) is packed\n"
        }
        router.post("packed/:item") { _, context in
            let item = try context.parameters.require("item")
            context.logger.info("packed", metadata: ["item": "\(item)"])
            return HTTPResponse.Status.noContent
        }
        return router
    }
}
