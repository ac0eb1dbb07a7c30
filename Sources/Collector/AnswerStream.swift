import Dispatch
import Hummingbird
import NIOPosix
import Querying
import Synchronization

/// An answer that one thread writes, blocking, while a response sends it: the writer waits for a slow reader,
/// and stops when the reader is gone.
struct AnswerStream: Sendable {
    /// What is known before the text.
    struct Head: Sendable {
        var notes: [String]
        var isYes: Bool?
    }

    private enum Item: Sendable {
        case head(Head)
        case piece(ByteBuffer)
    }

    private struct ReaderIsGone: Error {}

    private let items: AsyncThrowingStream<Item, any Error>
    private let room: DispatchSemaphore

    /// Begins to answer on one of `threads`.
    init(on threads: NIOThreadPool, _ answer: @escaping @Sendable () throws -> Answer) {
        let (items, continuation) = AsyncThrowingStream<Item, any Error>.makeStream()
        // Begun at 0 and raised: a semaphore that ends below the value it began with is a trap, and a reader
        // that leaves early takes no more pieces.
        let room = DispatchSemaphore(value: 0)
        for _ in 0..<Limits.piecesWaitingMax { room.signal() }
        let reader = Reader()
        continuation.onTermination = { _ in
            reader.leave()
            room.signal()
        }
        self.items = items
        self.room = room
        threads.submit { state in
            guard state == .active else {
                continuation.finish(throwing: Problem(.serviceUnavailable, "shutting down"))
                return
            }
            do {
                let answer = try answer()
                continuation.yield(.head(Head(notes: answer.notes, isYes: answer.isYes)))
                var pending = ByteBuffer()
                func send(_ piece: ByteBuffer) throws {
                    let deadline = DispatchTime.now() + .seconds(Limits.slowReaderSecondsMax)
                    guard room.wait(timeout: deadline) == .success, !reader.isGone else {
                        throw ReaderIsGone()
                    }
                    continuation.yield(.piece(piece))
                }
                try answer.write { text in
                    pending.writeString(text)
                    if pending.readableBytes >= Limits.pieceBytes {
                        try send(pending)
                        pending = ByteBuffer()
                    }
                }
                if pending.readableBytes > 0 { try send(pending) }
                continuation.finish()
            } catch {
                continuation.finish(throwing: error)
            }
        }
    }

    /// The head; throws why there is no answer.
    func head() async throws -> Head {
        for try await item in items {
            if case .head(let head) = item { return head }
        }
        throw Problem(.serviceUnavailable, "shutting down")
    }

    /// The text, after the head was taken.
    var body: ResponseBody {
        ResponseBody { [items, room] writer in
            for try await item in items {
                guard case .piece(let piece) = item else { continue }
                try await writer.write(piece)
                room.signal()
            }
            try await writer.finish(nil)
        }
    }
}

/// Whether somebody still reads an answer.
private final class Reader: Sendable {
    private let gone = Mutex(false)

    var isGone: Bool { gone.withLock { $0 } }
    func leave() { gone.withLock { $0 = true } }
}
