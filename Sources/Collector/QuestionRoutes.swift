import Causality
import Exporting
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
    let threads: NIOThreadPool
    private let waiting = Waiting(max: Limits.questionsWaitingMax)

    init(store: ArchiveStore, threads: NIOThreadPool) {
        self.store = store
        self.threads = threads
    }

    func add(to router: Router<BasicRequestContext>) {
        for verb in Question.verbs {
            router.get("/v1/\(verb)") { request, _ in
                let parameters = Self.parameters(request)
                let question = try Question(verb, parameters)
                let options = try Self.options(request, parameters)
                let isList = question.isList
                return try await respond(options.isJSON ? (isList ? .lines : .json) : .text) {
                    [store] in
                    try store.answering(options).answer(question)
                }
            }
        }
        router.get("/v1/export") { request, _ in
            let parameters = Self.parameters(request)
            let question = try ExportQuestion(parameters)
            let options = try Self.options(request, parameters, isExport: true)
            return try await respond(Self.mediaType(question.format)) { [store] in
                try store.answering(options).export(question)
            }
        }
    }

    private static func parameters(_ request: Request) -> QuestionParameters {
        var parameters = QuestionParameters()
        for (name, value) in request.uri.queryParameters {
            parameters[String(name)].append(String(value))
        }
        return parameters
    }

    private static func options(
        _ request: Request, _ parameters: QuestionParameters, isExport: Bool = false
    ) throws -> Question.Options {
        var options = Question.Options(
            execution: try parameters.one("execution"), limit: try parameters.limit(),
            isJSON: request.headers[.accept]?.contains("text/plain") != true)
        if !isExport, options.limit == nil { options.imposedLimit = Limits.answerEventsMax }
        return options
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

    private func respond(_ type: MediaType, _ answer: @escaping @Sendable () throws -> Answer)
        async throws -> Response
    {
        guard waiting.enter() else {
            throw Problem(
                .serviceUnavailable, "\(Limits.questionsWaitingMax) questions are waiting already",
                retryAfterSeconds: Limits.retrySeconds)
        }
        let stream = AnswerStream(on: threads) {
            waiting.leave()
            return try answer()
        }
        let head = try await stream.head()
        var headers: HTTPFields = [.contentType: type.rawValue, .cacheControl: "no-store"]
        headers[.lightconeAnswer] = head.isYes.map { $0 ? "yes" : "no" } ?? "text"
        for note in head.notes.prefix(10) {
            headers.append(HTTPField(name: .lightconeNote, value: .escaped(note)))
        }
        return Response(status: .ok, headers: headers, body: stream.body)
    }
}
