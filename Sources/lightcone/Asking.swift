import Archiving
import ArgumentParser
import AsyncHTTPClient
import Causality
import Collector
import Dispatch
import Exporting
import FoundationEssentials
import NIOCore
import NIOHTTP1
import Querying
import Shipping

/// What all questions have in common.
struct AskOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A collector's data folder, a folder that import made, or a collector's URL (default: $LIGHTCONE_SOURCE).",
            valueName: "dir|url"))
    var source: String?

    @Option(
        help: "The execution that is meant (default: main, or the only one).",
        completion: Completing.executions)
    var execution: String?

    @Flag(help: "One JSON object; for lists one object a line.")
    var json = false

    @Option(help: "At most so many events or lines.")
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "How long an answer may take, such as 45s or 2m; then it ends, says how far it came, and the exit code is 3 (default: 30s of a collector's work, no limit for a folder).",
            valueName: "time"))
    var timeout: String?

    @Flag(help: "An answer that is longer than the screen is shown without a pager.")
    var noPager = false

    @OptionGroup var access: RemoteAccess

    private var timeoutSeconds: Int? { timeout.flatMap { QuestionParameters.seconds($0) } }

    mutating func validate() throws {
        if let limit, !(1..<Int.max).contains(limit) {
            throw ValidationError("--limit: expected a number from 1, found \(limit)")
        }
        if let timeout, (timeoutSeconds ?? 0) < 1 {
            throw ValidationError("--timeout: expected a time such as 45s or 2m, found \(timeout)")
        }
    }

    /// Nobody else asks this process anything: all of the machine may search.
    private static var workers: Workers {
        Workers(count: ProcessInfo.processInfo.activeProcessorCount) { count, body in
            DispatchQueue.concurrentPerform(iterations: count) { body($0) }
        }
    }

    /// Of a question to a folder, which begins now.
    private var cancellation: Cancellation {
        guard let seconds = timeoutSeconds else { return .never }
        let end = ContinuousClock.now + .seconds(seconds)
        return Cancellation { .now < end ? nil : .deadline(seconds: seconds) }
    }

    /// What all questions to a collector say.
    private func common(_ parameters: QuestionParameters) -> QuestionParameters {
        var parameters = parameters
        if let execution { parameters["execution"] = [execution] }
        if let timeoutSeconds { parameters["timeout"] = ["\(timeoutSeconds)s"] }
        return parameters
    }

    func place() throws -> String {
        let variable = ProcessInfo.processInfo.environment["LIGHTCONE_SOURCE"] ?? ""
        guard let source = source ?? (variable.isEmpty ? nil : variable) else {
            throw QuestionError(
                .misuse, "where to ask? give --source DIR|URL, or set LIGHTCONE_SOURCE")
        }
        // Without its scheme, a collector's address looks like a folder.
        let parts = source.split(separator: ":", omittingEmptySubsequences: false)
        if !source.contains("/"), parts.count == 2, UInt16(parts[1]) != nil,
            !FileManager.default.fileExists(atPath: source)
        {
            throw QuestionError(
                .misuse, "no folder “\(source)” is here: a collector is asked as http://\(source)")
        }
        return source
    }

    /// Asks a question, writes the answer, and ends with the exit code that it means.
    ///
    /// - Parameter view: How a listing of events is shown to people.
    func ask(
        _ verb: String, _ parameters: QuestionParameters = QuestionParameters(),
        as view: ViewOptions? = nil
    ) async throws {
        var parameters = parameters.resolved(now: .now)
        // A question that cannot be asked is told before anything is opened.
        var question = try Question(verb, parameters)
        var asker = self
        var picture: (any ListingPicture)?
        if let view, view.lanes, !question.listsEvents {
            throw QuestionError(
                .misuse, "--lanes draws events: the answer to this question is something else")
        }
        if let view, view.lanes {
            picture = view.diagram(try await gapsForDiagram(parameters))
            if parameters["last"].isEmpty { asker.limit = LanesText.eventsMax + 1 }
        } else if let view, question.listsEvents || question.listsMatches, !json {
            picture = view.picture
        }
        if picture != nil {
            // Clocks are not shown, and are left out where that can be asked for.
            var brief = parameters
            brief["clock"] = ["false"]
            if let asked = try? Question(verb, brief) { (question, parameters) = (asked, brief) }
            // One more than is shown tells whether there is more.
            if let limit { asker.limit = limit + 1 }
        }
        let isJSON = json || picture != nil
        var output = AnswerOutput(isJSON: isJSON, picture, shownMax: limit)
        do {
            try await asker.answer(verb, parameters, isJSON: isJSON, &output) {
                try $0.written(question, as: isJSON ? .json : .text)
            }
        } catch let ended as Ended {
            if output.isEmpty { await explainSilence(verb, parameters) }
            throw ended
        }
        if let limit, output.eventCount > limit {
            await explainLimit(verb, parameters, shown: limit)
        }
    }

    /// The gaps of the execution. Throws where a diagram is no form of what is asked for.
    private func gapsForDiagram(_ parameters: QuestionParameters) async throws -> [ShownGap] {
        for (isGiven, name) in [(json, "--json"), (!parameters["reverse"].isEmpty, "--reverse")]
        where isGiven {
            throw QuestionError(.misuse, "--lanes and \(name): expected one of them, found both")
        }
        return try await text("gaps", QuestionParameters()).split(separator: "\n").compactMap {
            ShownGap(json: Array($0.utf8))
        }
    }

    /// The same for an export; `output` is a file, or nil for standard output.
    func export(_ parameters: QuestionParameters, to output: String?) async throws {
        let parameters = parameters.resolved(now: .now)
        let question = try ExportQuestion(parameters)
        if let output { try OutputFile.open(output) }
        var text = AnswerOutput(isJSON: json, nil)
        do {
            try await answer("export", parameters, isJSON: json, &text) { try $0.export(question) }
            try OutputFile.keep()
        } catch let ended as Ended {
            // An answer without events is whole.
            try OutputFile.keep()
            throw ended
        } catch {
            OutputFile.discard()
            throw error
        }
    }

    /// Shows an execution as it goes on, until the limit is reached or somebody ends the program.
    func follow(_ parameters: QuestionParameters, as view: ViewOptions) async throws {
        guard timeout == nil else {
            throw QuestionError(
                .misuse, "--timeout: following goes on until it is stopped, or --limit is reached")
        }
        let source = try place()
        guard AskOptions.isURL(source) else {
            throw QuestionError(
                .misuse,
                "a collector is followed, such as http://127.0.0.1:4780: found the folder “\(source)”"
            )
        }
        var parameters = parameters
        if let execution { parameters["execution"] = [execution] }
        // A question that cannot be asked is told before anything is opened.
        _ = try LiveRequest(parameters.resolved(now: .now))
        let picture = json ? nil : view.picture
        if picture != nil { parameters["clock"] = ["false"] }
        let isJSON = json || picture != nil
        parameters["as"] = [isJSON ? "json" : "text"]
        var following = try Following(
            source: RemoteSource(source, access), parameters: parameters, limit: limit,
            isJSON: json, AnswerOutput(isJSON: isJSON, picture))
        try await following.run()
    }

    /// The JSON answer to a question, for a command that goes on with it.
    func text(_ verb: String, _ parameters: QuestionParameters) async throws -> String {
        let source = try place()
        if AskOptions.isURL(source) {
            let response = try await RemoteSource(source, access).open(
                verb, common(parameters), isJSON: true)
            return String(buffer: try await response.body.collect(upTo: 16 << 20))
        }
        let store = ArchiveStore(try Archive(source, .readOnly))
        var options = Question.Options(execution: execution, limit: try parameters.limit())
        options.now = .now
        options.cancellation = cancellation
        options.workers = Self.workers
        let question = try Question(verb, parameters)
        return try store.answering(options).written(question, as: .json).text()
    }

    /// Adds a whole segment to the source. Nothing changes where it has the segment already.
    func append(_ segment: [UInt8], as id: Identity128) async throws {
        let source = try place()
        do {
            if AskOptions.isURL(source) {
                let client = try access.client()
                let transport = HTTPTransport(
                    collector: source, token: try access.token(), client: { client })
                guard try await transport.state(of: id).byteCount == 0 else { return }
                _ = try await transport.append(segment, to: id, at: 0)
            } else {
                let archive = try Archive(source, .readWrite)
                guard try archive.state(of: id) == nil else { return }
                try archive.append(segment, to: id, at: 0)
                archive.tellLog()
            }
        } catch {
            throw CommandFailure("\(source): \(error)")
        }
    }

    private static func isURL(_ source: String) -> Bool {
        source.hasPrefix("http://") || source.hasPrefix("https://")
    }

    private func answer(
        _ verb: String, _ parameters: QuestionParameters, isJSON: Bool,
        _ output: inout AnswerOutput, _ local: (Answering<ArchiveStore>) throws -> WrittenAnswer
    ) async throws {
        let source = try place()
        Pager.expect(isWanted: !noPager)
        if AskOptions.isURL(source) {
            var parameters = common(parameters)
            if let limit { parameters["limit"] = [String(limit)] }
            return try await RemoteSource(source, access).ask(
                verb, parameters, isJSON: isJSON, &output)
        }
        let store = ArchiveStore(try Archive(source, .readOnly))
        var options = Question.Options(execution: execution, limit: limit)
        options.now = .now
        options.cancellation = cancellation
        options.workers = Self.workers
        var answer = try local(store.answering(options))
        for note in answer.notes { Terminal.note(note) }
        while let text = try answer.next() { try output.write(text) }
        try output.finish()
        if answer.stopped != nil { throw Ended(exit: .failure) }
        if !(answer.isYes ?? !output.isEmpty) { throw Ended(exit: .no) }
    }
}

/// A collector that is asked over HTTP. It answers with the bytes that a local source would give.
struct RemoteSource {
    let url: String
    let client: HTTPClient
    private let access: RemoteAccess
    private let token: String?

    init(_ url: String, _ access: RemoteAccess) throws {
        self.url = url
        self.access = access
        do {
            token = try access.token()
            client = try access.client()
        } catch {
            throw QuestionError(.misuse, "\(error)")
        }
    }

    /// A client that gives up where nothing comes for some seconds.
    func client(readSeconds: Int) throws -> HTTPClient {
        try access.client(readSeconds: readSeconds)
    }

    /// The answer to a question, before its text.
    func open(
        _ verb: String, _ parameters: QuestionParameters, isJSON: Bool,
        method: HTTPMethod = .GET, headers: HTTPHeaders = [:],
        client: HTTPClient? = nil
    ) async throws -> HTTPClientResponse {
        let query = parameters.all.map { "\(escape($0.name))=\(escape($0.value))" }.joined(
            separator: "&")
        let base = url.hasSuffix("/") ? String(url.dropLast()) : url
        var request = HTTPClientRequest(
            url: "\(base)/v1/\(verb)\(query.isEmpty ? "" : "?")\(query)")
        request.method = method
        request.headers = headers
        request.headers.add(name: "Accept", value: isJSON ? "application/json" : "text/plain")
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        let response: HTTPClientResponse
        do {
            response = try await (client ?? self.client).execute(request, timeout: .hours(24 * 365))
        } catch {
            throw CommandFailure("cannot reach \(base): \(HTTPTransport.reason(error))")
        }
        guard response.status == .ok else { throw try await failure(response) }
        return response
    }

    func ask(
        _ verb: String, _ parameters: QuestionParameters, isJSON: Bool,
        _ output: inout AnswerOutput
    ) async throws {
        let response = try await open(verb, parameters, isJSON: isJSON)
        for note in response.headers["Lightcone-Note"] {
            Terminal.note(PercentEscaping.unescape(note[...]))
        }
        var text = TextPieces()
        do {
            for try await piece in response.body {
                try output.write(text.next(piece.readableBytesView))
            }
            try output.write(text.rest)
        } catch let failure as CommandFailure {
            throw CommandFailure("\(url): \(failure)")
        } catch {
            throw CommandFailure(
                "\(url): the answer breaks off: \(HTTPTransport.reason(error)) (where it took too long: give it more time with "
                    + "--timeout, or ask for less)")
        }
        try output.finish()
        if output.isStopped { throw Ended(exit: .failure) }
        switch response.headers.first(name: "Lightcone-Answer") {
        case "yes": break
        case "no": throw Ended(exit: .no)
        default: if output.isEmpty { throw Ended(exit: .no) }
        }
    }

    private func escape(_ text: String) -> String {
        PercentEscaping.escape(text) { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                UInt8(ascii: "."):
                false
            default: true
            }
        }
    }

    private struct ProblemText: Decodable { var detail: String }

    private func failure(_ response: HTTPClientResponse) async throws -> any Error {
        let body = try await response.body.collect(upTo: 1 << 20)
        let problem = try? JSONDecoder().decode(ProblemText.self, from: Data(buffer: body))
        let text = problem?.detail ?? "\(url) answered with status \(response.status.code)"
        switch response.status.code {
        case 404: return QuestionError(.notFound, text)
        case 400: return QuestionError(.misuse, text)
        case 401, 403: return AccessDenied(description: "\(url): \(text)")
        default: return CommandFailure("\(url): \(text)")
        }
    }
}

extension Data {
    fileprivate init(buffer: ByteBuffer) { self.init(buffer.readableBytesView) }
}

/// A collector does not let in whoever asks: asking again does not help.
struct AccessDenied: Error, CustomStringConvertible {
    let description: String
}

/// Why a command failed, where the error itself does not say enough.
struct CommandFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension WallTime {
    /// What this machine's clock shows.
    static var now: WallTime { WallTime(saturatingSeconds: Date().timeIntervalSince1970) }
}
