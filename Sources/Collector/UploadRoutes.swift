import Archiving
import Causality
import HTTPTypes
import Hummingbird
import Logging
import NIOPosix
import Segments

extension HTTPField.Name {
    static let uploadOffset = HTTPField.Name("Upload-Offset")!
    static let uploadComplete = HTTPField.Name("Upload-Complete")!
    /// Of the last frame that is here, as the next one names it: what tells two segments of one name apart.
    static let segmentDigest = HTTPField.Name("Lightcone-Segment-Digest")!
}

/// `HEAD` and `PATCH /v1/segments/{id}`: an append-only file, replicated by offset.
struct UploadRoutes: Sendable {
    let archive: Archive
    let connections: Connections
    let threads: NIOThreadPool
    /// Nil where anybody may be any host.
    let control: AccessControl?
    let logger: Logger
    private let underWay = Quota(max: Limits.uploadsMax, peerMax: Limits.uploadsOfPeerMax)

    init(
        archive: Archive, connections: Connections, threads: NIOThreadPool,
        control: AccessControl?, logger: Logger
    ) {
        self.control = control
        self.archive = archive
        self.connections = connections
        self.threads = threads
        self.logger = logger
    }

    func add(to router: Router<CollectorContext>) {
        router.head("/v1/segments/{id}") { _, context in
            _ = try context.requester.host()
            let state = try await self.state(try Self.segment(context))
            var headers: HTTPFields = [
                .uploadOffset: String(state?.byteCount ?? 0), .cacheControl: "no-store",
            ]
            headers[.uploadComplete] = state?.isSealed == true ? "?1" : "?0"
            if let state, !state.digest.isEmpty {
                headers[.segmentDigest] = hexadecimal(state.digest)
            }
            return Response(status: .ok, headers: headers)
        }
        router.patch("/v1/segments/{id}") { request, context in
            try await self.append(
                request, try Self.segment(context), connections[context.channel].peer,
                from: try context.requester.host())
        }
    }

    private static func segment(_ context: CollectorContext) throws -> Identity128 {
        let text = context.parameters.get("id") ?? ""
        guard let id = Identity128(hex: text) else {
            throw Problem(.badRequest, "expected a segment id of 32 lower-case hexadecimal digits")
        }
        return id
    }

    private func state(_ segment: Identity128) async throws -> SegmentState? {
        try await threads.runIfActive { [archive] in try archive.state(of: segment) }
    }

    /// A host, and the keys with which its agents sign; nil where anybody may be any host.
    private func owner(_ host: String?) async throws -> SegmentOwner? {
        guard let host, let control else { return nil }
        // Somebody may just have been enrolled.
        let signers = try await control.find { registry in
            let signers = registry.signers(of: host)
            return signers.isEmpty ? nil : signers
        }
        return SegmentOwner(
            host: host, signers: (signers ?? []).compactMap { HeadSignature.key(hex: $0) })
    }

    private func append(
        _ request: Request, _ segment: Identity128, _ peer: String, from host: String?
    ) async throws -> Response {
        let owner = try await owner(host)
        guard let text = request.headers[.uploadOffset], let offset = Int(text), offset >= 0 else {
            throw Problem(.badRequest, "expected a header Upload-Offset with a number of bytes")
        }
        if let text = request.headers[.contentLength], let length = Int(text),
            length > Archiving.Limits.appendBytesMax
        {
            throw Problem(
                .contentTooLarge,
                "a body of \(length) bytes: expected at most \(Archiving.Limits.appendBytesMax)")
        }
        let share = try underWay.enter(peer, "uploads")
        defer { withExtendedLifetime(share) {} }
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Archiving.Limits.appendBytesMax)
        } catch let error as any HTTPResponseError {
            throw error
        } catch {
            // The client has gone: nobody reads this, and nothing is wrong here.
            throw Problem(.badRequest, "the body was cut")
        }
        let bytes = Array(body.readableBytesView)
        do {
            let appended = try await threads.runIfActive { [archive] in
                try archive.append(bytes, to: segment, at: offset, from: owner)
            }
            var headers: HTTPFields = [.uploadOffset: String(appended.end)]
            for key in appended.namesakes.prefix(Limits.namesakesToldMax) {
                logger.warning(
                    "two runs have one name and number: they are kept apart; give hosts and programs names of their own",
                    metadata: [
                        "process": "\(key.process)", "host": "\(key.host)",
                        "execution": "\(key.execution)", "run": "\(key.identity)",
                    ])
                headers.append(
                    HTTPField(
                        name: .lightconeNote,
                        value: .escaped(
                            "another run is called \(key.process) too (execution \(key.execution)): they are kept apart; "
                                + "give hosts and programs names of their own")))
            }
            return Response(status: .noContent, headers: headers)
        } catch let error as ArchiveError {
            throw problem(error, segment)
        }
    }

    private func problem(_ error: ArchiveError, _ segment: Identity128) -> Problem {
        switch error {
        case .wrongOffset(_, let expected):
            var problem = Problem(.conflict, "\(error)")
            problem.headers[.uploadOffset] = String(expected)
            return problem
        case .notContinuation(let text):
            // Without Upload-Offset: there is none from which the agent could go on.
            logger.warning(
                "two agents write under one identity: was a machine cloned? The later one is told to take another",
                metadata: ["segment": "\(segment)"])
            return Problem(.conflict, text)
        case .damaged(let text):
            logger.warning(
                "refused damaged bytes", metadata: ["segment": "\(segment)", "reason": "\(text)"])
            return Problem(.unprocessableContent, text)
        case .foreign(let text):
            logger.warning(
                "refused what is not the sender's", metadata: ["reason": "\(text)"])
            return Problem(.forbidden, text)
        case .tooMuch(let text):
            logger.warning(
                "an agent has too many executions",
                metadata: ["segment": "\(segment)", "reason": "\(text)"])
            return Problem(
                HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage"), text)
        case .busy:
            return Problem(.serviceUnavailable, "\(error)", retryAfterSeconds: Limits.retrySeconds)
        case .full(let text):
            logger.error("the disk is full", metadata: ["error": "\(text)"])
            return Problem(.serviceUnavailable, text, retryAfterSeconds: Limits.retryFullSeconds)
        case .locked(let text), .failed(let text):
            logger.error("cannot store", metadata: ["segment": "\(segment)", "error": "\(text)"])
            return Problem(.internalServerError, text)
        }
    }
}
