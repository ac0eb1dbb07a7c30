import Causality
import Querying

/// What writes the events of a listing, one after the other.
protocol EventWriter {
    mutating func write(_ step: EventStep, to text: inout ByteWriter) throws
}

/// The text of a listing in pieces: as many events in each as come without more work, up to `Limits.pieceBytes`.
struct EventPieces {
    private var events: any EventSequence
    /// Its room is used again and again.
    private var text = ByteWriter()
    private var isOver = false
    /// Why the listing ends early: told when what came before it is written.
    private var failure: (any Error)?

    init(_ events: any EventSequence) { self.events = events }

    /// The next piece, empty where a step of the work brought nothing to say; nil at the end.
    mutating func next(_ writer: inout some EventWriter) throws -> String? {
        if let failure { throw failure }
        guard !isOver else { return nil }
        text.removeAll(keepingCapacity: true)
        do {
            while text.count < Limits.pieceBytes {
                guard let step = try events.next() else {
                    isOver = true
                    break
                }
                if case .passed = step { break }
                try writer.write(step, to: &text)
            }
        } catch {
            guard text.count > 0 else { throw error }
            failure = error
        }
        if isOver, text.count == 0 { return nil }
        return String(decoding: text.bytes, as: UTF8.self)
    }

    /// Lets go of what can be read again.
    mutating func release() {
        text = ByteWriter()
        events.release()
    }
}
