import NIOCore

/// By when a connection has to get on: whole requests have deadlines, for what sends a byte now and then is never idle.
struct RequestClock {
    /// What is expected of the client.
    struct Pace: Sendable {
        /// From the beginning of the connection to the end of the first request's head.
        var head: TimeAmount
        /// From the end of an answer to the end of the next request's head.
        var keepAlive: TimeAmount
        /// A body of b bytes may take `bodyGrace` and b / `bodyBytesPerSecond`.
        var bodyGrace: TimeAmount
        var bodyBytesPerSecond: Int64
        /// How long the client may take nothing of an answer.
        var reading: TimeAmount
        /// How long what is under way may go on when the collector shuts down.
        var ending: TimeAmount
    }

    private enum Reading {
        case head(by: NIODeadline)
        case body(since: NIODeadline, bytes: Int64)
        /// The whole request is here.
        case nothing
    }

    private let pace: Pace
    private var reading: Reading
    /// Requests that are not answered yet.
    private var unanswered = 0
    /// Pieces of answers that the network has not taken yet, and when it took one last.
    private var unsent = 0
    private var lastSent = NIODeadline.distantPast
    private var ending: NIODeadline?

    init(_ pace: Pace, now: NIODeadline) {
        self.pace = pace
        reading = .head(by: now + pace.head)
    }

    mutating func headCame(now: NIODeadline) {
        unanswered += 1
        reading = .body(since: now, bytes: 0)
    }

    mutating func bodyCame(bytes: Int) {
        guard case .body(let since, let before) = reading else { return }
        reading = .body(since: since, bytes: before + Int64(bytes))
    }

    mutating func requestEnded(now: NIODeadline) {
        reading = unanswered == 0 ? .head(by: now + pace.keepAlive) : .nothing
    }

    mutating func answerEnded(now: NIODeadline) {
        unanswered -= 1
        if unanswered == 0, case .nothing = reading { reading = .head(by: now + pace.keepAlive) }
    }

    mutating func pieceQueued(now: NIODeadline) {
        if unsent == 0 { lastSent = now }
        unsent += 1
    }

    mutating func pieceSent(now: NIODeadline) {
        unsent -= 1
        lastSent = now
    }

    mutating func shutDown(now: NIODeadline) { ending = ending ?? now + pace.ending }

    /// When the connection is closed, if nothing happens before; nil where it is the collector's turn.
    var deadline: NIODeadline? {
        var deadlines: [NIODeadline] = []
        switch reading {
        case .head(let deadline): deadlines.append(deadline)
        case .body(let since, let bytes):
            let transfer = TimeAmount.milliseconds(bytes * 1000 / pace.bodyBytesPerSecond)
            deadlines.append(since + pace.bodyGrace + transfer)
        case .nothing: break
        }
        if unsent > 0 { deadlines.append(lastSent + pace.reading) }
        if let ending { deadlines.append(ending) }
        return deadlines.min()
    }
}
