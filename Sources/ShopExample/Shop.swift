import ArgumentParser
import Glibc
import Hummingbird
import LightconeInstrumentation
import Logging
import Recording
import Tracing

/// Two HTTP services, to see how their requests become message edges:
///
///     shop-example orders                                    # prints its address
///     shop-example web --orders http://127.0.0.1:PORT        # prints its own
///     curl -X POST http://127.0.0.1:PORT/buy/lamp
///     lightcone timeline                                     # where an agent takes the spool to a collector
///
/// This file is all that knows of Lightcone. The services log, serve through Hummingbird and ask through AsyncHTTPClient, as
/// they would without it.
///
/// Requests carry a token, since AsyncHTTPClient's `async` calls inject into them and Hummingbird's `TracingMiddleware`
/// extracts. Responses carry none, since neither framework injects into responses: that the shop got its answer orders
/// nothing. The orders service calls the shop back, and that request does.
@main
struct Shop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shop-example", abstract: "Two services whose requests become message edges.",
        subcommands: [OrdersCommand.self, WebCommand.self])
}

struct OrdersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "orders", abstract: "Takes orders, and tells the shop when they are packed.")

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        options.bootstrap(process: "shop/orders")
        try await options.serve(OrdersService().router(), label: "orders")
    }
}

struct WebCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "web", abstract: "The shop: orders what somebody buys.")

    @Option(help: "Where the orders service listens, such as http://127.0.0.1:4711.")
    var orders: String

    @OptionGroup var options: ServiceOptions

    func run() async throws {
        options.bootstrap(process: "shop/web")
        try await options.serve(WebService(orders: orders).router(), label: "web")
    }
}

struct ServiceOptions: ParsableArguments {
    @Option(help: "The port on 127.0.0.1; 0 lets the machine choose.")
    var port = 0

    @Option(
        help: "The folder shared with the agent of this host; else LIGHTCONE_SPOOL, or a default.")
    var spool: String?

    func bootstrap(process: String) {
        let recorder = Recorder(process: process, spool: spool)
        InstrumentationSystem.bootstrap(LightconeTracer(recorder: recorder))
        LoggingSystem.bootstrap { label in
            MultiplexLogHandler([
                StreamLogHandler.standardError(label: label),
                LightconeLogHandler(label: label, recorder: recorder),
            ])
        }
    }

    /// Serves until SIGTERM or SIGINT; says on standard output where.
    func serve(_ router: Router<BasicRequestContext>, label: String) async throws {
        let application = Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
            onServerRunning: { channel in
                print("http://127.0.0.1:\(channel.localAddress?.port ?? 0)")
                fflush(nil)
            },
            logger: Logger(label: label))
        try await application.runService()
    }
}
