import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Tells a client that asks before it sends a body (`Expect: 100-continue`, RFC 9110, 10.1.1) to go on: others wait for that, some of
/// them for ever. Who announces more than may be sent is not told, and gets its refusal without having sent it.
package final class ContinueHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPRequestPart
    package typealias InboundOut = HTTPRequestPart
    package typealias OutboundIn = HTTPResponsePart
    package typealias OutboundOut = HTTPResponsePart

    private let bodyBytesMax: Int
    /// Requests whose answers have not ended.
    private var unanswered = 0

    /// - Parameter bodyBytesMax: bytes of the largest body that is taken.
    package init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let request) = unwrapInboundIn(data) {
            unanswered += 1
            // Behind another request it would stand in the middle of that one's answer.
            if unanswered == 1, isAsking(request) {
                let head = HTTPResponsePart.head(HTTPResponse(status: .continue))
                context.writeAndFlush(wrapOutboundOut(head), promise: nil)
            }
        }
        context.fireChannelRead(data)
    }

    package func write(
        context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
    ) {
        if case .end = unwrapOutboundIn(data) { unanswered -= 1 }
        context.write(data, promise: promise)
    }

    private func isAsking(_ request: HTTPRequest) -> Bool {
        guard request.headerFields[.expect]?.lowercased() == "100-continue" else { return false }
        guard let text = request.headerFields[.contentLength] else { return true }
        return (Int(text) ?? .max) <= bodyBytesMax
    }
}

@available(*, unavailable)
extension ContinueHandler: Sendable {}
