import Causality

/// Whether a question is to go on. Every loop of an answer asks, so that nobody works for what nobody waits for any more.
/// Time and askers come in as a closure: querying knows neither.
package struct Cancellation: Sendable {
    private let reason: @Sendable () -> QuestionStopped.Reason?

    /// A question that ends only by itself.
    package static let never = Cancellation { nil }

    /// `reason` is called often, and from the thread that answers: it may also have that thread wait for its turn.
    package init(_ reason: @escaping @Sendable () -> QuestionStopped.Reason?) {
        self.reason = reason
    }

    /// Throws `QuestionStopped` where the question is not to go on.
    package func check() throws {
        if let reason = reason() { throw QuestionStopped(reason) }
    }
}

/// Why an answer ends before its end, and how far it came.
package struct QuestionStopped: Error, Hashable, CustomStringConvertible {
    package enum Reason: Hashable, Sendable {
        /// The seconds that the question had are over.
        case deadline(seconds: Int)
        /// So many events were given.
        case events(max: Int)
        /// So many bytes of events were read.
        case bytes(max: Int)
        /// The last events, as many as were asked for, take more bytes.
        case heldBytes(max: Int)
        case askerGone
        case shuttingDown
    }

    package enum Progress: Hashable, Sendable {
        /// Events that were given, and the last one.
        case listed(Int, last: EventID?)
        /// Matches that were given.
        case matched(Int)
        /// Events that were looked at, of so many.
        case looked(Int, of: Int)
        /// Frames that were loaded, of so many.
        case loaded(Int, of: Int)
        /// The messages of the execution are being found.
        case joining
    }

    package let reason: Reason
    package var progress: Progress?

    package init(_ reason: Reason, _ progress: Progress? = nil) {
        self.reason = reason
        self.progress = progress
    }

    /// The name of what was reached.
    package var limit: String {
        switch reason {
        case .deadline: "deadline"
        case .events: "events"
        case .bytes, .heldBytes: "bytes"
        case .askerGone: "asker"
        case .shuttingDown: "shutdown"
        }
    }

    package var description: String {
        let cause =
            switch reason {
            case .deadline(let seconds): "the question has taken its \(seconds) s"
            case .events(let max): "\(count(max, "event is", "events are")) the limit"
            case .bytes(let max): "\(max) bytes of events were read, which is the limit"
            case .heldBytes(let max):
                "the last events take more than \(max) bytes, which is the limit"
            case .askerGone: "nobody waits for the answer any more"
            case .shuttingDown: "the collector shuts down"
            }
        let advice =
            switch reason {
            case .deadline: ": give it more time (timeout), or ask for less"
            case .events: ", and there are more: give a limit, or ask for less"
            case .bytes, .heldBytes: ": ask for less"
            case .askerGone, .shuttingDown: ""
            }
        return cause + (progress.map { ", \($0)" } ?? "") + advice
    }
}

extension QuestionStopped.Progress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .listed(let events, let last):
            "after \(count(events, "event", "events"))"
                + (last.map { ", the last \(printable("\($0)"))" } ?? "")
        case .matched(let matches): "after \(count(matches, "match", "matches"))"
        case .looked(let events, let all): "when \(events) of \(all) events had been looked at"
        case .loaded(let frames, let all): "when \(frames) of \(all) frames had been loaded"
        case .joining: "while messages were joined"
        }
    }
}

/// What `body` gives; where it is stopped and does not say how far it came, `progress` does.
package func telling<T>(
    _ progress: @autoclosure () -> QuestionStopped.Progress, _ body: () throws -> T
) throws -> T {
    do {
        return try body()
    } catch var stopped as QuestionStopped {
        if stopped.progress == nil { stopped.progress = progress() }
        throw stopped
    }
}
