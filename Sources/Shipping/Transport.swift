import Causality

/// The way to a collector: one of the two seams at which tests inject faults.
package protocol Transport: Sendable {
    /// What of a segment is durable there.
    func state(of segment: Identity128) async throws(ShippingError) -> RemoteSegment
    /// Appends whole frames at `offset`.
    func append(_ bytes: [UInt8], to segment: Identity128, at offset: Int)
        async throws(ShippingError) -> Acknowledgement
}

/// What a collector has of a segment.
package struct RemoteSegment: Hashable, Sendable {
    package let byteCount: Int
    /// Of the last frame there, in hexadecimal digits; nil where there is none, or the collector does not say.
    package let digest: String?

    package init(byteCount: Int, digest: String? = nil) {
        self.byteCount = byteCount
        self.digest = digest
    }
}

/// Bytes are durable at the collector.
package struct Acknowledgement: Hashable, Sendable {
    /// How many bytes of the segment are there now.
    package let byteCount: Int
    /// What the collector has to say of them to whoever looks after the agent.
    package let notes: [String]

    package init(byteCount: Int, notes: [String] = []) {
        self.byteCount = byteCount
        self.notes = notes
    }
}

/// Why bytes were not acknowledged.
package enum ShippingError: Error, Sendable, CustomStringConvertible {
    /// Nobody answered, or the connection broke: what became of the request is unknown. The text says where, and why.
    case unreachable(String)
    /// The collector cannot take it now.
    case busy(String, retryAfterSeconds: Int?)
    /// The collector has another number of bytes.
    case wrongOffset(expected: Int)
    /// The collector has other bytes of this segment: somebody else writes under this agent's identity.
    case notContinuation(String)
    /// The collector will not take these bytes; trying again does not help.
    case refused(status: UInt, String)

    package var description: String {
        switch self {
        case .unreachable(let text): "cannot reach \(text)"
        case .busy(let text, _): "the collector is busy: \(text)"
        case .wrongOffset(let expected): "the collector has \(expected) bytes"
        case .notContinuation(let text):
            "the collector has other bytes of this segment: \(text)"
        case .refused(let status, let text): "the collector refused with status \(status): \(text)"
        }
    }
}
