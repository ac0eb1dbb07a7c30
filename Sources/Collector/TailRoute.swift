import Causality
import Exporting
import FoundationEssentials
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix
import Querying
import Synchronization

/// `GET /v1/tail?…`: an execution as it goes on, its events or the matches of a pattern, as server-sent events. A client that comes again says in `Last-Event-ID`, or in
/// the parameter `cursor`, what it was told last, and goes on from there.
struct TailRoute: Sendable {
    let store: ArchiveStore
    let connections: Connections
    let stopping: Stopping
    let threads: NIOThreadPool
    private let turns = Turns(atOnce: Limits.followThreads)
    private let followers = Quota(max: Limits.followersMax, peerMax: Limits.followersOfPeerMax)

    init(
        store: ArchiveStore, connections: Connections, stopping: Stopping, threads: NIOThreadPool
    ) {
        self.store = store
        self.connections = connections
        self.stopping = stopping
        self.threads = threads
    }

    func add(to router: Router<CollectorContext>) {
        router.get("/v1/tail") { request, context in try await respond(request, context) }
    }

    private func respond(
        _ request: Request, _ context: CollectorContext
    ) async throws -> Response {
        let asker = connections[context.channel]
        let share = try followers.enter(asker.peer, "tails")
        let now = WallTime(saturatingSeconds: Date().timeIntervalSince1970)
        let parameters = FormQuery.parameters(request.uri.query ?? "").resolved(now: now)
        let form = try Self.form(parameters)
        let live = try LiveRequest(
            parameters, lastCursor: request.headers[.init("Last-Event-ID")!])
        let follower = Follower(
            live, form, execution: try parameters.one("execution"),
            of: try context.requester.executions(), store, asker, stopping, turns)
        // What cannot be followed is told before the answer begins.
        let first = try await threads.runIfActive { try follower.next() }
        let headers: HTTPFields = [
            .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store",
        ]
        let (channel, isLetIn) = (context.channel, context.isLetIn)
        let body = ResponseBody { writer in
            // Given back with this closure, whether or not it is ever called.
            defer { withExtendedLifetime(share) {} }
            var turn = first
            while true {
                if let text = turn.text {
                    let isSlow = Task {
                        try await Task.sleep(for: .seconds(Limits.followReaderSeconds))
                        channel.close(promise: nil)
                    }
                    defer { isSlow.cancel() }
                    try await writer.write(ByteBuffer(string: text))
                }
                if turn.isLast { break }
                try await Task.sleep(for: turn.rest)
                guard await isLetIn() else { break }
                turn = try await threads.runIfActive { try follower.next() }
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: headers, body: body)
    }

    private static func form(
        _ parameters: QuestionParameters
    ) throws(QuestionError) -> AnswerForm {
        switch try parameters.one("as") {
        case nil, "json": return .json
        case "text": return .text
        case let text?:
            throw QuestionError(.misuse, "as: expected json or text, found “\(text)”")
        }
    }
}

/// One who follows. Between two calls it is a place in an execution, and has no thread.
///
/// The lock moves the place from one thread to the next, and nobody waits for it: calls come one after the other.
private final class Follower: Sendable {
    /// What a call has brought.
    struct Turn {
        /// What is sent.
        var text: String?
        /// Before the next call.
        var rest = Duration.zero
        var isLast = false
    }

    private struct State {
        var live: LiveListing<ArchiveStore>
        var text: LiveText
        /// What had been appended at the last look.
        var arrivals: Int?
        var lastSent = ContinuousClock.now - .seconds(Limits.followQuietSeconds)
        /// Before which nothing is looked for again.
        var restsUntil = ContinuousClock.now
        var isWorking = true
    }

    /// Nil before the first call.
    private let state = Mutex<State?>(nil)
    private let request: LiveRequest
    private let form: AnswerForm
    private let execution: String?
    /// Those that may be seen; nil where all may.
    private let executions: [String]?
    private let store: ArchiveStore
    private let asker: Connection
    private let stopping: Stopping
    private let turns: Turns

    init(
        _ request: LiveRequest, _ form: AnswerForm, execution: String?, of executions: [String]?,
        _ store: ArchiveStore, _ asker: Connection, _ stopping: Stopping, _ turns: Turns
    ) {
        self.request = request
        self.form = form
        self.execution = execution
        self.executions = executions
        self.store = store
        self.asker = asker
        self.stopping = stopping
        self.turns = turns
    }

    func next() throws -> Turn {
        try state.withLock { state in
            do {
                let isFirst = state == nil
                var at = state ?? State(live: LiveListing(request), text: LiveText(form))
                state = nil
                defer { state = at }
                do {
                    return try next(&at)
                } catch let error as QuestionError where !isFirst {
                    // Who comes again would be told the same.
                    return Turn(
                        text: at.text.ended(error.text, at: at.live.position), isLast: true)
                }
            } catch let stopped as QuestionStopped {
                switch stopped.reason {
                case .askerGone, .shuttingDown: return Turn(isLast: true)
                case .deadline, .events, .bytes, .heldBytes: throw stopped
                }
            }
        }
    }

    private func next(_ state: inout State) throws -> Turn {
        if stopping.isStopping || asker.isGone { return Turn(isLast: true) }
        let pause = Duration.milliseconds(Limits.followMilliseconds)
        let now = ContinuousClock.now
        // What comes from here on is looked for the next time.
        let arrivals = store.archive.arrivals
        if !state.isWorking {
            guard state.restsUntil <= now else { return quiet(&state, now, pause) }
            let isDue = state.live.due.map { $0 <= now } ?? false
            guard arrivals != state.arrivals || isDue else { return quiet(&state, now, pause) }
        }
        if arrivals != state.arrivals { state.live.lookAgain() }
        state.arrivals = arrivals
        let run = QuestionRun(
            timeoutSeconds: Limits.followLookSeconds, asker: asker, stopping: stopping,
            turns: turns)
        var options = Question.Options(execution: execution)
        options.executions = executions
        options.now = WallTime.now
        options.hasClock = form == .json && request.hasClock
        options.bytesMax = Limits.answerBytesReadMax
        options.cancellation = run.cancellation
        let answering = store.answering(options)
        let turn = try run.work { try state.live.next(answering, at: now) }
        let spent = ContinuousClock.now - now
        state.restsUntil = now + spent + spent * Limits.followRestTimes
        switch turn {
        case .message(let message):
            (state.isWorking, state.lastSent) = (true, now)
            return Turn(text: state.text.text(message))
        case .working:
            state.isWorking = true
            return Turn()
        case .idle:
            state.isWorking = false
            return quiet(&state, now, pause)
        }
    }

    /// Nothing is to be told: now and then where that is.
    private func quiet(
        _ state: inout State, _ now: ContinuousClock.Instant, _ pause: Duration
    ) -> Turn {
        guard now - state.lastSent >= .seconds(Limits.followQuietSeconds) else {
            return Turn(rest: pause)
        }
        state.lastSent = now
        return Turn(text: LiveText.position(state.live.position), rest: pause)
    }
}
