import Segments

/// The way to a collector: one of the two seams at which tests inject faults.
package protocol Transport: Sendable {
    /// How many bytes of a segment are durable there.
    func offset(of segment: Identity128) async throws(ShippingError) -> Int
    /// Appends whole blocks at `offset`; returns how many bytes are durable then.
    func append(_ bytes: [UInt8], to segment: Identity128, at offset: Int)
        async throws(ShippingError) -> Int
}

/// Why bytes were not acknowledged.
package enum ShippingError: Error, Sendable, CustomStringConvertible {
    /// Nobody answered, or the connection broke: what became of the request is unknown. The text says where, and why.
    case unreachable(String)
    /// The collector cannot take it now.
    case busy(String, retryAfterSeconds: Int?)
    /// The collector has another number of bytes.
    case wrongOffset(expected: Int)
    /// The collector will not take these bytes; trying again does not help.
    case refused(status: UInt, String)

    package var description: String {
        switch self {
        case .unreachable(let text): "cannot reach \(text)"
        case .busy(let text, _): "the collector is busy: \(text)"
        case .wrongOffset(let expected): "the collector has \(expected) bytes"
        case .refused(let status, let text): "the collector refused with status \(status): \(text)"
        }
    }
}
