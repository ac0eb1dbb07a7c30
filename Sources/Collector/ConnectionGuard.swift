import NIOCore
import NIOHTTPTypes

/// Closes connections that do not get on, and notes when a client has gone.
final class ConnectionGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let connections: Connections
    private var connection: Connection?
    private var clock = RequestClock(Limits.pace, now: .now())
    private var timer: (at: NIODeadline, task: Scheduled<Void>)?

    init(_ connections: Connections) { self.connections = connections }

    func handlerAdded(context: ChannelHandlerContext) {
        connection = connections.add(context.channel)
        let isReserve = connection?.isReserve != false
        clock = RequestClock(isReserve ? Limits.reservePace : Limits.pace, now: .now())
        if context.channel.isActive { channelBegins(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        channelBegins(context)
    }

    private func channelBegins(_ context: ChannelHandlerContext) {
        guard connection != nil else { return context.close(promise: nil) }
        watch(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.task.cancel()
        connections.remove(context.channel)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection?.leave()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: clock.headCame(now: .now())
        case .body(let bytes): clock.bodyCame(bytes: bytes.readableBytes)
        case .end: clock.requestEnded(now: .now())
        }
        watch(context)
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let isLast = if case .end = unwrapOutboundIn(data) { true } else { false }
        let sent = promise ?? context.eventLoop.makePromise()
        let bound = NIOLoopBound((guard: self, context: context), eventLoop: context.eventLoop)
        sent.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.clock.pieceSent(now: .now())
            // The reserve is for many who ask once.
            if isLast, handler.connection?.isReserve == true { context.close(promise: nil) }
        }
        clock.pieceQueued(now: .now())
        if isLast { clock.answerEnded(now: .now()) }
        watch(context)
        context.write(data, promise: sent)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            // Who has no more to say may still listen; but nearly always it is one who has left.
            connection?.leave()
        case is ChannelShouldQuiesceEvent:
            clock.shutDown(now: .now())
            watch(context)
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Sees to it that somebody looks when the deadline is there.
    private func watch(_ context: ChannelHandlerContext) {
        guard let deadline = clock.deadline, context.channel.isActive else { return }
        if let timer, timer.at <= deadline { return }
        timer?.task.cancel()
        let bound = NIOLoopBound((guard: self, context: context), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(deadline: deadline) {
            let (handler, context) = bound.value
            handler.timer = nil
            if let deadline = handler.clock.deadline, deadline <= .now() {
                context.close(promise: nil)
            } else {
                handler.watch(context)
            }
        }
        timer = (deadline, task)
    }
}

@available(*, unavailable)
extension ConnectionGuard: Sendable {}
