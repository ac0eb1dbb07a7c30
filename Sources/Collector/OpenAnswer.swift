import Exporting
import NIOCore
import Querying
import Synchronization

/// An answer of which somebody reads one piece after the other. Between two pieces it is a place in the answer, and has no thread.
///
/// The lock moves the answer from one thread to the next, and nobody waits for it: a piece is asked for when the one before is sent.
final class OpenAnswer: Sendable {
    /// What is known when the first piece is.
    struct Beginning: Sendable {
        var mediaType: String
        var notes: [String]
        var isYes: Bool?
        var piece: Piece
    }

    /// The next bytes, perhaps none where they took too long to find.
    struct Piece: Sendable {
        var bytes: ByteBuffer
        var isLast: Bool
    }

    private let run: QuestionRun
    private let open: @Sendable () throws -> (WrittenAnswer, mediaType: String)
    private let answer = Mutex<WrittenAnswer?>(nil)

    /// `open` is called with the first piece.
    init(
        _ run: QuestionRun,
        _ open: @escaping @Sendable () throws -> (WrittenAnswer, mediaType: String)
    ) {
        self.run = run
        self.open = open
    }

    /// Blocks until the answer begins.
    func begin() throws -> Beginning {
        try run.work {
            try answer.withLock { answer in
                var (opened, mediaType) = try open()
                let piece = try Self.piece(&opened)
                defer { answer = opened }
                return Beginning(
                    mediaType: mediaType, notes: opened.notes, isYes: opened.isYes, piece: piece)
            }
        }
    }

    /// Blocks until the next piece is there.
    func next() throws -> Piece {
        try run.work {
            try answer.withLock { answer in
                guard answer != nil else { return Piece(bytes: ByteBuffer(), isLast: true) }
                return try Self.piece(&answer!)
            }
        }
    }

    /// Lets go of what can be read again, unless somebody works on the next piece already.
    func release() {
        _ = answer.withLockIfAvailable { $0?.release() }
    }

    private static func piece(_ answer: inout WrittenAnswer) throws -> Piece {
        let began = ContinuousClock.now
        var bytes = ByteBuffer()
        while bytes.readableBytes < Limits.pieceBytes,
            .now - began < .milliseconds(Limits.pieceMilliseconds)
        {
            guard let text = try answer.next() else { return Piece(bytes: bytes, isLast: true) }
            bytes.writeString(text)
        }
        return Piece(bytes: bytes, isLast: false)
    }
}
