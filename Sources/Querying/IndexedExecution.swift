import Causality
import HappensBefore

/// One execution as questions see it, wherever it is kept: its order, its messages, and where its events are.
package protocol IndexedExecution: Sendable {
    associatedtype Index: CausalIndex
    associatedtype Messages: MessageIndex
    associatedtype Times: CausalTimes

    var index: Index { get }
    /// How many events are here.
    var eventCount: Int { get }
    /// True where all else that follows can be asked; false where only the order can.
    var findsEvents: Bool { get }
    /// The messages; where they have to be found first, `cancellation` is asked meanwhile.
    func messages(_ cancellation: Cancellation) throws -> Messages
    /// When events happened as messages have it; where that has to be found first, `cancellation` is asked meanwhile.
    func causalTimes(_ cancellation: Cancellation) throws -> Times
    /// The kind that was recorded for the event at a place, which was not dropped.
    func recordedKind(at place: EventPosition) throws -> EventKind
    /// Whether the logical time of the event at a place is what it will be, whatever else arrives as it should.
    func isSettled(_ place: EventPosition) -> Bool
    /// The wall times of the events of a process in a range of positions, in stretches of some hundred events that may begin
    /// before it and end behind it.
    func timeSpans(of process: Int, in positions: Range<Int>) throws -> [TimeSpan]
    /// The frame that holds the event at a place, and what follows on it there; nil where it is not found.
    func rows(at place: EventPosition) throws -> EventRows?
    /// Looks again where events lie, since a frame could not be read. False where they lie where they did.
    func looksAgain() throws -> Bool
    /// What a process is called here that an event's cause names; nil where nobody is, or it may be one of several.
    func name(of reference: ProcessReference) throws -> ProcessID?
    /// The last position of a process whose event's wall time is not later; nil where there is none.
    func lastPosition(in process: Int, by time: WallTime) throws -> Int?
    /// The first of some positions of a process, or one before it, whose event may have a wall time in a span of nanoseconds; nil
    /// where none has.
    func position(
        of process: Int, in positions: Range<Int>, during span: ClosedRange<Int64>
    ) throws -> Int?
    /// Whether some event of a process has a wall time.
    func hasTimes(_ process: Int) throws -> Bool
    /// What contradicts itself in the history, notes on wall clocks, and what of it could not be read.
    func defects(_ cancellation: Cancellation) throws -> [Defect]
}

/// Events of one process that follow on one another, where a store has them: as rows of one frame.
package struct EventRows: Hashable, Sendable {
    /// What the store calls the frame.
    package var frame: Int
    /// The row of the first of them.
    package var row: Int
    package var positions: Range<Int>

    package init(frame: Int, row: Int, positions: Range<Int>) {
        self.frame = frame
        self.row = row
        self.positions = positions
    }
}

extension IndexedExecution {
    package func looksAgain() -> Bool { false }

    /// What an event of which its source does not say it did with messages, as the messages show. A restart that goes on from
    /// the incarnation before it got no message.
    ///
    /// - Parameters:
    ///   - sequence: Its number.
    ///   - senders: The messages that arrived at it.
    func kind(
        of sequence: UInt64, at place: EventPosition, senders: [EventKey], _ index: Index,
        _ messages: Messages
    ) throws -> EventKind {
        for sender in senders where try index.isMessage(from: sender.process, to: place.process) {
            return .receive
        }
        let send = EventKey(process: place.process, sequence: sequence)
        for receipt in try messages.receipts(of: send)
        where try index.isMessage(from: place.process, to: receipt.process) {
            return .send
        }
        return .local
    }
}
