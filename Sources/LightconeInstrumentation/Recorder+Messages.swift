import Recording
import Tracing

extension Recorder {
    /// The message that a carrier belongs to, not recorded yet. Nil where it has no token, or none that is one: then an event
    /// says that a message came all the same, and why its token was refused. O(length of the header).
    func arrival<Carrier, Extract: Extractor>(of carrier: Carrier, using extractor: Extract)
        -> Arrival?
    where Extract.Carrier == Carrier {
        guard let header = extractor.extract(key: Token.headerName, from: carrier) else {
            return nil
        }
        // A proxy that passes on all headers sends its caller's token too. Several headers of one name arrive joined by
        // commas, the one that was added last at the end: that is whom the message comes from.
        let comma = header.lastIndex(of: ",").map { header.index(after: $0) }
        let text = header[(comma ?? header.startIndex)...].drop { $0 == " " }
        do throws(TokenError) {
            let traceparent = extractor.extract(key: Traceparent.headerName, from: carrier)
            return Arrival(
                try Token(text), traceparent: traceparent.flatMap { Traceparent($0) },
                recorder: self)
        } catch {
            receiveUnreadable(
                "token refused", "a message came with \(error)", level: .warning,
                attributes: ["lightcone.refused": .text(error.message)])
            return nil
        }
    }

    /// Records that a message leaves `context`, and writes its token into the carrier, where it may travel to the context's destination.
    func send<Carrier, Inject: Injector>(
        from context: ServiceContext, traceparent: Traceparent? = nil, to hosts: TokenHosts,
        into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        var scope = context.enter()
        if let traceparent { scope.traceparent = traceparent }
        var attributes: Attributes = ["phase": "send"]
        scope.describe(&attributes)
        let destination = context.lightconeDestination
        let isAllowed = destination.map(hosts.allows) ?? hosts.allowsUnknown
        if !isAllowed {
            attributes.add("lightcone.withheld", .text(destination ?? "a host that is not known"))
        }
        let token = send(
            scope.span.map { EventName($0.operationName) } ?? "message", "sent",
            attributes: attributes)
        guard isAllowed else { return }
        injector.inject(token.text, forKey: Token.headerName, into: &carrier)
    }
}
