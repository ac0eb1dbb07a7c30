import Tracing

/// What a W3C trace context calls a span: the ids by which a tracing system finds it.
///
/// W3C Trace Context, section 3.2: `version "-" trace-id "-" parent-id "-" trace-flags`, in lower-case hexadecimal digits. A
/// higher version may go on after that; version ff and ids of zeros only are invalid.
struct Traceparent: Hashable, Sendable {
    let traceID: String
    let spanID: String

    static let headerName = "traceparent"

    /// Reads the header's text, from whoever sent it. Looks at 56 bytes at most.
    init?(_ header: String) {
        let bytes = Array(header.utf8.prefix(56))
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash else {
            return nil
        }
        let (version, trace, span) = (bytes[0..<2], bytes[3..<35], bytes[36..<52])
        guard [version, trace, span, bytes[53..<55]].allSatisfy({ $0.allSatisfy(Self.isDigit) }),
            trace.contains(where: { $0 != UInt8(ascii: "0") }),
            span.contains(where: { $0 != UInt8(ascii: "0") }),
            !version.elementsEqual("ff".utf8),
            bytes.count == 55 || bytes[55] == dash && !version.elementsEqual("00".utf8)
        else { return nil }
        traceID = String(decoding: trace, as: UTF8.self)
        spanID = String(decoding: span, as: UTF8.self)
    }

    /// The ids of a context's span in another tracing system: what `instrument` would send along. Nil where that is no
    /// `traceparent`. Costs an injection, which the instrument may count as one.
    init?(of context: ServiceContext, by instrument: any Instrument) {
        var header: String?
        instrument.inject(context, into: &header, using: Catcher())
        guard let header else { return nil }
        self.init(header)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Keeps one header of those that are injected.
    private struct Catcher: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout String?) {
            if key.lowercased() == headerName { carrier = value }
        }
    }
}
