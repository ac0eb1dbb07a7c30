import Causality
import Exporting
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOPosix
import Querying

extension HTTPField.Name {
    /// yes, no, or text: where only the text tells (none is no).
    static let lightconeAnswer = HTTPField.Name("Lightcone-Answer")!
    /// What a person must know to read the answer rightly, percent-escaped; repeated.
    static let lightconeNote = HTTPField.Name("Lightcone-Note")!
}

extension String {
    /// A text as it may stand in a header: what is no plain character is percent-escaped, what is very long cut.
    static func escaped(_ text: String) -> String {
        PercentEscaping.escape(String(text.prefix(2000))) {
            $0 <= 0x20 || $0 >= 0x7f || $0 == 0x25
        }
    }
}

/// `GET /v1/{verb}?…`: the questions of the command line, with its words and shapes. `Accept: text/plain` gives the text
/// that the command line shows a person.
struct QuestionRoutes: Sendable {
    let store: ArchiveStore
    let connections: Connections
    let stopping: Stopping
    /// Where answers begin, and where those that have begun go on.
    let begins: NIOThreadPool
    let pieces: NIOThreadPool
    private let turns = Turns(atOnce: Limits.turnsAtOnce)
    private let begun = Quota(
        max: Limits.questionsBegunMax, peerMax: Limits.questionsBegunOfPeerMax)
    private let answers = Quota(max: Limits.answersMax, peerMax: Limits.answersOfPeerMax)

    init(
        store: ArchiveStore, connections: Connections, stopping: Stopping, begins: NIOThreadPool,
        pieces: NIOThreadPool
    ) {
        self.store = store
        self.connections = connections
        self.stopping = stopping
        self.begins = begins
        self.pieces = pieces
    }

    func add(to router: Router<CollectorContext>) {
        for verb in Question.verbs {
            router.get("/v1/\(verb)") { request, context in
                try await respond(request, context) { [store] parameters, options, form in
                    var options = options
                    if options.limit == nil { options.imposedLimit = Limits.answerEventsMax }
                    let question = try Question(verb, parameters)
                    let type: MediaType =
                        form == .json ? (question.isList ? .lines : .json) : .text
                    return (
                        try store.answering(options).written(question, as: form), type.rawValue
                    )
                }
            }
        }
        for verb in PictureQuestion.verbs {
            router.get("/v1/\(verb)") { request, context in
                try await respond(request, context, inOnePiece: true) {
                    [store] parameters, options, _ in
                    let question = try PictureQuestion(verb, parameters)
                    return (
                        try store.answering(options).written(question),
                        MediaType.json.rawValue
                    )
                }
            }
        }
        router.get("/v1/export") { request, context in
            try await respond(request, context) { [store] parameters, options, _ in
                let question = try ExportQuestion(parameters)
                let type = Self.mediaType(question.format)
                return (try store.answering(options).export(question), type.rawValue)
            }
        }
    }

    private enum MediaType: String {
        case json = "application/json"
        case lines = "application/x-ndjson"
        case text = "text/plain; charset=utf-8"
        case xml = "application/graphml+xml"
        case dot = "text/vnd.graphviz; charset=utf-8"
    }

    private static func mediaType(_ format: ExportFormat) -> MediaType {
        switch format {
        case .json, .perfetto: .json
        case .ndjson: .lines
        case .graphml: .xml
        case .dot: .dot
        case .mermaid, .shiviz: .text
        }
    }

    /// `answer` reads the question, too: to compile what somebody sent is work.
    ///
    /// - Parameter inOnePiece: Whether the answer is in memory anyway, and is sent at once.
    private func respond(
        _ request: Request, _ context: CollectorContext, inOnePiece: Bool = false,
        _ answer:
            @escaping @Sendable (QuestionParameters, Question.Options, AnswerForm) throws
            -> (WrittenAnswer, mediaType: String)
    ) async throws -> Response {
        let now = WallTime(saturatingSeconds: Date().timeIntervalSince1970)
        let parameters = FormQuery.parameters(request.uri.query ?? "").resolved(now: now)
        let asker = connections[context.channel]
        let run = QuestionRun(
            timeoutSeconds: try parameters.timeout(secondsMax: Limits.timeoutSecondsMax)
                ?? Limits.timeoutSeconds,
            asker: asker, stopping: stopping, turns: turns)
        var options = Question.Options(
            execution: try parameters.one("execution"), limit: try parameters.limit())
        let form: AnswerForm =
            request.headers[.accept]?.contains("text/plain") == true ? .text : .json
        options.executions = try context.requester.executions()
        options.now = now
        options.bytesMax = Limits.answerBytesReadMax
        options.cancellation = run.cancellation
        let open = OpenAnswer(run) { [options] in try answer(parameters, options, form) }
        var beginning = try await begin(open, asker)
        while inOnePiece, !beginning.piece.isLast {
            var piece = try await pieces.runIfActive { try open.next() }
            beginning.piece.bytes.writeBuffer(&piece.bytes)
            beginning.piece.isLast = piece.isLast
        }
        var headers: HTTPFields = [.contentType: beginning.mediaType, .cacheControl: "no-store"]
        headers[.lightconeAnswer] = beginning.isYes.map { $0 ? "yes" : "no" } ?? "text"
        for note in beginning.notes.prefix(10) {
            headers.append(HTTPField(name: .lightconeNote, value: .escaped(note)))
        }
        if beginning.piece.isLast {
            var bytes = beginning.piece.bytes
            if let packed = Compressed(bytes, for: request) {
                bytes = packed.bytes
                headers[.contentEncoding] = packed.encoding
            }
            return Response(
                status: .ok, headers: headers, body: ResponseBody(byteBuffer: bytes))
        }
        let share = try answers.enter(asker.peer, "answers")
        return Response(status: .ok, headers: headers, body: body(open, beginning.piece, share))
    }

    private func begin(
        _ open: OpenAnswer, _ asker: Connection
    ) async throws -> OpenAnswer.Beginning {
        let share = try begun.enter(asker.peer, "questions")
        defer { withExtendedLifetime(share) {} }
        return try await begins.runIfActive { try open.begin() }
    }

    /// The text of an answer from its first piece on. An error cuts the connection, so that half an answer looks like no whole one.
    private func body(
        _ open: OpenAnswer, _ first: OpenAnswer.Piece, _ share: Quota.Share
    ) -> ResponseBody {
        ResponseBody { writer in
            // Given back with this closure, whether or not it is ever called.
            defer { withExtendedLifetime(share) {} }
            var piece = first
            while true {
                if piece.bytes.readableBytes > 0 {
                    let isSlow = Task {
                        try await Task.sleep(for: .seconds(Limits.slowReaderSeconds))
                        open.release()
                    }
                    defer { isSlow.cancel() }
                    try await writer.write(piece.bytes)
                }
                guard !piece.isLast else { break }
                piece = try await pieces.runIfActive { try open.next() }
            }
            try await writer.finish(nil)
        }
    }
}
