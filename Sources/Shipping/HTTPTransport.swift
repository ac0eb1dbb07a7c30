import AsyncHTTPClient
import Causality
import NIOCore
import NIOHTTP1

/// Shipping over HTTP: `HEAD` and `PATCH /v1/segments/{id}`, in the manner of the IETF's resumable uploads.
package struct HTTPTransport: Transport {
    /// A client that trusts whom the system trusts, and shows nothing of itself.
    package static let client: HTTPClient = {
        do {
            return try Credentials().client()
        } catch {
            preconditionFailure("a client without certificates: \(error)")
        }
    }()

    /// The one of the next request: its certificate may be renewed.
    private let client: @Sendable () -> HTTPClient
    private let base: String
    private let token: String?

    /// A transport to the collector at `collector`, an `http://` or `https://` URL.
    ///
    /// - Parameters:
    ///   - token: That of an administrator; nil for an agent, which shows a certificate.
    ///   - client: Gives the client of the next request.
    package init(
        collector: String, token: String? = nil,
        client: @escaping @Sendable () -> HTTPClient = { HTTPTransport.client }
    ) {
        self.client = client
        self.token = token
        base = collector.hasSuffix("/") ? String(collector.dropLast()) : collector
    }

    package func state(of segment: Identity128) async throws(ShippingError) -> RemoteSegment {
        let response = try await execute(.HEAD, segment) { _ in }
        guard response.status == .ok else { throw await failure(response) }
        return RemoteSegment(
            byteCount: try offset(response),
            digest: response.headers.first(name: "Lightcone-Segment-Digest"))
    }

    package func append(
        _ bytes: [UInt8], to segment: Identity128, at offset: Int
    ) async throws(ShippingError) -> Acknowledgement {
        let response = try await execute(.PATCH, segment) { request in
            request.headers.add(name: "Upload-Offset", value: String(offset))
            request.headers.add(name: "Content-Type", value: "application/octet-stream")
            request.body = .bytes(ByteBuffer(bytes: bytes))
        }
        guard response.status == .noContent else { throw await failure(response) }
        return Acknowledgement(
            byteCount: try self.offset(response),
            notes: response.headers["Lightcone-Note"].map { PercentEscaping.unescape($0[...]) })
    }

    private func execute(
        _ method: HTTPMethod, _ segment: Identity128, _ prepare: (inout HTTPClientRequest) -> Void
    ) async throws(ShippingError) -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "\(base)/v1/segments/\(segment)")
        request.method = method
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        prepare(&request)
        do {
            return try await client().execute(request, timeout: .seconds(Limits.requestSecondsMax))
        } catch {
            throw .unreachable("\(base): \(HTTPTransport.reason(error))")
        }
    }

    private func offset(_ response: HTTPClientResponse) throws(ShippingError) -> Int {
        guard let text = response.headers.first(name: "Upload-Offset"), let offset = Int(text),
            offset >= 0
        else {
            throw .refused(
                status: response.status.code,
                "the answer has no Upload-Offset: is this a collector?")
        }
        return offset
    }

    private func failure(_ response: HTTPClientResponse) async -> ShippingError {
        let body = try? await response.body.collect(upTo: Limits.errorBytesMax)
        let text = body.map { String(buffer: $0) } ?? ""
        switch response.status.code {
        case 409:
            guard let expected = response.headers.first(name: "Upload-Offset").flatMap({ Int($0) })
            else {
                return .notContinuation(text)
            }
            return .wrongOffset(expected: expected)
        case 408, 425, 429, 500...599:
            let seconds = response.headers.first(name: "Retry-After").flatMap { Int($0) }
            return .busy("status \(response.status.code): \(text)", retryAfterSeconds: seconds)
        default: return .refused(status: response.status.code, text)
        }
    }
}
