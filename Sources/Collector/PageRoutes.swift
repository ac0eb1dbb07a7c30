import HTTPTypes
import Hummingbird
import NIOCore
import Page
import Segments

extension HTTPField.Name {
    fileprivate static let contentSecurityPolicy = HTTPField.Name("Content-Security-Policy")!
    fileprivate static let contentTypeOptions = HTTPField.Name("X-Content-Type-Options")!
    fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    fileprivate static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy")!
    fileprivate static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
}

/// `GET /` and `GET /page/NAME`: the page, whose files are in the executable.
struct PageRoutes: Sendable {
    private let files: [String: File]

    /// A file as it is sent.
    private struct File {
        var bytes: ByteBuffer
        /// In zlib's framing; nil where that takes no less room.
        var packed: ByteBuffer?
        var type: String
        var tag: String
    }

    /// What the page may do: run its own modules, ask its own collector, and nothing else. What comes from events is text.
    static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'
        """

    /// O(bytes): some milliseconds.
    init() {
        var files: [String: File] = [:]
        for file in Self.embedded {
            let (codec, packed) = Codec.pack(file.bytes, .thorough)
            files[file.name] = File(
                bytes: ByteBuffer(bytes: file.bytes),
                packed: codec == .zlib ? ByteBuffer(bytes: packed) : nil,
                type: Self.type(of: file.name),
                tag: "\"\(String(checksum(file.bytes), radix: 16))-\(file.bytes.count)\"")
        }
        self.files = files
    }

    /// The files of the page.
    package static var embedded: [(name: String, bytes: [UInt8])] {
        (0..<pageFileCount).map { number in
            let file = pageFile(number)!.pointee
            return (
                String(cString: file.name),
                Array(UnsafeBufferPointer(start: file.bytes, count: file.byteCount))
            )
        }
    }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }

    func add(to router: Router<CollectorContext>) {
        router.get("/") { request, _ in response("index.html", to: request) }
        router.get("/page/:name") { request, context in
            let name = try context.parameters.require("name")
            return response(name, to: request)
        }
    }

    private func response(_ name: String, to request: Request) -> Response {
        guard let file = files[name] else {
            return Problem(.notFound, "there is nothing at \(request.method) \(request.uri.path)")
                .response(to: request)
        }
        var headers: HTTPFields = [
            .contentType: file.type, .eTag: file.tag, .cacheControl: "no-cache",
            .vary: "Accept-Encoding", .contentSecurityPolicy: Self.policy,
            .contentTypeOptions: "nosniff", .referrerPolicy: "no-referrer",
            .openerPolicy: "same-origin", .resourcePolicy: "same-origin",
        ]
        if request.headers[.ifNoneMatch] == file.tag {
            return Response(status: .notModified, headers: headers)
        }
        var bytes = file.bytes
        if let packed = file.packed, Compressed.reads(request) {
            bytes = packed
            headers[.contentEncoding] = "deflate"
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
    }
}
