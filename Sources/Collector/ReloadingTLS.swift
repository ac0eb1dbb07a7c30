import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// TLS before another protocol, each connection with the certificate that the collector has when it comes.
struct ReloadingTLS<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    let control: AccessControl

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLServerHandler(context: control.tls))
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
