import HTTPTypes
import Hummingbird
import NIOCore
import Segments

/// A body that was compressed for whoever asked.
struct Compressed {
    let bytes: ByteBuffer
    /// Its content coding: zlib's framing is what HTTP calls deflate (RFC 9110, section 8.4.1.2).
    let encoding = "deflate"

    /// Nil where it is not worth it, or whoever asked did not say that he reads it. O(bytes), some 10 ms a megabyte.
    init?(_ bytes: ByteBuffer, for request: Request) {
        guard bytes.readableBytes >= Limits.compressedAnswerBytesMin, Self.reads(request) else {
            return nil
        }
        let (codec, packed) = Codec.pack(Array(bytes.readableBytesView))
        guard codec == .zlib else { return nil }
        self.bytes = ByteBuffer(bytes: packed)
    }

    /// Whether a client takes the coding, and does not give it a weight of 0.
    static func reads(_ request: Request) -> Bool {
        (request.headers[.acceptEncoding] ?? "").split(separator: ",").contains { choice in
            let parts = choice.split(separator: ";").map {
                $0.filter { !$0.isWhitespace }.lowercased()
            }
            return parts.first == "deflate" && !["q=0", "q=0.0"].contains(parts.dropFirst().first)
        }
    }
}
