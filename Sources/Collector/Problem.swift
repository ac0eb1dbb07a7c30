import Exporting
import HTTPTypes
import Hummingbird
import Querying

/// An error as HTTP tells it: `application/problem+json` (RFC 9457).
struct Problem: Error {
    var status: HTTPResponse.Status
    var detail: String
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ detail: String, retryAfterSeconds: Int? = nil) {
        self.status = status
        self.detail = detail
        if let retryAfterSeconds { headers[.retryAfter] = String(retryAfterSeconds) }
    }

    /// - Parameter request: what it answers: to HEAD an answer has no body, and one that had would be taken for the next answer.
    func response(to request: Request) -> Response {
        let body = JSONWriter.object {
            $0.member("type", "about:blank")
            $0.member("title", status.reasonPhrase)
            $0.member("status", status.code)
            $0.member("detail", detail)
        }
        var headers = headers
        headers[.contentType] = "application/problem+json"
        let response = Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: body + "\n")))
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension QuestionError {
    var problem: Problem {
        switch kind {
        case .misuse: Problem(.badRequest, text)
        case .notFound: Problem(.notFound, text)
        }
    }
}

extension QuestionStopped {
    /// For a question that was stopped before anything was sent.
    var problem: Problem {
        switch reason {
        case .events, .bytes, .heldBytes: Problem(.unprocessableContent, description)
        case .deadline, .askerGone, .shuttingDown: Problem(.serviceUnavailable, description)
        }
    }
}

/// Turns every error into a problem, and logs those that are ours.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = CollectorContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return problem.response(to: request)
        } catch let error as QuestionError {
            return error.problem.response(to: request)
        } catch let error as QuestionStopped {
            return error.problem.response(to: request)
        } catch let error as any HTTPResponseError {
            let detail =
                switch error.status {
                case .notFound: "there is nothing at \(request.method) \(request.uri.path)"
                case .contentTooLarge: "the body is too large"
                default: "\(error)"
                }
            return Problem(error.status, detail).response(to: request)
        } catch {
            context.logger.error(
                "request failed", metadata: ["path": "\(request.uri.path)", "error": "\(error)"])
            return Problem(.internalServerError, "\(error)").response(to: request)
        }
    }
}
